// `verify` beside hashing the same bytes alone: every record of the same journal from memory, and
// of every commit its seal over their hashes, with the same library, one after the other, on as
// many threads.
//
// Counter `ratio` is the hashing's time over ours, both in seconds of all cores together, so other
// load is left out. `ratio to records` is against the records without the seals, `ratio to pairs`
// against hashing two of them side by side, where verify hashes three. `scaling` is how many times
// faster by the clock it was than one thread.
#include <benchmark/benchmark.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/laws.h"
#include "core/sha256.h"
#include "journal/reading.h"
#include "journal/stored.h"
#include "journal/verify.h"

namespace daybook::verify_bench {
namespace {

using bench::BenchPlace;
using bench::require;

constexpr bench::Extent kExtent{1'000'000, 200, false};
constexpr int kRounds = 5;

// Of all threads.
double process_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A journal, and the keys and values of its records in memory.
struct Filled {
  Filled() {
    bench::write_journal(place.journal(), kExtent);
    auto environment = store::Environment::open({place.journal(), 0, true, false});
    require(environment.has_value(), "Environment::open");
    const auto keep = [this](const StoredEvent& event) {
      for (std::size_t part = 0; part < event.parts.size(); ++part) {
        std::string record;
        record::append_u64(record, record::key_of(event.seq, part));
        records.push_back(record + event.parts[part]);
      }
      ends_commit.resize(records.size());
      ends_commit.back() = !record::seal_in(event.parts.back()).empty();
      return true;
    };
    const Result<Seq> last = Reading(**environment).last();
    require(last && StoredReading(**environment).events(1, *last, keep), "events");
  }

  BenchPlace place;
  std::vector<std::string> records;
  std::vector<bool> ends_commit;  // after which of them a seal is due
};

const Filled& filled() {
  static const Filled once;
  return once;
}

template <typename Hash>
double hash_all(unsigned jobs, const Hash& hash) {
  const std::vector<std::string>& records = filled().records;
  const double start = process_seconds();
  std::vector<std::thread> threads;
  for (unsigned job = 0; job < jobs; ++job) {
    threads.emplace_back(
        [&, job] { hash(records.size() * job / jobs, records.size() * (job + 1) / jobs); });
  }
  for (std::thread& thread : threads) thread.join();
  return process_seconds() - start;
}

double hash_alone(unsigned jobs) {
  return hash_all(jobs, [](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      Digest digest = sha256(filled().records[i]);
      benchmark::DoNotOptimize(digest);
    }
  });
}

// As layout::next_seal() takes it in: the seal before, a range of 16 bytes, the hashes.
double hash_sealed(unsigned jobs) {
  return hash_all(jobs, [](std::size_t first, std::size_t last) {
    const HmacSha256 code(std::string(32, 'k'));
    std::string hashes;
    Digest seal{};
    for (std::size_t i = first; i < last; ++i) {
      hashes += view(sha256(filled().records[i]));
      if (!filled().ends_commit[i]) continue;
      HmacSha256 one = code;
      one.update(view(seal));
      one.update(std::string_view(hashes).substr(0, 16));
      one.update(hashes);
      seal = one.finish();
      hashes.clear();
    }
    benchmark::DoNotOptimize(seal);
  });
}

double hash_pairs(unsigned jobs) {
  return hash_all(jobs, [](std::size_t first, std::size_t last) {
    TwinSha256 twin;
    const Sha256 fresh;
    for (std::size_t i = first; i + 1 < last; i += 2) {
      auto digests = twin.finish(fresh, {filled().records[i]}, fresh, {filled().records[i + 1]});
      benchmark::DoNotOptimize(digests);
    }
  });
}

struct Took {
  double processor = 0;
  double wall = 0;
};

Took verify_all(unsigned jobs) {
  Laws laws;
  VerifyOptions options;
  options.directory = filled().place.journal();
  options.judge = &laws;
  options.jobs = jobs;
  const double wall = wall_seconds();
  const double start = process_seconds();
  const auto found = verify(options);
  const Took took{process_seconds() - start, wall_seconds() - wall};
  require(found.has_value() && found->sound(), "verify");
  return took;
}

void verify_journal(benchmark::State& state) {
  const auto jobs = static_cast<unsigned>(state.range(0));
  const auto records = static_cast<double>(filled().records.size());
  Took ours;
  double sealed = 0;
  double alone = 0;
  double pairs = 0;
  double single_wall = 0;
  for (auto _ : state) {
    const Took took = verify_all(jobs);
    ours.processor += took.processor;
    ours.wall += took.wall;
    sealed += hash_sealed(jobs);
    alone += hash_alone(jobs);
    pairs += hash_pairs(jobs);
    if (jobs > 1) single_wall += verify_all(1).wall;
    state.SetIterationTime(took.wall);
  }
  state.counters["events/s core"] = records * kRounds / ours.processor;
  state.counters["ratio"] = sealed / ours.processor;
  state.counters["bar ratio"] = 0.8;
  state.counters["ratio to records"] = alone / ours.processor;
  state.counters["ratio to pairs"] = pairs / ours.processor;
  if (jobs > 1) state.counters["scaling"] = single_wall / ours.wall;
}
BENCHMARK(verify_journal)
    ->Name("tool/verify, jobs")
    ->Arg(1)
    ->Arg(2)
    ->UseManualTime()
    ->Iterations(kRounds)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::verify_bench
