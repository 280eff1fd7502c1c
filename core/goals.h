// The goal of a conversation and its tasks, as a fold: core/preface.h tells them to the model,
// core/decide_goals.cc lets people change them.
//
// Law: setting a goal leaves the tasks as they are; a task that is not there changes nothing. What
// was used and what failed is counted from the events themselves since the goal was set or
// confirmed, so drift is found by whoever folds.
//
// The words of a goal are one text, so that they are found, told and forgotten together: what it
// is, then a line for each criterion and each thing that is forbidden, behind its label. GoalSet
// says how many lines of either there are. Rejected: fields of their own in Content; whoever shows
// words would have to know them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/state.pb.h"

namespace daybook {

// GoalSet and its kin, TaskAdded, TaskChanged, and what is counted: ToolReturned, ToolRefused,
// TurnFailed.
void apply_goal(SessionState* session, const Event& event);

// Goal and tasks whose words are forgotten go.
void forget_goal(SessionState* session, const SessionErased& erased);

struct GoalWords {
  std::string objective;
  std::vector<std::string> done_when;
  std::vector<std::string> never;
};

// As a person types them: "done when: ..." and "never: ..." begin a line of their own, or stand
// behind a semicolon.
GoalWords goal_typed(std::string_view typed);
// The same in a GoalSet, and back.
void set_goal_words(const GoalWords& words, Event* goal_set);
GoalWords goal_words(const Event& goal_set);

// "block 2: Anna has the key": an order, and the note behind a colon; empty: there is none.
struct Noted {
  std::string words;
  std::string note;
};
Noted noted(const std::string& typed);

}  // namespace daybook
