// What a message asks for. A command is answered by notices and state changes in the transaction of
// its message; anything else becomes a turn.
#include <algorithm>
#include <set>
#include <utility>

#include "core/command.h"
#include "core/decide_conversation.h"
#include "core/health.h"
#include "core/late.h"

namespace daybook {

namespace {

struct Order {
  const State& state;
  const Session& session;
  const Event& message;

  [[nodiscard]] std::uint32_t rules() const { return state.directory.rules(); }
  [[nodiscard]] const std::string& arguments() const { return message.content().arguments(); }
  [[nodiscard]] Decisions reply(std::string text, std::string_view topic) const {
    return {notice(session, &message, std::move(text), topic)};
  }
};

Decisions answer_start(const Order& asked) {
  return asked.reply(
      "Hello. Write to me and " + model_in_use(asked.state, asked.session) +
          " answers. Everything said here is kept in this gateway's own journal.\n\n" +
          help_text(asked.rules()),
      "start");
}

Decisions answer_help(const Order& asked) { return asked.reply(help_text(asked.rules()), "help"); }

std::string turn_line(const SessionState& session) {
  if (!session.has_open() || session.open().kind() == TITLE) return "Idle.";
  const OpenTurn& turn = session.open();
  std::string line = turn.kind() == SUMMARY ? "Summarising" : "Answering";
  line += " with " + turn.model();
  if (turn.attempt() > 1) line += ", attempt " + std::to_string(turn.attempt());
  if (session.waiting_size() > 1) {
    // The /status itself waits for this very answer.
    line += ", " + std::to_string(session.waiting_size() - 1) + " waiting";
  }
  return line + ".";
}

// Providers that are not asked just now, and why.
std::string resting_lines(const Order& asked) {
  std::string text;
  if (asked.rules() < 3) return text;
  const Health& health = asked.state.directory.health();
  for (const auto& [name, row] : health.rows()) {
    const auto obstacle = health.obstacle(row.provider(), asked.state.now, row.model());
    if (!obstacle || obstacle->event() != row.event()) continue;
    text += "\n" + name + " ";
    text += owner_asks_alone(asked.state, asked.message) ? obstacle_text(*obstacle, row.error())
                                                         : obstacle_text(*obstacle);
  }
  return text;
}

Decisions answer_status(const Order& asked) {
  const SessionState& session = asked.session.state();
  std::string text = "Model: " + model_in_use(asked.state, asked.session) + "\n" +
                     turn_line(session) + "\nMessages: " + std::to_string(session.entries_size());
  if (session.summary() != 0) {
    text += ", those up to event " + std::to_string(session.summary_last()) + " summarised";
  }
  text += "\nTurns: " + std::to_string(session.turns());
  if (session.usage().reported()) {
    text += "\nTokens: " + std::to_string(session.usage().prompt_tokens()) + " in, " +
            std::to_string(session.usage().output_tokens()) + " out";
  }
  text += resting_lines(asked);
  return asked.reply(text + "\nSession: " + std::to_string(session.id()), "status");
}

Decisions answer_reset(const Order& asked) {
  Decisions decisions;
  if (asked.session.busy()) {
    decisions = cancel_turn(asked.state, asked.session, asked.message.seq());
  }
  if (asked.rules() >= 3) {
    for (Event& dropped : drop_waiting(asked.state, asked.session, asked.message)) {
      decisions.push_back(std::move(dropped));
    }
  }
  Event reset;
  reset.set_session(asked.session.state().id());
  reset.mutable_session_reset()->set_answers(asked.message.seq());
  reset.mutable_session_reset()->set_settings_too(asked.rules() >= 3);
  reset.mutable_session_reset()->set_waits_on(asked.rules() >= 3);
  decisions.push_back(std::move(reset));
  std::string text = "A new conversation begins. The old one stays in the journal.";
  text += left_behind_text(asked.state, asked.session, asked.message);
  decisions.push_back(notice(asked.session, &asked.message, std::move(text), "reset"));
  return decisions;
}

Decisions answer_compact(const Order& asked) {
  if (asked.rules() >= 3 && lowered(asked.arguments()) == "undo") {
    return undo_compaction(asked.state, asked.session, asked.message);
  }
  return start_compaction(asked.state, asked.session, asked.message);
}

// When what runs now was asked for: what came late, when the last of it was written.
Time asked_at(const State& state, const OpenTurn& open) {
  const std::optional<Event> turn = state.history.clear_event(open.seq());
  if (!turn) return {};
  Time newest{};
  if (turn->turn_started().preface().late_messages() == 0) return from_milliseconds(turn->time());
  for (const Seq seq : open.answers()) {
    const std::optional<Event> message = state.history.clear_event(seq);
    if (message) newest = std::max(newest, written_at(*message));
  }
  return newest;
}

// What was pasted and is not whole yet would run otherwise.
Decisions stop_nothing(const Order& asked) {
  const SessionState& talk = asked.session.state();
  const bool pieces = talk.held_until() != 0 && !has_late(talk);
  const std::string dropped =
      pieces ? dropped_text(asked.state, asked.session, asked.message) : std::string();
  Decisions decisions =
      pieces ? drop_waiting(asked.state, asked.session, asked.message) : Decisions();
  decisions.push_back(
      notice(asked.session, &asked.message, "Nothing is running." + dropped, "stop"));
  return decisions;
}

Decisions answer_stop(const Order& asked) {
  if (!answering(asked.session)) return stop_nothing(asked);
  const SettingsLoaded& settings = asked.state.directory.settings();
  const bool late =
      asked.rules() >= 3 && lateness(asked.message, Duration(settings.stale_after())).has_value();
  const OpenTurn& open = asked.session.state().open();
  if (late && written_at(asked.message) < asked_at(asked.state, open)) {
    return asked.reply(
        "This /stop was written before what runs now was asked for, so that goes on; another /stop "
        "stops it.",
        "stop");
  }
  Decisions decisions = cancel_turn(asked.state, asked.session, asked.message.seq());
  if (asked.rules() >= 3 && began_by_itself(asked.state, open)) {
    decisions.push_back(notice(asked.session, &asked.message,
                               "The summary that was being made is stopped.", "stop"));
  }
  return decisions;
}

Decisions answer_whoami(const Order& asked) {
  const std::int64_t user = asked.message.message_received().user();
  std::string text = user != 0 ? "You are user " + std::to_string(user) : "You are at this machine";
  text += ", here in " + asked.session.state().place() + ", session " +
          std::to_string(asked.session.state().id()) + ".";
  if (user != 0 && user == asked.state.directory.owner()) text += " You own this gateway.";
  return asked.reply(std::move(text), "whoami");
}

// What an alias stands for may be newer than the rules in force.
std::string typed_name(const std::string& text) {
  return lowered(text.substr(1, text.find_first_of(" \t\r\n\f\v@") - 1));
}

Decisions answer_unknown(const Order& asked) {
  std::string name = asked.message.message_received().command();
  // The name is the person's word, so it stands in the text alone.
  const auto said = parse_command(asked.message.content().text(), "");
  if (name == kUnknownCommand && said) name = typed_name(asked.message.content().text());
  const std::string near = nearest_command(name, asked.rules());
  std::string text = "There is no command /" + name + ".";
  text += near.empty() ? " /help lists them." : " Did you mean /" + near + "?";
  return asked.reply(std::move(text), "unknown");
}

using Part = Decisions (*)(const State& state, const Session& session, const Event& message);

template <Part kPart>
Decisions answer_with(const Order& asked) {
  return kPart(asked.state, asked.session, asked.message);
}

// Who may ask for it in a group; elsewhere everybody may who may talk. What nobody has thought
// about is the owner's.
enum class Who {
  kOwner,     // it changes or shows what belongs to all of them
  kToChange,  // the owner, unless it only asks what there is
  kAnybody,
};

struct Answer {
  std::string_view command;
  Decisions (*answer)(const Order& asked);
  std::uint32_t since = 1;  // as in commands()
  Who who = Who::kOwner;
};

using enum Who;

constexpr Answer kAnswers[] = {
    {"start", answer_start, 1, kAnybody},
    {"help", answer_help, 1, kAnybody},
    {"status", answer_status, 1, kAnybody},
    {"model", answer_with<answer_model>, 1, kAnybody},
    {"models", answer_with<answer_models>, 1, kAnybody},
    {"reset", answer_reset, 1, kAnybody},
    {"compact", answer_compact, 1, kAnybody},
    {"stop", answer_stop, 1, kAnybody},
    {"whoami", answer_whoami, 1, kAnybody},
    {"search", answer_with<answer_search>, 2, kAnybody},
    {"erase", answer_with<erase_replied>, 2, kAnybody},
    {"undo", answer_with<undo_messages>, 3, kAnybody},
    {"redo", answer_with<redo_messages>, 3, kAnybody},
    {"retry", answer_with<retry_answer>, 3, kAnybody},
    {"fork", answer_with<fork_conversation>, 3, kAnybody},
    {"branches", answer_with<list_branches>, 3, kAnybody},
    {"switch", answer_with<switch_branch>, 3, kAnybody},
    {"save", answer_with<save_branch>, 3, kAnybody},
    {"set", answer_with<answer_set>, 3, kToChange},
    {"provider", answer_with<answer_provider>, 3, kAnybody},
    {"thinking", answer_with<answer_thinking>, 3, kToChange},
    {"temperature", answer_with<answer_temperature>, 3, kToChange},
    {"system", answer_with<answer_system>, 3},
    {"queue", answer_with<answer_queue>, 3, kToChange},
    {"sessions", answer_with<answer_sessions>, 3, kAnybody},
    {"session", answer_with<answer_session>, 3, kAnybody},
    {"title", answer_with<answer_title>, 3, kAnybody},
    {"forget", answer_with<answer_forget>, 3},
    {"export", answer_with<answer_export>, 3, kAnybody},
    {"policy", answer_with<answer_policy>, 3, kToChange},
    {"context", answer_with<answer_context>, 3, kAnybody},
    {"pin", answer_with<answer_pin>, 3},
    {"unpin", answer_with<answer_unpin>, 3},
    {"usage", answer_with<answer_usage>, 3, kAnybody},
    {"continue", answer_with<continue_answer>, 3, kAnybody},
    {"goal", answer_with<answer_goal>, 3, kToChange},
    {"task", answer_with<answer_task>, 3, kToChange},
    {"recover", answer_with<answer_recover>, 3, kAnybody},
};

bool may_ask(const Order& asked, const Answer& row) {
  const bool open =
      row.who == kAnybody || asked.rules() < 3 || !asked.message.message_received().group();
  const bool only_asks = row.who == kToChange && asked.arguments().empty();
  return open || only_asks || owner_asks(asked.state, asked.message);
}

// What is decided next depends on it, so it is decided when this is folded in.
bool changes_conversation(const Decisions& decisions) {
  return std::any_of(decisions.begin(), decisions.end(), [](const Event& decision) {
    return decision.has_turn_started() || decision.has_compaction_started() ||
           decision.has_leaf_moved() || decision.has_compaction_undone();
  });
}

// And settles nothing but the message itself.
bool only_tells(const Decisions& decisions, Seq message) {
  return std::all_of(decisions.begin(), decisions.end(), [message](const Event& decision) {
    const Seq settled = decision.notice_issued().answers();
    return decision.has_notice_issued() && (settled == 0 || settled == message);
  });
}

}  // namespace

bool acts_at_once(const Event& message) {
  const std::string& command = message.message_received().command();
  if (command.empty()) return false;
  for (const CommandRow& row : commands()) {
    if (row.name == command) return row.at_once;
  }
  return true;  // an unknown command is answered at once: that there is none
}

Decisions settle_message(const State& state, const Session& session, const Event& message) {
  const Order asked{state, session, message};
  const std::string& command = message.message_received().command();
  if (!command.empty()) {
    for (const Answer& row : kAnswers) {
      if (row.command != command || row.since > asked.rules()) continue;
      if (may_ask(asked, row)) return row.answer(asked);
      return asked.reply(
          "In a group only whoever owns this gateway can do that: it concerns all "
          "who talk here.",
          "rights");
    }
    return answer_unknown(asked);
  }
  if (!is_plain(message)) {
    return asked.reply("I can only read text so far.", "unsupported");
  }
  return start_answer(state, session, message);
}

Decisions settle_waiting_messages(const State& state, const Session& session) {
  Decisions decisions;
  if (session.busy() || session.state().compacting() != 0) return decisions;
  const bool held = session.state().held_until() != 0;
  // Pieces of a long message wait for its end, whatever others write.
  if (held && !(has_late(session.state()) && wrote_anew(state, session))) return decisions;
  const bool gathers = words_came_late(state, session);
  bool gathered = false;
  std::set<Seq> settled_together;
  for (int position = 0; position < session.state().waiting_size(); ++position) {
    if (settled_together.contains(session.state().waiting(position).seq())) continue;
    const std::vector<Event> together = waiting_together(state, session, position);
    if (together.empty()) continue;
    // Late ones are answered with all others that wait for their first answer, before a command.
    const bool command = is_command(together.front());
    const bool late = gathers && is_plain(together.front()) &&
                      !waits_once_more(session, session.state().waiting(position));
    if (gathered && command) break;
    if (late && std::exchange(gathered, true)) continue;
    Decisions settled;
    if (late) settled = settle_late(state, session);
    if (!late && together.size() > 1) settled = start_answers(state, session, together, Preface());
    // Where one turn cannot answer all, it is one by one; where nobody can answer any, that is told
    // once.
    const bool whole = !settled.empty() && (!settled.back().has_notice_issued() ||
                                            settled.back().notice_issued().keeps_size() > 0);
    if (!late && !whole) settled = settle_message(state, session, together.front());
    for (const Event& one : together) {
      if (whole) settled_together.insert(one.seq());
    }
    const bool changed =
        changes_conversation(settled) || (command && !only_tells(settled, together.front().seq()));
    for (Event& one : settled) decisions.push_back(std::move(one));
    if (changed) break;
  }
  return decisions;
}

}  // namespace daybook
