// A hot copy of a journal beside what `cp` takes for the same file, both synced. The bar is half
// its speed: a copy reads every page in the order of the trees and writes it anew.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "bench/typical.h"
#include "journal/backup.h"
#include "journal/files.h"
#include "tests/world/process.h"

namespace daybook::backup_bench {
namespace {

namespace fs = std::filesystem;
using bench::require;

constexpr Seq kEvents = 1'000'000;

struct Journal {
  world::TemporaryDirectory temporary;
  std::string path = temporary.path() + "/journal";
  std::string copy = temporary.path() + "/copy";

  Journal() { bench::write_journal(path, {kEvents, 200, true}); }
  [[nodiscard]] std::int64_t bytes() const {
    return static_cast<std::int64_t>(fs::file_size(path + "/data.mdb"));
  }
};

Journal& journal() {
  static Journal made;
  return made;
}

void sync_file(const std::string& path) {
  const files::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(file.valid() && ::fsync(file.number()) == 0, "a file that was written can be synced");
}

void plain_copy(benchmark::State& state) {
  Journal& made = journal();
  for (auto _ : state) {
    const std::string command = "cp " + made.path + "/data.mdb " + made.copy;
    require(std::system(command.c_str()) == 0, "cp");
    sync_file(made.copy);
    state.PauseTiming();
    fs::remove(made.copy);
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * made.bytes());
}

// `verified`: as the verb does it; else the copy alone.
void hot_copy(benchmark::State& state, bool verified) {
  Journal& made = journal();
  for (auto _ : state) {
    if (verified) {
      const auto report = back_up(made.path, made.copy, "");
      require(report.has_value(), "a backup");
    } else {
      const auto opened = open_for_reading(made.path);
      require(opened.has_value(), "a journal");
      const files::Descriptor file(
          ::open(made.copy.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      require(opened->environment->copy_to(file.number()).ok(), "a copy");
      require(::fsync(file.number()) == 0, "a synced copy");
    }
    state.PauseTiming();
    fs::remove_all(made.copy);
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * made.bytes());
}

void copied(benchmark::State& state) { hot_copy(state, false); }
void copied_and_verified(benchmark::State& state) { hot_copy(state, true); }

BENCHMARK(plain_copy)->Name("backup/cp")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(copied)->Name("backup/hot")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(copied_and_verified)
    ->Name("backup/hot, verified")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::backup_bench
