// `daybook stats`: what the journal is made of, how it grows, and how fast it is written.
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/codec.h"
#include "core/notation.h"
#include "core/sha256.h"
#include "journal/files.h"
#include "tools/control_client.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/stats.h"
#include "tools/status.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr std::size_t kDaysShown = 14;
constexpr std::size_t kNameWidth = 24;
constexpr std::size_t kBarWidth = 40;

// Beside the events: where the chain stands, what is open, what the daemon knows of itself.
struct Surroundings {
  std::uint64_t file_bytes = 0;
  Seq last = 0;
  Seq counted = 0;  // up to this event
  Time last_time{};
  std::string seal;  // in hexadecimal
  std::size_t sessions = 0;
  std::size_t open_turns = 0;
  std::size_t deliveries = 0;
  std::size_t waiting = 0;
  StatusJson commits;  // null: no daemon runs
};

Result<Surroundings> look_around(JournalView& view) {
  Surroundings around;
  std::error_code unknown;
  const std::string data = view.directory() + "/" + files::kData;
  const auto bytes = std::filesystem::file_size(data, unknown);
  if (!unknown) around.file_bytes = bytes;
  const Directory& directory = view.gateway().directory();
  around.last = directory.seq();
  around.last_time = directory.time();
  auto sealed = view.log().sealed();
  if (!sealed) return sealed.error();
  if (sealed->has_value()) around.seal = hex(daybook::view((*sealed)->digest));
  around.sessions = directory.sessions().size();
  around.open_turns = view.gateway().work().calls.open().size();
  around.deliveries = view.gateway().work().deliveries.open().size();
  for (const auto& [seq, turn] : view.gateway().work().calls.open()) {
    auto session = view.session(turn.session());
    if (!session) return session.error();
    around.waiting += static_cast<std::size_t>(session->state().waiting_size());
  }
  auto answer = ask_daemon(view.directory(), {{"verb", "status"}});
  if (!answer) {
    // The rest is read from the journal, which needs no daemon.
    std::fprintf(stderr, "daybook: %s\n", answer.error().message.c_str());
    return around;
  }
  if (answer->has_value()) around.commits = (**answer)["status"].value("commits", StatusJson());
  return around;
}

// ---- as text

std::string average(std::uint64_t bytes, std::uint64_t count) {
  return count == 0 ? std::string("-") : bytes_text(bytes / count);
}

void print_kinds(const Tool& tool, const Stats& stats) {
  print_line(bold(tool, left("kind", kNameWidth) + right("events", 14) + right("bytes", 14) +
                            right("share", 8) + right("each", 12)));
  std::vector<std::size_t> kinds;
  for (std::size_t kind = 0; kind < stats.kinds().size(); ++kind) {
    if (stats.kinds()[kind].events > 0) kinds.push_back(kind);
  }
  std::sort(kinds.begin(), kinds.end(), [&](std::size_t one, std::size_t other) {
    return stats.kinds()[one].bytes > stats.kinds()[other].bytes;
  });
  const auto row = [&](const std::string& name, const Stats::Size& size) {
    print_line(left(name, kNameWidth) + right(count_text(size.events), 14) +
               right(bytes_text(size.bytes), 14) +
               right(share_text(size.bytes, stats.all().bytes), 8) +
               right(average(size.bytes, size.events), 12));
  };
  for (const std::size_t kind : kinds) {
    row(kind_name(static_cast<std::uint8_t>(kind)), stats.kinds()[kind]);
  }
  row("all", stats.all());
}

void print_days(const Tool& tool, const Stats& stats) {
  print_line("");
  print_line(bold(tool, left("day", kNameWidth) + right("events", 14) + right("bytes", 14)));
  const std::size_t days = stats.days().size();
  std::size_t index = 0;
  for (const auto& [day, size] : stats.days()) {
    if (++index + kDaysShown <= days) continue;
    print_line(left(day, kNameWidth) + right(count_text(size.events), 14) +
               right(bytes_text(size.bytes), 14));
  }
  if (days == 0) return;
  const std::uint64_t each = stats.all().bytes / days;
  print_line("a day on average, over " + count_text(days, "day") +
             " with events: " + bytes_text(each) + "; a year like that: " + bytes_text(each * 365));
}

void print_estimates(const Tool& tool, const Stats& stats) {
  if (stats.estimates().empty()) return;
  print_line("");
  print_line(bold(tool, "tokens, our estimate against what was reported"));
  for (const auto& [model, estimate] : stats.estimates()) {
    const Histogram& error = estimate.prompt_error;
    print_line(terminal_text(
        model + ": " + count_text(estimate.answers, "answer") + ", prompts " +
        share_text(estimate.prompt_estimated, estimate.prompt_reported) +
        " of what was reported (half are within " + std::to_string(error.percentile(50)) +
        " %, nine in ten within " + std::to_string(error.percentile(90)) + " %, the worst " +
        std::to_string(error.largest()) + " %; corrected by its reports before, half within " +
        std::to_string(estimate.corrected_error.percentile(50)) + " %, nine in ten within " +
        std::to_string(estimate.corrected_error.percentile(90)) + " %), answers " +
        (estimate.output_reported == 0
             ? std::string("not reported")
             : share_text(estimate.output_estimated, estimate.output_reported))));
  }
}

std::string microseconds_text(std::uint64_t microseconds) {
  if (microseconds < 1'000) return std::to_string(microseconds) + " us";
  return duration_text(Duration(static_cast<std::int64_t>((microseconds + 500) / 1'000)));
}

void print_commits(const Tool& tool, const StatusJson& commits) {
  print_line("");
  if (commits.is_null()) {
    print_line("Commit latencies are known to a running daybookd alone, and none answers.");
    return;
  }
  print_line(bold(tool, "commits since daybookd started: " + status_histogram_text(commits)));
  std::uint64_t most = 1;
  for (const auto& bucket : commits["buckets"]) {
    most = std::max(most, bucket[1].get<std::uint64_t>());
  }
  for (const auto& bucket : commits["buckets"]) {
    const auto count = bucket[1].get<std::uint64_t>();
    const std::size_t width = static_cast<std::size_t>(count * kBarWidth / most);
    print_line(right("up to " + microseconds_text(bucket[0].get<std::uint64_t>()), 16) +
               right(count_text(count), 12) + "  " +
               std::string(std::max<std::size_t>(width, 1), '#'));
  }
}

void print_text(const Tool& tool, const JournalView& view, const Stats& stats,
                const Surroundings& around) {
  print_line("journal     " + terminal_text(view.directory()) + ", data.mdb " +
             bytes_text(around.file_bytes));
  print_line("head        event " + std::to_string(around.last) + ", " +
             time_text(around.last_time));
  print_line("seal        " + around.seal);
  print_line("sessions    " + count_text(around.sessions) + ", " +
             count_text(stats.turns(), "turn") + " of " +
             average(stats.talk().bytes, stats.turns()) + " each");
  print_line("open        " + count_text(around.open_turns, "turn") + ", " +
             count_text(around.waiting, "message") + " waiting, " + count_text(around.deliveries) +
             " to be shown");
  print_line("");
  if (around.counted < around.last) {
    print_line("Counted up to event " + std::to_string(around.counted) +
               "; head, sessions and open work are as they are now.");
  }
  print_kinds(tool, stats);
  print_days(tool, stats);
  print_estimates(tool, stats);
  print_commits(tool, around.commits);
}

// ---- as JSON

JsonLine size_json(const Stats::Size& size) {
  return {{"events", size.events}, {"bytes", size.bytes}};
}

void print_stats_json(const JournalView& view, const Stats& stats, const Surroundings& around) {
  JsonLine kinds = JsonLine::object();
  for (std::size_t kind = 0; kind < stats.kinds().size(); ++kind) {
    const Stats::Size& size = stats.kinds()[kind];
    if (size.events > 0) kinds[kind_name(static_cast<std::uint8_t>(kind))] = size_json(size);
  }
  JsonLine days = JsonLine::object();
  for (const auto& [day, size] : stats.days()) days[day] = size_json(size);
  JsonLine estimates = JsonLine::array();
  for (const auto& [model, estimate] : stats.estimates()) {
    estimates.push_back(
        {{"model", model},
         {"answers", estimate.answers},
         {"prompt_estimated", estimate.prompt_estimated},
         {"prompt_reported", estimate.prompt_reported},
         {"output_estimated", estimate.output_estimated},
         {"output_reported", estimate.output_reported},
         {"error_percent_median", estimate.prompt_error.percentile(50)},
         {"error_percent_90", estimate.prompt_error.percentile(90)},
         {"error_percent_largest", estimate.prompt_error.largest()},
         {"corrected_error_percent_median", estimate.corrected_error.percentile(50)},
         {"corrected_error_percent_90", estimate.corrected_error.percentile(90)}});
  }
  print_json(
      {{"journal", view.directory()},
       {"file_bytes", around.file_bytes},
       {"head",
        {{"seq", around.last}, {"seal", around.seal}, {"time", time_text(around.last_time)}}},
       {"until", around.counted},
       {"events", stats.all().events},
       {"bytes", stats.all().bytes},
       {"kinds", std::move(kinds)},
       {"days", std::move(days)},
       {"turns", stats.turns()},
       {"bytes_per_turn", stats.turns() == 0 ? 0 : stats.talk().bytes / stats.turns()},
       {"sessions", around.sessions},
       {"open",
        {{"turns", around.open_turns},
         {"waiting", around.waiting},
         {"deliveries", around.deliveries}}},
       {"estimates", std::move(estimates)},
       {"commits", around.commits}});
}

Result<void> run_stats(const Tool& tool, const std::string& until) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto last = until_of(**view, until);
  if (!last) return last.error();
  auto around = look_around(**view);
  if (!around) return around.error();
  Stats stats;
  std::optional<Error> damaged;
  around->counted = std::min(*last, around->last);
  std::optional<Progress> progress(std::in_place, "counting", around->counted);
  auto scanned = scan_in_steps((*view)->log(), 1, around->counted, all_kinds(), &*progress,
                               [&](const Record& record) {
                                 auto added = stats.add(record);
                                 if (!added) damaged = added.error();
                                 return added.has_value();
                               });
  progress.reset();
  if (!scanned) return scanned;
  if (damaged.has_value()) return *damaged;
  if (tool.json) {
    print_stats_json(**view, stats, *around);
  } else {
    print_text(tool, **view, stats, *around);
  }
  return {};
}

}  // namespace

void add_stats(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "stats", Group::kRead,
                            "events and bytes by kind and day, open work, commit latencies",
                            "daybook stats --json");
  const auto until = std::make_shared<std::string>();  // lives as long as the callback
  verb->add_option("--until", *until,
                   std::string("count up to ") + kMomentHelp +
                       "; head, sessions and open work are told as they are now");
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback(
      [&tool, until] { tool.chosen = [&tool, until] { return run_stats(tool, *until); }; });
}

}  // namespace daybook
