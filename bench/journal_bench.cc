// The journal beside its anchor: raw LMDB doing the same commits of values of the same length, in
// the same process and in turn, so that both feel the same disk. Counter `ratio` is our time over
// the anchor's.
//
// This is the one place beside journal/store.cc that includes lmdb.h: an anchor that went through
// our own wrapper would measure nothing.
#include <benchmark/benchmark.h>
#include <lmdb.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <string>

#include "journal/lmdb_log.h"
#include "journal/record.h"

namespace daybook::journal_bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBodyBytes = 96;
constexpr Seq kReadEvents = 1'000'000;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "journal_bench: %s failed\n", what);
  std::abort();
}

class BenchPlace {
 public:
  BenchPlace() {
    std::string name = (std::filesystem::temp_directory_path() / "daybook-bench-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "mkdtemp");
    root_ = name;
    std::filesystem::create_directory(raw());
  }
  ~BenchPlace() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  BenchPlace(const BenchPlace&) = delete;
  BenchPlace& operator=(const BenchPlace&) = delete;
  [[nodiscard]] std::string journal() const { return root_ + "/journal"; }
  [[nodiscard]] std::string raw() const { return root_ + "/raw"; }

 private:
  std::string root_;
};

// Our journal, waited for after every append.
class BenchLog {
 public:
  explicit BenchLog(const std::string& directory) {
    LmdbLog::Options options;
    options.directory = directory;
    options.commit_interval = std::chrono::microseconds(0);
    options.waker = [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_one();
    };
    auto opened = LmdbLog::open(std::move(options));
    require(opened.has_value(), "open");
    log_ = std::move(*opened);
  }

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
    }
    return batch;
  }

  void commit(Seq count) {
    log_->append(batch_of(log_->last() + 1, count));
    std::size_t reported = 0;
    while (reported == 0) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return woken_; });
      woken_ = false;
      lock.unlock();
      reported = log_->take_durable().durable.size();
    }
  }

  LmdbLog& log() { return *log_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::unique_ptr<LmdbLog> log_;
};

// The anchor: one table, integer keys, append, the same flags.
class RawLmdb {
 public:
  explicit RawLmdb(const std::string& directory) {
    require(mdb_env_create(&environment_) == 0, "mdb_env_create");
    require(mdb_env_set_mapsize(environment_, LmdbLog::kMapBytes) == 0, "mdb_env_set_mapsize");
    require(mdb_env_set_maxdbs(environment_, 1) == 0, "mdb_env_set_maxdbs");
    require(mdb_env_open(environment_, directory.c_str(), MDB_NOTLS, 0600) == 0, "mdb_env_open");
    MDB_txn* transaction = begin(0);
    require(mdb_dbi_open(transaction, "events", MDB_CREATE | MDB_INTEGERKEY, &table_) == 0,
            "mdb_dbi_open");
    require(mdb_txn_commit(transaction) == 0, "mdb_txn_commit");
  }
  ~RawLmdb() { mdb_env_close(environment_); }
  RawLmdb(const RawLmdb&) = delete;
  RawLmdb& operator=(const RawLmdb&) = delete;

  MDB_txn* begin(unsigned flags) {
    MDB_txn* transaction = nullptr;
    require(mdb_txn_begin(environment_, nullptr, flags, &transaction) == 0, "mdb_txn_begin");
    return transaction;
  }

  void commit(Seq count) {
    MDB_txn* transaction = begin(0);
    for (Seq i = 0; i < count; ++i) {
      std::uint64_t key = ++last_;
      MDB_val key_val{sizeof key, &key};
      MDB_val value{value_.size(), value_.data()};
      require(mdb_put(transaction, table_, &key_val, &value, MDB_APPEND) == 0, "mdb_put");
    }
    require(mdb_txn_commit(transaction) == 0, "mdb_txn_commit");
  }

  // Touches every header.
  std::uint64_t scan() {
    MDB_txn* transaction = begin(MDB_RDONLY);
    MDB_cursor* cursor = nullptr;
    require(mdb_cursor_open(transaction, table_, &cursor) == 0, "mdb_cursor_open");
    MDB_val key{};
    MDB_val value{};
    std::uint64_t sum = 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
      sum += record::load_u64({static_cast<const char*>(value.mv_data), value.mv_size});
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(transaction);
    return sum;
  }

  // One point get in a renewed transaction.
  std::uint64_t get(std::uint64_t seq) {
    if (reader_ == nullptr) {
      reader_ = begin(MDB_RDONLY);
    } else {
      require(mdb_txn_renew(reader_) == 0, "mdb_txn_renew");
    }
    MDB_val key{sizeof seq, &seq};
    MDB_val value{};
    require(mdb_get(reader_, table_, &key, &value) == 0, "mdb_get");
    const std::uint64_t first =
        record::load_u64({static_cast<const char*>(value.mv_data), value.mv_size});
    mdb_txn_reset(reader_);
    return first;
  }

 private:
  MDB_env* environment_ = nullptr;
  MDB_dbi table_ = 0;
  MDB_txn* reader_ = nullptr;
  std::uint64_t last_ = 0;
  std::string value_ = std::string(record::kHeaderBytes + kBodyBytes, 'v');
};

// What this thread has computed: reading waits for nobody, so other load is left out.
double computed_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void report(benchmark::State& state, double ours, double anchor, double events) {
  state.counters["ratio"] = ours / anchor;
  state.counters["events/s"] = events / ours;
  state.counters["raw events/s"] = events / anchor;
}

void append(benchmark::State& state) {
  const BenchPlace place;
  BenchLog journal(place.journal());
  RawLmdb raw(place.raw());
  const auto count = static_cast<Seq>(state.range(0));
  double ours = 0;
  double anchor = 0;
  double events = 0;
  for (auto _ : state) {
    const auto start = Clock::now();
    journal.commit(count);
    const double took = seconds_since(start);
    const auto middle = Clock::now();
    raw.commit(count);
    anchor += seconds_since(middle);
    ours += took;
    events += static_cast<double>(count);
    state.SetIterationTime(took);
  }
  report(state, ours, anchor, events);
}

struct Filled {
  BenchPlace place;
  BenchLog journal{place.journal()};
  RawLmdb raw{place.raw()};

  Filled() {
    for (Seq i = 0; i < kReadEvents; i += 10'000) {
      journal.commit(10'000);
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

BENCHMARK(append)->Name("journal/append")->Arg(1)->Arg(64)->Arg(512)->UseManualTime();
BENCHMARK(scan_all)->Name("journal/scan")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(scan_one_in_ten)
    ->Name("journal/scan one kind in ten")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(point_get)->Name("journal/get x1000")->UseManualTime();

}  // namespace
}  // namespace daybook::journal_bench
