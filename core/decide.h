// decide(state, event) -> decisions. Called once, when an event is first recorded, fact and
// decision alike; never on replay: live decides, replay applies.
//
// State is the staged position with `event` already folded in. Decisions come without seq, time,
// cause and prev; the gateway fills them in, folds all of them, then asks decide() about each.
// Law: what comes before a TurnStarted in one answer changes no entry of its session, so that the
// prompt of a turn is a function of the chain it continues.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/directory.h"
#include "core/events.pb.h"
#include "core/model.h"
#include "core/ports.h"
#include "core/route.h"
#include "core/session.h"

namespace daybook {

// A turn that restarts keep interrupting is given up after this many attempts.
inline constexpr std::uint32_t kRestartAttemptsMax = 8;
// A provider that asks for a longer pause than this has said no.
inline constexpr Duration kRetryAfterMax{300'000};

struct State {
  const Directory& directory;
  // Loads on first touch; null if there is none.
  std::function<const Session*(SessionId)> session;
  History& history;
  Time now{};  // the time of the event being decided
};

using Decisions = std::vector<Event>;

Decisions decide(const State& state, const Event& event);

// The parts decide() is made of, each in a file of its own.

// decide_message.cc: one message that is its session's turn to be settled, or acts at once.
Decisions settle_message(const State& state, const Session& session, const Event& message);
// Settles what waits, in order, until a turn starts or nothing is left.
Decisions settle_waiting_messages(const State& state, const Session& session);
bool acts_at_once(const Event& message);

// decide_late.cc: what came while nobody was there to answer.
bool is_command(const Event& message);
// Words to be answered: neither a command nor nothing that can be read.
bool is_plain(const Event& message);
// It came late and is held: words, or a command that waits for those before it.
bool comes_late(const State& state, const Session& session, const Event& message);
// It came in time, and waits for late commands all the same.
bool waits_in_line(const State& state, const Session& session, const Event& message);
// Of the words that wait before a command, some came late: they are answered together.
bool words_came_late(const State& state, const Session& session);
Decisions hold_message(const State& state, const Session& session, Seq message);
// Something waits that did not come late: somebody is there.
bool wrote_anew(const State& state, const Session& session);
// One answer to all plain messages that wait before a command, or to as many as fit one prompt.
Decisions answer_late(const State& state, const Session& session);
// The same unless the owner is to be asked first, and nobody wrote anew: then that.
Decisions settle_late(const State& state, const Session& session);
// After a restore: nobody knows whether what idle conversations held was answered meanwhile.
Decisions drop_held(const State& state);
Decisions decide_gathered(const State& state, const Event& event);
Decisions answer_recover(const State& state, const Session& session, const Event& message);
Decisions decide_gap(const State& state, const Event& event);

// decide_goals.cc
Decisions answer_goal(const State& state, const Session& session, const Event& message);
Decisions answer_task(const State& state, const Session& session, const Event& message);

// decide_turn.cc: a turn for this message, with the truncation it needed; or the notice why not.
Decisions start_answer(const State& state, const Session& session, const Event& message);
// The same for several at once, and a notice to each; `late` says how late they came.
Decisions start_answers(const State& state, const Session& session,
                        const std::vector<Event>& messages, const Preface& late);
// The model of this name; empty: the session's own, or the settings'.
Result<ResolvedModel> model_of(const State& state, const Session& session,
                               const std::string& wanted = {});
Decisions start_summary(const State& state, const Session& session, const Event& compaction);
// The model and the limits that the session's next answer would have.
Result<TurnStarted> next_answer(const State& state, const Session& session);
// decide_prompt.cc: the turn, with the truncation it needed; or why it cannot be asked.
Result<Decisions> with_choice(const State& state, const Session& session, Event event);
// The same by limits alone.
Decisions with_prompt(const State& state, const Session& session, Event event);
// The event that records the session's last prompt as a turn; null: there was none like it.
std::optional<Event> last_prompt(const State& state, const Session& session);
Event turn_failed(const State& state, const OpenTurn& turn, const AttemptFailed& failed,
                  const std::string& text, const std::string& detail);
// Of an OVERFLOW that no shorter conversation mends: the steps themselves are too long.
Event steps_too_long(const State& state, const OpenTurn& turn, const AttemptFailed& failed,
                     const std::string& text);
Event turn_abandoned(const State& state, const OpenTurn& turn, const std::string& text,
                     std::string why);
Decisions cancel_turn(const State& state, const Session& session, Seq by);
Decisions decide_attempt_failed(const State& state, const Event& event);
Decisions decide_turn_ended(const State& state, const Event& event);
Decisions decide_restart(const State& state, const Event& event);
Decisions decide_restored(const State& state, const Event& event);
Decisions decide_settings(const State& state, const Event& event);
// Of a turn under way: another attempt, whose event may yet be given a prompt of its own.
Event turn_retried(const State& state, const OpenTurn& turn, ErrorClass error, Time not_before,
                   const std::string& text);
// This model and what follows from it: its window, what a prompt may take, what its tokens are.
void set_model(const State& state, const ResolvedModel& model, TurnStarted* turn);
// Records how the prompt of an answer is made, as the choice of its policy. `ahead`: the session
// with the turn begun.
void record_prompt(const State& state, const Session& session, const SessionState& ahead,
                   TurnStarted* turn, Decisions* decisions);
// The same of a summary whose turn is under way.
void record_summary_prompt(const State& state, const Session& session, TurnStarted* turn);

// decide_route.cc: who is asked, the model that is wanted or one of its fallbacks.
struct Routed {
  ResolvedModel model;
  Route route;
  std::optional<PassedModel> held;  // nobody is asked: all rest for long, this one the shortest
};
Routed route_turn(const State& state, const Session& session, const ResolvedModel& wanted,
                  const std::string& task);
// The model that is wanted all the same, since the one that was routed to has no room.
Routed back_to(const ResolvedModel& wanted, const Routed& routed);
// Whether another model may do what this one did not.
bool leads_to_fallback(const AttemptFailed& failed);
// The open turn goes on with another model: nothing when there is none that is worth asking.
// `event` says what happened to it, `text` is what it had said.
Decisions fall_back(const State& state, const Session& session, const AttemptFailed& failed,
                    Seq event, const std::string& text);
// Of a failure that ends the open turn: the owner is told what only an owner can mend, once until
// it works again; nothing where the failure is told there anyway.
Decisions tell_owner_of_end(const State& state, const Session& session,
                            const AttemptFailed& failed);

// decide_budget.cc: why no model is asked on this account today; empty: one may be.
std::string budget_stop(const State& state, std::string_view place, std::int64_t user);
std::string budget_stop(const State& state, const OpenTurn& turn);  // with what it cost by now
// What is to be said of budgets after an event that may have cost something.
Decisions decide_spent(const State& state, const Event& event);
Decisions answer_usage(const State& state, const Session& session, const Event& message);

// decide_continue.cc: an answer that broke off goes on.
Decisions continue_answer(const State& state, const Session& session, const Event& message);
// Begins the turn where the answer broke off that what waits goes on with, if it does.
void continue_from(const State& state, const Session& session, const Waiting& waiting,
                   TurnStarted* turn);
// Of an answer that a limit ended: its checkpoint, and that it goes on (a LeafMoved, the last), or
// how one goes on. Nothing: no limit did.
Decisions settle_limit(const State& state, const Session& session, const Event& ended,
                       const Event& turn);
// What becomes of an answer that a restart cut off, if it is not begun anew: an event that stands
// for the end of its turn comes first. Nothing: it is begun anew.
Decisions settle_cut_off(const State& state, const Session& session, const std::string& text);
// What follows an end of a turn that goes on.
Decisions go_on(const Session& session, const Event& ended, const Event& turn);

// decide_tools.cc: what an answer asked for is allowed or refused; when all of it is settled the
// model is asked again.
Decisions decide_step_completed(const State& state, const Event& event);
Decisions decide_tool_settled(const State& state, const Event& event);
// After a restart nobody knows what became of the tools that ran: the model is told so.
Decisions settle_interrupted_tools(const State& state, const Session& session);

// decide_branch.cc: the leaf moves. What runs is stopped first.
Decisions undo_messages(const State& state, const Session& session, const Event& message);
Decisions redo_messages(const State& state, const Session& session, const Event& message);
Decisions retry_answer(const State& state, const Session& session, const Event& message);
Decisions fork_conversation(const State& state, const Session& session, const Event& message);
Decisions list_branches(const State& state, const Session& session, const Event& message);
Decisions switch_branch(const State& state, const Session& session, const Event& message);
Decisions save_branch(const State& state, const Session& session, const Event& message);
Decisions decide_edited(const State& state, const Event& event);
// LeafMoved, MessageReplaced, CompactionUndone: whoever waits goes on from there.
Decisions decide_moved(const State& state, const Event& event);

// decide_compaction.cc
Decisions undo_compaction(const State& state, const Session& session, const Event& message);
Decisions start_compaction(const State& state, const Session& session, const Event& message);
// Of what is left when this entry becomes the leaf: a summary is begun, or told there once more;
// nothing where the settings want none, it is little, was undone or is told there already.
Decisions summarise_left(const State& state, const Session& session, Seq to, Seq asked);
// When the next prompt would be too full, or with `overflow` the last one was and no shorter one
// was found: CompactionStarted, else nothing.
Decisions compact_when_due(const State& state, const Session& session, bool overflow);
Decisions decide_compaction_ended(const State& state, const Event& event);
Decisions end_compaction(const State& state, const Session& session, const Event& turn,
                         const Event& ended);

// decide_search.cc: /search in a chat.
Decisions answer_search(const State& state, const Session& session, const Event& message);

// decide_context.cc: what a prompt takes, seen and changed from a chat.
std::string policy_in_use(const State& state, const Session& session);
Decisions answer_policy(const State& state, const Session& session, const Event& message);
Decisions choose_policy(const State& state, const Session& session, const Event& message,
                        const std::string& name);
Decisions answer_context(const State& state, const Session& session, const Event& message);
Decisions answer_pin(const State& state, const Session& session, const Event& message);
Decisions answer_unpin(const State& state, const Session& session, const Event& message);
// What the model would see if it were asked now, and why: lines for a person, of those that say
// where entries are so many.
std::string context_text(const State& state, const Session& session, std::size_t runs_max);

// decide_access.cc
// Whoever owns this gateway asks, or sits at this machine; and nobody else reads along.
bool owner_asks(const State& state, const Event& message);
bool owner_asks_alone(const State& state, const Event& message);
Decisions decide_refused(const State& state, const Event& event);
Decisions decide_approved(const State& state, const Event& event);
// Who is let in by the number of a group is told to name its new one.
Decisions decide_place_moved(const State& state, const Event& event);

// decide_erasure.cc: /erase, and what it means for what is under way.
Decisions erase_replied(const State& state, const Session& session, const Event& message);
Decisions decide_erased(const State& state, const Event& event);

// decide_space.cc
Decisions decide_space(const State& state, const Event& event);

// Who wrote a message, or its new words; 0: somebody at this machine.
std::int64_t writer_of(const Event& message);
// Which message to reply to visibly: in a group the one that is answered, else none.
std::int64_t reply_target(const Session& session, const Event& message);

// A notice to the session's place that settles `message` (null: nothing in particular).
Event notice(const Session& session, const Event* message, std::string text,
             std::string_view topic);

// A command, and where it was given.
struct Asked {
  const State& state;
  const Session& session;
  const Event& message;
  std::string_view topic;

  [[nodiscard]] const SessionState& tree() const { return session.state(); }
  [[nodiscard]] const std::string& arguments() const { return message.content().arguments(); }
  // `quotes`: events whose words the text repeats; 0 is none.
  [[nodiscard]] Event reply(std::string text, const std::vector<Seq>& quotes = {}) const;
};
// A notice to a place that need not have a session yet.
Event notice_at(const State& state, const std::string& place, std::string text,
                std::string_view topic);

}  // namespace daybook
