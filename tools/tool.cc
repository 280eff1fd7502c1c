// Printing, asking and small readings that every verb needs.
#include "tools/tool.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/notation.h"

namespace daybook {
namespace {

std::optional<Time> parse_ago(std::string_view text, Time now) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t count = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + (c - '0');
  }
  switch (text.back()) {
    case 's':
      return now - std::chrono::seconds(count);
    case 'm':
      return now - std::chrono::minutes(count);
    case 'h':
      return now - std::chrono::hours(count);
    case 'd':
      return now - std::chrono::days(count);
    default:
      return std::nullopt;
  }
}

// ".007" of "04:05:06.007Z": milliseconds, and what follows them.
std::pair<std::int64_t, std::string_view> parse_fraction(std::string_view text) {
  if (!text.starts_with('.')) return {0, text};
  std::int64_t milliseconds = 0;
  std::int64_t weight = 100;
  std::size_t at = 1;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, weight /= 10) {
    milliseconds += weight * (text[at] - '0');
  }
  return {milliseconds, text.substr(at)};
}

std::optional<Time> parse_date_time(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  std::int64_t milliseconds = 0;
  const int fields = std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &used);
  if (fields != 3) return std::nullopt;
  const std::string rest = text.substr(static_cast<std::size_t>(used));
  if (!rest.empty()) {
    int rest_used = 0;
    const int more = std::sscanf(rest.c_str(), "%*1[T ]%2d:%2d%n:%2d%n", &hour, &minute, &rest_used,
                                 &second, &rest_used);
    if (more < 2) return std::nullopt;
    std::string_view tail = std::string_view(rest).substr(static_cast<std::size_t>(rest_used));
    std::tie(milliseconds, tail) = parse_fraction(tail);
    if (!tail.empty() && tail != "Z") return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) + Duration(milliseconds);
}

[[noreturn]] void end_without_output() {
  if (errno != EPIPE) {
    std::fprintf(stderr, "daybook: standard output cannot be written: %s\n", std::strerror(errno));
  }
  std::_Exit(static_cast<int>(ExitCode::kInputOutput));
}

std::string_view group_name(Group group) {
  switch (group) {
    case Group::kTalk:
      return "Talk";
    case Group::kRead:
      return "Read";
    case Group::kProve:
      return "Prove";
    case Group::kKeep:
      return "Keep";
    case Group::kRun:
      return "Run";
  }
  return "";
}

}  // namespace

LoadRequest Tool::request() const {
  LoadRequest request = process_request();
  request.config_file = config;
  if (!data.empty()) {
    request.command_line.push_back({"journal.dir", data, Layer::kCommandLine, "--data", 0});
  }
  return request;
}

Result<LoadedFiles> Tool::settings() const { return load_settings(request()); }

Result<std::string> Tool::journal_directory() const {
  // A reader with --data must work whatever state the settings files are in.
  if (!data.empty()) return data;
  auto loaded = settings();
  if (!loaded) return loaded.error();
  return loaded->settings.values.journal.dir;
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) end_without_output();
}

void flush_output() {
  if (std::fflush(stdout) != 0) end_without_output();
}

void print_line(std::string_view text) {
  print(text);
  print("\n");
}

std::string dimmed(const Tool& tool, std::string_view text) {
  return tool.colour ? "\x1b[2m" + std::string(text) + "\x1b[0m" : std::string(text);
}

std::string bold(const Tool& tool, std::string_view text) {
  return tool.colour ? "\x1b[1m" + std::string(text) + "\x1b[0m" : std::string(text);
}

std::string green(const Tool& tool, std::string_view text) {
  return tool.colour ? "\x1b[32m" + std::string(text) + "\x1b[0m" : std::string(text);
}

std::string red(const Tool& tool, std::string_view text) {
  return tool.colour ? "\x1b[31m" + std::string(text) + "\x1b[0m" : std::string(text);
}

std::string terminal_text(std::string_view text) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const bool kept = at < text.size() &&
                      (text[at] == '\n' || text[at] == '\t' || text[at] == '"' || text[at] == '\\');
    if (at < text.size() && !kept) continue;
    out += escaped(text.substr(from, at - from));
    if (kept) out += text[at];
    from = at + 1;
  }
  return out;
}

std::optional<Time> parse_time(std::string_view text, Time now) {
  const auto ago = parse_ago(text, now);
  return ago.has_value() ? ago : parse_date_time(std::string(text));
}

Result<Time> parse_since(std::string_view text, Time now) {
  if (const auto time = parse_time(text, now); time.has_value()) return *time;
  return Error{"--since " + escaped(text, 40) +
                   " is no time; write 2026-02-03T04:05:06Z, 2026-02-03, or how long ago: 10m, "
                   "2h, 3d",
               ExitCode::kUsage};
}

Time wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

CLI::App* add_verb(CLI::App& app, const std::string& name, Group group,
                   const std::string& description, const std::string& example) {
  CLI::App* verb = app.add_subcommand(name, description);
  verb->group(std::string(group_name(group)));
  verb->footer("Example: " + example);
  return verb;
}

bool is_paged(const CLI::App& verb) {
  const std::string& group = verb.get_group();
  if (group == group_name(Group::kRead) || group == group_name(Group::kProve)) return true;
  const auto inner = verb.get_subcommands();
  const auto& shows = {"status", "config", "pair", "doctor"};
  return std::find(shows.begin(), shows.end(), verb.get_name()) != shows.end() &&
         (inner.empty() || inner.front()->get_name() == "list");
}

}  // namespace daybook
