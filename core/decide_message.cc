// What a message asks for. A command is answered by notices and state changes in the transaction of
// its message; anything else becomes a turn.
#include <algorithm>
#include <utility>

#include "core/command.h"
#include "core/decide.h"
#include "core/health.h"
#include "core/model.h"

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

std::string model_in_use(const Order& asked) {
  const std::string& own = asked.session.state().model();
  return own.empty() ? asked.state.directory.settings().model() : own;
}

std::string model_list(const Order& asked) {
  const std::string current = model_in_use(asked);
  std::string text;
  for (const std::string& name :
       known_models(asked.state.directory.settings(), asked.state.directory.catalogue())) {
    text += (name == current ? "\n• " : "\n  ") + name;
  }
  return text;
}

Decisions answer_start(const Order& asked) {
  return asked.reply(
      "Hello. Write to me and " + model_in_use(asked) +
          " answers. Everything said here is kept in this gateway's own journal.\n\n" +
          help_text(asked.rules()),
      "start");
}

Decisions answer_help(const Order& asked) { return asked.reply(help_text(asked.rules()), "help"); }

std::string turn_line(const SessionState& session) {
  if (!session.has_open()) return "Idle.";
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
  for (const ProviderRow& provider : asked.state.directory.settings().providers()) {
    const auto obstacle = health.obstacle(provider.name(), asked.state.now);
    if (!obstacle) continue;
    const ErrorClass error = health.row(provider.name())->error();
    text += "\n" + provider.name() + " " + obstacle_text(*obstacle, error);
  }
  return text;
}

Decisions answer_status(const Order& asked) {
  const SessionState& session = asked.session.state();
  std::string text = "Model: " + model_in_use(asked) + "\n" + turn_line(session) +
                     "\nMessages: " + std::to_string(session.entries_size());
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

Decisions answer_model(const Order& asked) {
  if (asked.arguments().empty()) {
    return asked.reply(
        "Model: " + model_in_use(asked) + "\nSwitch with /model NAME." + model_list(asked),
        "model");
  }
  const Result<ResolvedModel> model = resolve_model(
      asked.arguments(), asked.state.directory.settings(), asked.state.directory.catalogue());
  if (!model) {
    return asked.reply(model.error().message + " The model stays " + model_in_use(asked) + ".",
                       "model");
  }
  Event switched;
  switched.set_session(asked.session.state().id());
  switched.mutable_model_switched()->set_model(asked.arguments());
  switched.mutable_model_switched()->set_provider(model->provider);
  switched.mutable_model_switched()->set_from(model_in_use(asked));
  std::string text = "Model: " + asked.arguments() + ".";
  if (asked.session.busy()) text += " The running answer keeps its own.";
  Decisions decisions = asked.reply(std::move(text), "model");
  decisions.insert(decisions.begin(), std::move(switched));
  return decisions;
}

Decisions answer_models(const Order& asked) {
  return asked.reply(
      "Models to try (any other name of these providers works too):" + model_list(asked), "models");
}

Decisions answer_reset(const Order& asked) {
  const SessionState& session = asked.session.state();
  Decisions decisions;
  if (asked.session.busy()) {
    decisions = cancel_turn(asked.state, asked.session, asked.message.seq());
  }
  Event reset;
  reset.set_session(session.id());
  reset.mutable_session_reset()->set_answers(asked.message.seq());
  decisions.push_back(std::move(reset));
  std::string text = "A new conversation begins. The old one stays in the journal.";
  const int dropped = session.waiting_size() - 1;
  if (dropped > 0) {
    text += " " + std::to_string(dropped) +
            (dropped == 1 ? " message that waited is" : " messages that waited are") +
            " not answered any more.";
  }
  if (session.has_goal() || session.tasks_size() > 0) {
    text += " Goal and tasks stay: /goal done ends the goal, /task lists the tasks.";
  }
  decisions.push_back(notice(asked.session, &asked.message, std::move(text), "reset"));
  return decisions;
}

Decisions answer_compact(const Order& asked) {
  if (asked.rules() >= 3 && asked.arguments() == "undo") {
    return undo_compaction(asked.state, asked.session, asked.message);
  }
  return start_compaction(asked.state, asked.session, asked.message);
}

Decisions answer_stop(const Order& asked) {
  if (!asked.session.busy()) return asked.reply("Nothing is running.", "stop");
  return cancel_turn(asked.state, asked.session, asked.message.seq());
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

struct Answer {
  std::string_view command;
  Decisions (*answer)(const Order& asked);
  std::uint32_t since = 1;  // as in commands()
};

constexpr Answer kAnswers[] = {
    {"start", answer_start},
    {"help", answer_help},
    {"status", answer_status},
    {"model", answer_model},
    {"models", answer_models},
    {"reset", answer_reset},
    {"compact", answer_compact},
    {"stop", answer_stop},
    {"whoami", answer_whoami},
    {"search", answer_with<answer_search>, 2},
    {"erase", answer_with<erase_replied>, 2},
    {"undo", answer_with<undo_messages>, 3},
    {"redo", answer_with<redo_messages>, 3},
    {"retry", answer_with<retry_answer>, 3},
    {"fork", answer_with<fork_conversation>, 3},
    {"branches", answer_with<list_branches>, 3},
    {"switch", answer_with<switch_branch>, 3},
    {"save", answer_with<save_branch>, 3},
    {"policy", answer_with<answer_policy>, 3},
    {"context", answer_with<answer_context>, 3},
    {"pin", answer_with<answer_pin>, 3},
    {"unpin", answer_with<answer_unpin>, 3},
    {"usage", answer_with<answer_usage>, 3},
    {"continue", answer_with<continue_answer>, 3},
    {"goal", answer_with<answer_goal>, 3},
    {"task", answer_with<answer_task>, 3},
    {"recover", answer_with<answer_recover>, 3},
};

// What is decided next depends on it, so it is decided when this is folded in.
bool changes_conversation(const Decisions& decisions) {
  return std::any_of(decisions.begin(), decisions.end(), [](const Event& decision) {
    return decision.has_turn_started() || decision.has_compaction_started() ||
           decision.has_leaf_moved() || decision.has_compaction_undone();
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
      if (row.command == command && row.since <= asked.rules()) return row.answer(asked);
    }
    return answer_unknown(asked);
  }
  if (message.content().text().find_first_not_of(" \t\r\n") == std::string::npos) {
    return asked.reply("I can only read text so far.", "unsupported");
  }
  return start_answer(state, session, message);
}

Decisions settle_waiting_messages(const State& state, const Session& session) {
  Decisions decisions;
  if (session.busy() || session.state().compacting() != 0) return decisions;
  if (session.state().held_until() != 0) return decisions;
  bool gathered = false;
  for (const Waiting& waiting : session.state().waiting()) {
    const std::optional<Event> message = state.history.event(waiting.seq());
    if (!message || (gathered && is_plain(*message))) continue;
    gathered = gathered || waiting.late();
    Decisions settled =
        waiting.late() ? settle_late(state, session) : settle_message(state, session, *message);
    const bool changed = changes_conversation(settled);
    for (Event& one : settled) decisions.push_back(std::move(one));
    if (changed) break;
  }
  return decisions;
}

}  // namespace daybook
