// /erase in reply to a message: what it says goes, with its echoes; and what was being made of it
// stops.
#include <algorithm>
#include <utility>

#include "core/context.h"
#include "core/decide_conversation.h"
#include "core/erasure.h"
#include "core/layout.h"
#include "core/parts.h"

namespace daybook {

namespace {

// Whose words they are, and what they are; seq 0: not found.
struct Target {
  Seq seq = 0;
  std::int64_t user = 0;
};

std::int64_t asker_of(const Event& turn, History& history) {
  if (turn.turn_started().answers().empty()) return 0;
  const std::optional<Event> message = history.clear_event(turn.turn_started().answers(0));
  return message ? writer_of(*message) : 0;
}

// The message, turn or notice that the asking one replies to, the newest first.
Target find_target(const Session& session, const Event& asked, History& history) {
  const std::int64_t message_id = asked.message_received().reply_to();
  const auto wanted = [](const Event& event) { return !event.has_message_edited(); };
  const std::optional<Event> event =
      find_on_screen(message_id, asked.prev(), SIZE_MAX, history, wanted,
                     left_place(session, asked.message_received().place()));
  if (!event) return {};
  if (event->has_message_received()) return {event->seq(), event->message_received().user()};
  const Seq source = event->reply_posted().source();
  const std::optional<Event> shown = history.clear_event(source);
  const bool ours = shown && shown->session() == session.state().id();
  return {source, ours ? asker_of(*shown, history) : std::int64_t{0}};
}

// Of what a prompt is made of besides entries.
std::vector<Seq> told_besides(const SessionState& talk, const OpenTurn& open,
                              const TurnStarted& record) {
  std::vector<Seq> told = {system_event(record), record.continues(), record.preface().goal(),
                           record.preface().progress()};
  if (record.summary() != 0) told.push_back(talk.summary_text());
  for (const ToldPart& part : told_parts(talk, record)) told.push_back(part.text);
  for (const ToldBranch& branch : told_branches(talk, record)) told.push_back(branch.text);
  for (const TaskRow& task : record.preface().tasks()) {
    told.push_back(task.task());
    told.push_back(task.note());
  }
  for (const StepRow& step : open.steps()) {
    for (const ToolCallRow& call : step.calls()) told.push_back(call.settled());
  }
  return told;
}

// Something of what the open turn's model is told is forgotten. As its session was when its prompt
// was made: what is forgotten is no entry any more.
bool was_told(const State& state, const OpenTurn& open, const SessionErased& erased) {
  if (state.directory.rules() < 3 || covers(erased, open.seq())) return true;
  const std::optional<Event> recorded = state.history.clear_event(open.prompt());
  if (!recorded || prompt_record(*recorded).rules() == 0) return true;
  const Result<Session> before =
      Session::load(recorded->session(), recorded->prev(), 0, state.history);
  if (!before) return true;
  const SessionState& talk = before->state();
  const TurnStarted& record = prompt_record(*recorded);
  const std::vector<bool> taken = positions_of(talk, record.taken());
  for (int position = 0; position < talk.entries_size(); ++position) {
    if (!taken[static_cast<std::size_t>(position)]) continue;
    if (covers(erased, talk.entries(position).seq())) return true;
  }
  const auto gone = [&erased](Seq seq) { return seq != 0 && covers(erased, seq); };
  const std::vector<Seq> besides = told_besides(talk, open, record);
  return std::any_of(besides.begin(), besides.end(), gone) ||
         std::any_of(open.answers().begin(), open.answers().end(), gone);
}

std::string forgotten_text(bool answer) {
  const std::string what = answer ? "that answer" : "that message and what answered it";
  return "Forgotten: " + what +
         ", with every summary made of it. The journal cannot show it any more. What stands on "
         "screens and what a model was told is not ours to take back: delete the message here too.";
}

std::string stopped_text(const TurnCancelled& cancelled) {
  return std::string("The answer under way has stopped: it was made from words that have just ") +
         "been erased. " +
         (cancelled.waits_again().empty() ? "Ask again if you still want one."
                                          : "What else was asked is answered next.");
}

}  // namespace

Decisions erase_replied(const State& state, const Session& session, const Event& message) {
  const auto reply = [&](std::string text) -> Decisions {
    return {notice(session, &message, std::move(text), "erase")};
  };
  const MessageReceived& asked = message.message_received();
  if (!state.directory.state().erasable()) {
    return reply(
        "This journal keeps words in clear, so nothing in it can be erased. A new journal encrypts "
        "them unless journal.encrypt is false.");
  }
  if (asked.reply_to() == 0) {
    return reply("Answer the message that is to be forgotten with /erase.");
  }
  const Target target = find_target(session, message, state.history);
  if (target.seq == 0) return reply("That message is not in this conversation's journal.");
  const bool own = target.user == asked.user() || asked.user() == state.directory.owner();
  if (asked.group() && !own) {
    return reply("In a group only who said it, or who owns this gateway, can erase it.");
  }
  const SessionRow* row = state.directory.session(session.state().id());
  Result<std::vector<Event>> facts = erasure_facts(
      state.directory, *row, {.subject = target.seq, .asker = message.seq()}, state.history);
  if (!facts) return reply("It cannot be erased: " + facts.error().message + ".");
  const std::optional<Event> subject = state.history.clear_event(target.seq);
  Decisions decisions = *std::move(facts);
  decisions.push_back(
      notice(session, &message, forgotten_text(subject && subject->has_turn_started()), "erase"));
  return decisions;
}

// What is under way was asked with words that are gone, or with a summary made of them. A summary
// or a title of them is named by the erasure itself.
Decisions decide_erased(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr || !session->busy()) return {};
  const SessionErased& erased = event.session_erased();
  const OpenTurn& open = session->state().open();
  if (!was_told(state, open, erased)) return {};
  Decisions decisions = covers(erased, open.seq()) && open.answers_size() > 1
                            ? take_back_turn(state, *session, erased.answers(), &erased)
                            : cancel_turn(state, *session, erased.answers());
  if (covers(erased, open.seq())) {
    TurnCancelled* cancelled = decisions.front().mutable_turn_cancelled();
    // What it cost stays.
    const bool counted = state.directory.rules() >= 3 && cancelled->earlier_bytes() == 0 &&
                         cancelled->said_tokens() == 0;
    if (counted) cancelled->set_said_tokens(cancelled->tokens());
    cancelled->set_tokens(0);
    cancelled->clear_earlier_bytes();
    decisions.front().clear_content();
  }
  if (state.directory.rules() < 3 || open.kind() != ANSWER) return decisions;
  // First: who reads the answer at a terminal has read all when it ends.
  decisions.insert(
      decisions.begin(),
      notice(*session, nullptr, stopped_text(decisions.front().turn_cancelled()), "erase"));
  return decisions;
}

}  // namespace daybook
