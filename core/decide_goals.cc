// /goal and /task: what a chat is for and what is to be done, said by a person. A note stands
// behind a colon: "/goal ok: half of it is packed", "/task block 2: Anna has the key".
#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/command.h"
#include "core/decide.h"
#include "core/goals.h"
#include "core/notation.h"
#include "core/preface.h"

namespace daybook {

namespace {

constexpr std::size_t kGoalBytesMax = 2'000;
constexpr std::size_t kTaskBytesMax = 500;
constexpr std::size_t kNoteBytesMax = 500;
constexpr int kOpenTasksMax = 50;
constexpr std::size_t kTaskBytesShown = 80;

struct Verb {
  std::string_view word;
  TaskChanged::Status status;
  std::string_view told;
};
constexpr Verb kVerbs[] = {{"start", TaskChanged::IN_PROGRESS, "Begun"},
                           {"done", TaskChanged::DONE, "Done"},
                           {"block", TaskChanged::BLOCKED, "Blocked"},
                           {"drop", TaskChanged::CANCELLED, "Dropped"},
                           {"reopen", TaskChanged::PENDING, "Open again"}};

struct AskedGoal {
  const State& state;
  const Session& session;
  const Event& message;

  [[nodiscard]] const std::string& arguments() const { return message.content().arguments(); }
  [[nodiscard]] Event reply(std::string text, std::string_view topic,
                            const std::vector<Seq>& quotes = {}) const {
    Event told = notice(session, &message, std::move(text), topic);
    for (const Seq seq : quotes) told.mutable_notice_issued()->add_quotes(seq);
    return told;
  }
  [[nodiscard]] Event fact() const {
    Event event;
    event.set_session(session.state().id());
    return event;
  }
};

bool is_open(const TaskRow& task) {
  return task.status() != TaskChanged::DONE && task.status() != TaskChanged::CANCELLED;
}

std::string_view status_word(TaskChanged::Status status) {
  if (status == TaskChanged::IN_PROGRESS) return "\u25D0 ";
  if (status == TaskChanged::BLOCKED) return "\u2717 ";
  return "\u25CB ";
}

Event goal_told(const AskedGoal& asked) {
  const SessionState& talk = asked.session.state();
  if (!talk.has_goal()) {
    return asked.reply("This chat has no goal. Set one with /goal and what it is for.", "goal");
  }
  const Seq progress = talk.goal().progress();
  std::string text = "Goal: " + asked.state.history.text(talk.goal().set());
  if (progress != 0) text += "\nSo far: " + asked.state.history.text(progress);
  const std::uint32_t used = talk.goal().tools_used();
  const std::uint32_t errors = talk.goal().errors();
  text += "\nSince it was set or confirmed: " + std::to_string(used) + " tool uses, " +
          std::to_string(errors) + " errors.";
  if (drifts(used, errors)) text += " The model is warned of drift.";
  text += "\n/goal ok confirms it, /goal done ends it.";
  std::vector<Seq> quotes = {talk.goal().set()};
  if (progress != 0) quotes.push_back(progress);
  return asked.reply(std::move(text), "goal", quotes);
}

Decisions end_goal(const AskedGoal& asked, const std::string& note) {
  if (!asked.session.state().has_goal()) return {goal_told(asked)};
  Event cleared = asked.fact();
  if (!note.empty()) cleared.mutable_content()->set_text(note);
  cleared.mutable_goal_cleared()->set_answers(asked.message.seq());
  return {std::move(cleared),
          asked.reply("The goal is ended. Tasks stay: /task lists them.", "goal")};
}

Decisions confirm_goal(const AskedGoal& asked, const std::string& note) {
  if (!asked.session.state().has_goal()) return {goal_told(asked)};
  Event confirmed = asked.fact();
  confirmed.mutable_goal_reaffirmed()->set_answers(asked.message.seq());
  confirmed.mutable_goal_reaffirmed()->set_noted(!note.empty());
  if (!note.empty()) confirmed.mutable_content()->set_text(note);
  std::string text = "The goal stands; the counting begins anew.";
  if (!note.empty()) text += " The model is told how far it is.";
  return {std::move(confirmed), asked.reply(std::move(text), "goal")};
}

Event note_too_long(const AskedGoal& asked, std::string_view topic) {
  return asked.reply("A note has at most " + std::to_string(kNoteBytesMax) +
                         " bytes, since every prompt holds it; nothing was changed.",
                     topic);
}

std::string with_note(const std::string& text, const std::string& note) {
  return note.empty() ? text : text + " (" + escaped(note, kTaskBytesShown) + ")";
}

Event tasks_told(const AskedGoal& asked) {
  std::string text;
  std::vector<Seq> quotes;
  int number = 0;
  for (const TaskRow& task : asked.session.state().tasks()) {
    ++number;
    if (!is_open(task)) continue;
    text += (text.empty() ? "" : "\n") + std::string(status_word(task.status())) +
            std::to_string(number) + " " +
            with_note(escaped(asked.state.history.text(task.task()), kTaskBytesShown),
                      task.note() == 0 ? std::string() : asked.state.history.text(task.note()));
    quotes.push_back(task.task());
    if (task.note() != 0) quotes.push_back(task.note());
  }
  if (text.empty()) text = "No task is open. Add one with /task and what is to be done.";
  return asked.reply(std::move(text), "task", quotes);
}

struct Change {
  const Verb* verb = nullptr;
  std::vector<int> numbers;  // of tasks, each once; empty: the verb stands alone
};

// "3" and "#3".
std::optional<int> task_number(std::string_view word) {
  if (word.starts_with('#')) word.remove_prefix(1);
  int number = 0;
  const char* const end = word.data() + word.size();
  const auto [read, error] = std::from_chars(word.data(), end, number);
  if (error != std::errc() || read != end) return std::nullopt;
  return number;
}

// "done", "done 3", "done 1, 2 and #4". A sentence that begins with such a word is none: it is a
// task.
std::optional<Change> change_of(const std::string& said) {
  std::string words = lowered(said);
  std::replace(words.begin(), words.end(), ',', ' ');
  std::istringstream in(words);
  std::string word;
  in >> word;
  const auto verb = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                 [&](const Verb& one) { return one.word == word; });
  if (verb == std::end(kVerbs)) return std::nullopt;
  Change change{verb, {}};
  while (in >> word) {
    if (word == "and" && !change.numbers.empty()) continue;
    const std::optional<int> number = task_number(word);
    if (!number) return std::nullopt;
    const bool again =
        std::find(change.numbers.begin(), change.numbers.end(), *number) != change.numbers.end();
    if (!again) change.numbers.push_back(*number);
  }
  return change;
}

Decisions change_tasks(const AskedGoal& asked, const Change& change, const std::string& note) {
  const std::string verb(change.verb->word);
  if (note.size() > kNoteBytesMax) return {note_too_long(asked, "task")};
  if (change.numbers.empty()) {
    return {asked.reply("/task " + verb + " takes the number of a task, or several: /task " + verb +
                            " 2. /task lists them; nothing was changed.",
                        "task")};
  }
  const auto& tasks = asked.session.state().tasks();
  Decisions decisions;
  std::string text;
  std::vector<Seq> quotes;
  for (const int number : change.numbers) {
    if (number < 1 || number > tasks.size()) {
      const std::string none = "There is no task " + std::to_string(number);
      return {asked.reply(none + "; /task lists them.", "task")};
    }
    const TaskRow& task = tasks.Get(number - 1);
    Event changed = asked.fact();
    changed.mutable_task_changed()->set_task(task.task());
    changed.mutable_task_changed()->set_status(change.verb->status);
    changed.mutable_task_changed()->set_answers(asked.message.seq());
    changed.mutable_task_changed()->set_noted(!note.empty());
    if (!note.empty()) changed.mutable_content()->set_text(note);
    decisions.push_back(std::move(changed));
    text += (text.empty() ? std::string(change.verb->told) + ": " : "; ") +
            escaped(asked.state.history.text(task.task()), kTaskBytesShown);
    quotes.push_back(task.task());
  }
  decisions.push_back(asked.reply(with_note(text, note), "task", quotes));
  return decisions;
}

}  // namespace

Decisions answer_goal(const State& state, const Session& session, const Event& message) {
  const AskedGoal asked{state, session, message};
  if (asked.arguments().empty()) return {goal_told(asked)};
  const Noted said = noted(asked.arguments());
  const std::string word = lowered(said.words);
  const bool ends = word == "done" || word == "clear";
  const bool confirms = word == "ok" || word == "confirm";
  if ((ends || confirms) && said.note.size() > kNoteBytesMax) return {note_too_long(asked, "goal")};
  if (ends) return end_goal(asked, said.note);
  if (confirms) return confirm_goal(asked, said.note);
  if (asked.arguments().size() > kGoalBytesMax) {
    return {asked.reply("A goal has at most " + std::to_string(kGoalBytesMax) +
                            " bytes, since every prompt holds it; nothing was changed.",
                        "goal")};
  }
  const GoalWords words = goal_typed(asked.arguments());
  if (words.objective.empty()) {
    return {
        asked.reply("That says how to work for a goal, and not for which: say it first, then "
                    "\u201cdone when: ...\u201d and \u201cnever: ...\u201d. Nothing was changed.",
                    "goal")};
  }
  Event set = asked.fact();
  set.mutable_goal_set()->set_answers(message.seq());
  set_goal_words(words, &set);
  return {std::move(set),
          asked.reply("The goal is set: the model is told of it with every message.", "goal")};
}

Decisions answer_task(const State& state, const Session& session, const Event& message) {
  const AskedGoal asked{state, session, message};
  if (asked.arguments().empty()) return {tasks_told(asked)};
  if (const auto change = change_of(asked.arguments())) return change_tasks(asked, *change, {});
  const Noted said = noted(asked.arguments());
  if (const auto change = change_of(said.words); change && !said.note.empty()) {
    return change_tasks(asked, *change, said.note);
  }
  const auto& tasks = session.state().tasks();
  if (std::count_if(tasks.begin(), tasks.end(), is_open) >= kOpenTasksMax) {
    return {asked.reply("That many tasks are open already (" + std::to_string(kOpenTasksMax) +
                            "); /task done N or /task drop N ends one.",
                        "task")};
  }
  if (asked.arguments().size() > kTaskBytesMax) {
    return {asked.reply("A task has at most " + std::to_string(kTaskBytesMax) +
                            " bytes, since every prompt holds it; nothing was added.",
                        "task")};
  }
  Event added = asked.fact();
  added.mutable_task_added()->set_answers(message.seq());
  added.mutable_content()->set_text(asked.arguments());
  return {std::move(added),
          asked.reply("Task " + std::to_string(tasks.size() + 1) + " is open. /task done " +
                          std::to_string(tasks.size() + 1) + " ends it.",
                      "task")};
}

}  // namespace daybook
