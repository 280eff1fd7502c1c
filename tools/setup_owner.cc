// Two ways to the same question: by our own polls, or, when a daemon has the polls, by what it
// tells of strangers. Whoever asks sees a name and a number; the person at the terminal answers.
#include <set>

#include "core/access.h"
#include "core/notation.h"
#include "tools/control_client.h"
#include "tools/journal_view.h"
#include "tools/setup.h"
#include "tools/terminal.h"
#include "tools/tool.h"
#include "tools/writing.h"

namespace daybook {
namespace {

using Json = ControlClient::Json;

constexpr Duration kWaitMax{300'000};
constexpr Duration kPollPatience{20'000};
constexpr Duration kPause{1'000};
constexpr std::size_t kQuoteBytesMax = 60;

// While it lives a key ends a call, as Ctrl-C always does.
class EndedByKey {
 public:
  explicit EndedByKey(Web& web) : web_(web) {
    web_.give_up_when([] { return Interruption::caught() != 0 || input_waits(Duration(0)); });
  }
  ~EndedByKey() {
    web_.give_up_when([] { return Interruption::caught() != 0; });
  }
  EndedByKey(const EndedByKey&) = delete;
  EndedByKey& operator=(const EndedByKey&) = delete;

 private:
  Web& web_;
};

std::int64_t known_owner(const std::string& directory) {
  auto view = JournalView::open(directory);
  return view ? (*view)->gateway().directory().owner() : 0;
}

// The name that came with the message for which `request` (a PairingRequested) was made.
std::string name_of_request(const std::string& directory, Seq request) {
  auto view = JournalView::open(directory);
  if (!view) return {};
  const auto asked = (*view)->event(request);
  if (!asked) return {};
  const auto message = (*view)->event(asked->cause());
  return message ? message->content().name() : std::string();
}

class OwnerSearch {
 public:
  OwnerSearch(const Settings& settings, Web& web, const BotIdentity& bot)
      : settings_(settings), web_(web), bot_(bot) {}

  Result<void> run() {
    if (settings_.telegram.owner != 0) return tell(settings_.telegram.owner, " (telegram.owner)");
    auto client = ControlClient::connect(control_socket_path(settings_.journal.dir));
    if (client && client->has_value()) return by_daemon(**client);
    if (const auto known = known_owner(settings_.journal.dir); known != 0) return tell(known, "");
    return by_polls();
  }

 private:
  static Result<void> tell(std::int64_t owner, const std::string& where) {
    say("The owner is user " + std::to_string(owner) + where + ".");
    return {};
  }

  void invite() const {
    say("Write anything to https://t.me/" + bot_.username +
        " from your own account now (waiting; Enter skips).");
  }

  static Result<void> nobody_wrote() {
    say("Nobody wrote. Run `daybook setup` again, or approve the code that the bot shows you: "
        "daybook pair approve CODE");
    return {};
  }

  static Result<void> skip() {
    if (!ask_line("").has_value()) return left();
    say("Skipped. Later: write to the bot while daybookd runs, and let yourself in with the code");
    say("that it shows you: daybook pair approve CODE");
    return {};
  }

  // nullopt: they left.
  static std::optional<bool> accepted(const std::string& who) {
    return ask_yes_no("  " + terminal_text(who) + " Is that you: make this account the owner?",
                      false);
  }

  Result<void> by_polls() {
    invite();
    const Time end = wall_clock() + kWaitMax;
    while (wall_clock() < end) {
      auto message = next_message();
      if (Interruption::caught() != 0) return left();
      if (input_waits(Duration(0))) return skip();
      if (!message) {
        say(message.error().message);
        return {};
      }
      if (!message->has_value()) continue;
      const FirstMessage& first = **message;
      const auto yes = accepted(first.name + ", user " + std::to_string(first.user) + ", wrote \"" +
                                escaped(first.text, kQuoteBytesMax) + "\".");
      if (!yes.has_value()) return left();
      if (*yes) return make_owner(first);
      passed_over_.insert(first.user);
      invite();
    }
    return nobody_wrote();
  }

  // What was passed over is answered at once, again and again: hence the pause.
  Result<std::optional<FirstMessage>> next_message() {
    const EndedByKey ended(web_);
    auto message = first_message(web_, settings_, passed_over_, kPollPatience);
    if (message && !message->has_value() && !passed_over_.empty()) input_waits(kPause);
    return message;
  }

  Result<void> make_owner(const FirstMessage& message) {
    const auto approve = [&message](Gateway& gateway) -> Result<Event> {
      return approve_user(gateway.directory(), message.user, message.place, "setup");
    };
    const auto& journal = settings_.journal;
    auto event = record_offline(journal.dir, true, approve, journal.encrypt);
    say(event ? "User " + std::to_string(message.user) + " is the owner." : event.error().message);
    return {};
  }

  static Result<Json> ask(ControlClient& client, const Json& request) {
    if (auto asked = client.ask(request); !asked) return asked.error();
    return client.finish();
  }

  static bool talks_to_telegram(const Json& answer) {
    const Json channels = answer.value("status", Json()).value("channels", Json::array());
    for (const Json& channel : channels) {
      if (channel == "telegram") return true;
    }
    return false;
  }

  Result<void> by_daemon(ControlClient& client) {
    auto status = ask(client, {{"verb", "status"}});
    if (status && !talks_to_telegram(*status)) {
      say("The running daybookd has no bot: it was started with other settings. Restart it, then "
          "run `daybook setup` again.");
      return {};
    }
    auto done = watch_requests(client);
    if (done || is_left(done.error())) return done;
    say(done.error().message);
    return {};
  }

  Result<void> watch_requests(ControlClient& client) {
    const Time end = wall_clock() + kWaitMax;
    bool invited = false;
    while (wall_clock() < end) {
      auto list = ask(client, {{"verb", "pair"}, {"action", "list"}});
      if (!list) return list.error();
      const auto owner = list->value("owner", std::int64_t{0});
      if (owner != 0) return tell(owner, "");
      for (const Json& row : list->value("pairings", Json::array())) {
        const auto user = row.value("user", std::int64_t{0});
        if (passed_over_.contains(user)) continue;
        const auto yes = accepted(asker(row));
        if (!yes.has_value()) return left();
        if (*yes) return approve(client, user);
        passed_over_.insert(user);
        invited = false;
      }
      if (!invited) invite();
      invited = true;
      if (input_waits(kPause)) return skip();
      if (Interruption::caught() != 0) return left();
    }
    return nobody_wrote();
  }

  [[nodiscard]] std::string asker(const Json& row) const {
    const std::string name = name_of_request(settings_.journal.dir, row.value("seq", Seq{0}));
    const std::string number = row.value("user", Json(0)).dump();
    return (name.empty() ? "User " : name + ", user ") + number + ", wrote to the bot.";
  }

  static Result<void> approve(ControlClient& client, std::int64_t user) {
    auto done = ask(client, {{"verb", "pair"}, {"action", "approve"}, {"user", user}});
    if (!done) return done.error();
    say("User " + std::to_string(user) + " is the owner.");
    return {};
  }

  const Settings& settings_;
  Web& web_;
  const BotIdentity& bot_;
  std::set<std::int64_t> passed_over_;  // of whom the person said: not me
};

}  // namespace

Result<void> find_owner(const Settings& settings, Web& web, const BotIdentity& bot) {
  return OwnerSearch(settings, web, bot).run();
}

}  // namespace daybook
