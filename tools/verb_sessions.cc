// `daybook sessions`: every conversation there is or was.
#include "core/conversations.h"
#include "core/notation.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/tool.h"

namespace daybook {
namespace {

// Of the conversation it is in: the title, or what was said first. Empty: nothing was.
std::string title_in(const SessionState& state, History& history) {
  for (const Conversation& one : conversations_of(state)) {
    if (one.present) return title_of(one, history);
  }
  return {};
}

void print_session(const Tool& tool, const SessionRow& row, const SessionState& state,
                   const std::string& default_model, const std::string& title) {
  const std::string& model = state.model().empty() ? default_model : state.model();
  const std::string last = time_text(from_milliseconds(row.time()));
  if (tool.json) {
    print_json({{"session", row.id()},
                {"place", row.place()},
                {"title", title},
                {"model", model},
                {"turns", state.turns()},
                {"entries", state.entries_size()},
                {"waiting", state.waiting_size()},
                {"open_turn", row.open_turn()},
                {"head", row.head()},
                {"last", last}});
    return;
  }
  std::string line = dimmed(tool, right(std::to_string(row.id()), 6) + "  " + last.substr(0, 10) +
                                      " " + last.substr(11, 8)) +
                     "  " + bold(tool, terminal_text(row.place())) + "  " + terminal_text(model) +
                     "  " + count_text(state.turns(), "turn");
  if (row.open_turn() != 0) {
    line += "  " + green(tool, "turn " + std::to_string(row.open_turn()) + " runs");
  }
  if (!title.empty()) line += "  " + dimmed(tool, "\"" + terminal_text(title) + "\"");
  print_line(line);
}

Result<void> run_sessions(const Tool& tool, const std::string& at) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  Seq upto = (*view)->log().last();
  if (!at.empty()) {
    auto moment = moment_of(**view, at);
    if (!moment) return moment.error();
    upto = *moment;
  }
  auto folded = (*view)->directory_at(upto);
  if (!folded) return folded.error();
  for (const auto& [id, row] : folded->sessions()) {
    auto session = (*view)->session(id, upto);
    if (!session) return session.error();
    print_session(tool, row, session->state(), folded->settings().model(),
                  title_in(session->state(), (*view)->gateway()));
  }
  if (folded->sessions().empty() && !tool.json) {
    print_line(at.empty() ? "Nobody has talked yet. Say something: daybook ask hello"
                          : "Nobody had talked by event " + std::to_string(upto) + ".");
  }
  return {};
}

}  // namespace

void add_sessions(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "sessions", Group::kRead, "every conversation there is, or was",
                            "daybook sessions --json; daybook sessions --at 2026-02-03");
  const auto at = std::make_shared<std::string>();  // lives as long as the callback
  verb->add_option("--at", *at, std::string("as they were at ") + kMomentHelp);
  verb->add_flag("--json", tool.json, "one JSON object a line");
  verb->callback([&tool, at] { tool.chosen = [&tool, at] { return run_sessions(tool, *at); }; });
}

}  // namespace daybook
