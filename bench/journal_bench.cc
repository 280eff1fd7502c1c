// The journal beside its anchors: raw LMDB and SQLite doing the same commits of values of the same
// length, in the same process and in turn, so that all feel the same disk. Counter `ratio` is our
// time over LMDB's, `to SQLite` our time over SQLite's. `append` is handed a batch once the one
// before is durable; `append under load` while the one before is being written, as by a gateway
// that has more to say.
#include <benchmark/benchmark.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "bench/raw_lmdb.h"
#include "bench/raw_sqlite.h"
#include "bench/typical.h"
#include "journal/lmdb_log.h"
#include "journal/record.h"

namespace daybook::journal_bench {
namespace {

using bench::BenchPlace;
using bench::computed_seconds;
using bench::RawLmdb;
using bench::RawSqlite;
using bench::require;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBodyBytes = bench::kRawBodyBytes;
constexpr Seq kReadEvents = 1'000'000;
constexpr Seq kTurnEvents = 64;  // share a key

// Our journal, waited for after every append.
class BenchLog {
 public:
  explicit BenchLog(const std::string& directory, bool encrypt = true) {
    LmdbLog::Options options;
    options.directory = directory;
    options.encrypt = encrypt;
    options.commit_interval = std::chrono::microseconds(0);
    options.waker = [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_one();
    };
    options.at_commit = [this](Seq, Seq last, bool) {
      const std::lock_guard lock(mutex_);
      begun_ = last;
      changed_.notify_one();
    };
    auto opened = LmdbLog::open(std::move(options));
    require(opened.has_value(), "open");
    log_ = std::move(*opened);
  }

  // The next `count` events.
  [[nodiscard]] Batch next(Seq count) const { return batch_of(log_->last() + 1, count); }

  static Batch batch_of(Seq first, Seq count) {
    Batch batch;
    batch.records.resize(count);
    for (Seq i = 0; i < count; ++i) {
      Record& event = batch.records[i];
      event.seq = first + i;
      event.time = from_milliseconds(1'700'000'000'000 + static_cast<std::int64_t>(event.seq));
      event.kind = static_cast<std::uint8_t>(i % 10 == 0 ? 20 : 21);
      event.session = event.seq > 1 ? 1 : 0;
      event.prev = event.seq - 1;
      event.cause = event.seq - 1;
      event.clear.assign(24, 'c');
      event.content.assign(kBodyBytes - 24 - 1, 'w');
      event.turn = 1 + event.seq / kTurnEvents;
    }
    return batch;
  }

  void commit(Batch batch) {
    log_->append(std::move(batch));
    std::size_t reported = 0;
    while (reported == 0) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return woken_; });
      woken_ = false;
      lock.unlock();
      reported = log_->take_durable().durable.size();
    }
  }

  // Each is a commit of its own.
  void commit_under_load(std::vector<Batch> batches) {
    Seq last = log_->last();
    for (Batch& batch : batches) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return begun_ == last; });
      }
      last = batch.records.back().seq;
      log_->append(std::move(batch));
    }
    while (log_->backlog_bytes() > 0) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
    (void)log_->take_durable();
  }

  LmdbLog& log() { return *log_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  Seq begun_ = 0;  // the last event of the newest commit
  std::unique_ptr<LmdbLog> log_;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void report(benchmark::State& state, double ours, double anchor, double events) {
  state.counters["ratio"] = ours / anchor;
  state.counters["events/s"] = events / ours;
  state.counters["raw events/s"] = events / anchor;
}

// So many commits of ours, then as many of LMDB's and of SQLite's. Theirs have their values ready,
// so ours are made before the clock runs.
void append_in_turn(benchmark::State& state, Seq commits) {
  const BenchPlace place;
  BenchLog journal(place.journal(), state.range(1) != 0);
  RawLmdb raw(place.raw());
  RawSqlite sqlite(place.raw() + "/sqlite");
  const auto count = static_cast<Seq>(state.range(0));
  double ours = 0;
  double anchor = 0;
  double second = 0;
  double events = 0;
  for (auto _ : state) {
    std::vector<Batch> batches;
    for (Seq i = 0; i < commits; ++i) {
      batches.push_back(BenchLog::batch_of(journal.log().last() + 1 + i * count, count));
    }
    const auto start = Clock::now();
    journal.commit_under_load(std::move(batches));
    const double took = seconds_since(start);
    const auto middle = Clock::now();
    for (Seq i = 0; i < commits; ++i) raw.commit(count);
    anchor += seconds_since(middle);
    const auto late = Clock::now();
    for (Seq i = 0; i < commits; ++i) sqlite.commit(count);
    second += seconds_since(late);
    ours += took;
    events += static_cast<double>(commits * count);
    state.SetIterationTime(took);
  }
  report(state, ours, anchor, events);
  state.counters["to SQLite"] = ours / second;
}

void append(benchmark::State& state) { append_in_turn(state, 1); }
void append_under_load(benchmark::State& state) { append_in_turn(state, 16); }

// In memory (/dev/shm), where a sync is nothing: what is left is our own work on both threads.
void append_unsynced(benchmark::State& state) {
  const BenchPlace place("/dev/shm");
  BenchLog journal(place.journal());
  constexpr Seq kCount = 512;
  double events = 0;
  const auto start = Clock::now();
  for (auto _ : state) {
    journal.commit(journal.next(kCount));
    events += static_cast<double>(kCount);
  }
  state.counters["us an event"] = 1e6 * seconds_since(start) / events;
  state.counters["bar us"] = 2;
}

struct Filled {
  BenchPlace place;
  BenchLog journal{place.journal()};
  RawLmdb raw{place.raw()};

  Filled() {
    for (Seq i = 0; i < kReadEvents; i += 10'000) {
      journal.commit(journal.next(10'000));
      raw.commit(10'000);
    }
  }
};

void scan_kinds(benchmark::State& state, const KindSet& kinds) {
  Filled filled;
  double ours = 0;
  double anchor = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const double start = computed_seconds();
    const auto visit = [&sum](const Record& event) {
      sum += event.seq + event.content.size();
      return true;
    };
    require(filled.journal.log().scan(1, kReadEvents, kinds, visit).has_value(), "scan");
    const double took = computed_seconds() - start;
    const double middle = computed_seconds();
    sum += filled.raw.scan();
    anchor += computed_seconds() - middle;
    ours += took;
    state.SetIterationTime(took);
  }
  benchmark::DoNotOptimize(sum);
  report(state, ours, anchor, static_cast<double>(kReadEvents * state.iterations()));
}

void scan_all(benchmark::State& state) { scan_kinds(state, KindSet().set()); }
void scan_one_in_ten(benchmark::State& state) { scan_kinds(state, KindSet().set(20)); }

void point_get(benchmark::State& state) {
  Filled filled;
  double ours = 0;
  double anchor = 0;
  std::uint64_t sum = 0;
  std::uint64_t place = 1;
  constexpr int kGets = 1'000;
  for (auto _ : state) {
    const std::uint64_t from = place;
    const double start = computed_seconds();
    for (int i = 0; i < kGets; ++i) {
      place = (place * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL);
      const auto found = filled.journal.log().get(1 + (place >> 33) % kReadEvents);
      sum += (*found)->seq;
    }
    const double took = computed_seconds() - start;
    place = from;
    const double middle = computed_seconds();
    for (int i = 0; i < kGets; ++i) {
      place = (place * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL);
      sum += filled.raw.get(1 + (place >> 33) % kReadEvents);
    }
    anchor += computed_seconds() - middle;
    ours += took;
    state.SetIterationTime(took);
  }
  benchmark::DoNotOptimize(sum);
  report(state, ours, anchor, static_cast<double>(kGets * state.iterations()));
}

BENCHMARK(append)
    ->Name("journal/append")
    ->ArgsProduct({{1, 64, 512}, {1, 0}})
    ->ArgNames({"events", "encrypt"})
    ->UseManualTime();
BENCHMARK(append_under_load)
    ->Name("journal/append under load")
    ->ArgsProduct({{1, 64, 512}, {1, 0}})
    ->ArgNames({"events", "encrypt"})
    ->UseManualTime();
BENCHMARK(append_unsynced)->Name("journal/append 512, no disk")->UseRealTime();
BENCHMARK(scan_all)->Name("journal/scan")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(scan_one_in_ten)
    ->Name("journal/scan one kind in ten")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(point_get)->Name("journal/get x1000")->UseManualTime();

}  // namespace
}  // namespace daybook::journal_bench
