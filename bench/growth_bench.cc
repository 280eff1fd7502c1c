// What a journal takes on the disk, and what an answer makes the disk write. No time is measured.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/codec.h"
#include "journal/archive.h"
#include "tests/world/daemon_world.h"

namespace daybook::growth_bench {
namespace {

namespace fs = std::filesystem;
using bench::BenchPlace;
using bench::require;

constexpr Seq kChunks = 50'000;
constexpr Seq kChunksPerTurn = 68;
constexpr double kMebibyte = 1 << 20;

double bytes_in(const std::string& directory) {
  double bytes = 0;
  for (const auto& file : fs::directory_iterator(directory)) {
    if (file.path().filename() != "lock.mdb") bytes += static_cast<double>(file.file_size());
  }
  return bytes;
}

// A stream of four characters a chunk, sixty-eight chunks a turn, `state.range(0)` a commit.
void chunk(benchmark::State& state) {
  const auto count = static_cast<Seq>(state.range(0));
  for (auto _ : state) {
    const BenchPlace place;
    bench::WaitingLog waiting(place.journal());
    LmdbLog& log = waiting.log();
    const double before = bytes_in(place.journal());
    for (Seq seq = 1; seq <= kChunks; seq += count) {
      Batch batch;
      for (Seq i = seq; i < seq + count; ++i) {
        const Seq turn = 1 + (i - 1) / kChunksPerTurn * kChunksPerTurn;
        Event event;
        event.set_seq(i);
        event.set_time(1'795'000'000'000 + static_cast<std::int64_t>(i));
        event.set_session(i > 1 ? 1 : 0);
        event.set_cause(i > turn ? turn : 0);
        event.set_prev(i - 1);
        event.mutable_chunk_received()->set_turn(turn);
        event.mutable_chunk_received()->set_attempt(1);
        event.mutable_content()->set_text(" fou");
        batch.records.push_back(to_record(event));
      }
      log.append(std::move(batch));
      waiting.wait();
    }
    state.counters["bytes a chunk"] =
        (bytes_in(place.journal()) - before) / static_cast<double>(kChunks);
    state.counters["bar bytes"] = 100;
  }
}
BENCHMARK(chunk)
    ->Name("growth/chunk of 4 characters")
    ->ArgName("a commit")
    ->Arg(1)
    ->Arg(20)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

Seq last_of(const std::string& directory) {
  const auto reader = LmdbReader::open(directory);
  require(reader.has_value(), "LmdbReader::open");
  return (*reader)->last();
}

// Ten chats with six answers a day each.
void year(benchmark::State& state) {
  constexpr Seq kAnswers = Seq{10} * 365 * 6;
  constexpr Seq kEventsAnAnswer = 76;
  for (auto _ : state) {
    const BenchPlace place;
    bench::write_journal(place.journal(), {kAnswers * kEventsAnAnswer, 10, false});
    const double bytes = bytes_in(place.journal());
    state.counters["MiB"] = bytes / kMebibyte;
    state.counters["bytes an answer"] = bytes / static_cast<double>(kAnswers);
    const std::string into = place.journal() + "-archive";
    const auto archived = archive({place.journal(), into, last_of(place.journal()), {}});
    require(archived.has_value(), "archive");
    state.counters["MiB after archiving"] = bytes_in(place.journal()) / kMebibyte;
    state.counters["MiB archived"] = bytes_in(into) / kMebibyte;
  }
}
BENCHMARK(year)->Name("growth/a year of ten chats")->Iterations(1)->Unit(benchmark::kMillisecond);

double written_by(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/io");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("write_bytes:")) return std::stod(line.substr(12));
  }
  require(false, "/proc/PID/io");
  return 0;
}

// The daemon itself, one chat, ten words a second, each a commit of its own.
void answer(benchmark::State& state) {
  constexpr int kAnswers = 3;
  constexpr int kWords = 40;
  world::DaemonWorld world(DAYBOOK_BINARY_DIR);
  world.set("agent", "model = \"echo:slow\"");
  const pid_t process = world.start().id();
  std::string question = "Say";
  for (int word = 0; word < kWords; ++word) question += " word";
  double bytes = 0;
  for (auto _ : state) {
    const double before = written_by(process);
    for (std::size_t i = 0; i < kAnswers; ++i) {
      world.say(world::DaemonWorld::kUser, question);
      const bool told = world.bot().wait([&](const world::BotApi& bot) {
        const auto screen = bot.screen(world::DaemonWorld::kUser);
        return screen.size() > i && screen.back().text.ends_with("for a real one.)");
      });
      require(told, "an answer");
    }
    bytes += written_by(process) - before;
  }
  state.counters["MiB an answer"] = bytes / kMebibyte / kAnswers;
}
BENCHMARK(answer)
    ->Name("growth/written for an answer of some 60 chunks")
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::growth_bench
