// The steps of a turn: each is an answer of the model that asks for tools, with what came of that.
// A fold over an open turn, the same for its session and for what providers are owed.
//
// Law: every request of a step is attempted or refused in the transaction of its StepCompleted, and
// the model is asked again when all of them are settled, never before. Requests of an attempt that
// did not get so far are void with it. Steps end with their turn: later prompts hold its answer
// alone, so none can hold a result without its request or a request without its result.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

// ToolRequested, StepCompleted, ToolAttempted, ToolReturned, ToolRefused, StepStarted, and of
// TurnRetried what it means for them. Other events and other turns do nothing.
void apply_step(OpenTurn* open, const Event& event);

// Of those that a step is made of.
bool is_step(const Event& event);

// The request of the last step by its ToolRequested; null: there is none such.
const ToolCallRow* find_call(const OpenTurn& open, Seq request);

// The model waits for nothing any more.
bool all_settled(const OpenTurn& open);

// What stands in a prompt for a result that is left out of it.
inline constexpr std::string_view kLeftOutText =
    "[This result was left out: there is no room for it. Ask again for what is still needed.]";

// What the steps that this prompt tells of add to it.
std::uint32_t tokens_of_steps(const OpenTurn& open, const TurnStarted& prompt);
// The results of the first `steps` of them.
std::uint32_t results_of_steps(const OpenTurn& open, int steps);

// Whether the fact of a provider or a tool comes too late for this turn, or is one of those that
// come once and came.
bool step_superseded(const OpenTurn& open, const Event& fact);

// Its estimates, by these rules.
void complete_step_fact(Event* fact, std::uint32_t rules);

}  // namespace daybook
