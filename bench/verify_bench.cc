// `verify` beside hashing the same bytes alone: every record of the same journal from memory, and
// of every commit its seal over their hashes, with the same library, one after the other, on as
// many threads.
//
// Counter `ratio` is the hashing's time over ours, both in seconds of all cores together, so other
// load is left out. `ratio to records` is against the records without the seals. `scaling` is how
// many times faster by the clock it was than one thread, `scaling of hashing` the same of hashing
// three records side by side, as verify does, and nothing else: what this machine's cores can do.
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
  static const Filled kOnce;
  return kOnce;
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

// As verify does where it can.
double hash_threes(unsigned jobs) {
  return hash_all(jobs, [](std::size_t first, std::size_t last) {
    const std::vector<std::string>& records = filled().records;
    for (std::size_t i = first; i + 2 < last; i += 3) {
      const std::size_t blocks = sha256_blocks(records[i].size());
      const bool alike = sha256_blocks(records[i + 1].size()) == blocks &&
                         sha256_blocks(records[i + 2].size()) == blocks;
      if (alike) {
        auto digests = sha256_of_three({records[i], records[i + 1], records[i + 2]});
        benchmark::DoNotOptimize(digests);
        continue;
      }
      for (std::size_t one = i; one < i + 3; ++one) {
        Digest digest = sha256(records[one]);
        benchmark::DoNotOptimize(digest);
      }
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
  double threes = 0;
  double single_threes = 0;
  double single_wall = 0;
  for (auto _ : state) {
    const Took took = verify_all(jobs);
    ours.processor += took.processor;
    ours.wall += took.wall;
    sealed += hash_sealed(jobs);
    alone += hash_alone(jobs);
    if (jobs > 1) {
      single_wall += verify_all(1).wall;
      threes += hash_threes(jobs);
      single_threes += hash_threes(1);
    }
    state.SetIterationTime(took.wall);
  }
  state.counters["events/s core"] = records * kRounds / ours.processor;
  state.counters["ratio"] = sealed / ours.processor;
  state.counters["bar ratio"] = 0.8;
  state.counters["ratio to records"] = alone / ours.processor;
  if (jobs > 1) {
    state.counters["scaling"] = single_wall / ours.wall;
    state.counters["scaling of hashing"] = jobs * single_threes / threes;
  }
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
