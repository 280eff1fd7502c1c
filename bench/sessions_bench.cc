// Ten thousand conversations touched one after the other, as when everybody writes on the same
// morning: what stays in memory of them, and what touching one costs. `grown_MiB` is what the
// process grew by (anonymous memory, the journal's mapped file not counted), `others_MiB` the same
// where no session stays: commands, answers that wait to be sent, events on their way to the disk.
// Counter `ratio` is the difference over the limit that sessions have; `held_MiB` is the most that
// they counted themselves.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/gateway.h"

namespace daybook::sessions_bench {
namespace {

using bench::require;
using Clock = std::chrono::steady_clock;

constexpr int kSessions = 10'000;
constexpr int kTurns = 10;
constexpr int kTouchesPerTurn = 64;
constexpr double kMebibyte = 1 << 20;

double anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return 1024 * std::stod(line.substr(8));
  }
  require(false, "RssAnon in /proc/self/status");
  return 0;
}

Fact settings() {
  Fact fact;
  SettingsLoaded* body = fact.mutable_settings_loaded();
  body->set_model("echo");
  body->set_model_chosen(true);
  body->set_max_history_messages(50);
  body->set_context_window_percent(80);
  body->set_attempts_max(3);
  ProviderRow* echo = body->add_providers();
  echo->set_name("echo");
  echo->set_kind("echo");
  echo->set_usable(true);
  return fact;
}

Fact message(int session, const std::string& text, const std::string& command = {}) {
  Fact fact;
  fact.mutable_message_received()->set_place("terminal:" + std::to_string(session));
  fact.mutable_message_received()->set_source("terminal");
  fact.mutable_message_received()->set_command(command);
  fact.mutable_content()->set_text(text);
  return fact;
}

class Crowd {
 public:
  explicit Crowd(const std::string& directory, SessionLimits limits = {}) : log_(directory) {
    auto opened = Gateway::open(log_.log(), {.sessions = limits});
    require(opened.has_value(), "Gateway::open");
    gateway_ = *std::move(opened);
    gateway_->connect({}, transport_);
  }

  [[nodiscard]] Gateway& gateway() { return *gateway_; }
  void record(Fact fact) { gateway_->record(std::move(fact), now_ += Duration(1)); }
  void settle() {
    gateway_->flush();
    log_.wait();
    gateway_->turn(now_);
  }

  void exchange(int session) {
    record(message(session, "What is left to do today, and what can wait?"));
    const SessionRow* row = gateway_->directory().at("terminal:" + std::to_string(session));
    require(row != nullptr && row->open_turn() != 0, "a turn");
    Fact answer;
    answer.mutable_turn_completed()->set_turn(row->open_turn());
    answer.mutable_turn_completed()->set_attempt(1);
    answer.mutable_turn_completed()->set_finish(STOP);
    answer.mutable_content()->set_text("The roof, the cat and the letter to the bank.");
    record(std::move(answer));
  }

 private:
  bench::WaitingLog log_;
  std::unique_ptr<Gateway> gateway_;
  bench::NoTransport transport_;
  Time now_ = from_milliseconds(1'800'000'000'000);
};

void write_conversations(const std::string& directory) {
  Crowd crowd(directory);
  Event started;
  started.mutable_gateway_started()->set_rules(kRulesVersion);
  crowd.record(std::move(started));
  crowd.record(settings());
  for (int turn = 0; turn < kTurns; ++turn) {
    for (int session = 0; session < kSessions; ++session) {
      crowd.exchange(session);
      if (session % kTouchesPerTurn == 0) crowd.settle();
    }
  }
  crowd.settle();
}

struct Touched {
  double grown = 0;  // bytes, at the most
  std::size_t held = 0;
  double seconds = 0;
};

Touched touch_all(const std::string& directory, SessionLimits limits) {
  Crowd crowd(directory, limits);
  malloc_trim(0);
  const double before = anonymous_bytes();
  Touched touched;
  const Clock::time_point began = Clock::now();
  for (int session = 0; session < kSessions; ++session) {
    crowd.record(message(session, "/whoami", "whoami"));
    if (session % kTouchesPerTurn != 0) continue;
    crowd.settle();
    touched.held = std::max(touched.held, crowd.gateway().sessions().bytes());
    touched.grown = std::max(touched.grown, anonymous_bytes() - before);
  }
  touched.seconds = std::chrono::duration<double>(Clock::now() - began).count();
  return touched;
}

void touch_ten_thousand(benchmark::State& state) {
  const bench::BenchPlace place;
  write_conversations(place.journal());
  SessionLimits none;
  none.bytes_max = 0;
  for (auto _ : state) {
    const Touched others = touch_all(place.journal(), none);
    const Touched all = touch_all(place.journal(), SessionLimits());
    const auto limit = static_cast<double>(SessionLimits().bytes_max);
    state.counters["us_a_touch"] = all.seconds * 1e6 / kSessions;
    state.counters["held_MiB"] = static_cast<double>(all.held) / kMebibyte;
    state.counters["grown_MiB"] = all.grown / kMebibyte;
    state.counters["others_MiB"] = others.grown / kMebibyte;
    state.counters["ratio"] = (all.grown - others.grown) / limit;
  }
}
BENCHMARK(touch_ten_thousand)
    ->Name("core/ten thousand sessions touched")
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::sessions_bench
