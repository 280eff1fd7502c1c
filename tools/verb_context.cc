// `daybook context`: what a model would be sent if it were asked now, and by which rules. What
// /context says in the chat.
#include "core/decide.h"
#include "tools/command_line.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/tool.h"

namespace daybook {
namespace {

Result<void> run_context(const Tool& tool, const std::string& what) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto id = (*view)->find_session(what);
  if (!id) return id.error();
  auto session = (*view)->session(*id);
  if (!session) return session.error();
  Gateway& gateway = (*view)->gateway();
  const State state{gateway.directory(),
                    [&gateway](SessionId other) { return gateway.session(other); }, gateway,
                    gateway.directory().time()};
  const std::string text = context_text(state, *session);
  if (tool.json) {
    print_json({{"session", *id}, {"text", text}});
  } else {
    print_line(terminal_text(text));
  }
  return {};
}

}  // namespace

void add_context(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "context", Group::kRead, "what a model would be sent now, and by which rules",
               "daybook context telegram:12345");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  verb->add_option("session", *what, "a session's number, place, or its beginning")->required();
  verb->add_flag("--json", tool.json, "the same text in a JSON object");
  verb->callback(
      [&tool, what] { tool.chosen = [&tool, what] { return run_context(tool, *what); }; });
}

}  // namespace daybook
