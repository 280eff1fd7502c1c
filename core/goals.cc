#include "core/goals.h"

#include <algorithm>

#include "core/erasure.h"

namespace daybook {

namespace {

// `answers`: the turn under way is one that answers somebody.
void count(GoalState* goal, const Event& event, bool answers) {
  if (event.has_tool_returned()) goal->set_tools_used(goal->tools_used() + 1);
  const bool failed = (event.has_turn_failed() && answers) || event.has_tool_refused() ||
                      (event.has_tool_returned() && event.tool_returned().failed());
  if (failed) goal->set_errors(goal->errors() + 1);
}

}  // namespace

void apply_goal(SessionState* session, const Event& event) {
  if (event.has_goal_set()) {
    session->clear_goal();
    session->mutable_goal()->set_set(event.seq());
  } else if (event.has_goal_cleared()) {
    session->clear_goal();
  } else if (event.has_task_added()) {
    session->add_tasks()->set_task(event.seq());
  } else if (event.has_task_changed()) {
    for (TaskRow& task : *session->mutable_tasks()) {
      if (task.task() == event.task_changed().task())
        task.set_status(event.task_changed().status());
    }
  }
  if (!session->has_goal()) return;
  if (event.has_goal_reaffirmed()) {
    session->mutable_goal()->clear_tools_used();
    session->mutable_goal()->clear_errors();
  } else {
    count(session->mutable_goal(), event, session->open().kind() == ANSWER);
  }
}

void forget_goal(SessionState* session, const SessionErased& erased) {
  if (session->has_goal() && covers(erased, session->goal().set())) session->clear_goal();
  auto* tasks = session->mutable_tasks();
  tasks->erase(std::remove_if(tasks->begin(), tasks->end(),
                              [&](const TaskRow& task) { return covers(erased, task.task()); }),
               tasks->end());
}

}  // namespace daybook
