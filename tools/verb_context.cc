// `daybook context`: what a model would be sent if it were asked now, and by which rules. What
// /context says in the chat.
#include <algorithm>
#include <limits>

#include "core/context.h"
#include "core/decide.h"
#include "tools/command_line.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/residency_json.h"
#include "tools/tool.h"

namespace daybook {
namespace {

// Without a model to ask there is the text alone, which says so.
JsonLine context_json(const State& state, const Session& session, const std::string& text) {
  JsonLine object{{"session", session.state().id()}, {"text", text}};
  Result<TurnStarted> turn = next_answer(state, session);
  if (!turn) return object;
  const bool fits = plan_prompt(session.state(), &*turn, state.history);
  object["model"] = turn->model();
  object["provider"] = turn->provider();
  object["policy"] = turn->policy();
  object["provenance"] = turn->provenance();
  object["tokens"] = turn->tokens();
  object["budget"] = turn->budget();
  object["fits"] = fits;
  object["residency"] = residency_json(session.state(), *turn);
  return object;
}

// What each line is about stands out, and where the entries are recedes.
void print_context(const Tool& tool, std::string_view text) {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const std::size_t named = std::min(line.find(':') + 1, line.size());
    print_line(line.starts_with(' ')
                   ? dimmed(tool, line)
                   : bold(tool, line.substr(0, named)) + std::string(line.substr(named)));
    at = end + 1;
  }
}

Result<void> run_context(const Tool& tool, const std::string& what, const std::string& at) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto moment = session_then(**view, what, at);
  if (!moment) return moment.error();
  auto session = (*view)->session(moment->session, moment->upto);
  if (!session) return session.error();
  auto directory = (*view)->directory_at(moment->upto);
  if (!directory) return directory.error();
  Gateway& gateway = (*view)->gateway();
  // No other session has a part in what it would be sent.
  const auto itself = [&](SessionId id) { return id == moment->session ? &*session : nullptr; };
  const State state{*directory, itself, gateway, directory->time()};
  const std::string text = context_text(state, *session, std::numeric_limits<std::size_t>::max());
  if (tool.json) {
    print_json(context_json(state, *session, text));
  } else {
    print_context(tool, terminal_text(text));
  }
  return {};
}

}  // namespace

void add_context(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "context", Group::kRead, "what a model would be sent now, and by which rules",
               "daybook context telegram:12345");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  const auto at = std::make_shared<std::string>();
  verb->add_option("session", *what, "a session's number, place, or its beginning")->required();
  verb->add_option("--at", *at, std::string("what it would have been sent at ") + kMomentHelp);
  verb->add_flag("--json", tool.json, "as a JSON object, with where each entry is");
  verb->callback([&tool, what, at] {
    tool.chosen = [&tool, what, at] { return run_context(tool, *what, *at); };
  });
}

}  // namespace daybook
