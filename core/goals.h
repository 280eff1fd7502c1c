// The goal of a conversation and its tasks, as a fold: core/preface.h tells them to the model,
// core/decide_goals.cc lets people change them.
//
// Law: setting a goal leaves the tasks as they are; a task that is not there changes nothing. What
// was used and what failed is counted from the events themselves since the goal was set or
// confirmed, so drift is found by whoever folds.
#pragma once

#include "core/events.pb.h"
#include "core/state.pb.h"

namespace daybook {

// GoalSet and its kin, TaskAdded, TaskChanged, and what is counted: ToolReturned, ToolRefused,
// TurnFailed.
void apply_goal(SessionState* session, const Event& event);

// Goal and tasks whose words are forgotten go.
void forget_goal(SessionState* session, const SessionErased& erased);

}  // namespace daybook
