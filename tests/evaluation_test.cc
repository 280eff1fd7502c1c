// What other policies would have kept, on conversations labelled by hand.
#include "core/evaluation.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "core/context.h"
#include "core/policy.h"
#include "core/tokens.h"
#include "tests/events.h"
#include "tests/places.h"

namespace daybook::evaluation_test {

constexpr SessionId kSession = 1;
const std::string kPlace = "console:local";

// A conversation as a journal would hold it. A message's channel id is its number, from 1.
class Recorded {
 public:
  Recorded() {
    Event settings = testing::at(next_++, 1);
    settings.mutable_settings_loaded();
    settings.mutable_content()->set_text("Be brief.");
    history_.tell(settings);
    Event opened = next();
    opened.set_session(opened.seq());
    session_ = opened.seq();
    opened.mutable_session_opened()->set_place(kPlace);
    record(std::move(opened));
  }

  TurnStarted limits;  // of every turn

  Seq say(const std::string& text, std::int64_t reply_to = 0) {
    Event message = testing::message_received(next(), kPlace, text);
    message.mutable_message_received()->set_tokens(estimate_tokens(text));
    message.mutable_message_received()->set_message_id(static_cast<std::int64_t>(++said_));
    message.mutable_message_received()->set_reply_to(reply_to);
    entries_.push_back(message.seq());
    return record(std::move(message));
  }

  // The turn that answers it so.
  Seq answer(Seq message, const std::string& text) {
    Event started = testing::turn_started(next(), kPlace, message);
    TurnStarted turn = limits;
    turn.set_place(kPlace);
    turn.set_settings(1);
    turn.add_answers(message);
    *started.mutable_turn_started() = turn;
    const Seq seq = record(std::move(started));
    Event completed = testing::turn_completed(next(), seq, text);
    completed.mutable_turn_completed()->set_tokens(estimate_tokens(text));
    entries_.push_back(completed.seq());
    record(std::move(completed));
    Event posted = next();
    posted.mutable_reply_posted()->set_source(seq);
    posted.mutable_reply_posted()->set_message_id(static_cast<std::int64_t>(++said_));
    record(std::move(posted));
    return seq;
  }

  Seq record(Event event) {
    const Seq seq = event.seq();
    event.set_prev(head_);
    head_ = seq;
    folded_.apply(event);
    history_.tell(std::move(event));
    return seq;
  }

  Event next() { return testing::at(next_++, 1, session_); }

  Evaluation evaluated(const EvaluationOptions& options,
                       const CatalogueLoaded& prices = CatalogueLoaded()) {
    const Result<Evaluation> evaluation = evaluate(folded_, head_, options, prices, history_);
    REQUIRE(evaluation);
    return *evaluation;
  }

  [[nodiscard]] Seq entry(int number) const {
    return entries_[static_cast<std::size_t>(number - 1)];
  }
  // 1: the first message.
  [[nodiscard]] int number_of(Seq entry) const {
    const auto found = std::find(entries_.begin(), entries_.end(), entry);
    return static_cast<int>(found - entries_.begin()) + 1;
  }

 private:
  testing::Told history_;
  Session folded_;
  std::vector<Seq> entries_;
  SessionId session_ = 0;
  Seq next_ = 1;
  Seq head_ = 0;
  std::uint64_t said_ = 0;
};

struct Labelled {
  Recorded recorded;
  std::map<Seq, std::vector<int>> needs;  // by turn, labelled by hand
  std::map<std::string, int> faults;      // by policy, counted by hand
};

void read_limits(std::istringstream& words, TurnStarted* limits) {
  std::string name;
  std::uint32_t value = 0;
  while (words >> name >> value) {
    if (name == "budget") limits->set_budget(value);
    if (name == "messages_max") limits->set_messages_max(value);
    if (name == "reset_threshold") limits->set_reset_threshold(value);
    if (name == "incremental_budget") limits->set_incremental_budget(value);
    if (name == "keep_last") limits->set_keep_last(value);
  }
}

// Lines of tests/conversations: "> said", "< answered", "reply N" and "needs N ..." of the message
// that comes next, "faults POLICY N".
Labelled read(const std::filesystem::path& path) {
  Labelled labelled;
  labelled.recorded.limits.set_rules(kRulesVersion);
  labelled.recorded.limits.set_model("m");
  labelled.recorded.limits.set_provider("p");
  labelled.recorded.limits.set_calibration(1'000);
  std::ifstream file(path);
  REQUIRE(file);
  std::int64_t reply_to = 0;
  std::vector<int> needs;
  Seq message = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first == "limits") read_limits(words, &labelled.recorded.limits);
    if (first == "reply") words >> reply_to;
    if (first == "needs") {
      for (int number = 0; words >> number;) needs.push_back(number);
    }
    if (first == "faults") {
      std::string policy;
      words >> policy >> labelled.faults[policy];
    }
    if (first == ">") {
      message = labelled.recorded.say(line.substr(2), reply_to);
      reply_to = 0;
    }
    if (first == "<") {
      labelled.needs[labelled.recorded.answer(message, line.substr(2))] = needs;
      needs.clear();
    }
  }
  return labelled;
}

std::vector<std::filesystem::path> conversations() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_directory() + "/tests/conversations")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

const std::vector<std::string> kAll = {"full", "window", "legacy", "reset", "incremental"};

TEST_CASE("what a turn needs is what a person would say it needs", "[evaluation]") {
  for (const auto& path : conversations()) {
    INFO(path);
    Labelled labelled = read(path);
    // One that keeps nothing but the question is at fault for every need.
    labelled.recorded.limits.set_budget(1'000'000);
    std::map<Seq, std::vector<int>> needs;
    EvaluationOptions options;
    options.policies = {"window"};
    options.lookahead = 0;
    options.budget = 30;
    for (const Fault& fault : labelled.recorded.evaluated(options).faults) {
      needs[fault.turn].push_back(labelled.recorded.number_of(fault.entry));
    }
    for (const auto& [turn, numbers] : labelled.needs) {
      INFO("turn " << turn);
      CHECK(needs[turn] == numbers);
    }
  }
}

TEST_CASE("each policy has as many faults as were counted by hand, and no two as many",
          "[evaluation]") {
  std::map<std::string, std::uint64_t> sums;
  for (const auto& path : conversations()) {
    INFO(path);
    Labelled labelled = read(path);
    EvaluationOptions options;
    options.policies = kAll;
    options.lookahead = 0;
    for (const PolicyRun& run : labelled.recorded.evaluated(options).runs) {
      INFO(run.policy);
      CHECK(static_cast<int>(run.faults) == labelled.faults[run.policy]);
      CHECK(run.oracle_faults <= run.faults);
      sums[run.policy] += run.faults;
    }
  }
  std::set<std::uint64_t> counts;
  for (const auto& [policy, faults] : sums) counts.insert(faults);
  CHECK(counts.size() == kAll.size());
}

// Ten exchanges; the first says what the last but one asks for.
struct Ten {
  Recorded recorded;

  Ten() {
    recorded.limits.set_rules(kRulesVersion);
    recorded.limits.set_model("m");
    recorded.limits.set_calibration(1'000);
    recorded.limits.set_budget(10'000);
    recorded.limits.set_messages_max(8);
    exchange("my code is 4711");
    for (int i = 0; i < 7; ++i) exchange("and then");
    exchange("is 4711 prime?");
    exchange("and then");
  }
  void exchange(const std::string& text) { recorded.answer(recorded.say(text), "well"); }
  PolicyRun run(int lookahead) {
    EvaluationOptions options;
    options.policies = {"window"};
    options.lookahead = lookahead;
    return recorded.evaluated(options).runs[0];
  }
};

TEST_CASE("who looks ahead needs what is asked for later, from when it was said", "[evaluation]") {
  Ten ten;
  CHECK(ten.run(0).turns == 10);
  CHECK(ten.run(0).needs == 1);
  CHECK(ten.run(0).faults == 1);
  CHECK(ten.run(2).needs == 3);
  CHECK(ten.run(100).needs == 8);  // the turns from the second to the ninth
  // Only from the second to the fourth do eight messages reach back so far.
  CHECK(ten.run(100).faults == 5);
}

TEST_CASE("what nobody could have kept is no gap", "[evaluation]") {
  Ten ten;
  CHECK(ten.run(0).oracle_gap() == 1);  // in place of "and then"
  Recorded tight;
  tight.limits.set_rules(kRulesVersion);
  tight.limits.set_model("m");
  tight.limits.set_calibration(1'000);
  tight.limits.set_budget(30);
  tight.limits.set_messages_max(8);
  tight.answer(tight.say("my code is 4711 " + std::string(200, '.')), "well");
  tight.answer(tight.say("is 4711 prime?"), "well");
  EvaluationOptions options;
  options.policies = {"window", "full"};
  const Evaluation evaluation = tight.evaluated(options);
  CHECK(evaluation.runs[0].faults == 1);
  CHECK(evaluation.runs[0].oracle_gap() == 0);
  CHECK(evaluation.runs[1].refused == 2);
  CHECK(evaluation.runs[1].faults == 1);
}

TEST_CASE("turns on other branches, and what was erased, are not asked for", "[evaluation]") {
  Ten ten;
  Event reset = ten.recorded.next();
  reset.mutable_session_reset();
  ten.recorded.record(std::move(reset));
  ten.exchange("is 4711 prime?");
  CHECK(ten.run(100).turns == 1);
  CHECK(ten.run(100).needs == 0);

  Ten erased;
  const Seq message = erased.recorded.say("the door is 1234");
  erased.recorded.answer(message, "well");
  erased.exchange("does 1234 open it?");
  CHECK(erased.run(0).needs == 2);
  Event event = erased.recorded.next();
  Range* range = event.mutable_session_erased()->add_ranges();
  range->set_first(message);
  range->set_last(message);
  erased.recorded.record(std::move(event));
  CHECK(erased.run(0).needs == 1);
  CHECK(erased.run(0).turns == 11);
}

TEST_CASE("a need that the summary tells of is met", "[evaluation]") {
  for (const bool told : {true, false}) {
    Ten ten;
    Event started = ten.recorded.next();
    started.mutable_compaction_started();
    const Seq compaction = ten.recorded.record(std::move(started));
    Event completed = ten.recorded.next();
    completed.mutable_compaction_completed()->set_compaction(compaction);
    completed.mutable_compaction_completed()->set_last(ten.recorded.entry(10));
    completed.mutable_compaction_completed()->set_tokens_after(8);
    completed.mutable_content()->set_text(told ? "A code, 4711." : "A code.");
    ten.recorded.record(std::move(completed));
    ten.exchange("again: is 4711 prime?");
    CHECK(ten.run(0).faults == (told ? 1 : 2));
  }
}

TEST_CASE("what a fork shares with its parent counts once, and leads to what follows",
          "[evaluation]") {
  Ten ten;
  EvaluationOptions options;
  options.policies = {"window", "incremental"};
  const Evaluation before = ten.recorded.evaluated(options);
  CHECK(before.judged.size() == 10);
  ten.exchange("is 4711 odd?");
  const Evaluation whole = ten.recorded.evaluated(options);
  options.judged = before.judged;
  Evaluation sum = ten.recorded.evaluated(options);
  CHECK(sum.judged.size() == 1);
  CHECK(sum.runs[0].turns == 1);
  CHECK(sum.runs[0].reused_tokens > 0);
  for (std::size_t index : {0u, 1u}) {
    CHECK(sum.runs[index].tokens + before.runs[index].tokens == whole.runs[index].tokens);
  }
  CHECK(std::all_of(sum.faults.begin(), sum.faults.end(),
                    [&](const Fault& fault) { return !before.judged.contains(fault.turn); }));
}

TEST_CASE("what goes in has the price that it has in /usage", "[evaluation]") {
  Recorded recorded;
  recorded.limits.set_rules(kRulesVersion);
  recorded.limits.set_provider("openrouter");
  recorded.limits.set_calibration(1'000);
  recorded.limits.set_budget(10'000);
  CatalogueLoaded prices;
  prices.add_rows()->set_id("a/m");
  prices.mutable_rows(0)->set_input_nanodollars(7);
  prices.add_rows()->set_id("a/said");
  prices.mutable_rows(1)->set_output_nanodollars(7);
  EvaluationOptions options;
  options.policies = {"window"};
  recorded.limits.set_model("a/m:free");
  recorded.answer(recorded.say("hello"), "well");
  CHECK(recorded.evaluated(options, prices).runs[0].nanodollars == 0);
  recorded.limits.set_model("a/said");
  recorded.answer(recorded.say("hello"), "well");
  CHECK(recorded.evaluated(options, prices).runs[0].unpriced_turns == 0);
  recorded.limits.set_model("a/m");
  recorded.answer(recorded.say("hello"), "well");
  CHECK(recorded.evaluated(options, prices).runs[0].nanodollars > 0);
}

PolicyRun sums(const std::string& policy, std::uint64_t tokens, std::uint64_t faults,
               std::uint64_t reused) {
  PolicyRun run;
  run.policy = policy;
  run.turns = 1;
  run.tokens = tokens;
  run.faults = faults;
  run.reused_tokens = reused;
  return run;
}

TEST_CASE("the frontier is what nothing is better than in everything", "[evaluation]") {
  const std::vector<PolicyRun> runs = {sums("full", 100, 0, 90), sums("window", 50, 4, 10),
                                       sums("reset", 50, 4, 10), sums("legacy", 60, 5, 11),
                                       sums("incremental", 40, 3, 9)};
  CHECK(pareto_frontier(runs) == std::vector<bool>{true, false, false, false, true});
  REQUIRE(recommended(runs, "window") != nullptr);
  CHECK(recommended(runs, "window")->policy == "incremental");
  CHECK(recommended(runs, "full") == nullptr);
  CHECK(recommended(runs, "unknown") == nullptr);
  // Of two alike none is better.
  CHECK_FALSE(is_dominated(runs[1], runs[2]));
  CHECK_FALSE(is_dominated(runs[2], runs[1]));
  // Nor does it wrap: half of so many is more than a third.
  constexpr std::uint64_t kMany = 6'000'000'000;
  CHECK_FALSE(is_dominated(sums("a", kMany, 1, kMany / 2), sums("b", kMany, 0, kMany / 3)));
  CHECK(is_dominated(sums("a", kMany, 1, kMany / 3), sums("b", kMany, 0, kMany / 2)));
}

}  // namespace daybook::evaluation_test
