// Folding typical events into the gateway's three states, and decoding them from records before:
// what a rebuild costs beside the disk.
#include <benchmark/benchmark.h>

#include <map>
#include <vector>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/codec.h"
#include "core/directory.h"
#include "core/session.h"
#include "core/work.h"

namespace daybook::fold_bench {
namespace {

constexpr bench::Extent kExtent{100'000, 200, true};

const std::vector<Event>& events() {
  static const std::vector<Event> all = bench::typical_events(kExtent);
  return all;
}

struct States {
  Directory directory;
  Work work;
  std::map<SessionId, Session> sessions;

  void apply(const Event& event) {
    directory.apply(event);
    work.apply(event);
    if (event.session() != 0) sessions[event.session()].apply(event);
  }
};

void fold(benchmark::State& state) {
  const std::vector<Event>& all = events();
  std::size_t turns = 0;
  bench::measure_against_raw(state, static_cast<double>(all.size()), [&] {
    States states;
    for (const Event& event : all) states.apply(event);
    turns = states.work.calls.open().size();
  });
  if (turns != bench::kRoundTurns) state.SkipWithError("the fold lost a turn");
}
BENCHMARK(fold)->Name("core/fold")->Unit(benchmark::kMillisecond);

void decode_and_fold(benchmark::State& state) {
  std::vector<Record> records;
  for (const Event& event : events()) records.push_back(to_record(event));
  bench::measure_against_raw(state, static_cast<double>(records.size()), [&] {
    States states;
    for (const Record& record : records) states.apply(*from_record(record));
    benchmark::DoNotOptimize(states.directory.seq());
  });
}
BENCHMARK(decode_and_fold)->Name("core/decode and fold")->Unit(benchmark::kMillisecond);

void encode(benchmark::State& state) {
  const std::vector<Event>& all = events();
  bench::measure_against_raw(state, static_cast<double>(all.size()), [&] {
    for (const Event& event : all) benchmark::DoNotOptimize(to_record(event).clear.data());
  });
}
BENCHMARK(encode)->Name("core/encode")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::fold_bench
