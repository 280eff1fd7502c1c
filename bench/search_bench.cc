// Full text over a million events, 100,000 of them messages and answers: as the tool calls it, and
// as a person does, from exec to the last line.
#include <benchmark/benchmark.h>

#include <chrono>
#include <thread>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/codec.h"
#include "tests/world/process.h"
#include "tools/searching.h"

namespace daybook::search_bench {
namespace {

using bench::require;
using Clock = std::chrono::steady_clock;

// Twenty events a turn, answers of about 600 bytes.
constexpr bench::Extent kExtent{1'000'000, 200, false, 13, 6};
constexpr double kBarMilliseconds = 300;

const std::string& journal() {
  static const bench::BenchPlace place;
  static const std::string directory = [] {
    bench::write_journal(place.journal(), kExtent);
    return place.journal();
  }();
  return directory;
}

void search(benchmark::State& state) {
  auto view = JournalView::open(journal());
  require(view.has_value(), "JournalView::open");
  LmdbReader& log = (*view)->log();
  const auto query = SearchQuery::parse("WORD976 word975");
  SearchScope scope{1, log.last(), 0, static_cast<unsigned>(state.range(0))};
  if (scope.threads == 0) scope.threads = std::thread::hardware_concurrency();
  std::size_t finds = 0;
  for (auto _ : state) {
    auto found = search_journal(log, *query, scope, {});
    require(found.has_value(), "search_journal");
    finds = found->size();
  }
  std::uint64_t texts = 0;
  std::uint64_t bytes = 0;
  KindSet kinds;
  kinds.set(Event::kMessageReceived).set(Event::kTurnCompleted);
  const auto count = [&](const Record& record) {
    ++texts;
    bytes += text_of(record).size();
    return true;
  };
  require(log.scan(1, log.last(), kinds, count).has_value(), "scan");
  state.counters["events"] = static_cast<double>(log.last());
  state.counters["texts"] = static_cast<double>(texts);
  state.counters["text MB"] = static_cast<double>(bytes) / 1e6;
  state.counters["finds"] = static_cast<double>(finds);
  state.counters["bar ms"] = kBarMilliseconds;
}
BENCHMARK(search)
    ->Name("search/1 M events, threads (0: all)")
    ->Arg(1)
    ->Arg(0)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Repetitions(5)
    ->ReportAggregatesOnly(true);

void search_process(benchmark::State& state) {
  const std::vector<std::string> command = {DAYBOOK_BINARY_DIR "/daybook",
                                            "--data",
                                            journal(),
                                            "search",
                                            "WORD976",
                                            "word975",
                                            "-n",
                                            "10"};
  for (auto _ : state) {
    const auto start = Clock::now();
    const auto done = world::run_program(command, {});
    require(done.status == 0 && !done.output.empty(), done.errors.c_str());
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
  }
  state.counters["bar ms"] = kBarMilliseconds;
}
BENCHMARK(search_process)
    ->Name("search/daybook search, exec to end")
    ->UseManualTime()
    ->Iterations(1)
    ->Repetitions(5)
    ->ReportAggregatesOnly(true)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::search_bench
