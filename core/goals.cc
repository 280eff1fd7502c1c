#include "core/goals.h"

#include <algorithm>

#include "core/command.h"
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

constexpr std::string_view kCriterion = "done when:";
constexpr std::string_view kForbidden = "never:";

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n;";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin));
}

// Where the next line begins, or the next label behind a semicolon; npos: nowhere.
std::size_t next_piece(std::string_view text) {
  for (std::size_t at = text.find_first_of("\n;"); at != text.npos;
       at = text.find_first_of("\n;", at + 1)) {
    const std::string rest = lowered(trimmed(text.substr(at + 1)));
    if (text[at] == '\n' || rest.starts_with(kCriterion) || rest.starts_with(kForbidden)) return at;
  }
  return text.npos;
}

// What stands behind the label; nullopt: another begins it, or none.
std::optional<std::string> behind(std::string_view label, const std::string& piece) {
  if (!lowered(piece).starts_with(label)) return std::nullopt;
  return trimmed(std::string_view(piece).substr(label.size()));
}

}  // namespace

GoalWords goal_typed(std::string_view typed) {
  GoalWords words;
  while (true) {
    const std::size_t end = next_piece(typed);
    const std::string piece = trimmed(typed.substr(0, end));
    const auto done = behind(kCriterion, piece);
    const auto never = behind(kForbidden, piece);
    if (done && !done->empty()) words.done_when.push_back(*done);
    if (never && !never->empty()) words.never.push_back(*never);
    if (!done && !never && !piece.empty()) {
      words.objective += (words.objective.empty() ? "" : "\n") + piece;
    }
    if (end == typed.npos) return words;
    typed.remove_prefix(end + 1);
  }
}

Noted noted(const std::string& typed) {
  const std::size_t colon = typed.find(':');
  if (colon == typed.npos) return {typed, {}};
  const std::string_view all = typed;
  return {trimmed(all.substr(0, colon)), trimmed(all.substr(colon + 1))};
}

void set_goal_words(const GoalWords& words, Event* goal_set) {
  std::string text = words.objective;
  for (const std::string& line : words.done_when) text += "\nDone when: " + line;
  for (const std::string& line : words.never) text += "\nNever: " + line;
  goal_set->mutable_content()->set_text(std::move(text));
  GoalSet* body = goal_set->mutable_goal_set();
  body->set_done_when(static_cast<std::uint32_t>(words.done_when.size()));
  body->set_never(static_cast<std::uint32_t>(words.never.size()));
}

GoalWords goal_words(const Event& goal_set) {
  GoalWords words{goal_set.content().text(), {}, {}};
  const auto take = [&](std::uint32_t lines, std::vector<std::string>* into) {
    for (; lines > 0; --lines) {
      const std::size_t line = words.objective.rfind('\n');
      const std::size_t label = words.objective.find(": ", line);
      if (line == std::string::npos || label == std::string::npos) return;
      into->insert(into->begin(), words.objective.substr(label + 2));
      words.objective.resize(line);
    }
  };
  take(goal_set.goal_set().never(), &words.never);
  take(goal_set.goal_set().done_when(), &words.done_when);
  return words;
}

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
      if (task.task() != event.task_changed().task()) continue;
      task.set_status(event.task_changed().status());
      if (event.task_changed().noted()) task.set_note(event.seq());
    }
  }
  if (!session->has_goal()) return;
  if (event.has_goal_reaffirmed()) {
    session->mutable_goal()->clear_tools_used();
    session->mutable_goal()->clear_errors();
    if (event.goal_reaffirmed().noted()) session->mutable_goal()->set_progress(event.seq());
  } else {
    count(session->mutable_goal(), event, session->open().kind() == ANSWER);
  }
}

void forget_goal(SessionState* session, const SessionErased& erased) {
  if (session->has_goal() && covers(erased, session->goal().set())) session->clear_goal();
  if (covers(erased, session->goal().progress())) session->mutable_goal()->clear_progress();
  auto* tasks = session->mutable_tasks();
  for (TaskRow& task : *tasks) {
    if (covers(erased, task.note())) task.clear_note();
  }
  tasks->erase(std::remove_if(tasks->begin(), tasks->end(),
                              [&](const TaskRow& task) { return covers(erased, task.task()); }),
               tasks->end());
}

}  // namespace daybook
