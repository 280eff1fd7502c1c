// Reading one conversation out of many: the newest events of a session's chain, 1,000 or all, as
// records whose checksums were checked, and as events without and with their words; beside LMDB
// alone following the same links in the same file. Counter `ratio` is our time over its time.
#include <benchmark/benchmark.h>
#include <lmdb.h>

#include <memory>
#include <string>

#include "bench/kept_journal.h"
#include "bench/raw_lmdb.h"
#include "core/session.h"
#include "journal/layout.h"
#include "tools/journal_view.h"

namespace daybook::chain_bench {
namespace {

using bench::computed_seconds;
using bench::require;

constexpr std::size_t kEventsMax = 1'000;
constexpr std::size_t kPrevOffset = 18;  // journal/FORMAT.md
constexpr std::uint64_t kPrevMask = (std::uint64_t{1} << 40) - 1;

// Nobody writes while it reads, so it needs no lock of LMDB's; taking one here would drop the
// journal's own, which is open in this process.
class BareJournal {
 public:
  explicit BareJournal(const std::string& directory) {
    require(mdb_env_create(&environment_) == 0, "mdb_env_create");
    require(mdb_env_set_maxdbs(environment_, 8) == 0, "mdb_env_set_maxdbs");
    const unsigned flags = MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS;
    require(mdb_env_open(environment_, directory.c_str(), flags, 0600) == 0, "mdb_env_open");
    require(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction_) == 0, "mdb_txn_begin");
    require(mdb_dbi_open(transaction_, "events", MDB_INTEGERKEY, &table_) == 0, "mdb_dbi_open");
  }
  ~BareJournal() {
    mdb_txn_abort(transaction_);
    mdb_env_close(environment_);
  }
  BareJournal(const BareJournal&) = delete;
  BareJournal& operator=(const BareJournal&) = delete;

  // Follows `count` links from `seq` on and returns where it ends; 0: with the first event.
  Seq walk(Seq seq, std::size_t count) {
    for (std::size_t i = 0; i < count && seq != 0; ++i) {
      std::uint64_t name = record::key_of(seq);
      MDB_val key{sizeof name, &name};
      MDB_val value{};
      require(mdb_get(transaction_, table_, &key, &value) == 0, "mdb_get");
      const std::string_view bytes(static_cast<const char*>(value.mv_data), value.mv_size);
      const Seq distance = record::load_u64(bytes.substr(kPrevOffset)) & kPrevMask;
      seq = distance == 0 ? 0 : seq - distance;
    }
    return seq;
  }

 private:
  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
  MDB_dbi table_ = 0;
};

enum class As { kRecords, kEvents, kWords };

// The newest events of the chain are read; how many. `end`: where it goes on.
std::size_t read_chain(JournalView& view, Seq head, As as, Seq* end) {
  std::size_t read = 0;
  Seq seq = head;
  if (as == As::kRecords) {
    const auto take = [&](const RecordView& record) {
      seq = record.prev;
      return ++read < kEventsMax;
    };
    require(view.log().walk(head, 0, take).has_value(), "the chain holds");
  }
  for (; as != As::kRecords && read < kEventsMax && seq != 0; ++read) {
    const bool words = as == As::kWords;
    const auto event = words ? view.gateway().event(seq) : view.gateway().clear_event(seq);
    require(event.has_value(), "an event of the chain");
    seq = event->prev();
  }
  *end = seq;
  return read;
}

void chain(benchmark::State& state, As as) {
  auto opened = JournalView::open(bench::kept_journal().path());
  require(opened.has_value(), "JournalView::open");
  JournalView& view = **opened;
  BareJournal bare(bench::kept_journal().path());
  const auto session = view.find_session("telegram:" + std::to_string(bench::kFirstChat));
  require(session.has_value(), "a session");
  const Seq head = view.gateway().directory().session(*session)->head();
  double ours = 0;
  double anchor = 0;
  std::size_t walked = 0;
  // Who goes second finds the pages in the caches: they take turns.
  for (bool first = true; auto _ : state) {
    Seq seq = 0;
    double took = 0;
    for (const bool mine : {first, !first}) {
      const double start = computed_seconds();
      if (mine) walked = read_chain(view, head, as, &seq);
      if (!mine) benchmark::DoNotOptimize(bare.walk(head, kEventsMax));
      (mine ? took : anchor) += computed_seconds() - start;
    }
    require(bare.walk(head, walked) == seq, "both walk the same way");
    ours += took;
    first = !first;
    state.SetIterationTime(took);
  }
  state.counters["ratio"] = ours / anchor;
  state.counters["bare ms"] = 1e3 * anchor / static_cast<double>(state.iterations());
  state.counters["walked"] = static_cast<double>(walked);
  state.counters["events"] = static_cast<double>(bench::kept_journal().events());
  if (as == As::kRecords) state.counters["bar ratio"] = 1.5;
}

void bare_chain(benchmark::State& state) { chain(state, As::kRecords); }
void clear_chain(benchmark::State& state) { chain(state, As::kEvents); }
void worded_chain(benchmark::State& state) { chain(state, As::kWords); }

BENCHMARK(bare_chain)
    ->Name("session/records of a chain")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(clear_chain)
    ->Name("session/events of a chain")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(worded_chain)
    ->Name("session/events of a chain, with words")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::chain_bench
