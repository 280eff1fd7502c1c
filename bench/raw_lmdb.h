// The anchor of every benchmark here: raw LMDB, one table, integer keys, append, the flags of the
// journal, values as long as ours, in the same process.
//
// This is the one place beside journal/store.cc that includes lmdb.h: an anchor that went through
// our own wrapper would measure nothing.
#pragma once

#include <benchmark/benchmark.h>
#include <lmdb.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench/typical.h"
#include "journal/lmdb_log.h"
#include "journal/record.h"

namespace daybook::bench {

inline constexpr std::size_t kRawBodyBytes = 96;

class BenchPlace {
 public:
  explicit BenchPlace(const std::filesystem::path& under = std::filesystem::temp_directory_path()) {
    std::string name = (under / "daybook-bench-XXXXXX").string();
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
  std::string value_ = std::string(record::kHeaderBytes + kRawBodyBytes, 'v');
};

// Seconds an event takes raw LMDB in commits of 64, measured once in this process.
double raw_seconds_per_event();

// What this thread has computed: work that waits for nobody is measured so, and other load is left
// out.
double computed_seconds();

// Counters `events/s` and `ratio`: our time for an event over raw LMDB's in commits of 64.
// `seconds` is what `events` took.
void report_against_raw(benchmark::State& state, double events, double seconds);

// Runs `decode`, which handles `events` events, once an iteration and reports it so.
template <typename Decode>
void measure_against_raw(benchmark::State& state, double events, const Decode& decode) {
  const double start = computed_seconds();
  for (auto _ : state) decode();
  const double took = computed_seconds() - start;
  report_against_raw(state, events * static_cast<double>(state.iterations()), took);
}

}  // namespace daybook::bench
