// What becomes of messages that come while an answer is being written.
//
//   wait        each is answered by itself, in order; pieces of a long one are one
//   collect     all that wait are answered by one turn
//   steer       the answer is cut at its next piece; a new turn reads it, and all that wait
//   interrupt   the answer is cut at once, and a new turn reads it, and all that wait
//
// Law: the queue is the session's fold, so it survives whatever the process does not; a message is
// in the answers of one turn, or dropped by an event that names it, as when whoever wrote it goes
// to another conversation: it was not said there. What others wrote in a group waits on, and is
// answered where the group has gone: nobody drops the words of another but with /queue clear. A
// summary is never cut: it would never be made. A tool at work is not, either. A title always is.
// Rejected: a cut at the end of a sentence. It would make a decision of words, which can be erased.
#include <algorithm>
#include <utility>

#include "core/command.h"
#include "core/decide_conversation.h"
#include "core/erasure.h"
#include "core/notation.h"
#include "core/tree.h"

namespace daybook {

namespace {

constexpr std::string_view kQueueTopic = "queue";
constexpr std::size_t kTogetherMax = 64;
constexpr int kWaitingShown = 20;
constexpr std::size_t kWaitingBytesShown = 60;

// The first that was written since the open turn began and that a turn would answer; 0: there is
// none. What had waited before does not cut what was begun before it.
Seq first_to_answer(const State& state, const Session& session) {
  for (const Waiting& waiting : session.state().waiting()) {
    const bool before = waiting.seq() < session.state().open().seq();
    if (waiting.tokens() == 0 || before || waiting.late()) continue;
    const std::optional<Event> message = state.history.clear_event(waiting.seq());
    if (message && message->message_received().command().empty()) return waiting.seq();
  }
  return 0;
}

std::string meaning_of(const std::string& mode) {
  if (mode == "collect") return "what waits is answered together";
  if (mode == "steer") return "what you write cuts the answer at its next piece";
  if (mode == "interrupt") return "what you write cuts the answer at once";
  return "what waits is answered one by one";
}

// All that waits but the message that asks.
std::vector<Seq> others_waiting(const Session& session, const Event& message) {
  std::vector<Seq> others;
  for (const Waiting& waiting : session.state().waiting()) {
    if (waiting.seq() != message.seq()) others.push_back(waiting.seq());
  }
  return others;
}

// Of these, what whoever asks wrote before.
std::vector<Seq> own_waiting(const State& state, const Session& session, const Event& message) {
  std::vector<Seq> own = others_waiting(session, message);
  if (state.directory.rules() < 3) return own;
  std::erase_if(own, [&](Seq seq) {
    const std::optional<Event> waits = state.history.clear_event(seq);
    return seq > message.seq() || !waits || writer_of(*waits) != writer_of(message);
  });
  return own;
}

Decisions cleared(const Session& session, const Event& message, const std::vector<Seq>& dropped) {
  if (dropped.empty()) return {};
  Event event;
  event.set_session(session.state().id());
  event.mutable_queue_cleared()->set_answers(message.seq());
  event.mutable_queue_cleared()->mutable_dropped()->Assign(dropped.begin(), dropped.end());
  return {std::move(event)};
}

Decisions clear_queue(const Session& session, const Event& message) {
  Decisions decisions = cleared(session, message, others_waiting(session, message));
  if (decisions.empty()) return {notice(session, &message, "Nothing waits.", kQueueTopic)};
  const int dropped = decisions.front().queue_cleared().dropped_size();
  decisions.push_back(notice(session, &message,
                             "Dropped, and not answered any more: " + messages_text(dropped) + ".",
                             kQueueTopic));
  return decisions;
}

}  // namespace

Decisions drop_waiting(const State& state, const Session& session, const Event& message) {
  return cleared(session, message, own_waiting(state, session, message));
}

std::string dropped_text(const State& state, const Session& session, const Event& message) {
  const std::size_t dropped = own_waiting(state, session, message).size();
  if (dropped == 0) return {};
  return " " + std::to_string(dropped) +
         (dropped == 1 ? " message that waited is" : " messages that waited are") +
         " not answered any more.";
}

std::string queue_mode(const State& state, const Session& session) {
  if (state.directory.rules() < 3) return "wait";
  const std::string own = own_value(session.state(), "queue");
  const std::string& usual = state.directory.settings().queue_mode();
  return !own.empty() ? own : usual.empty() ? "wait" : usual;
}

Decisions answer_queue(const State& state, const Session& session, const Event& message) {
  const std::string asked = lowered(message.content().arguments());
  if (asked == "clear") return clear_queue(session, message);
  if (!asked.empty()) {
    return {notice(session, &message,
                   "/queue shows what waits, /queue clear drops it; /set queue MODE says what "
                   "becomes of it.",
                   kQueueTopic)};
  }
  const std::string mode = queue_mode(state, session);
  const std::vector<Seq> others = others_waiting(session, message);
  const int count = static_cast<int>(others.size());
  std::string text = count == 0 ? "Nothing waits." : messages_text(count) + " waiting:";
  Event listed = notice(session, &message, "", kQueueTopic);
  for (int index = 0; index < std::min(count, kWaitingShown); ++index) {
    const Seq seq = others[static_cast<std::size_t>(index)];
    std::string words(text_prefix(state.history.text(seq), kWaitingBytesShown));
    std::replace(words.begin(), words.end(), '\n', ' ');
    text += "\n" + std::to_string(index + 1) + ". " + words;
    listed.mutable_notice_issued()->add_quotes(seq);
  }
  if (count > kWaitingShown) text += "\n… " + std::to_string(count - kWaitingShown) + " more";
  text += "\nMode: " + mode + ", " + meaning_of(mode) + ".";
  listed.mutable_content()->set_text(std::move(text));
  return {std::move(listed)};
}

Decisions take_back_turn(const State& state, const Session& session, Seq by,
                         const SessionErased* erased) {
  Decisions decisions = cancel_turn(state, session, by);
  TurnCancelled* cancelled = decisions.front().mutable_turn_cancelled();
  for (const Seq message : session.state().open().answers()) {
    const bool gone = erased != nullptr && covers(*erased, message);
    if (!gone) cancelled->add_waits_again(message);
  }
  const std::vector<Seq> again(cancelled->waits_again().begin(), cancelled->waits_again().end());
  const std::int64_t until = to_milliseconds(state.now);
  // It cost what it cost, and is no answer to what waits.
  if (cancelled->earlier_bytes() == 0) cancelled->set_said_tokens(cancelled->tokens());
  cancelled->set_tokens(0);
  const std::optional<Event> turn = state.history.clear_event(session.state().open().seq());
  if (!turn || again.empty()) return decisions;
  const bool late = turn->turn_started().preface().late_messages() > 0;
  // What came late is late still, and what was one message is one still.
  const bool pieces = !late && again.size() > 1 && is_piece(state.history.text(again.front()));
  for (const Seq message : again) {
    if (pieces) decisions.push_back(held_piece(session, message, again.front(), until));
    if (!late) continue;
    for (Event& one : hold_message(state, session, message)) decisions.push_back(std::move(one));
  }
  return decisions;
}

Decisions cut_turn(const State& state, const Session& session, Seq for_message) {
  Decisions decisions = cancel_turn(state, session, 0);
  decisions.front().mutable_turn_cancelled()->set_for_message(for_message);
  return decisions;
}

Decisions meet_busy(const State& state, const Session& session, const Event& message) {
  const OpenTurn& open = session.state().open();
  // A title can wait for a later answer; nobody waits for it.
  if (open.kind() == TITLE) return cut_turn(state, session, message.seq());
  if (!is_plain(message) || open.kind() != ANSWER || open.using_tools()) return {};
  const std::string mode = queue_mode(state, session);
  // What has said nothing yet has no piece to be cut at.
  const bool at_once = mode == "interrupt" || (mode == "steer" && open.last_chunk() == 0);
  // What will not be asked for want of money cuts nothing.
  const bool paid = budget_stop(state, session.state().place(), writer_of(message)).empty();
  return at_once && paid ? cut_turn(state, session, message.seq()) : Decisions();
}

Decisions decide_chunk(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr || session->state().waiting().empty() || !session->busy()) return {};
  const bool safe = event.chunk_received().kind() != TOOL_USE;
  if (!safe || session->state().open().kind() != ANSWER) return {};
  // Where a tool was at work when it was written, an interruption comes now.
  const std::string mode = queue_mode(state, *session);
  if (mode != "steer" && mode != "interrupt") return {};
  const Seq first = first_to_answer(state, *session);
  return first == 0 ? Decisions() : cut_turn(state, *session, first);
}

Decisions cut_interrupted(const State& state, const Session& session) {
  return session.state().open().using_tools() ? Decisions() : cut_between_steps(state, session);
}

Decisions cut_between_steps(const State& state, const Session& session) {
  const std::string mode = queue_mode(state, session);
  const bool cuts = mode == "steer" || mode == "interrupt";
  if (!cuts || session.state().open().kind() != ANSWER) return {};
  const Seq first = first_to_answer(state, session);
  return first == 0 ? Decisions() : cut_turn(state, session, first);
}

bool waits_once_more(const Session& session, const Waiting& waiting) {
  return !waiting.model().empty() || waiting.continues() != 0 ||
         waiting.seq() == leaf_of(session.state());
}

std::vector<Event> waiting_together(const State& state, const Session& session, int position) {
  const SessionState& talk = session.state();
  std::vector<Event> together;
  const bool alone = queue_mode(state, session) == "wait";
  const Seq joins = talk.waiting(position).joins();
  for (int index = position; index < talk.waiting_size(); ++index) {
    const Waiting& waiting = talk.waiting(index);
    if (alone && waiting.joins() != joins) continue;
    std::optional<Event> message = state.history.event(waiting.seq());
    if (!message && together.empty()) return {};
    if (!message) break;
    // What came late is gathered by itself.
    const bool again = waits_once_more(session, waiting);
    const bool own_turn = again || waiting.late() || !is_plain(*message);
    if (own_turn && !together.empty()) break;
    together.push_back(*std::move(message));
    if (own_turn || (alone && joins == 0) || together.size() == kTogetherMax) break;
  }
  return together;
}

}  // namespace daybook
