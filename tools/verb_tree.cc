// `daybook tree` and `fork`: the ways a conversation went, and one more.
#include <nlohmann/json.hpp>

#include "adapters/event_json.h"
#include "core/codec.h"
#include "core/fork.h"
#include "core/notation.h"
#include "core/search_text.h"
#include "tools/branches.h"
#include "tools/control_client.h"
#include "tools/moment.h"
#include "tools/tool.h"
#include "tools/writing.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kWordsShown = 60;
constexpr std::string_view kTerminal = "terminal:";

// ---- tree

// What was said first in it, after what it shares with its parent.
std::string first_words(JournalView& view, const Session& session, Seq at) {
  for (const Entry& entry : session.state().entries()) {
    if (entry.seq() <= at || entry.role() != Entry::USER) continue;
    const auto event = view.event(entry.seq());
    return event ? escaped(event->content().text(), kWordsShown) : std::string();
  }
  return {};
}

// "│  └─ " of the branches above it and its own.
std::string limbs(const Relative& branch, std::vector<bool>* going_on) {
  going_on->resize(branch.depth);
  if (branch.depth == 0) return {};
  going_on->back() = !branch.last_child;
  std::string text;
  for (std::size_t above = 0; above + 1 < branch.depth; ++above) {
    text += (*going_on)[above] ? "│  " : "   ";
  }
  return text + (branch.last_child ? "└─ " : "├─ ");
}

std::string branch_line(const Tool& tool, const Relative& branch, const Session& session,
                        const std::string& words) {
  const std::string name = std::to_string(branch.session) + " " + session.state().place();
  std::string line = bold(tool, name);
  if (branch.parent != 0) line += ", from event " + std::to_string(branch.at);
  const auto turns = session.state().turns();
  line += ", " + std::to_string(turns) + (turns == 1 ? " turn" : " turns") + ", after event " +
          std::to_string(session.state().seq());
  if (!words.empty()) line += " " + dimmed(tool, "\"" + words + "\"");
  return line;
}

std::string branch_json(const Relative& branch, const Session& session, const std::string& words) {
  const Json object = {
      {"session", branch.session},        {"place", session.state().place()},
      {"parent", branch.parent},          {"at", branch.at},
      {"turns", session.state().turns()}, {"entries", session.state().entries_size()},
      {"seq", session.state().seq()},     {"words", words}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<void> run_tree(const Tool& tool, const std::string& what, const std::string& at) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto asked = session_then(**view, what, at);
  if (!asked) return asked.error();
  auto family = family_of(**view, asked->session, asked->upto);
  if (!family) return family.error();
  std::vector<bool> going_on;
  for (const Relative& branch : *family) {
    auto session = (*view)->session(branch.session, asked->upto);
    if (!session) return session.error();
    const std::string words = first_words(**view, *session, branch.at);
    const std::string indent = limbs(branch, &going_on);
    print_line(tool.json ? branch_json(branch, *session, words)
                         : indent + branch_line(tool, branch, *session, words));
  }
  return {};
}

// ---- fork

struct ForkOptions {
  std::string session;
  std::string at;
  std::string name;
};

struct ForkPoint {
  SessionId session = 0;
  Seq at = 0;
};

// An event that is named must be the session's own; a time means what was newest there then.
Result<ForkPoint> fork_point(JournalView& view, const ForkOptions& options) {
  auto session = view.find_session(options.session);
  if (!session) return session.error();
  if (options.at.empty()) {
    return ForkPoint{*session, view.gateway().directory().session(*session)->head()};
  }
  auto moment = session_moment_of(view, std::to_string(*session) + "@" + options.at);
  if (!moment) return moment.error();
  if (moment->event) return ForkPoint{*session, moment->upto};
  auto past = view.session(*session, moment->upto);
  if (!past) return past.error();
  return ForkPoint{*session, past->state().seq()};
}

// The daemon records it when it runs; else this process does.
Result<Json> record_fork(const std::string& directory, const ForkPoint& point,
                         const std::string& place) {
  auto client = ControlClient::connect(control_socket_path(directory));
  if (!client) return client.error();
  if (!client->has_value()) {
    auto event = record_offline(directory, false, [&](Gateway& gateway) {
      return session_forked(gateway.directory(), gateway, point.session, point.at, place);
    });
    if (!event) return event.error();
    return Json::parse(event_json(*event));
  }
  const Json request = {
      {"verb", "fork"}, {"session", point.session}, {"at", point.at}, {"place", place}};
  if (auto asked = (*client)->ask(request); !asked) return asked.error();
  return (*client)->next();
}

Result<void> run_fork(const Tool& tool, const ForkOptions& options) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto point = fork_point(**view, options);
  if (!point) return point.error();
  const std::string directory = (*view)->directory();
  view->reset();  // or it would hold on to the journal while another writes
  const std::string name =
      options.name.empty() ? "fork-" + std::to_string(point->at) : options.name;
  auto event = record_fork(directory, *point, std::string(kTerminal) + name);
  if (!event) return event.error();
  if (tool.json) {
    print_line(event->dump());
    return {};
  }
  print_line("session " + event->value("session", Json(0)).dump() + " at " +
             std::string(kTerminal) + name + " goes on behind event " +
             event->value("at", Json(0)).dump() + " of session " + std::to_string(point->session) +
             "; talk there with: daybook chat " + name);
  return {};
}

}  // namespace

void add_tree(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "tree", Group::kRead, "a conversation and what was forked from it",
                            "daybook tree telegram:12345");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  const auto at = std::make_shared<std::string>();
  verb->add_option("session", *what, "a session's number, place, or its beginning")->required();
  verb->add_option("--at", *at, std::string("as it was at ") + kMomentHelp);
  verb->add_flag("--json", tool.json, "one JSON object a session");
  verb->callback([&tool, what, at] {
    tool.chosen = [&tool, what, at] { return run_tree(tool, *what, *at); };
  });
}

void add_fork(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "fork", Group::kTalk,
                            "go on from an earlier moment, beside what followed; nothing is copied",
                            "daybook fork telegram:12345 --at 42 --name idea; daybook chat idea");
  const auto options = std::make_shared<ForkOptions>();  // lives as long as the callback
  verb->add_option("session", options->session, "a session's number, place, or its beginning")
      ->required();
  verb->add_option("--at", options->at, std::string("behind ") + kMomentHelp + "; otherwise now");
  verb->add_option("--name", options->name, "where to talk on (terminal:NAME); otherwise fork-SEQ");
  verb->add_flag("--json", tool.json, "the event as a JSON object");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_fork(tool, *options); }; });
}

}  // namespace daybook
