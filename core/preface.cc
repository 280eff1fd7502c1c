#include "core/preface.h"

#include "core/goals.h"
#include "core/late.h"

namespace daybook {

namespace {

std::string late_text(const Preface& preface) {
  const std::uint32_t count = preface.late_messages();
  if (count == 0) return {};
  const std::string age = age_text(Duration(preface.late_milliseconds()));
  if (count == 1) {
    return "[The next message was written " + age +
           " ago, while nobody was there to answer. It may be out of date.]\n";
  }
  return "[The next " + std::to_string(count) +
         " messages came while nobody was there to answer, " + "the first one " + age +
         " ago. Answer them together; some may be out of date.]\n";
}

std::string list_text(std::string_view title, const std::vector<std::string>& lines) {
  std::string text(lines.empty() ? std::string_view() : title);
  for (const std::string& line : lines) text += "- " + line + "\n";
  return text;
}

std::string goal_text(const Preface& preface, History& history) {
  if (preface.goal() == 0) return {};
  const std::optional<Event> goal = history.event(preface.goal());
  const GoalWords words = goal ? goal_words(*goal) : GoalWords();
  std::string text = "OBJECTIVE: " + words.objective + "\n";
  text += list_text("DONE WHEN:\n", words.done_when) + list_text("NEVER:\n", words.never);
  if (preface.progress() != 0) text += "SO FAR: " + history.text(preface.progress()) + "\n";
  text += "When it is reached, say so and stop. Never ask for passwords or keys.\n";
  if (drifts(preface.tools_used(), preface.errors())) {
    text += "DRIFT WARNING: " + std::to_string(preface.tools_used()) + " tool uses and " +
            std::to_string(preface.errors()) +
            " errors since it was set or confirmed. Say whether this still serves it.\n";
  }
  return text;
}

}  // namespace

bool drifts(std::uint32_t tools_used, std::uint32_t errors) {
  return tools_used >= kDriftTools || errors >= kDriftErrors;
}

bool record_goal(const SessionState& session, Preface* preface) {
  if (session.has_goal()) {
    preface->set_goal(session.goal().set());
    preface->set_tools_used(session.goal().tools_used());
    preface->set_errors(session.goal().errors());
    preface->set_progress(session.goal().progress());
  }
  for (const TaskRow& task : session.tasks()) {
    const bool ended =
        task.status() == TaskChanged::DONE || task.status() == TaskChanged::CANCELLED;
    if (!ended) *preface->add_tasks() = task;
  }
  return session.has_goal() || preface->tasks_size() > 0;
}

std::string preface_text(const TurnStarted& turn, History& history) {
  if (!turn.has_preface()) return {};
  const Preface& preface = turn.preface();
  std::string text = goal_text(preface, history);
  if (preface.tasks_size() > 0) text += "OPEN TASKS:\n";
  for (const TaskRow& task : preface.tasks()) {
    text += task.status() == TaskChanged::IN_PROGRESS ? "\u25D0 " : "\u25CB ";
    text += history.text(task.task());
    if (task.status() == TaskChanged::BLOCKED) text += " (blocked)";
    text += task.note() == 0 ? "\n" : " (" + history.text(task.note()) + ")\n";
  }
  if (!text.empty()) text.insert(0, "[Goal and tasks of this chat]\n");
  text += late_text(preface);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace daybook
