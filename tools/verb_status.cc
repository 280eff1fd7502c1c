// `daybook status`, `pair` and `reload`: asked of the running daemon; status works without one, and
// pair then takes the writer's lock itself.
#include <algorithm>

#include "adapters/event_json.h"
#include "core/access.h"
#include "core/notation.h"
#include "tools/command_line.h"
#include "tools/control_client.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/status.h"
#include "tools/tool.h"
#include "tools/writing.h"

namespace daybook {
namespace {

using Json = ControlClient::Json;

// Lines that begin with a name and two blanks.
void print_named(const Tool& tool, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const std::size_t named = std::min(line.find("  "), line.size());
    const std::string_view name = line.substr(0, named);
    print_line((name == "trouble" ? red(tool, name) : dimmed(tool, name)) +
               std::string(line.substr(named)));
    at = end + 1;
  }
}

// ---- status

Result<StatusJson> status_without_daemon(const std::string& directory) {
  auto view = JournalView::open(directory);
  if (!view) return view.error();
  StatusJson status = {{"running", false}};
  status.update(journal_status(directory, (*view)->log().last(), (*view)->gateway()));
  return status;
}

Result<void> run_status(const Tool& tool) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto answer = ask_daemon(*directory, {{"verb", "status"}});
  if (!answer) return answer.error();
  StatusJson status;
  if (answer->has_value()) {
    status = (**answer)["status"];
  } else {
    auto folded = status_without_daemon(*directory);
    if (!folded) return folded.error();
    status = std::move(folded).value();
  }
  if (tool.json) {
    print_line(status.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    print_named(tool, terminal_text(status_text(status)));
  }
  return {};
}

// ---- pair

Json pairings_of(const Directory& directory) {
  Json pairings = Json::array();
  for (const auto& [user, row] : directory.pairings()) {
    if (row.expires() <= to_milliseconds(wall_clock())) continue;
    pairings.push_back({{"user", user}, {"place", row.place()}, {"expires", row.expires()}});
  }
  Json allowed = Json::array();
  for (const std::int64_t user : directory.state().allowed()) allowed.push_back(user);
  Json configured = Json::array();
  for (const std::int64_t user : directory.settings().telegram_allow()) configured.push_back(user);
  return {{"owner", directory.owner()},
          {"pairings", std::move(pairings)},
          {"allowed", std::move(allowed)},
          {"configured", std::move(configured)}};
}

void print_pairings(const Tool& tool, const Json& list) {
  if (tool.json) {
    print_line(list.dump());
    return;
  }
  const std::int64_t owner = list.value("owner", std::int64_t{0});
  print_named(tool, owner == 0 ? "owner    nobody yet; the first one approved becomes the owner"
                               : "owner    " + std::to_string(owner));
  for (const Json& user : list.value("allowed", Json::array())) {
    print_named(tool, "allowed  " + user.dump());
  }
  for (const Json& user : list.value("configured", Json::array())) {
    print_named(tool, "allowed  " + user.dump() + " by telegram.allow");
  }
  for (const Json& row : list.value("pairings", Json::array())) {
    const Time expires = from_milliseconds(row.value("expires", std::int64_t{0}));
    print_named(tool, terminal_text("waiting  " + row.value("user", Json(0)).dump() + " at " +
                                    row.value("place", std::string()) + ", its code holds until " +
                                    time_text(expires)));
  }
}

Result<void> run_pair_list(const Tool& tool) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto answer = ask_daemon(*directory, {{"verb", "pair"}, {"action", "list"}});
  if (!answer) return answer.error();
  if (answer->has_value()) {
    (*answer)->erase("done");
    print_pairings(tool, **answer);
    return {};
  }
  auto view = JournalView::open(*directory);
  if (!view) return view.error();
  print_pairings(tool, pairings_of((*view)->gateway().directory()));
  return {};
}

// The daemon records it when it runs; else this process does.
Result<void> change_access(const Tool& tool, const Json& request,
                           const std::function<Result<Event>(Gateway&)>& make) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto client = ControlClient::connect(control_socket_path(*directory));
  if (!client) return client.error();
  if (!client->has_value()) {
    auto view = JournalView::open(*directory);  // never makes a journal where there is none
    if (!view) return view.error();
    view->reset();
    auto event = record_offline(*directory, false, make);
    if (!event) return event.error();
    print_line(tool.json ? event_json(*event) : notation(*event));
    return {};
  }
  if (auto asked = (*client)->ask(request); !asked) return asked.error();
  auto line = (*client)->next();
  while (line && !ControlClient::is_last(*line)) {
    const std::string user = line->value("user", Json(0)).dump();
    print_line(tool.json ? line->dump() : line->value("kind", std::string()) + " user=" + user);
    line = (*client)->next();
  }
  if (!line) return line.error();
  return {};
}

Result<void> run_pair_approve(const Tool& tool, const std::string& code) {
  return change_access(tool, {{"verb", "pair"}, {"action", "approve"}, {"code", code}},
                       [&code](Gateway& gateway) {
                         return approve_code(gateway.directory(), code, "terminal", wall_clock());
                       });
}

Result<void> run_pair_revoke(const Tool& tool, std::int64_t user) {
  return change_access(
      tool, {{"verb", "pair"}, {"action", "revoke"}, {"user", user}},
      [user](Gateway& gateway) { return revoke_user(gateway.directory(), user, "terminal"); });
}

// ---- reload

Result<void> run_reload(const Tool& tool) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto answer = ask_daemon(*directory, {{"verb", "reload"}});
  if (!answer) return answer.error();
  if (!answer->has_value()) {
    return Error{
        "daybookd does not run on " + *directory + "; it reads the settings when it starts",
        ExitCode::kUnavailable};
  }
  const std::string note = (**answer).value("note", "");
  if (tool.json) {
    print_json({{"journal", *directory}, {"note", note}});
    return {};
  }
  print_line("daybookd has the new settings.");
  if (!note.empty()) print_line(terminal_text(note));
  return {};
}

}  // namespace

void add_status(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "status", Group::kRun, "is it running, on which journal, and what is it doing",
               "daybook status --json");
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool] { tool.chosen = [&tool] { return run_status(tool); }; });
}

void add_pair(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "pair", Group::kRun, "who may talk to the bot",
                            "daybook pair approve ABCD2345");
  verb->add_flag("--json", tool.json, "as a JSON object");
  CLI::App* list = verb->add_subcommand("list", "who may talk, and who has asked");
  list->add_flag("--json", tool.json, "as a JSON object");
  CLI::App* approve = verb->add_subcommand("approve", "let in who was shown this code");
  const auto code = std::make_shared<std::string>();  // lives as long as the callback
  approve->add_option("code", *code, "from the notice that the stranger was shown")->required();
  approve->add_flag("--json", tool.json, "the event as a JSON object");
  CLI::App* revoke = verb->add_subcommand("revoke", "shut out a user");
  const auto user = std::make_shared<std::int64_t>(0);
  revoke->add_option("id", *user, "the user's number")->required()->check(whole_number());
  revoke->add_flag("--json", tool.json, "the event as a JSON object");
  verb->require_subcommand(0, 1);
  verb->callback([&tool, approve, revoke, code, user] {
    tool.chosen = [&tool, approve, revoke, code, user] {
      if (approve->parsed()) return run_pair_approve(tool, *code);
      return revoke->parsed() ? run_pair_revoke(tool, *user) : run_pair_list(tool);
    };
  });
}

void add_reload(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "reload", Group::kRun, "make daybookd read its settings again",
                            "daybook reload");
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool] { tool.chosen = [&tool] { return run_reload(tool); }; });
}

}  // namespace daybook
