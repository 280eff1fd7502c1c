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
#include <vector>

#include "core/directory.h"
#include "core/events.pb.h"
#include "core/ports.h"
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

// decide_turn.cc: a turn for these messages, with the truncation it needed; or the notice why not.
Decisions start_answer(const State& state, const Session& session, const Event& message);
Decisions start_summary(const State& state, const Session& session, const Event& compaction);
Decisions cancel_turn(const State& state, const Session& session, Seq by);
Decisions decide_attempt_failed(const State& state, const Event& event);
Decisions decide_turn_ended(const State& state, const Event& event);
Decisions decide_restart(const State& state, const Event& event);
Decisions decide_restored(const State& state, const Event& event);
Decisions decide_settings(const State& state, const Event& event);

// decide_compaction.cc
Decisions start_compaction(const State& state, const Session& session, const Event& message);
Decisions decide_compaction_ended(const State& state, const Event& event);
Decisions end_compaction(const State& state, const Session& session, const Event& turn,
                         const Event& ended);

// decide_search.cc: /search in a chat.
Decisions answer_search(const State& state, const Session& session, const Event& message);

// decide_access.cc
Decisions decide_refused(const State& state, const Event& event);
Decisions decide_approved(const State& state, const Event& event);

// decide_erasure.cc: /erase, and what it means for what is under way.
Decisions erase_replied(const State& state, const Session& session, const Event& message);
Decisions decide_erased(const State& state, const Event& event);

// decide_space.cc
Decisions decide_space(const State& state, const Event& event);

// A notice to the session's place that settles `message` (null: nothing in particular).
Event notice(const Session& session, const Event* message, std::string text,
             std::string_view topic);
// A notice to a place that need not have a session yet.
Event notice_at(const State& state, const std::string& place, std::string text,
                std::string_view topic);

}  // namespace daybook
