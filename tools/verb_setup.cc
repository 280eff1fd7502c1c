// `daybook setup`: from nothing to a bot that answers. Every step can be skipped, and all of it can
// be run again.
//
// Law: what is written was checked with one call first, or the person was told that it was not.
// Nothing is written to the journal but the owner, and only after a y in the terminal.
#include <sys/wait.h>
#include <unistd.h>

#include <poll.h>

#include "core/access.h"
#include "core/model.h"
#include "core/notation.h"
#include "tools/config_edit.h"
#include "tools/control_client.h"
#include "tools/journal_view.h"
#include "tools/services.h"
#include "tools/tool.h"
#include "tools/writing.h"

namespace daybook {
namespace {

constexpr Duration kPollPatience{20'000};
constexpr int kPollsMax = 15;
constexpr int kLookMilliseconds = 1'000;
constexpr int kLooksMax = 300;

class Setup {
 public:
  Setup(const Tool& tool, bool interactive, LoadedFiles loaded)
      : tool_(tool),
        interactive_(interactive),
        settings_(std::move(loaded.settings.values)),
        rows_(std::move(loaded.settings.rows)),
        web_(settings_) {}

  Result<void> run() {
    for (const auto step : {&Setup::bot, &Setup::webhook, &Setup::keys, &Setup::model}) {
      if (auto done = (this->*step)(); !done) return done;
    }
    if (!interactive_) return {};
    if (auto done = owner(); !done) return done;
    return service();
  }

 private:
  Result<void> write(const std::string& key, std::string_view value) {
    ConfigEdit edit;
    edit.request = tool_.request();
    edit.key = key;
    edit.value = std::string(value);
    auto edited = edit_config(edit);
    if (!edited) return edited.error();
    if (edited->changed) print_line(terminal_text("  wrote " + key + " to " + edited->file));
    return {};
  }

  [[nodiscard]] bool from_environment(const std::string& key) const {
    for (const SettingRow& row : rows_) {
      if (row.key == key) return row.layer == Layer::kEnvironment;
    }
    return false;
  }

  // ---- the bot

  Result<void> bot() {
    print_line(bold(tool_, "Telegram bot"));
    if (!settings_.telegram.token.empty()) {
      auto known = check_bot(web_, settings_, settings_.telegram.token);
      if (known)
        return take_bot(*known, settings_.telegram.token, from_environment("telegram.token"));
      if (!interactive_) return known.error();
      print_line("  " + terminal_text(known.error().message));
    }
    if (!interactive_) {
      print_line("  TELEGRAM_BOT_TOKEN is not set: skipped");
      return {};
    }
    print_line("  Write to @BotFather in Telegram, send /newbot, and copy the token it gives.");
    while (true) {
      const auto typed = ask_secret("  Bot token (Enter skips, it is not shown): ");
      if (!typed.has_value() || typed->empty()) return {};
      const Secret token(*typed);
      auto known = check_bot(web_, settings_, token);
      if (known) return take_bot(*known, token, true);
      print_line("  " + terminal_text(known.error().message));
    }
  }

  Result<void> take_bot(const BotIdentity& bot, const Secret& token, bool fresh) {
    bot_ = bot;
    settings_.telegram.token = token;
    print_line(terminal_text("  This is @" + bot.username + ": https://t.me/" + bot.username));
    if (!fresh) return {};
    return write("telegram.token", token.reveal());
  }

  Result<void> webhook() {
    if (bot_.id == 0) return {};
    auto address = webhook_of(web_, settings_, settings_.telegram.token);
    if (!address) return address.error();
    if (address->empty()) return {};
    print_line(terminal_text("  A webhook is set: " + *address +
                             ". While it is there, Telegram refuses our polls."));
    if (interactive_ && ask_yes_no("  Remove it?")) {
      return remove_webhook(web_, settings_, settings_.telegram.token);
    }
    return {};
  }

  // ---- provider keys

  Result<void> keys() {
    print_line(bold(tool_, "Language models"));
    for (const ProviderSettings& provider : settings_.providers) {
      if (provider.kind == "echo" || !provider.needs_key || provider.api_key.empty()) continue;
      if (auto kept = keep_key(provider); !kept) return kept;
    }
    if (!interactive_) return {};
    print_line("  OpenRouter (https://openrouter.ai/keys), OpenAI and Gemini keys work.");
    while (true) {
      const auto typed = ask_secret("  Provider key (Enter goes on, it is not shown): ");
      if (!typed.has_value() || typed->empty()) return {};
      if (auto taken = take_key(*typed); !taken) return taken;
    }
  }

  Result<void> keep_key(const ProviderSettings& provider) {
    const std::string key = "providers." + provider.name + ".api_key";
    auto checked = check_key(web_, provider);
    if (!checked && !interactive_) return checked;
    print_line(terminal_text(checked ? "  " + provider.name + ": the key works"
                                     : "  " + checked.error().message));
    if (checked && from_environment(key)) return write(key, provider.api_key.reveal());
    return {};
  }

  Result<void> take_key(const std::string& text) {
    std::string name = provider_of_key_text(text);
    if (name.empty()) {
      name = ask_line("  Whose key is this (openrouter, openai, gemini)? ").value_or("");
    }
    for (ProviderSettings& provider : settings_.providers) {
      if (provider.name != name || provider.kind == "echo") continue;
      ProviderSettings candidate = provider;
      candidate.api_key = Secret(text);
      auto checked = check_key(web_, candidate);
      if (!checked) {
        print_line("  " + terminal_text(checked.error().message));
        return {};
      }
      provider = candidate;
      print_line(terminal_text("  " + name + ": the key works"));
      return write("providers." + name + ".api_key", text);
    }
    print_line("  There is no such provider; set providers.NAME in the settings for others.");
    return {};
  }

  // ---- the model

  Result<void> model() {
    if (!settings_.agent.model_chosen) {
      const Event loaded = settings_loaded(settings_);
      settings_.agent.model = default_model({loaded.settings_loaded().providers().begin(),
                                             loaded.settings_loaded().providers().end()});
    }
    print_line(terminal_text("  Model: " + settings_.agent.model));
    if (!interactive_) {
      return from_environment("agent.model") ? write("agent.model", settings_.agent.model)
                                             : Result<void>();
    }
    while (true) {
      const auto typed = ask_line("  Another model (Enter keeps it): ");
      if (!typed.has_value() || typed->empty()) return {};
      const Event loaded = settings_loaded(settings_);
      const auto found = resolve_model(*typed, loaded.settings_loaded(), built_in_catalogue());
      if (found) return write("agent.model", *typed);
      print_line("  " + terminal_text(found.error().message));
    }
  }

  // ---- the owner

  Result<void> owner() {
    if (bot_.id == 0) return {};
    print_line(bold(tool_, "Owner"));
    const std::string& directory = settings_.journal.dir;
    auto client = ControlClient::connect(control_socket_path(directory));
    if (!client) return client.error();
    if (client->has_value()) return owner_by_daemon(**client);
    if (auto known = known_owner(directory); known != 0) {
      print_line("  The owner is user " + std::to_string(known) + ".");
      return {};
    }
    print_line(terminal_text("  Now write anything to https://t.me/" + bot_.username +
                             " (waiting; Ctrl-C skips)"));
    for (int count = 0; count < kPollsMax; ++count) {
      auto message = first_message(web_, settings_, settings_.telegram.token, kPollPatience);
      if (!message) return message.error();
      if (message->has_value()) return make_owner(**message);
    }
    print_line(
        "  Nobody wrote. Run `daybook setup` again, or approve the pairing code that the "
        "bot shows: daybook pair approve CODE");
    return {};
  }

  static std::int64_t known_owner(const std::string& directory) {
    auto view = JournalView::open(directory);
    return view ? (*view)->gateway().directory().owner() : 0;
  }

  Result<void> make_owner(const FirstMessage& message) const {
    const std::string who = message.name + ", user " + std::to_string(message.user);
    if (!ask_yes_no(terminal_text("  " + who + " wrote. Make them the owner?"))) return {};
    const auto approve = [&message](Gateway& gateway) -> Result<Event> {
      return approve_user(gateway.directory(), message.user, message.place, "setup");
    };
    const auto& journal = settings_.journal;
    auto event = record_offline(journal.dir, true, approve, journal.encrypt);
    if (!event) return event.error();
    print_line("  Done.");
    return {};
  }

  // A running daemon has the polls; it sees the stranger and tells of the request.
  Result<void> owner_by_daemon(ControlClient& client) {
    if (auto asked = client.ask({{"verb", "reload"}}); !asked) return asked;
    if (auto reloaded = client.finish(); !reloaded) return reloaded.error();
    print_line("  daybookd runs and has the new settings.");
    for (int look = 0; look < kLooksMax; ++look) {
      if (auto asked = client.ask({{"verb", "pair"}, {"action", "list"}}); !asked) return asked;
      auto list = client.finish();
      if (!list) return list.error();
      if (list->value("owner", std::int64_t{0}) != 0) {
        print_line("  The owner is user " + (*list)["owner"].dump() + ".");
        return {};
      }
      const auto pairings = list->value("pairings", ControlClient::Json::array());
      if (!pairings.empty()) return approve_by_daemon(client, pairings.front());
      if (look == 0) {
        print_line(terminal_text("  Now write anything to https://t.me/" + bot_.username +
                                 " (waiting; Ctrl-C skips)"));
      }
      ::poll(nullptr, 0, kLookMilliseconds);
    }
    print_line("  Nobody wrote.");
    return {};
  }

  static Result<void> approve_by_daemon(ControlClient& client, const ControlClient::Json& row) {
    const std::int64_t user = row.value("user", std::int64_t{0});
    if (!ask_yes_no("  User " + std::to_string(user) + " wrote. Make them the owner?")) return {};
    auto asked = client.ask({{"verb", "pair"}, {"action", "approve"}, {"user", user}});
    if (!asked) return asked;
    if (auto done = client.finish(); !done) return done.error();
    print_line("  Done.");
    return {};
  }

  // ---- the service

  Result<void> service() {
    print_line(bold(tool_, "Service"));
    auto client = ControlClient::connect(control_socket_path(settings_.journal.dir));
    if (client && client->has_value()) {
      print_line("  daybookd runs.");
      return {};
    }
    if (!ask_yes_no("  Start daybookd now and at every login (systemd user service)?")) {
      print_line("  Start it yourself: daybookd");
      return {};
    }
    if (run_systemctl()) return {};
    print_line("  systemd would not; start it yourself: daybookd");
    return {};
  }

  static bool run_systemctl() {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
      execlp("systemctl", "systemctl", "--user", "enable", "--now", "daybook.service", nullptr);
      _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  const Tool& tool_;
  bool interactive_;
  Settings settings_;
  std::vector<SettingRow> rows_;
  Web web_;
  BotIdentity bot_;
};

Result<void> run_setup(const Tool& tool, bool interactive) {
  auto loaded = tool.settings();
  if (!loaded) return loaded.error();
  for (const std::string& warning : loaded->warnings) print_line(terminal_text(warning));
  Setup setup(tool, interactive, std::move(loaded).value());
  auto done = setup.run();
  if (done) print_line("Setup is done; `daybook doctor` checks everything, `daybook chat` talks.");
  return done;
}

}  // namespace

void add_setup(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "setup", "Managing",
                            "connect a Telegram bot and a model, step by step", "daybook setup");
  const auto quiet = std::make_shared<bool>(false);  // lives as long as the callback
  verb->add_flag("--non-interactive", *quiet, "ask nothing; take tokens from the environment");
  verb->callback(
      [&tool, quiet] { tool.chosen = [&tool, quiet] { return run_setup(tool, !*quiet); }; });
}

}  // namespace daybook
