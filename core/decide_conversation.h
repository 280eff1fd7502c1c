// The parts of decide() that are about conversations: their own settings, what becomes of messages
// that come meanwhile, going from one to another, and titles.
//
// Law: as in core/decide.h, which these are a part of. Apart because what they say to each other
// concerns nothing else.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/decide.h"

namespace daybook {

// decide_own.cc: what a conversation has set for itself.
std::string model_in_use(const State& state, const Session& session);
// " Near it: a, b.", other models whose names look like this one; or where to look for them.
std::string near_text(const State& state, const std::string& name);
// A command that asks this model once: why it cannot; and what is to be said where its provider
// does not list it. No name is the model in use, of which nothing more is said.
std::string not_asked_text(const State& state, const std::string& why, const std::string& name);
std::string asked_unlisted_text(const State& state, const ResolvedModel& model,
                                const std::string& name);
Decisions answer_model(const State& state, const Session& session, const Event& message);
Decisions answer_models(const State& state, const Session& session, const Event& message);
Decisions answer_provider(const State& state, const Session& session, const Event& message);
Decisions answer_thinking(const State& state, const Session& session, const Event& message);
Decisions answer_temperature(const State& state, const Session& session, const Event& message);
Decisions answer_system(const State& state, const Session& session, const Event& message);
Decisions answer_set(const State& state, const Session& session, const Event& message);
// "model, thinking": the keys that are set in it, or were when it was left; empty: none.
std::string own_keys(const Session& session);
std::string own_keys(const ConversationRow& row);
// What becomes of what the old conversation had, to be said when a new one begins: of what waits,
// of what is set, of goal and tasks.
std::string left_behind_text(const State& state, const Session& session, const Event& message);

// decide_route.cc: why this message may not have an answer asked for once more, since the model
// rests and its writer is not the owner; empty: it may.
std::string held_text(const State& state, const Session& session, const Event& message,
                      const ResolvedModel& wanted);

// decide_queue.cc: what becomes of messages that come while an answer is being written.
std::string queue_mode(const State& state, const Session& session);
Decisions answer_queue(const State& state, const Session& session, const Event& message);
// What waits of whoever wrote this message, and was written before it, is given up: a QueueCleared,
// or nothing. And the words for it: " 2 messages that waited are not answered any more."; empty:
// nothing waits.
Decisions drop_waiting(const State& state, const Session& session, const Event& message);
std::string dropped_text(const State& state, const Session& session, const Event& message);
// The open turn ends with what it has said, so that this message is answered next.
Decisions cut_turn(const State& state, const Session& session, Seq for_message);
// The open turn, which answers several, ends as if it had said nothing, and they wait again, but
// for those that are forgotten; null: none is.
Decisions take_back_turn(const State& state, const Session& session, Seq by,
                         const SessionErased* erased);
// When its tools have done: nothing is asked again whose answer would be cut; nothing: it goes on.
Decisions cut_between_steps(const State& state, const Session& session);
// A message that found its session busy.
Decisions meet_busy(const State& state, const Session& session, const Event& message);
// A piece of an answer has come: one that is cut here makes way for what waits.
Decisions decide_chunk(const State& state, const Event& event);
// After a restart, of a turn that somebody has written on since; nothing: it goes on.
Decisions cut_interrupted(const State& state, const Session& session);
// It was answered before: it is an entry already, or is asked of another model, or goes on.
bool waits_once_more(const Session& session, const Waiting& waiting);
// Of what waits, from this position on, the messages that one turn is to answer.
std::vector<Event> waiting_together(const State& state, const Session& session, int position);

// decide_paste.cc: a message that its client may have cut, or the rest of one, is held: a
// MessageHeld; nothing: it is neither.
Decisions hold_piece(const State& state, const Session& session, const Event& message);
// As long as a client lets one be.
bool is_piece(std::string_view text);
// The MessageHeld of one that is one with `joins`.
Event held_piece(const Session& session, Seq message, Seq joins, std::int64_t until);

// decide_sessions.cc: the conversations of a chat.
Decisions answer_sessions(const State& state, const Session& session, const Event& message);
Decisions answer_session(const State& state, const Session& session, const Event& message);
Decisions answer_title(const State& state, const Session& session, const Event& message);
// A SessionNamed: its title is told to the person who gave it.
Decisions decide_named(const State& state, const Event& event);
Decisions answer_forget(const State& state, const Session& session, const Event& message);
Decisions answer_export(const State& state, const Session& session, const Event& message);
Decisions decide_undelivered(const State& state, const Event& event);
Decisions decide_deadline(const State& state, const Event& event);
// Of a conversation in which nothing was said for long enough by then, and nothing but `before`
// waits to be: a SessionReset; else nothing.
Decisions close_idle(const State& state, const Session& session, Time until, Seq before);
// Told with the first words after a conversation was closed by itself; nothing: it was not.
std::optional<Event> idle_notice(const Session& session);

// Among so many events of a chain, from `newest` back, the first that stands on the screen under
// this id and for which `wanted` holds: a MessageReceived, a MessageEdited or a ReplyPosted.
// `left`: at this place, from where the session moved; empty: where it is.
std::optional<Event> find_on_screen(std::int64_t message_id, Seq newest, std::size_t events_max,
                                    History& history,
                                    const std::function<bool(const Event&)>& wanted,
                                    std::string_view left = {});
// This place, if the session moved from there; else empty.
std::string_view left_place(const Session& session, std::string_view place);

// The entry, or the message that waits, which stands on the screen of a place under this id; 0:
// none.
Seq find_said(const Session& session, std::int64_t message_id, Seq before, History& history,
              std::string_view place);

// decide_title.cc: titles that a model makes.
Decisions start_title(const State& state, const Session& session);  // decide_turn.cc
Decisions title_when_due(const State& state, const Session& session);
Decisions end_title(const State& state, const Session& session, const Event& ended);
// Something runs that a person waits for.
bool answering(const Session& session);
// What stands in for a summary that no model is asked for, and why none is.
Decisions without_summary(const State& state, const Session& session, const Event& started,
                          std::string why);
// Of the policy `reset`: what comes before a turn that would begin anew, so that it begins with a
// summary of what it leaves out. Empty: nothing, and it begins without.
Decisions compact_before(const State& state, const Session& session, const TurnStarted& turn);
// A summary is being made that nobody asked for.
bool began_by_itself(const State& state, const OpenTurn& open);

}  // namespace daybook
