// `daybook setup`: from nothing to a bot that answers. Every step can be skipped, and all of it can
// be run again.
//
// Law: what is written was checked with one call first, or the person was told that it was not. A
// file is replaced whole or not at all, so Ctrl-C loses nothing that was said to be written. The
// journal gets nothing but the owner, and only after a y in the terminal.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "core/model.h"
#include "core/notation.h"
#include "core/settings_keys.h"
#include "tools/config_edit.h"
#include "tools/control_client.h"
#include "tools/json_line.h"
#include "tools/settings_environment.h"
#include "tools/setup.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr std::size_t kModelsShown = 6;
constexpr std::size_t kNameBytesMax = 60;

bool is_secret(const std::string& key) {
  const SettingKey* row = find_setting_key(key);
  return row != nullptr && row->kind == SettingKind::kSecret;
}

std::string list_of(const std::vector<std::string>& words, std::size_t most) {
  std::string list;
  for (std::size_t i = 0; i < words.size() && i < most; ++i) {
    list += (list.empty() ? "" : ", ") + words[i];
  }
  return words.size() > most ? list + ", ..." : list;
}

class Setup {
 public:
  Setup(const Tool& tool, bool interactive, LoadRequest request, LoadedFiles loaded)
      : tool_(tool),
        interactive_(interactive),
        request_(std::move(request)),
        settings_(std::move(loaded.settings.values)),
        rows_(std::move(loaded.settings.rows)),
        web_(settings_) {
    if (tool_.json) said_ = std::move(loaded.warnings);
    web_.give_up_when([] { return Interruption::caught() != 0; });
  }

  Result<void> run() {
    for (const auto step : {&Setup::bot, &Setup::webhook, &Setup::keys, &Setup::model,
                            &Setup::surroundings, &Setup::daemon, &Setup::owner, &Setup::service}) {
      auto done = (this->*step)();
      if (Interruption::caught() != 0) return left();
      if (!done) return done;
    }
    return trouble_.has_value() ? Result<void>(*trouble_) : Result<void>();
  }

  [[nodiscard]] JsonLine report() const {
    return {{"file", user_settings_file(request_)},
            {"bot", bot_.username},
            {"model", settings_.agent.model},
            {"wrote", wrote_},
            {"said", said_}};
  }

 private:
  void headline(std::string_view text) const {
    if (tool_.json) return;
    print_line(bold(tool_, text));
    std::fflush(stdout);
  }

  // At once, or in the report.
  void say(std::string_view sentence) {
    if (tool_.json) {
      said_.emplace_back(sentence);
    } else {
      daybook::say(sentence);
    }
  }

  // Told at once; without anybody to ask again, also how setup ends.
  void complain(const Error& error) {
    if (error.message.empty()) return;  // given up by Ctrl-C
    if (interactive_) say(error.message);
    if (!interactive_ && !trouble_.has_value()) trouble_ = error;
  }

  Result<void> write(const std::string& key, std::string_view value) {
    ConfigEdit edit;
    edit.request = tool_.request();
    edit.key = key;
    edit.value = std::string(value);
    auto edited = edit_config(edit);
    if (!edited) return edited.error();
    if (!edited->changed) return {};
    say("wrote " + key);
    wrote_.push_back(key);
    return {};
  }

  // What a person typed; says so when something else will still be in force.
  Result<void> write_typed(const std::string& key, std::string_view value) {
    if (auto written = write(key, value); !written) return written;
    for (const SettingRow& row : rows_) {
      if (row.key != key || row.layer <= Layer::kUser) continue;
      say("Note: " + row.origin + " outranks the file as long as it is set.");
    }
    return {};
  }

  // Writes what the environment and the command line say under `prefix`, so that a daemon started
  // elsewhere knows it. Secrets only after a question, if there is somebody to ask.
  Result<void> adopt(const std::string& prefix) {
    std::vector<std::string> warnings;  // told when the settings were loaded
    std::vector<SettingEntry> known;
    for (const SettingRow& row : rows_) known.push_back({row.key, "", row.layer, "", 0});
    auto entries = well_known_entries(request_.environment);
    for (auto& entry : variable_entries(request_.environment, known, warnings)) {
      entries.push_back(std::move(entry));
    }
    for (const SettingEntry& entry : request_.command_line) entries.push_back(entry);
    std::reverse(entries.begin(), entries.end());  // of two that say the same, the later one wins
    for (const SettingEntry& entry : entries) {
      if (!entry.key.starts_with(prefix) || !adopted_.insert(entry.key).second) continue;
      if (auto kept = adopt_entry(entry); !kept) return kept;
    }
    return {};
  }

  Result<void> adopt_entry(const SettingEntry& entry) {
    const SettingKey* row = find_setting_key(entry.key);
    const auto* text = std::get_if<std::string>(&entry.value);
    if (row == nullptr || text == nullptr) return {};
    if (interactive_ && is_secret(entry.key)) {
      const auto yes = ask_yes_no(
          "  Keep " + entry.file + " in the settings file, so that a service has it?", true);
      if (!yes.has_value()) return left();
      if (!*yes) return {};
    }
    const bool relative = row->kind == SettingKind::kPath && !text->starts_with("~/");
    return write(entry.key, relative ? std::filesystem::absolute(*text).string() : *text);
  }

  // ---- the bot

  Result<void> bot() {
    headline("Telegram bot");
    if (!settings_.telegram.token.empty()) {
      if (auto known = present_bot(); !known) return known;
    }
    if (!interactive_) {
      if (settings_.telegram.token.empty()) say("TELEGRAM_BOT_TOKEN is not set: skipped");
      return {};
    }
    if (settings_.telegram.token.empty()) {
      say("Write to @BotFather in Telegram (https://t.me/BotFather), send /newbot, answer its two");
      say("questions, and copy the token it gives you: 123456789:AbC...");
    }
    while (true) {
      const auto typed = ask_secret(
          bot_.id != 0 ? "  Another bot's token (not shown as you type; Enter keeps this bot): "
                       : "  Bot token (not shown as you type; Enter skips): ");
      if (!typed.has_value()) return left();
      if (typed->empty()) return {};
      const Secret token(*typed);
      auto taken = take_token(token);
      if (!taken) return taken.error();
      if (*taken) return {};
    }
  }

  Result<void> present_bot() {
    auto known = check_bot(web_, settings_, settings_.telegram.token);
    if (!known) {
      complain(known.error());
      return {};
    }
    introduce(*known);
    return adopt("telegram.");
  }

  void introduce(const BotIdentity& bot) {
    bot_ = bot;
    say("The bot is @" + bot.username + ": https://t.me/" + bot.username);
  }

  // False: Telegram does not take it, or it is none.
  Result<bool> take_token(const Secret& token) {
    const std::string key = "telegram.token";
    const SettingEntry entry{key, std::string(token.reveal()), Layer::kUser, "", 0};
    if (const auto right = checked_value(*find_setting_key(key), entry); !right) {
      say("A token " + right.error().message + ".");
      return false;
    }
    auto known = check_bot(web_, settings_, token);
    if (!known) {
      complain(known.error());
      return Interruption::caught() != 0;
    }
    settings_.telegram.token = token;
    introduce(*known);
    adopted_.insert(key);
    if (auto written = write_typed(key, token.reveal()); !written) return written.error();
    if (auto adopted = adopt("telegram."); !adopted) return adopted.error();
    return true;
  }

  Result<void> webhook() {
    if (bot_.id == 0) return {};
    auto address = webhook_of(web_, settings_, settings_.telegram.token);
    if (!address) {
      complain(address.error());
      return {};
    }
    webhook_left_ = !address->empty();
    if (!webhook_left_) return {};
    const std::string sentence = "A webhook is set for this bot (" + *address +
                                 "). While it is there, Telegram refuses to give us messages";
    if (!interactive_) {
      complain({sentence + ": run `daybook setup` in a terminal, which offers to remove it",
                ExitCode::kUnavailable});
      return {};
    }
    say(sentence + ".");
    const auto yes = ask_yes_no("  Remove it?", false);
    if (!yes.has_value()) return left();
    if (!*yes) return {};
    auto removed = remove_webhook(web_, settings_, settings_.telegram.token);
    webhook_left_ = !removed;
    if (removed) say("The webhook is removed; messages that wait are kept.");
    if (!removed) complain(removed.error());
    return {};
  }

  // ---- provider keys

  Result<void> keys() {
    headline("Language models");
    bool any = false;
    for (const ProviderSettings& provider : settings_.providers) {
      if (provider.kind == "echo" || !provider.usable()) continue;
      any = true;
      if (auto kept = present_key(provider); !kept) return kept;
    }
    if (!interactive_) return {};
    if (!any) {
      say("A key makes a model answer. Where to get one: https://openrouter.ai/keys (many "
          "models),");
      say("https://aistudio.google.com/apikey (Gemini), https://platform.openai.com/api-keys.");
    }
    while (true) {
      const auto typed =
          ask_secret(any ? "  Another provider key (not shown as you type; Enter goes on): "
                         : "  Provider key (not shown as you type; Enter skips): ");
      if (!typed.has_value()) return left();
      if (typed->empty()) return {};
      auto taken = take_key(*typed);
      if (!taken) return taken.error();
      any = any || *taken;
    }
  }

  Result<void> present_key(const ProviderSettings& provider) {
    auto checked = check_key(web_, provider);
    if (!checked) {
      complain(checked.error());
      return {};
    }
    tell_finding(provider, *checked);
    return adopt("providers." + provider.name + ".");
  }

  void tell_finding(const ProviderSettings& provider, KeyFinding finding) {
    if (finding == KeyFinding::kUnknown) {
      say(provider.name + " is there, but could not tell whether the key works.");
    } else {
      say(provider.name + (provider.api_key.empty() ? ": it answers." : ": the key works."));
    }
  }

  [[nodiscard]] std::vector<std::string> providers_with_keys() const {
    std::vector<std::string> names;
    for (const ProviderSettings& provider : settings_.providers) {
      if (provider.kind != "echo") names.push_back(provider.name);
    }
    return names;
  }

  // False: nobody takes it.
  Result<bool> take_key(const std::string& text) {
    auto name = provider_of(text);
    if (!name) return name.error();
    for (ProviderSettings& provider : settings_.providers) {
      if (provider.name != *name || provider.kind == "echo") continue;
      return take_key_of(provider, text);
    }
    say("There is no provider " + escaped(*name, kNameBytesMax) +
        " in the settings. One of your own is made "
        "with: daybook config set providers.NAME.base_url https://.../v1");
    return false;
  }

  // A key is shown to nobody but its own vendor, so a beginning that many use is not enough.
  static Result<std::string> asked_name(const std::string& choices, const std::string& usual) {
    const auto typed = ask_line("  Whose key is it: " + terminal_text(choices) + "?" +
                                (usual.empty() ? " " : " [" + usual + "] "));
    if (!typed.has_value()) return left();
    return typed->empty() ? usual : *typed;
  }

  [[nodiscard]] Result<std::string> provider_of(const std::string& key) const {
    const std::string guess = provider_of_key_text(key);
    if (!guess.empty() && guess != "openai") return guess;
    return asked_name(list_of(providers_with_keys(), 20), guess);
  }

  Result<bool> take_key_of(ProviderSettings& provider, const std::string& text) {
    const std::string key = "providers." + provider.name + ".api_key";
    const SettingEntry entry{key, text, Layer::kUser, "", 0};
    if (const auto right = checked_value(*find_setting_key(key), entry); !right) {
      say("A key " + right.error().message + ".");
      return false;
    }
    ProviderSettings candidate = provider;
    candidate.api_key = Secret(text);
    auto checked = check_key(web_, candidate);
    if (!checked) {
      complain(checked.error());
      return false;
    }
    provider = candidate;
    tell_finding(provider, *checked);
    adopted_.insert(key);
    if (auto written = write_typed(key, text); !written) return written.error();
    if (auto adopted = adopt("providers." + provider.name + "."); !adopted) return adopted.error();
    return true;
  }

  // ---- the model

  Result<void> model() {
    const SettingsLoaded loaded = settings_loaded(settings_).settings_loaded();
    if (!settings_.agent.model_chosen) {
      settings_.agent.model = default_model({loaded.providers().begin(), loaded.providers().end()});
    }
    const std::string& present = settings_.agent.model;
    const auto resolved = resolve_model(present, loaded, built_in_catalogue());
    if (!resolved) complain({resolved.error().message, ExitCode::kSettings});
    const bool unchosen_echo = present == "echo" && !settings_.agent.model_chosen;
    if (!interactive_) {
      say("Model: " + present);
      return adopt("agent.");
    }
    auto names = known_models(loaded, built_in_catalogue());
    std::erase_if(names, [](const std::string& name) { return name.starts_with("echo"); });
    if (!names.empty()) say("Some that your keys reach: " + list_of(names, kModelsShown));
    if (unchosen_echo) {
      say("Without a key there is only echo, which repeats what you say. On Telegram it does so");
      say("only when you choose it: type echo.");
    }
    while (true) {
      const auto typed = ask_line("  Model (Enter keeps it) [" + terminal_text(present) + "]: ");
      if (!typed.has_value()) return left();
      if (typed->empty()) return adopt("agent.");
      const auto found = resolve_model(*typed, loaded, built_in_catalogue());
      if (found) return take_model(*typed, *found, names);
      say(found.error().message);
    }
  }

  Result<void> take_model(const std::string& name, const ResolvedModel& model,
                          const std::vector<std::string>& names) {
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!known && model.provider != "echo") {
      const std::string close = nearest(name, names);
      say("Note: " + escaped(name, kNameBytesMax) + " is not in our list, so " + model.provider +
          " is asked for it by this name." + (close.empty() ? "" : " Did you mean " + close + "?"));
    }
    settings_.agent.model = name;
    adopted_.insert("agent.model");
    return write_typed("agent.model", name);
  }

  // Where the journal is, a proxy, certificates: what else a daemon needs to find things.
  Result<void> surroundings() {
    for (const std::string prefix : {"journal.", "network.", "tls."}) {
      if (auto kept = adopt(prefix); !kept) return kept;
    }
    return {};
  }

  // ---- owner and service

  // A daemon that runs takes up what was written.
  Result<void> daemon() {
    auto client = ControlClient::connect(control_socket_path(settings_.journal.dir));
    if (!client || !client->has_value()) return {};
    auto asked = (*client)->ask({{"verb", "reload"}});
    if (!asked) return asked;
    if (auto reloaded = (*client)->finish(); reloaded) {
      say("The running daybookd has the new settings.");
    } else {
      complain(reloaded.error());
    }
    return {};
  }

  Result<void> owner() {
    if (!interactive_ || bot_.id == 0) return {};
    headline("Owner");
    if (!webhook_left_) return find_owner(settings_, web_, bot_);
    say("Skipped: the webhook has the messages.");
    return {};
  }

  Result<void> service() {
    if (!interactive_) return {};
    headline("Service");
    return offer_service(settings_, tool_.config);
  }

  const Tool& tool_;
  bool interactive_;
  LoadRequest request_;
  Settings settings_;
  std::vector<SettingRow> rows_;
  Web web_;
  BotIdentity bot_;
  bool webhook_left_ = false;
  std::set<std::string> adopted_;  // keys that were written or asked about
  std::vector<std::string> wrote_;
  std::vector<std::string> said_;  // with --json
  std::optional<Error> trouble_;
};

// Settings as they are; a file named by --config that is still to be made counts as empty.
Result<LoadedFiles> load_for_setup(const Tool& tool) {
  LoadRequest request = tool.request();
  const std::string file = user_settings_file(request);
  if (!tool.config.empty() && access(file.c_str(), F_OK) != 0) {
    request.replacement = LoadRequest::Replacement{file, ""};
  }
  return load_settings(request);
}

Result<void> run_setup(const Tool& tool, bool interactive) {
  if (interactive && isatty(STDIN_FILENO) == 0) {
    return Error{
        "setup asks questions, and there is no terminal to answer them: run it in one, or "
        "`daybook setup --non-interactive` with TELEGRAM_BOT_TOKEN and a key such as "
        "OPENROUTER_API_KEY in the environment",
        ExitCode::kUsage};
  }
  auto loaded = load_for_setup(tool);
  if (!loaded) return loaded.error();
  if (!tool.json) {
    for (const std::string& warning : loaded->warnings) print_line(terminal_text(warning));
    print_line("Settings go to " + terminal_text(user_settings_file(tool.request())) + ".");
  }
  if (interactive) print_line("Enter skips a step. Ctrl-C ends, and what was written stays.");
  const Interruption interruption;
  Setup setup(tool, interactive, tool.request(), std::move(loaded).value());
  auto done = setup.run();
  if (tool.json) {
    print_json(setup.report());
    Interruption::obey();
  } else if (done) {
    print_line(
        "Setup is done. `daybook doctor` checks everything; with daybookd running, "
        "`daybook chat` talks.");
  } else if (is_left(done.error())) {
    print_line("\nEnded. What was written stays; `daybook setup` can be run again.");
    Interruption::obey();
    return {};
  }
  return done;
}

}  // namespace

void add_setup(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "setup", Group::kRun,
                            "connect a Telegram bot and a model, step by step", "daybook setup");
  const auto quiet = std::make_shared<bool>(false);  // lives as long as the callback
  verb->add_flag("--non-interactive", *quiet, "ask nothing; take tokens from the environment");
  verb->add_flag("--json", tool.json, "what was done as a JSON object; asks nothing, either");
  verb->callback([&tool, quiet] {
    tool.chosen = [&tool, quiet] { return run_setup(tool, !*quiet && !tool.json); };
  });
}

}  // namespace daybook
