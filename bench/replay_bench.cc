// What the journal tool does with a whole journal: fold it again, decide it again, and read one
// conversation out of many. Counter `ratio` is our time over a bare cursor's that reads the header
// of as many records of the same length, in the same process.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/gateway.h"
#include "tools/replay.h"
#include "tools/replay_log.h"

namespace daybook::replay_bench {
namespace {

using bench::BenchPlace;
using bench::computed_seconds;
using bench::RawLmdb;
using bench::require;

constexpr bench::Extent kExtent{1'000'000, 200, false};

// A journal, and raw LMDB with as many records.
struct Filled {
  Filled() : raw(place.raw()) {
    bench::write_journal(place.journal(), kExtent);
    auto opened = LmdbReader::open(place.journal());
    require(opened.has_value(), "LmdbReader::open");
    journal = *std::move(opened);
    for (Seq i = 0; i < journal->last(); i += 10'000) raw.commit(10'000);
  }
  [[nodiscard]] double events() const { return static_cast<double>(journal->last()); }

  BenchPlace place;
  std::unique_ptr<LmdbReader> journal;
  RawLmdb raw;
};

const Filled& filled() {
  static Filled once;
  return once;
}

template <typename Work>
void measure(benchmark::State& state, double events, const Work& work) {
  Filled& all = const_cast<Filled&>(filled());
  double ours = 0;
  double anchor = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const double start = computed_seconds();
    work(*all.journal);
    const double took = computed_seconds() - start;
    const double middle = computed_seconds();
    sum += all.raw.scan();
    anchor += computed_seconds() - middle;
    ours += took;
    state.SetIterationTime(took);
  }
  benchmark::DoNotOptimize(sum);
  state.counters["events/s"] = events * static_cast<double>(state.iterations()) / ours;
  state.counters["ratio"] = ours / anchor;
}

void refold(benchmark::State& state) {
  measure(state, filled().events(), [](LmdbReader& journal) {
    ReplayLog past(journal);  // has no snapshots
    past.skip(journal.last());
    const auto gateway = Gateway::open(past);
    require(gateway.has_value() && (*gateway)->directory().seq() == journal.last(), "fold");
  });
  state.counters["bar events/s"] = 5e6;
  state.counters["bar ratio"] = 1 / 0.12;
}
BENCHMARK(refold)->Name("tool/refold from nothing")->UseManualTime()->Unit(benchmark::kMillisecond);

void decide_again(benchmark::State& state) {
  measure(state, filled().events(), [](LmdbReader& journal) {
    const auto report = replay_check(journal, 0);
    require(report.has_value() && report->divergence.empty() && report->decisions > 0,
            "replay_check");
  });
  state.counters["bar events/s"] = 5e5;
}
BENCHMARK(decide_again)
    ->Name("tool/replay --check")
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::replay_bench
