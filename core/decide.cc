#include "core/decide_conversation.h"

#include <algorithm>
#include <utility>

#include "core/command.h"
#include "core/late.h"

namespace daybook {

namespace {

Decisions decide_message(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr) return {};
  const Time sent = std::min(written_at(event), state.now);
  Decisions decisions = close_idle(state, *session, sent, event.seq());
  if (!decisions.empty()) return decisions;  // decide_reset() goes on
  if (comes_late(state, *session, event)) {
    if (std::optional<Event> told = idle_notice(*session)) decisions.push_back(*std::move(told));
    for (Event& one : hold_message(state, *session, event.seq()))
      decisions.push_back(std::move(one));
    return decisions;
  }
  if (Decisions held = hold_piece(state, *session, event); !held.empty()) {
    if (std::optional<Event> told = idle_notice(*session)) decisions.push_back(*std::move(told));
    for (Event& one : held) decisions.push_back(std::move(one));
    if (!session->busy()) return decisions;
    for (Event& one : meet_busy(state, *session, event)) decisions.push_back(std::move(one));
    return decisions;
  }
  if (waits_in_line(state, *session, event)) return settle_waiting_messages(state, *session);
  if (session->busy() && !acts_at_once(event)) return meet_busy(state, *session, event);
  if (std::optional<Event> told = idle_notice(*session); told && !is_command(event)) {
    decisions.push_back(*std::move(told));
  }
  // Whoever held back is answered with what is new.
  const bool held = session->state().held_until() != 0 || has_late(session->state());
  Decisions settled = held && is_plain(event) ? settle_waiting_messages(state, *session)
                                              : settle_message(state, *session, event);
  for (Event& one : settled) decisions.push_back(std::move(one));
  return decisions;
}

// The message that found its conversation silent for so long begins the next one.
Decisions decide_reset(const State& state, const Event& event) {
  if (event.session_reset().why() != SessionReset::IDLE) return {};
  const std::optional<Event> cause = state.history.event(event.cause());
  return cause && cause->has_message_received() ? decide_message(state, *cause) : Decisions();
}

// What waits behind a command goes on when that is done.
Decisions decide_noticed(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  const bool settles = event.notice_issued().answers() != 0 && state.directory.rules() >= 3;
  return settles && session != nullptr ? settle_waiting_messages(state, *session) : Decisions();
}

struct Trigger {
  Event::BodyCase kind;
  Decisions (*answer)(const State& state, const Event& event);
};

constexpr Trigger kTriggers[] = {
    {Event::kGatewayStarted, decide_restart},
    {Event::kSettingsLoaded, decide_settings},
    {Event::kMessageReceived, decide_message},
    {Event::kChunkReceived, decide_chunk},
    {Event::kMessageEdited, decide_edited},
    {Event::kUpdatesGap, decide_gap},
    {Event::kMessageReplaced, decide_moved},
    {Event::kLeafMoved, decide_moved},
    {Event::kCompactionUndone, decide_moved},
    {Event::kSessionReset, decide_reset},
    {Event::kSessionNamed, decide_named},
    {Event::kMessageRefused, decide_refused},
    {Event::kPlaceMoved, decide_place_moved},
    {Event::kDeadlinePassed, decide_deadline},
    {Event::kAttemptFailed, decide_attempt_failed},
    {Event::kStepCompleted, decide_step_completed},
    {Event::kToolReturned, decide_tool_settled},
    {Event::kToolRefused, decide_tool_settled},
    {Event::kTurnCompleted, decide_turn_ended},
    {Event::kTurnFailed, decide_turn_ended},
    {Event::kTurnCancelled, decide_turn_ended},
    {Event::kTurnAbandoned, decide_turn_ended},
    {Event::kCompactionStarted,
     [](const State& state, const Event& event) -> Decisions {
       const Session* session = state.session(event.session());
       return session == nullptr ? Decisions() : start_summary(state, *session, event);
     }},
    {Event::kCompactionCompleted, decide_compaction_ended},
    {Event::kCompactionFailed, decide_compaction_ended},
    {Event::kDeliveryFailed, decide_undelivered},
    {Event::kPairingApproved, decide_approved},
    {Event::kSessionErased, decide_erased},
    {Event::kNoticeIssued, decide_noticed},
    {Event::kJournalRestored, decide_restored},
    {Event::kSpaceRanLow, decide_space},
    {Event::kSpaceRecovered, decide_space},
};

}  // namespace

Decisions decide(const State& state, const Event& event) {
  Decisions decisions = decide_spent(state, event);
  for (const Trigger& trigger : kTriggers) {
    if (trigger.kind != event.body_case()) continue;
    for (Event& one : trigger.answer(state, event)) decisions.push_back(std::move(one));
    break;
  }
  return decisions;
}

Event notice(const Session& session, const Event* message, std::string text,
             std::string_view topic) {
  Event event;
  event.set_session(session.state().id());
  event.mutable_content()->set_text(std::move(text));
  NoticeIssued* issued = event.mutable_notice_issued();
  issued->set_place(session.state().place());
  issued->set_topic(std::string(topic));
  if (message != nullptr) {
    issued->set_answers(message->seq());
    issued->set_reply_to(reply_target(session, *message));
  }
  return event;
}

Event Asked::reply(std::string text, const std::vector<Seq>& quotes) const {
  Event event = notice(session, &message, std::move(text), topic);
  for (const Seq seq : quotes) {
    if (seq != 0) event.mutable_notice_issued()->add_quotes(seq);
  }
  return event;
}

std::int64_t writer_of(const Event& message) {
  return message.has_message_edited() ? message.message_edited().user()
                                      : message.message_received().user();
}

std::int64_t reply_target(const Session& session, const Event& message) {
  const auto target = [&](const auto& body) {
    // Where the place moved, messages are numbered anew.
    return body.group() && body.place() == session.state().place() ? body.message_id() : 0;
  };
  return message.has_message_edited() ? target(message.message_edited())
                                      : target(message.message_received());
}

std::optional<Event> find_on_screen(std::int64_t message_id, Seq newest, std::size_t events_max,
                                    History& history,
                                    const std::function<bool(const Event&)>& wanted,
                                    std::string_view left) {
  bool there = left.empty();
  Seq seq = newest;
  for (std::size_t read = 0; seq != 0 && read < events_max; ++read) {
    std::optional<Event> event = history.clear_event(seq);
    if (!event || event->prev() >= seq) break;
    seq = event->prev();
    if (event->has_place_moved() && left.empty()) break;
    there = there || event->place_moved().from() == left;
    const bool same =
        (event->has_message_received() && event->message_received().message_id() == message_id) ||
        (event->has_message_edited() && event->message_edited().message_id() == message_id) ||
        (event->has_reply_posted() && event->reply_posted().message_id() == message_id);
    if (same && there && wanted(*event)) return event;
  }
  return std::nullopt;
}

std::string_view left_place(const Session& session, std::string_view place) {
  return place == session.state().place() ? std::string_view() : place;
}

Event notice_at(const State& state, const std::string& place, std::string text,
                std::string_view topic) {
  Event event;
  const SessionRow* row = state.directory.at(place);
  event.set_session(row != nullptr ? row->id() : 0);
  event.mutable_notice_issued()->set_place(place);
  event.mutable_notice_issued()->set_topic(std::string(topic));
  event.mutable_content()->set_text(std::move(text));
  return event;
}

}  // namespace daybook
