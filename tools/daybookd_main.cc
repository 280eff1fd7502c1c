// daybookd: the gateway daemon. Reads the command line, runs the daemon, ends with its exit code.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "journal/sigbus.h"
#include "tools/command_line.h"
#include "tools/daemon.h"
#include "tools/descriptors.h"

namespace {

using daybook::DaemonLog;
using daybook::DaemonOptions;
using daybook::ExitCode;
using daybook::Layer;

struct CommandLine {
  std::string config;
  std::string data;
  std::string model;
  bool console = false;
  bool check = false;
};

void describe(CLI::App& app, CommandLine& line) {
  app.set_version_flag("--version", std::string("daybookd ") + DAYBOOK_VERSION);
  app.add_option("--config", line.config, "read this file in place of the user's config.toml");
  app.add_option("--data", line.data, "the journal's directory (journal.dir)");
  app.add_option("--model", line.model, "what new sessions start with (agent.model)");
  app.add_flag("--console", line.console, "talk on stdin and stdout, too");
  app.add_flag("--check", line.check, "check settings and journal, then exit");
  app.footer(
      "Example: daybookd --console --model echo\n"
      "Exit codes: 0, 64 usage, 65 journal damaged, 69 token refused, 74 disk, 75 another daemon "
      "holds the journal, 78 settings.");
}

// Ends the process when all is said and the journal is closed. Not by returning: the runtime would
// wait for its threads, and one may hang in the system's resolver.
[[noreturn]] void leave(int code) {
  std::fflush(nullptr);
  std::_Exit(code);
}

[[noreturn]] void run(const CommandLine& line) {
  DaemonOptions options;
  options.request = daybook::process_request();
  options.request.config_file = line.config;
  options.console = line.console;
  auto& entries = options.request.command_line;
  if (!line.data.empty()) {
    entries.push_back({"journal.dir", line.data, Layer::kCommandLine, "--data", 0});
  }
  if (!line.model.empty()) {
    entries.push_back({"agent.model", line.model, Layer::kCommandLine, "--model", 0});
  }
  DaemonLog log(stderr);
  daybook::Daemon daemon(std::move(options), log);
  const daybook::Result<void> result = line.check ? daemon.check() : daemon.run();
  daemon.close();
  // Why it ends is said even when log.level is off.
  if (log.log().level() == spdlog::level::off) log.log().set_level(spdlog::level::critical);
  if (!result) log.log().critical("{}", result.error().message);
  log.log().flush();
  leave(result ? 0 : static_cast<int>(result.error().code));
}

}  // namespace

int main(int argc, char** argv) {
  const auto handled = daybook::exit_on_sigbus();
  if (!handled) std::fprintf(stderr, "%s\n", handled.error().message.c_str());
  try {
    CLI::App app(
        "Daybook's gateway: chats on one side, language models on the other, and a journal "
        "between them.",
        "daybookd");
    CommandLine line;
    describe(app, line);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return daybook::end_parse(app, error);
    }
    if (const auto enough = daybook::claim_descriptors("daybookd", daybook::kDaemonDescriptorsMin);
        !enough) {
      std::fprintf(stderr, "%s\n", enough.error().message.c_str());
      return static_cast<int>(enough.error().code);
    }
    run(line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "daybookd: %s\n", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}
