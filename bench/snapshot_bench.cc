// What rewriting the directory's snapshot costs the loop, and how long the commit that carries it
// takes, when there are very many sessions and those of a day's work have changed.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/gateway.h"

namespace daybook::snapshot_bench {
namespace {

using bench::require;
using Clock = std::chrono::steady_clock;

constexpr int kSessions = 100'000;
constexpr int kQuestionsPerFlush = 64;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A question that is answered in its own transaction.
Fact question(int session) {
  Fact fact;
  MessageReceived* body = fact.mutable_message_received();
  body->set_place("terminal:" + std::to_string(session));
  body->set_source("terminal");
  body->set_command("whoami");
  fact.mutable_content()->set_text("/whoami");
  return fact;
}

class Crowd {
 public:
  Crowd() : log_(place_.journal()) {
    auto gateway = Gateway::open(log_.log());
    require(gateway.has_value(), "Gateway::open");
    gateway_ = *std::move(gateway);
    gateway_->connect({}, transport_);
    for (int session = 0; session < kSessions; session += kQuestionsPerFlush) ask(session, 1);
  }

  struct Costs {
    double flush = 0;
    double commit = 0;
  };
  // Those of the dearest flush.
  Costs ask(int first, int step) {
    for (int i = 0; i < kQuestionsPerFlush; ++i) {
      gateway_->record(question((first + i * step) % kSessions), now_ += Duration(1));
    }
    Costs costs;
    const auto start = Clock::now();
    const double computed = bench::computed_seconds();
    gateway_->flush();
    costs.flush = bench::computed_seconds() - computed;
    log_.wait();
    costs.commit = seconds_since(start);
    gateway_->turn(now_);
    return costs;
  }

 private:
  bench::BenchPlace place_;
  bench::WaitingLog log_;
  bench::NoTransport transport_;
  std::unique_ptr<Gateway> gateway_;
  Time now_ = from_milliseconds(1'700'000'000'000);
};

void rewrite(benchmark::State& state) {
  Crowd crowd;
  Crowd::Costs worst;
  Crowd::Costs sum;
  int flushes = 0;
  // Every session in turn, far apart: as many rows change as can.
  for (auto _ : state) {
    const Crowd::Costs costs = crowd.ask(flushes * 7, 1'543);
    worst.flush = std::max(worst.flush, costs.flush);
    worst.commit = std::max(worst.commit, costs.commit);
    sum.flush += costs.flush;
    sum.commit += costs.commit;
    ++flushes;
    state.SetIterationTime(costs.flush);
  }
  state.counters["worst ms"] = worst.flush * 1'000;
  state.counters["mean ms"] = sum.flush / flushes * 1'000;
  state.counters["worst commit ms"] = worst.commit * 1'000;
  state.counters["mean commit ms"] = sum.commit / flushes * 1'000;
}
BENCHMARK(rewrite)
    ->Name("gateway/flush, 100,000 sessions")
    ->UseManualTime()
    ->Iterations(600)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::snapshot_bench
