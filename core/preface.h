// What a model is told of the moment, right before the messages it is to answer: that they came
// late, what the conversation is for, what is still to be done.
//
// Law: TurnStarted records what it is made of, so the same words can be made for ever, whatever
// becomes of goal and tasks. It is said as the user's, not as the system's: they are a person's
// words. Rejected: the system prompt as its place; whenever a task is done, no prompt would begin
// like the one before.
#pragma once

#include <cstdint>
#include <string>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/state.pb.h"

namespace daybook {

// Since a goal was set or confirmed: beyond either the model is asked whether it still serves it.
inline constexpr std::uint32_t kDriftTools = 10;
inline constexpr std::uint32_t kDriftErrors = 3;

bool drifts(std::uint32_t tools_used, std::uint32_t errors);

// Goal and open tasks of a session, as they are to be recorded; false: there are none.
bool record_goal(const SessionState& session, Preface* preface);

// The words; empty: there is nothing to tell.
std::string preface_text(const TurnStarted& turn, History& history);

}  // namespace daybook
