// The daemon as a process: from exec to its first poll over a journal of a million events or
// more, and what it takes while nothing happens.
//
// Every start gets a copy of its own: a start settles the turns that it finds open.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "bench/kept_journal.h"
#include "bench/typical.h"
#include "tests/tls_certificates.h"
#include "tests/tls_front.h"
#include "tests/world/daemon_world.h"

namespace daybook::start_bench {
namespace {

namespace fs = std::filesystem;
using bench::require;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kSettling{2};
constexpr std::chrono::seconds kWatching{10};
constexpr double kMebibyte = 1 << 20;

const bench::KeptJournal& original() { return bench::kept_journal(); }

// An authority that stands among those of the system, so that the daemon reads a bundle as long as
// it does at home.
class Papers {
 public:
  Papers() {
    workshop_.leaf("good", {});
    std::ofstream bundle(bundle_path());
    bundle << tls_certificates::read_file(workshop_.path("authority.pem"))
           << tls_certificates::read_file("/etc/ssl/certs/ca-certificates.crt");
    identity_ = std::make_unique<tls_server::Identity>(workshop_.path("good.pem"),
                                                       workshop_.path("good.key"));
  }
  [[nodiscard]] std::string bundle_path() const { return workshop_.path("bundle.pem"); }
  [[nodiscard]] const tls_server::Identity& identity() const { return *identity_; }

 private:
  tls_certificates::Workshop workshop_;
  std::unique_ptr<tls_server::Identity> identity_;
};

enum class Wire { kPlain, kTls };

class Daemon {
 public:
  explicit Daemon(Wire wire = Wire::kPlain) : world_(DAYBOOK_BINARY_DIR) {
    original().copy_to(world_.data());
    world_.set("agent", "model = \"echo\"");
    world_.set("log", "level = \"info\"");
    if (wire == Wire::kTls) encrypt();
    world_.bot().with([](world::BotApi& bot) {
      // They are known to the bot, and what they said is long confirmed.
      const auto& filled = original().filled();
      const auto chats = static_cast<std::int64_t>(filled.open_chats.size());
      bot.set_next_update_id(filled.last_update_id - chats + 1);
      for (const std::int64_t chat : filled.open_chats) bot.say(chat, "?", world::real_now());
    });
  }

  double seconds_to_poll() {
    const auto start = Clock::now();
    id_ = world_.start().id();
    const bool polls =
        world_.bot().wait([](const world::BotApi& bot) { return bot.calls("getUpdates") > 0; });
    const std::chrono::duration<double> took = Clock::now() - start;
    require(polls && world_.daemon().running(), world_.daemon().errors().c_str());
    return took.count();
  }

  // Until the turns that were open are answered.
  void wait_until_idle() {
    const bool answered = world_.bot().wait([](const world::BotApi& bot) {
      for (const std::int64_t chat : original().filled().open_chats) {
        const auto screen = bot.screen(chat);
        if (screen.empty() || screen.back().text.find("(I am echo") == std::string::npos) {
          return false;
        }
      }
      return true;
    });
    require(answered, "the open turns are answered");
    std::this_thread::sleep_for(kSettling);
  }

  // Resident memory but for the journal's map, which the kernel may take back at any time.
  [[nodiscard]] double memory_bytes() const {
    std::ifstream maps(process() + "/smaps");
    double bytes = 0;
    bool ours = true;
    for (std::string line; std::getline(maps, line);) {
      const bool head = line.find('-') < line.find(' ') && line.find(':') > line.find(' ');
      if (head) ours = line.find("data.mdb") == std::string::npos;
      if (ours && line.starts_with("Rss:")) bytes += 1024 * std::stod(line.substr(4));
    }
    return bytes;
  }

  // Of all threads since exec: what other load cannot stretch.
  [[nodiscard]] double computed_seconds() const {
    double sum = 0;
    for (const auto& thread : fs::directory_iterator(process() + "/task")) {
      std::ifstream statistics(thread.path() / "schedstat");
      double nanoseconds = 0;
      if (statistics >> nanoseconds) sum += 1e-9 * nanoseconds;
    }
    return sum;
  }

  [[nodiscard]] double wakes() const {
    double sum = 0;
    for (const auto& thread : fs::directory_iterator(process() + "/task")) {
      std::ifstream status(thread.path() / "status");
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("voluntary_ctxt_switches:")) sum += std::stod(line.substr(24));
      }
    }
    return sum;
  }

 private:
  [[nodiscard]] std::string process() const { return "/proc/" + std::to_string(id_); }

  void encrypt() {
    papers_ = std::make_unique<Papers>();
    front_ =
        std::make_unique<tls_front::TlsFront>(world_.bot().server().port(), papers_->identity());
    world_.set("tls", "ca_file = \"" + papers_->bundle_path() + '"');
    world_.set("telegram", "token = \"" + std::string(world::DaemonWorld::kToken) +
                               "\"\napi_root = \"" + front_->url() + "\"\nallow = [" +
                               std::to_string(world::DaemonWorld::kUser) + "]");
  }

  std::unique_ptr<Papers> papers_;
  world::DaemonWorld world_;
  std::unique_ptr<tls_front::TlsFront> front_;
  pid_t id_ = 0;
};

// The floor: the same program started and ended without doing anything.
double seconds_of_nothing() {
  const auto start = Clock::now();
  const auto done = world::run_program({DAYBOOK_BINARY_DIR "/daybookd", "--version"}, {});
  require(done.status == 0, "daybookd --version");
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void exec_to_poll(benchmark::State& state) {
  double best = 1e9;
  double computed = 1e9;
  double floor = 1e9;
  for (auto _ : state) {
    Daemon daemon;
    const double took = daemon.seconds_to_poll();
    computed = std::min(computed, daemon.computed_seconds());
    state.SetIterationTime(took);
    best = std::min(best, took);
    floor = std::min(floor, seconds_of_nothing());
  }
  state.counters["best ms"] = best * 1'000;
  state.counters["CPU ms"] = computed * 1'000;
  state.counters["floor ms"] = floor * 1'000;
  state.counters["events"] = static_cast<double>(original().events());
  state.counters["bar ms"] = original().events() > 1'000'000 ? 150 : 100;
}
BENCHMARK(exec_to_poll)
    ->Name("daemon/exec to first poll")
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

void idle(benchmark::State& state, Wire wire) {
  for (auto _ : state) {
    Daemon daemon(wire);
    daemon.seconds_to_poll();
    daemon.wait_until_idle();
    const double wakes = daemon.wakes();
    std::this_thread::sleep_for(kWatching);
    state.counters["wakes/s"] = (daemon.wakes() - wakes) / static_cast<double>(kWatching.count());
    state.counters["bar wakes/s"] = 2;
    state.counters["RSS MiB"] = daemon.memory_bytes() / kMebibyte;
    state.counters["bar MiB"] = 12;
    state.counters["events"] = static_cast<double>(original().events());
    state.SetIterationTime(static_cast<double>(kWatching.count()));
  }
}
BENCHMARK_CAPTURE(idle, plain, Wire::kPlain)
    ->Name("daemon/idle, http")
    ->UseManualTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(idle, tls, Wire::kTls)
    ->Name("daemon/idle, https and the system's bundle")
    ->UseManualTime()
    ->Iterations(1);

}  // namespace
}  // namespace daybook::start_bench
