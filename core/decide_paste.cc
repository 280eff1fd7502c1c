// A long paste: a client cuts what is longer than one message, and sends the pieces at once.
//
// Law: what has about as many letters as one message can hold waits for what the same person writes
// right behind it, in the same place; one turn answers all of it, in every mode of the queue. A
// shorter message is the last piece, so the wait is over. Which piece is one with which is recorded
// (MessageHeld.joins), and that the wait is over is a fact, the same as of late messages.
#include <algorithm>

#include "core/decide_conversation.h"
#include "core/late.h"
#include "core/letters.h"

namespace daybook {

namespace {

// A channel that numbers its messages is one whose clients cut them.
bool may_be_a_piece(const State& state, const Event& message) {
  return state.directory.rules() >= 3 && message.message_received().message_id() != 0 &&
         is_plain(message);
}

// What this message is the rest of: 0: of nothing that waits.
Seq begun_before(const State& state, const Session& session, const Event& message) {
  const SessionState& talk = session.state();
  for (int index = talk.waiting_size(); index > 0; --index) {
    const Waiting& waiting = talk.waiting(index - 1);
    if (waiting.joins() == 0 || waiting.seq() == message.seq()) continue;
    const std::optional<Event> before = state.history.clear_event(waiting.seq());
    if (!before || writer_of(*before) != writer_of(message)) continue;
    const bool waits =
        talk.held_until() != 0 || before->time() + kPiecePause.count() >= message.time();
    return waits ? waiting.joins() : 0;
  }
  return 0;
}

}  // namespace

bool is_piece(std::string_view text) {
  std::size_t letters = 0;
  for (std::size_t at = 0; at < text.size() && letters < kPieceLettersMin; ++letters) {
    at += letter_at(text.substr(at)).bytes;
  }
  return letters == kPieceLettersMin;
}

Event held_piece(const Session& session, Seq message, Seq joins, std::int64_t until) {
  Event held;
  held.set_session(session.state().id());
  held.mutable_message_held()->set_message(message);
  held.mutable_message_held()->set_joins(joins);
  held.mutable_message_held()->set_until(until);
  return held;
}

Decisions hold_piece(const State& state, const Session& session, const Event& message) {
  if (!may_be_a_piece(state, message)) return {};
  const bool more_follows = is_piece(message.content().text());
  Seq joins = begun_before(state, session, message);
  if (joins == 0 && !more_follows) return {};
  if (joins == 0) joins = message.seq();
  std::int64_t until = to_milliseconds(more_follows ? state.now + kPiecePause : state.now);
  // Somebody else's is not whole yet.
  const auto& waiting = session.state().waiting();
  const bool others = std::any_of(waiting.begin(), waiting.end(), [&](const Waiting& one) {
    return one.joins() != 0 && one.joins() != joins;
  });
  if (others) until = std::max(until, session.state().held_until());
  return {held_piece(session, message.seq(), joins, until)};
}

}  // namespace daybook
