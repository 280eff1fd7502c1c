// The prompt of a long conversation with policy `full`: 10,000 messages of 100 bytes, whose digests
// are known. Cold: everything is chosen, laid out and hashed. Then: one message more than last
// time. Counter `ratio` is our time over that of hashing the same digests and nothing else.
#include <benchmark/benchmark.h>

#include <chrono>
#include <unordered_map>

#include "core/context.h"
#include "core/policy.h"
#include "core/tokens.h"

namespace daybook::prompt_bench {
namespace {

constexpr int kMessages = 10'000;
constexpr Seq kSettings = 1'000'000;
const std::string kWords(100, 'w');

class Known final : public History {
 public:
  Known() {
    for (Seq seq = 1; seq <= kMessages + 1; ++seq) digests_.emplace(seq, sha256(kWords));
  }
  std::optional<Event> event(Seq) override { return std::nullopt; }
  std::string text(Seq seq) override { return seq == kSettings ? "Be brief." : kWords; }
  std::string told(Seq seq) override { return text(seq); }
  Digest told_sha256(Seq seq) override { return digests_.at(seq); }
  PromptMemo* prompt_memo(SessionId) override { return &memo; }

  PromptMemo memo;

 private:
  std::unordered_map<Seq, Digest> digests_;
};

SessionState talk(int messages) {
  SessionState session;
  for (int i = 0; i < messages; ++i) {
    Entry* entry = session.add_entries();
    entry->set_seq(static_cast<Seq>(i) + 1);
    entry->set_role(i % 2 == 0 ? Entry::USER : Entry::ASSISTANT);
    entry->set_tokens(estimate_tokens(kWords));
  }
  return session;
}

TurnStarted asked() {
  TurnStarted turn;
  turn.set_rules(kRulesVersion);
  turn.set_policy("full");
  turn.set_model("m");
  turn.set_settings(kSettings);
  turn.set_budget(1'000'000'000);
  return turn;
}

double seconds_of_hashing() {
  const Digest digest = sha256(kWords);
  const auto began = std::chrono::steady_clock::now();
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    Sha256 whole;
    for (int i = 0; i < kMessages; ++i) {
      whole.update("u");
      whole.update(view(digest));
    }
    benchmark::DoNotOptimize(whole.finish());
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() / kRounds;
}

Digest prompt_digest(const SessionState& session, Known& history) {
  TurnStarted turn = asked();
  if (!plan_prompt(session, &turn, history)) return {};
  return digest_prompt(session, turn, history).sha256;
}

void add_ratio(benchmark::State& state, double seconds) {
  state.counters["ratio"] =
      seconds / static_cast<double>(state.iterations()) / seconds_of_hashing();
}

void prompt_cold(benchmark::State& state) {
  const SessionState session = talk(kMessages + 1);
  Known history;
  const auto began = std::chrono::steady_clock::now();
  for (auto _ : state) {
    history.memo = PromptMemo();
    benchmark::DoNotOptimize(prompt_digest(session, history));
  }
  add_ratio(state, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
}
BENCHMARK(prompt_cold)->Unit(benchmark::kMicrosecond);

void prompt_with_one_more(benchmark::State& state) {
  const SessionState before = talk(kMessages - 1);
  const SessionState session = talk(kMessages + 1);
  Known history;
  prompt_digest(before, history);
  const PromptMemo memo = history.memo;
  const auto began = std::chrono::steady_clock::now();
  for (auto _ : state) {
    history.memo = memo;
    benchmark::DoNotOptimize(prompt_digest(session, history));
  }
  add_ratio(state, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
}
BENCHMARK(prompt_with_one_more)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace daybook::prompt_bench
