// /continue, what becomes of an answer that a restart cut off, and of one that came to a limit.
//
// Law: an answer goes on by itself only where nobody waits, the budget is not spent and it is not
// agent.auto_resume times that it did so in a row; each time more was said than the time before.
#include <utility>

#include "core/checkpoint.h"
#include "core/context.h"
#include "core/continuing.h"
#include "core/decide_conversation.h"
#include "core/late.h"
#include "core/open_turn.h"
#include "core/tree.h"

namespace daybook {

namespace {

Event go_on_from(const Session& session, Seq question, Seq ended) {
  Event event;
  event.set_session(session.state().id());
  LeafMoved* moved = event.mutable_leaf_moved();
  moved->set_to(question);
  moved->set_why(LeafMoved::RETRY);
  moved->set_continues(ended);
  return event;
}

// The end of a turn, as far as settle_cut_off() has a say in it.
Event cut_off(bool goes_on, std::string detail) {
  Event event;
  event.mutable_turn_abandoned()->set_goes_on(goes_on);
  event.mutable_content()->set_detail(std::move(detail));
  return event;
}

// It may end as often as it likes: nothing more comes of it.
bool said_more(const TurnCompleted& completed) {
  const bool anything = completed.earlier_bytes() == 0 || completed.said_tokens() > 0;
  return anything && completed.earlier_bytes() < kAnswerBytesMax;
}

// Behind an answer that others wait for: then the leaf moves past it.
constexpr std::string_view kPassed =
    "What was written meanwhile is answered now; once that is taken back (/undo), /continue goes "
    "on "
    "from there.";

bool others_wait(const State& state, const Session& session) {
  return wrote_anew(state, session) || has_late(session.state());
}

std::string limit_text(const RunCheckpointed& checkpoint, const std::string& stop, bool passed) {
  std::string text = checkpoint.reason() == RunCheckpointed::OUTPUT
                         ? "The answer came to the model's output limit"
                         : "The answer used up its " + std::to_string(checkpoint.steps()) +
                               (checkpoint.steps() == 1 ? " step" : " steps") + " with tools";
  if (checkpoint.resumes() > 0) {
    text += ", after it had gone on by itself ";
    text += checkpoint.resumes() == 1 ? "once" : std::to_string(checkpoint.resumes()) + " times";
  }
  if (!stop.empty()) text += ". Nothing more was asked: " + stop + " Then /continue goes on.";
  if (!stop.empty()) return text;
  return text + ". " + (passed ? std::string(kPassed) : "/continue goes on.");
}

}  // namespace

Decisions continue_answer(const State& state, const Session& session, const Event& message) {
  const auto reply = [&](std::string text) -> Decisions {
    return {notice(session, &message, std::move(text), "continue")};
  };
  if (answering(session)) {
    const bool summary = session.state().open().kind() == SUMMARY;
    return reply(std::string(summary ? "A summary is being made" : "An answer is under way") +
                 "; /stop stops it.");
  }
  const auto& entries = session.state().entries();
  const int size = entries.size();
  const bool answered = size >= 2 && entries[size - 1].role() == Entry::ASSISTANT &&
                        entries[size - 2].role() == Entry::USER;
  if (!answered) return reply("There is no answer to go on with. /retry asks once more.");
  const Seq ended = entries[size - 1].seq();
  const std::optional<Event> event = state.history.clear_event(ended);
  const bool limited = entries[size - 1].checkpoint() != 0;
  if (!event || !(limited || can_go_on(*event))) {
    return reply("The last answer is whole: there is nothing to go on with.");
  }
  const std::string& model = message.content().arguments();
  const Result<ResolvedModel> resolved = model_of(state, session, model);
  if (!resolved) return reply(not_asked_text(state, resolved.error().message, model));
  const std::int64_t user = message.message_received().user();
  if (const std::string stop = budget_stop(state, session.state().place(), user); !stop.empty()) {
    return reply("⚠ Nothing was sent: " + stop);
  }
  if (std::string held = held_text(state, session, message, *resolved); !held.empty()) {
    return reply(std::move(held));
  }
  Event moved = go_on_from(session, entries[size - 2].seq(), ended);
  moved.mutable_leaf_moved()->set_answers(message.seq());
  moved.mutable_leaf_moved()->set_model(model);
  // A title that is being made can wait.
  Decisions decisions;
  if (session.busy()) decisions = cancel_turn(state, session, message.seq());
  decisions.push_back(std::move(moved));
  std::string unlisted = asked_unlisted_text(state, *resolved, model);
  if (!unlisted.empty()) decisions.push_back(reply(std::move(unlisted)).front());
  return decisions;
}

void continue_from(const State& state, const Session& session, const Waiting& waiting,
                   TurnStarted* turn) {
  if (waiting.continues() == 0) return;
  turn->set_continues(waiting.continues());
  const Entry* part = find_entry(session.state(), waiting.continues());
  const bool limited = part != nullptr && part->checkpoint() != 0;
  if (limited) turn->set_checkpoint(part->seq() + part->checkpoint());
  const std::optional<Event> event = state.history.clear_event(waiting.continues());
  if (!event) return;
  turn->set_restarts(event->turn_abandoned().restarts());
  // Whoever asks for more begins to count anew.
  const std::optional<Event> before = state.history.clear_event(ended_turn(*event));
  if (waiting.asked() != 0 || !before) return;
  turn->set_resumes(before->turn_started().resumes() + (limited ? 1 : 0));
}

Decisions settle_cut_off(const State& state, const Session& session, const std::string& text) {
  const std::string& recovery = state.directory.settings().recovery();
  const bool something = text.find_first_not_of(" \t\r\n") != std::string::npos;
  if (!something || session.state().open().kind() != ANSWER) return {};
  const bool may_cost = budget_stop(state, session.state().open()).empty();
  if (recovery == "continue" && may_cost) {
    return {cut_off(true, "(The gateway was restarted here; the answer goes on below.)")};
  }
  if (recovery != "ask" && recovery != "continue") return {};
  const std::string how = others_wait(state, session)
                              ? std::string(kPassed)
                              : "/continue goes on from there, /retry asks once more.";
  return {cut_off(false, "⚠ The gateway was restarted while this was being answered."),
          notice(session, nullptr, "An answer was cut off by a restart of the gateway. " + how,
                 "recovery")};
}

Decisions settle_limit(const State& state, const Session& session, const Event& ended,
                       const Event& turn) {
  if (state.directory.rules() < 3 || !ended.has_turn_completed()) return {};
  const std::optional<Event> asked = last_prompt(state, session);
  if (!asked || turn.turn_started().kind() != ANSWER) return {};
  std::optional<Event> checkpoint =
      checkpoint_of(ended, turn, prompt_record(*asked), state.history);
  if (!checkpoint) return {};
  Decisions decisions = {*checkpoint};
  const TurnStarted& begun = turn.turn_started();
  // Whoever wrote meanwhile is answered, and can ask for more.
  const bool wanted = session.state().waiting().empty() &&
                      begun.resumes() < state.directory.settings().auto_resume() &&
                      said_more(ended.turn_completed());
  const std::string stop = wanted ? budget_stop(state, begun.place(), begun.user()) : std::string();
  if (wanted && stop.empty()) {
    for (Event& one : go_on(session, ended, turn)) decisions.push_back(std::move(one));
  } else {
    std::string text =
        limit_text(checkpoint->run_checkpointed(), stop, others_wait(state, session));
    decisions.push_back(notice(session, nullptr, std::move(text), "continue"));
  }
  return decisions;
}

Decisions go_on(const Session& session, const Event& ended, const Event& turn) {
  const auto& answers = turn.turn_started().answers();
  if (answers.empty()) return {};
  Event moved = go_on_from(session, answers[answers.size() - 1], ended.seq());
  const TurnStarted& cut_off = turn.turn_started();
  const std::string& wanted = cut_off.route().wanted();
  moved.mutable_leaf_moved()->set_model(
      wanted.empty() ? model_name(cut_off.provider(), cut_off.model()) : wanted);
  return {std::move(moved)};
}

}  // namespace daybook
