#include "adapters/chat_thoughts.h"

#include <utility>

#include "adapters/tool_use.h"

namespace daybook {
namespace {

// Of a stream, whose parts each name their kind, format and place.
constexpr std::size_t kPartsBytesMax = 16 * kToolTokenBytesMax;

const char* key_of(ThoughtsWanted wanted) {
  return wanted == ThoughtsWanted::kContent ? "reasoning_content" : "reasoning_details";
}

// The encrypted ones come whole, and two of them are two.
bool goes_on(const nlohmann::json& detail, const nlohmann::json& part) {
  const auto same = [&](const char* key) {
    return detail.value(key, nlohmann::json()) == part.value(key, nlohmann::json());
  };
  return same("type") && same("index") && !part.contains("data");
}

void join(nlohmann::json&& part, nlohmann::json* detail) {
  for (auto& [key, value] : part.items()) {
    nlohmann::json& known = (*detail)[key];
    const bool words = (key == "text" || key == "summary") && known.is_string();
    if (words && value.is_string()) {
      known.get_ref<std::string&>() += value.get_ref<const std::string&>();
    } else if (known.is_null()) {
      known = std::move(value);
    }
  }
}

}  // namespace

ThoughtsWanted thoughts_wanted(const ProviderSettings& settings) {
  if (settings.name == "openrouter") return ThoughtsWanted::kDetails;
  const auto url = parse_url(settings.base_url);
  const bool deepseek = url && url->origin.host.ends_with("deepseek.com");
  return deepseek ? ThoughtsWanted::kContent : ThoughtsWanted::kNone;
}

void KeptThoughts::give_up() {
  given_up_ = changed_ = true;
  text_.clear();
  details_.clear();
}

void KeptThoughts::add_text(std::string_view text) {
  if (wanted_ != ThoughtsWanted::kContent || text.empty() || given_up_) return;
  text_ += text;
  changed_ = true;
  if (text_.size() > kToolTokenBytesMax) give_up();
}

void KeptThoughts::add_details(std::string_view json) {
  if (wanted_ != ThoughtsWanted::kDetails || given_up_) return;
  auto parts = nlohmann::json::parse(json, nullptr, false);
  if (parts.is_null() || (parts.is_array() && parts.empty())) return;
  bytes_ += json.size();
  if (!parts.is_array() || bytes_ > kPartsBytesMax) return give_up();
  changed_ = true;
  for (nlohmann::json& part : parts) {
    if (!part.is_object()) return give_up();
    if (!details_.empty() && goes_on(details_.back(), part)) {
      join(std::move(part), &details_.back());
    } else {
      details_.push_back(std::move(part));
    }
  }
}

std::optional<std::string> KeptThoughts::news() {
  if (!std::exchange(changed_, false)) return std::nullopt;
  if (given_up_) return std::string();
  const bool text = wanted_ == ThoughtsWanted::kContent;
  const nlohmann::json kept = {{key_of(wanted_), text ? nlohmann::json(text_) : details_}};
  std::string token = kept.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return token.size() > kToolTokenBytesMax ? std::string() : token;
}

void add_thoughts(ThoughtsWanted wanted, const std::string& token, nlohmann::json* message) {
  if (wanted == ThoughtsWanted::kNone) return;
  auto kept = nlohmann::json::parse(token, nullptr, false);
  const char* key = key_of(wanted);
  if (kept.is_object() && kept.contains(key)) (*message)[key] = std::move(kept[key]);
}

}  // namespace daybook
