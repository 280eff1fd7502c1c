// What every verb of `daybook` shares: where the settings and the journal are, how to print.
//
// A verb adds itself to the command line and, when it was the one asked for, sets `chosen`; the
// main runs that and turns an Error into one sentence on stderr and its exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/settings.h"
#include "core/types.h"
#include "tools/settings_file.h"

namespace daybook {

struct Tool {
  std::string config;   // --config
  std::string data;     // --data
  bool json = false;    // --json of the verb
  bool colour = false;  // stdout is a terminal that wants colour
  bool live = false;    // output without an end: no pager
  bool paged = false;   // a pager has the terminal
  std::function<Result<void>()> chosen;

  [[nodiscard]] LoadRequest request() const;
  [[nodiscard]] Result<LoadedFiles> settings() const;
  // From --data or the settings.
  [[nodiscard]] Result<std::string> journal_directory() const;
};

// To stdout. When it takes no more the program ends: without a word if a reader went away, as any
// filter does, else with one sentence (kInputOutput).
void print(std::string_view text);
void print_line(std::string_view text);
void flush_output();

// "\x1b[2m" text "\x1b[0m" when colour is on.
std::string dimmed(const Tool& tool, std::string_view text);
std::string bold(const Tool& tool, std::string_view text);
std::string green(const Tool& tool, std::string_view text);
std::string red(const Tool& tool, std::string_view text);

// Text of a model or a person for a terminal: newlines and tabs stay, other control characters
// become escapes.
std::string terminal_text(std::string_view text);

// "2026-02-03T04:05:06.007Z", "2026-02-03", or how long ago: "90s", "10m", "2h", "3d".
std::optional<Time> parse_time(std::string_view text, Time now);
// The same after --since; an Error is one sentence.
Result<Time> parse_since(std::string_view text, Time now);

// The wall clock; tools have no loop that samples it.
Time wall_clock();

// ---- the verbs, by file

void add_log(CLI::App& app, Tool& tool);
void add_show(CLI::App& app, Tool& tool);
void add_turn(CLI::App& app, Tool& tool);
void add_sessions(CLI::App& app, Tool& tool);
void add_tree(CLI::App& app, Tool& tool);
void add_fork(CLI::App& app, Tool& tool);
void add_whatif(CLI::App& app, Tool& tool);
void add_prompt(CLI::App& app, Tool& tool);
void add_context(CLI::App& app, Tool& tool);
void add_search(CLI::App& app, Tool& tool);
void add_audit(CLI::App& app, Tool& tool);
void add_usage(CLI::App& app, Tool& tool);
void add_diff(CLI::App& app, Tool& tool);
void add_eval(CLI::App& app, Tool& tool);
void add_stats(CLI::App& app, Tool& tool);
void add_replay(CLI::App& app, Tool& tool);
void add_verify(CLI::App& app, Tool& tool);
void add_checkpoint(CLI::App& app, Tool& tool);
void add_export(CLI::App& app, Tool& tool);
void add_import(CLI::App& app, Tool& tool);
void add_backup(CLI::App& app, Tool& tool);
void add_restore(CLI::App& app, Tool& tool);
void add_archive(CLI::App& app, Tool& tool);
void add_erase(CLI::App& app, Tool& tool);
void add_status(CLI::App& app, Tool& tool);
void add_chat(CLI::App& app, Tool& tool);
void add_ask(CLI::App& app, Tool& tool);
void add_pair(CLI::App& app, Tool& tool);
void add_config(CLI::App& app, Tool& tool);
void add_reload(CLI::App& app, Tool& tool);
void add_setup(CLI::App& app, Tool& tool);
void add_doctor(CLI::App& app, Tool& tool);
void add_complete(CLI::App& app, Tool& tool);

// The groups of --help, in its order.
enum class Group {
  kTalk,
  kRead,   // what was said and done
  kProve,  // that it is what happened
  kKeep,   // copies, exports, erasure
  kRun,    // settings, access, the daemon
};

// A verb with an example under its help.
CLI::App* add_verb(CLI::App& app, const std::string& name, Group group,
                   const std::string& description, const std::string& example);

// Whether this verb's output is for reading, so that a terminal gets it through a pager. `verb` has
// been parsed: what changes something, or asks, is not.
bool is_paged(const CLI::App& verb);

}  // namespace daybook
