// daybook: the journal tool. Names every verb, runs the one that was asked for.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string_view>

#include "journal/sigbus.h"
#include "tools/command_line.h"
#include "tools/descriptors.h"
#include "tools/pager.h"
#include "tools/tool.h"

namespace {

using daybook::ExitCode;
using daybook::Pager;
using daybook::Tool;

void describe(CLI::App& app, Tool& tool) {
  app.set_version_flag("--version", std::string("daybook ") + DAYBOOK_VERSION);
  app.add_option("--config", tool.config, "read this file in place of the user's config.toml");
  app.add_option("--data", tool.data, "the journal's directory (journal.dir)");
  app.add_flag("--no-pager", tool.live, "print at once, whatever $PAGER says");
  app.fallthrough();
  app.require_subcommand(1);
  daybook::add_ask(app, tool);
  daybook::add_chat(app, tool);
  daybook::add_fork(app, tool);
  daybook::add_whatif(app, tool);
  daybook::add_log(app, tool);
  daybook::add_show(app, tool);
  daybook::add_turn(app, tool);
  daybook::add_sessions(app, tool);
  daybook::add_tree(app, tool);
  daybook::add_prompt(app, tool);
  daybook::add_context(app, tool);
  daybook::add_search(app, tool);
  daybook::add_diff(app, tool);
  daybook::add_eval(app, tool);
  daybook::add_replay(app, tool);
  daybook::add_audit(app, tool);
  daybook::add_usage(app, tool);
  daybook::add_stats(app, tool);
  daybook::add_verify(app, tool);
  daybook::add_checkpoint(app, tool);
  daybook::add_export(app, tool);
  daybook::add_import(app, tool);
  daybook::add_backup(app, tool);
  daybook::add_restore(app, tool);
  daybook::add_archive(app, tool);
  daybook::add_erase(app, tool);
  daybook::add_status(app, tool);
  daybook::add_setup(app, tool);
  daybook::add_config(app, tool);
  daybook::add_pair(app, tool);
  daybook::add_reload(app, tool);
  daybook::add_doctor(app, tool);
  daybook::add_complete(app, tool);
  app.footer(
      "`daybook VERB --help` has an example of each. A session is written as its number, its place "
      "(telegram:12345), or the beginning of its place.\n"
      "Exit codes: 0, 1 audit or doctor found something, 64 usage, 65 journal damaged, 69 "
      "unavailable, 74 disk, 75 busy, 78 settings.");
}

int run(const CLI::App& app, Tool& tool) {
  const bool paged = !tool.live && daybook::is_paged(*app.get_subcommands().front());
  std::unique_ptr<Pager> pager = Pager::start(paged ? Pager::command() : "");
  tool.paged = pager != nullptr;
  const auto result = tool.chosen();
  daybook::flush_output();
  pager.reset();
  if (result) return 0;
  if (!result.error().message.empty()) {
    std::fprintf(stderr, "daybook: %s\n", result.error().message.c_str());
  }
  return static_cast<int>(result.error().code);
}

}  // namespace

int main(int argc, char** argv) {
  const auto handled = daybook::exit_on_sigbus();
  if (!handled) std::fprintf(stderr, "%s\n", handled.error().message.c_str());
  try {
    CLI::App app("Daybook's journal tool: read, replay and check what happened, and talk.",
                 "daybook");
    Tool tool;
    const char* terminal = std::getenv("TERM");
    const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
    tool.colour = isatty(STDOUT_FILENO) != 0 && !dumb && std::getenv("NO_COLOR") == nullptr;
    describe(app, tool);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return daybook::end_parse(app, error);
    }
    if (const auto enough = daybook::claim_descriptors("daybook", daybook::kToolDescriptorsMin);
        !enough) {
      std::fprintf(stderr, "%s\n", enough.error().message.c_str());
      return static_cast<int>(enough.error().code);
    }
    return run(app, tool);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "daybook: %s\n", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}
