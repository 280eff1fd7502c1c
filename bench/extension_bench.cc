// What zeros ahead of the tail gain (journal/extension.h), so that no commit has to find new
// blocks: raw LMDB committing into a file that grows, and into one written so far beforehand, in
// turn. Counter `ratio` is the time of the first over that of the second, with nothing paid for the
// zeros, which the disk writes too; what is left of it shows in `journal/append under load`.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"

namespace daybook::extension_bench {
namespace {

using bench::BenchPlace;
using bench::RawLmdb;
using bench::require;

constexpr std::size_t kAheadBytes = std::size_t{256} << 20;
constexpr std::size_t kZerosBytes = 1u << 20;
constexpr int kCommits = 16;
constexpr int kRounds = 150;

// Real blocks: those that fallocate() reserves are converted when they are first written.
void extend(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  struct stat found {};
  require(file >= 0 && ::fstat(file, &found) == 0, "open");
  const std::string zeros(kZerosBytes, '\0');
  for (std::size_t done = 0; done < kAheadBytes; done += zeros.size()) {
    const auto at = found.st_size + static_cast<off_t>(done);
    require(::pwrite(file, zeros.data(), zeros.size(), at) == static_cast<ssize_t>(zeros.size()),
            "pwrite");
  }
  require(::fsync(file) == 0 && ::close(file) == 0, "fsync");
}

double seconds_of(RawLmdb& lmdb, Seq count) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kCommits; ++i) lmdb.commit(count);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void extended(benchmark::State& state) {
  const auto count = static_cast<Seq>(state.range(0));
  const BenchPlace one;
  const BenchPlace other;
  RawLmdb growing(one.raw());
  RawLmdb ahead(other.raw());
  extend(other.raw() + "/data.mdb");
  double grown = 0;
  double found = 0;
  for (auto _ : state) {
    grown += seconds_of(growing, count);
    const double took = seconds_of(ahead, count);
    found += took;
    state.SetIterationTime(took);
  }
  struct stat file {};
  require(::stat((one.raw() + "/data.mdb").c_str(), &file) == 0, "stat");
  require(static_cast<std::size_t>(file.st_size) < kAheadBytes, "the zeros lasted");
  state.counters["ratio"] = grown / found;
  state.counters["bar ratio"] = 1.3;
}
BENCHMARK(extended)
    ->Name("journal/written ahead of the tail")
    ->ArgName("events")
    ->Arg(1)
    ->Arg(64)
    ->Arg(512)
    ->UseManualTime()
    ->Iterations(kRounds);

}  // namespace
}  // namespace daybook::extension_bench
