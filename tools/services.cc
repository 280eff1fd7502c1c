// Each function is one call and one reading of its answer.
#include "tools/services.h"

#include <algorithm>
#include <utility>

#include "adapters/json_document.h"
#include "core/notation.h"

namespace daybook {
namespace {

constexpr Duration kPatience{15'000};
constexpr int kConflict = 409;

Error unavailable(std::string sentence) { return {std::move(sentence), ExitCode::kUnavailable}; }

// The "result" of a Bot API answer, read by `use` while its bytes live.
template <typename Use>
auto ask_bot(Web& web, const Settings& settings, const Secret& token, const std::string& method,
             const std::string& body, Duration patience, const Use& use)
    -> decltype(use(JsonValue())) {
  const Secret path("/bot" + std::string(token.reveal()) + "/" + method);
  const std::string label = "Telegram " + method;
  auto answer = web.fetch(label, settings.telegram.api_root, path, {}, body, patience);
  if (!answer) return answer.error();
  JsonReader reader;
  auto document = reader.read(answer->body);
  if (!document) return unavailable(label + " gave an answer that is not JSON");
  if ((*document)["ok"].boolean_or(false)) return use((*document)["result"]);
  if (answer->status == 401 || answer->status == 404) {
    return unavailable(
        "Telegram does not know this bot token; copy it again from @BotFather "
        "(telegram.token)");
  }
  return unavailable(label + " was refused: " +
                     escaped((*document)["description"].string_or("no reason given"), 200));
}

std::string name_of(JsonValue user) {
  std::string name(user["first_name"].string_or(""));
  const std::string last(user["last_name"].string_or(""));
  if (!last.empty()) name += " " + last;
  const std::string username(user["username"].string_or(""));
  if (!username.empty()) name += " (@" + username + ")";
  return name;
}

}  // namespace

Result<BotIdentity> check_bot(Web& web, const Settings& settings, const Secret& token) {
  return ask_bot(web, settings, token, "getMe", "", kPatience,
                 [](JsonValue result) -> Result<BotIdentity> {
                   BotIdentity bot;
                   bot.id = result["id"].integer_or(0);
                   bot.username = std::string(result["username"].string_or(""));
                   if (bot.id == 0) return unavailable("Telegram getMe named no bot");
                   return bot;
                 });
}

Result<std::string> webhook_of(Web& web, const Settings& settings, const Secret& token) {
  return ask_bot(web, settings, token, "getWebhookInfo", "", kPatience,
                 [](JsonValue result) -> Result<std::string> {
                   return std::string(result["url"].string_or(""));
                 });
}

Result<bool> somebody_polls(Web& web, const Settings& settings, const Secret& token,
                            Duration patience) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience).count();
  const Secret path("/bot" + std::string(token.reveal()) + "/getUpdates");
  const std::string body = R"({"limit":1,"timeout":)" + std::to_string(seconds) + "}";
  auto answer = web.fetch("Telegram getUpdates", settings.telegram.api_root, path, {}, body,
                          patience + kPatience);
  if (!answer) return answer.error();
  return answer->status == kConflict;
}

Result<void> remove_webhook(Web& web, const Settings& settings, const Secret& token) {
  return ask_bot(web, settings, token, "deleteWebhook", R"({"drop_pending_updates":false})",
                 kPatience, [](JsonValue) -> Result<void> { return {}; });
}

Result<std::optional<FirstMessage>> first_message(Web& web, const Settings& settings,
                                                  const std::set<std::int64_t>& passed_over,
                                                  Duration patience) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience).count();
  const std::string body =
      R"({"timeout":)" + std::to_string(seconds) + R"(,"allowed_updates":["message"]})";
  return ask_bot(web, settings, settings.telegram.token, "getUpdates", body, patience + kPatience,
                 [&passed_over](JsonValue result) -> Result<std::optional<FirstMessage>> {
                   std::optional<FirstMessage> found;
                   for (const JsonValue update : result.elements()) {
                     const JsonValue message = update["message"];
                     const bool alone = message["chat"]["type"].string_or("") == "private";
                     const std::int64_t user = message["from"]["id"].integer_or(0);
                     if (!alone || user == 0 || passed_over.contains(user)) continue;
                     found = FirstMessage{user, name_of(message["from"]),
                                          "telegram:" + std::to_string(user),
                                          std::string(message["text"].string_or(""))};
                   }
                   return found;
                 });
}

Result<KeyFinding> check_key(Web& web, const ProviderSettings& provider) {
  if (provider.kind == "echo") return KeyFinding::kWorks;
  std::vector<CallHeader> headers;
  std::string path = "/models";
  if (provider.kind == "gemini") {
    path += "?pageSize=1";
    headers.push_back({"x-goog-api-key", provider.api_key});
  } else if (!provider.api_key.empty()) {
    // Its list of models is open to everybody, so it proves no key.
    if (provider.base_url.find("openrouter.ai") != std::string::npos) path = "/key";
    headers.push_back(
        {"Authorization", Secret("Bearer " + std::string(provider.api_key.reveal()))});
  }
  auto answer =
      web.fetch(provider.name, provider.base_url, Secret(path), std::move(headers), "", kPatience);
  if (!answer) return answer.error();
  if (answer->status >= 200 && answer->status < 300) return KeyFinding::kWorks;
  const std::string key = "providers." + provider.name + ".api_key";
  if (answer->status == 401 || answer->status == 403 || answer->status == 400) {
    return unavailable(provider.name + " refuses the key (HTTP " + std::to_string(answer->status) +
                       "); check " + key);
  }
  if (answer->status == 404) return KeyFinding::kUnknown;
  return unavailable(provider.name + " answered HTTP " + std::to_string(answer->status) +
                     "; try again later");
}

std::string provider_of_key_text(std::string_view key) {
  if (key.starts_with("sk-or-")) return "openrouter";
  if (key.starts_with("sk-")) return "openai";
  if (key.starts_with("AIza")) return "gemini";
  return {};
}

}  // namespace daybook
