// Turns a second that `daybook eval` judges under four policies, over one conversation of so many
// turns with messages of some 300 bytes: names, numbers and paths in them that come back. Counter
// `ratio` is our time over that of reading the marks of every message once, which no oracle can do
// without.
#include "core/evaluation.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <unordered_map>

#include "core/relevance.h"
#include "core/tokens.h"

namespace daybook::evaluation_bench {
namespace {

constexpr SessionId kSession = 2;

// What a message of this number says.
std::string words(int number) {
  std::string text = "About Project" + std::to_string(number % 37) + " at /srv/data/" +
                     std::to_string(number % 101) + ", which Okafor called " +
                     std::to_string(1'000 + number % 211) + ": ";
  while (text.size() < 300) text += "some more words of no weight ";
  return text;
}

class Recorded final : public History {
 public:
  explicit Recorded(int turns) {
    add([](Event* event) { event->mutable_settings_loaded(); }, "Be brief.", 0);
    add([](Event* event) { event->mutable_session_opened()->set_place("console:local"); }, "",
        kSession);
    for (int turn = 0; turn < turns; ++turn) exchange(turn);
  }

  std::optional<Event> event(Seq seq) override {
    return seq == 0 || seq > events_.size() ? std::nullopt : std::optional<Event>(events_[seq - 1]);
  }
  std::string text(Seq seq) override { return events_[seq - 1].content().text(); }
  std::string told(Seq seq) override { return text(seq); }
  Digest told_sha256(Seq seq) override {
    const auto [found, added] = digests_.try_emplace(seq);
    if (added) found->second = sha256(text(seq));
    return found->second;
  }

  [[nodiscard]] const Session& session() const { return session_; }
  [[nodiscard]] Seq head() const { return events_.size(); }

 private:
  template <typename Fill>
  Seq add(const Fill& fill, const std::string& text, SessionId session) {
    Event event;
    event.set_seq(events_.size() + 1);
    event.set_session(session);
    event.set_prev(events_.size() < 2 ? 0 : events_.size());
    fill(&event);
    event.mutable_content()->set_text(text);
    session_.apply(event);
    events_.push_back(std::move(event));
    return events_.size();
  }

  void exchange(int number) {
    const std::string said = words(number);
    const Seq message = add(
        [&](Event* event) { event->mutable_message_received()->set_tokens(estimate_tokens(said)); },
        said, kSession);
    const Seq turn = add(
        [&](Event* event) {
          TurnStarted* started = event->mutable_turn_started();
          started->set_rules(kRulesVersion);
          started->set_model("m");
          started->set_settings(1);
          started->set_budget(100'000);
          started->set_calibration(1'000);
          started->set_messages_max(50);
          started->set_reset_threshold(32'000);
          started->set_incremental_budget(16'000);
          started->set_keep_last(8);
          started->add_answers(message);
        },
        "", kSession);
    const std::string answer = words(number / 2);
    add(
        [&](Event* event) {
          event->mutable_turn_completed()->set_turn(turn);
          event->mutable_turn_completed()->set_tokens(estimate_tokens(answer));
        },
        answer, kSession);
  }

  std::vector<Event> events_;
  std::unordered_map<Seq, Digest> digests_;
  Session session_;
};

void evaluate_four_policies(benchmark::State& state) {
  const int turns = static_cast<int>(state.range(0));
  Recorded recorded(turns);
  EvaluationOptions options;
  options.policies = {"full", "window", "reset", "incremental"};
  using Clock = std::chrono::steady_clock;
  Clock::duration ours{};
  Clock::duration floor{};
  for (auto _ : state) {
    const Clock::time_point began = Clock::now();
    const auto evaluation =
        evaluate(recorded.session(), recorded.head(), options, CatalogueLoaded(), recorded);
    const Clock::time_point ended = Clock::now();
    if (!evaluation || evaluation->runs[0].turns != static_cast<std::uint64_t>(turns)) {
      state.SkipWithError("not every turn was judged");
      return;
    }
    for (const Entry& entry : recorded.session().state().entries()) {
      benchmark::DoNotOptimize(marks_of(recorded.text(entry.seq())));
    }
    ours += ended - began;
    floor += Clock::now() - ended;
  }
  state.counters["turns_per_second"] =
      static_cast<double>(state.iterations()) * turns / std::chrono::duration<double>(ours).count();
  state.counters["ratio"] =
      std::chrono::duration<double>(ours).count() / std::chrono::duration<double>(floor).count();
}
BENCHMARK(evaluate_four_policies)->Arg(100)->Arg(1'000)->Arg(5'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::evaluation_bench
