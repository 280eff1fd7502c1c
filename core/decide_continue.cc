// /continue, and what becomes of an answer that a restart cut off.
#include <utility>

#include "core/continuing.h"
#include "core/decide_conversation.h"
#include "core/open_turn.h"

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

}  // namespace

Decisions continue_answer(const State& state, const Session& session, const Event& message) {
  const auto reply = [&](std::string text) -> Decisions {
    return {notice(session, &message, std::move(text), "continue")};
  };
  if (answering(session)) return reply("An answer is under way; /stop stops it.");
  const auto& entries = session.state().entries();
  const int size = entries.size();
  const bool answered = size >= 2 && entries[size - 1].role() == Entry::ASSISTANT &&
                        entries[size - 2].role() == Entry::USER;
  if (!answered) return reply("There is no answer to go on with. /retry asks once more.");
  const Seq ended = entries[size - 1].seq();
  const std::optional<Event> event = state.history.clear_event(ended);
  if (!event || !can_go_on(*event)) {
    return reply("The last answer is whole: there is nothing to go on with.");
  }
  const std::string& model = message.content().arguments();
  if (!model.empty()) {
    const Result<ResolvedModel> resolved =
        resolve_model(model, state.directory.settings(), state.directory.catalogue());
    if (!resolved) return reply(resolved.error().message + " Nothing was changed.");
  }
  const std::int64_t user = message.message_received().user();
  if (const std::string stop = budget_stop(state, session.state().place(), user); !stop.empty()) {
    return reply("⚠ Nothing was sent: " + stop);
  }
  Event moved = go_on_from(session, entries[size - 2].seq(), ended);
  moved.mutable_leaf_moved()->set_answers(message.seq());
  moved.mutable_leaf_moved()->set_model(model);
  // A title that is being made can wait.
  Decisions decisions;
  if (session.busy()) decisions = cancel_turn(state, session, message.seq());
  decisions.push_back(std::move(moved));
  return decisions;
}

void continue_from(const State& state, Seq ended, TurnStarted* turn) {
  if (ended == 0) return;
  turn->set_continues(ended);
  const std::optional<Event> event = state.history.clear_event(ended);
  if (event) turn->set_restarts(event->turn_abandoned().restarts());
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
  return {cut_off(false, "⚠ The gateway was restarted while this was being answered."),
          notice(session, nullptr,
                 "An answer was cut off by a restart of the gateway. /continue goes on from there, "
                 "/retry asks once more.",
                 "recovery")};
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
