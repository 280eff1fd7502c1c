// The tool loop: a turn that asks for tools, is allowed or refused, and goes on.
#include "core/steps.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "core/context.h"
#include "core/decide.h"
#include "core/erasure.h"
#include "tests/step_story.h"
#include "tools/replay.h"

namespace daybook::steps_test {
namespace {

using testing::StepStory;
using testing::Story;

// Every request stands right before its result's messages, every result has its request.
bool paired(const Prompt& prompt) {
  std::multiset<std::string> owed;
  for (const PromptMessage& message : prompt.messages) {
    const auto asked = owed.find(message.result_of);
    if (!message.result_of.empty() && asked == owed.end()) return false;
    if (message.result_of.empty() && !owed.empty()) return false;
    if (!message.result_of.empty()) owed.erase(asked);
    for (const ToolRequest& request : message.requests) owed.insert(request.id);
  }
  return owed.empty();
}

void check_same(const StepStory& story, const Event& recorded) {
  const Result<Prompt> prompt = prompt_of(recorded, *story.gateway);
  REQUIRE(prompt);
  CHECK(paired(*prompt));
  const Digest digest = canonical_sha256(*prompt);
  CHECK(prompt_record(recorded).sha256() == view(digest));
}

TEST_CASE("no message cuts an answer while a tool is at work; when it is done it is cut",
          "[steps]") {
  const std::string mode = GENERATE("steer", "interrupt");
  StepStory story;
  Fact fact = StepStory::with_tools(4);
  fact.mutable_settings_loaded()->set_queue_mode(mode);
  story.gateway->record(std::move(fact), story.now);
  story.say("look for boats");
  story.look_for("boats");
  const Seq written = story.say("and cars");
  CHECK(story.kinds_after(written).empty());
  story.commit();
  story.run_tools();
  CHECK(story.kinds_after(written) == "ToolReturned TurnCancelled TurnStarted");
  CHECK(story.turn().answers(0) == written);
}

TEST_CASE("a turn asks, a tool answers, and the model is asked once more", "[steps]") {
  StepStory story;
  story.say("the invoice is number 41");
  story.complete(story.turn(), "noted");
  story.say("which number was it?");
  story.commit();
  const OpenTurn first = story.turn();
  const Seq step = story.look_for("invoice", "Let me look.");
  CHECK(story.kinds_after(step) == "ToolAttempted");
  story.check_refold();
  CHECK(story.turn().using_tools());
  const Seq attempted = story.last("ToolAttempted").seq();
  story.run_tools();
  CHECK(story.kinds_after(attempted) == "ToolReturned StepStarted");
  const Event returned = story.last("ToolReturned");
  CHECK(returned.content().text().find("the invoice is number 41") != std::string::npos);
  CHECK(returned.tool_returned().quotes_size() == 1);
  CHECK(story.turn().seq() == first.seq());
  CHECK(story.turn().attempt() == 2);
  CHECK_FALSE(story.turn().using_tools());
  const Result<Prompt> prompt = story.gateway->prompt(first.seq());
  REQUIRE(prompt);
  REQUIRE(prompt->messages.size() == 5);
  CHECK(prompt->messages[3].text == "Let me look.");
  CHECK(prompt->messages[3].requests[0].arguments == search_arguments("invoice"));
  CHECK(prompt->messages[4].result_of == "call_1");
  CHECK(prompt->messages[4].text == returned.content().text());
  check_same(story, story.last("StepStarted"));
  check_same(story, story.event(first.seq()));
  const Seq ended = story.complete(story.turn(), "41");
  CHECK(story.kinds_after(ended) == "");
  CHECK(story.state().entries_size() == 4);
  CHECK(story.state().usage().prompt_tokens() == 10);
  story.check_refold();
  const auto report = replay_check(story.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("what cannot be allowed is refused in words, and the turn goes on", "[steps]") {
  StepStory story;
  story.say("hello");
  const OpenTurn open = story.turn();
  story.request(open, "a", "rm_rf", "{}");
  story.request(open, "b", std::string(kJournalSearch), "{\"query\": ");
  story.request(open, "c", std::string(kJournalSearch), "{\"query\": \"  \"}");
  story.request(open, "d", std::string(kJournalSearch), search_arguments("x"), true);
  const Seq step = story.complete_step(open);
  CHECK(story.kinds_after(step) == "ToolRefused ToolRefused ToolRefused ToolRefused StepStarted");
  CHECK(story.event(step + 1).tool_refused().reason() == ToolRefused::UNKNOWN);
  CHECK(story.event(step + 1).content().text() ==
        "There is no such tool. There is: journal_search.");
  CHECK(story.event(step + 2).tool_refused().reason() == ToolRefused::ARGUMENTS);
  CHECK(story.event(step + 2).content().text().find("{\"query\"") != std::string::npos);
  CHECK(story.event(step + 4).content().text() == "The arguments are longer than 16384 bytes.");
  story.check_refold();
  check_same(story, story.last("StepStarted"));
}

TEST_CASE("a tool that the settings no longer allow is refused", "[steps]") {
  StepStory story;
  story.say("hello");
  const OpenTurn open = story.turn();
  story.request(open, "a", std::string(kJournalSearch), search_arguments("x"));
  story.gateway->record(StepStory::with_tools(8, false), story.now);
  const Seq step = story.complete_step(open);
  CHECK(story.event(step + 1).tool_refused().reason() == ToolRefused::FORBIDDEN);
}

TEST_CASE("when its steps are used up a turn has to answer", "[steps]") {
  StepStory story(2);
  story.say("hello");
  for (int round = 0; round < 2; ++round) {
    const Seq step = story.look_for("hello");
    CHECK(story.kinds_after(step) == "ToolAttempted");
    story.commit();
    story.run_tools();
    CHECK_FALSE(story.last("StepStarted").step_started().prompt().tools_closed());
  }
  const Seq step = story.look_for("hello");
  CHECK(story.kinds_after(step) == "ToolRefused StepStarted");
  CHECK(story.last("ToolRefused").tool_refused().reason() == ToolRefused::STEPS);
  CHECK(story.last("StepStarted").step_started().prompt().tools_closed());
  check_same(story, story.last("StepStarted"));
}

TEST_CASE("a tool that ran when the process died is not run again, and the model is told",
          "[steps]") {
  StepStory story;
  story.say("hello");
  story.look_for("hello");
  story.commit();
  story.crash();
  const Seq started = story.last("GatewayStarted").seq();
  CHECK(story.kinds_after(started) == "ToolReturned StepStarted");
  const Event returned = story.last("ToolReturned");
  CHECK(returned.tool_returned().unknown());
  CHECK(returned.content().text().find("not run again") != std::string::npos);
  const Seq newest = story.last("StepStarted").seq();
  story.run_tools();
  CHECK(story.kinds_after(newest) == "");
  story.check_refold();
}

TEST_CASE("requests of an attempt that broke off are void", "[steps]") {
  StepStory story;
  story.say("hello");
  story.request(story.turn(), "a", std::string(kJournalSearch), search_arguments("x"));
  story.fail(story.turn(), TRUNCATED);
  CHECK(story.turn().requested_size() == 0);
  const Seq step = story.look_for("y");
  CHECK(story.kinds_after(step) == "ToolAttempted");
  story.commit();
  story.run_tools();
  const Result<Prompt> prompt = story.gateway->prompt(story.turn().seq());
  REQUIRE(prompt);
  CHECK(prompt->messages[1].requests.size() == 1);
  story.check_refold();
}

TEST_CASE("a step has all its attempts, and a retry of it keeps its prompt", "[steps]") {
  StepStory story;
  story.say("hello");
  story.fail(story.turn(), OVERLOAD);
  story.fail(story.turn(), OVERLOAD);
  story.look_for("hello");
  story.commit();
  story.run_tools();
  const Event started = story.last("StepStarted");
  CHECK(story.turn().attempt() == 4);
  story.fail(story.turn(), OVERLOAD);
  const Seq failed = story.fail(story.turn(), OVERLOAD);
  CHECK(story.kinds_after(failed) == "TurnRetried");
  CHECK(story.turn().prompt() == started.seq());
  const Seq last = story.fail(story.turn(), OVERLOAD);
  CHECK(story.kinds_after(last) == "TurnFailed");
  CHECK(story.last("TurnFailed").content().detail().find("Tried 3 times") != std::string::npos);
}

TEST_CASE("after /stop nothing of the tools counts any more", "[steps]") {
  StepStory story;
  story.say("hello");
  story.look_for("hello", "Let me look.");
  story.commit();
  const Seq request = story.last("ToolRequested").seq();
  const Seq stop = story.say("/stop");
  CHECK(story.kinds_after(stop) == "TurnCancelled");
  CHECK(story.give_back(request, "too late") == 0);
  story.commit();
  const Seq newest = story.last("TurnCancelled").seq();
  story.run_tools();
  CHECK(story.kinds_after(newest) == "");
  story.say("again");
  const Result<Prompt> prompt = prompt_of(story.last("TurnStarted"), *story.gateway);
  REQUIRE(prompt);
  CHECK(paired(*prompt));
  for (const PromptMessage& message : prompt->messages) CHECK(message.plain());
}

TEST_CASE("a result comes once, and only for what was attempted", "[steps]") {
  StepStory story;
  story.say("hello");
  const OpenTurn open = story.turn();
  const Seq one = story.request(open, "a", std::string(kJournalSearch), search_arguments("x"));
  const Seq two = story.request(open, "b", std::string(kJournalSearch), search_arguments("y"));
  CHECK(story.give_back(one, "too early") == 0);
  story.complete_step(open);
  CHECK(story.give_back(one, "first") != 0);
  CHECK(story.give_back(one, "again") == 0);
  CHECK(story.state().open().using_tools());
  CHECK(story.chunk(open, "late") == 0);
  CHECK(story.complete(open, "late") == 0);
  const Seq last = story.give_back(two, "second");
  CHECK(story.kinds_after(last) == "StepStarted");
}

TEST_CASE("a result that is too long is refused", "[steps]") {
  StepStory story;
  story.say("hello");
  story.look_for("hello");
  story.commit();
  const Seq request = story.last("ToolRequested").seq();
  const Seq given = story.give_back(request, std::string(kToolResultBytesMax + 1, 'x'));
  CHECK(story.event(given).tool_refused().reason() == ToolRefused::RESULT);
  CHECK(story.kinds_after(given) == "StepStarted");
}

// So many steps whose results are as long as they may be.
void fill_steps(StepStory* story, int steps) {
  for (int step = 0; step < steps && story->state().has_open(); ++step) {
    story->look_for("hello");
    story->commit();
    const Seq request = story->last("ToolRequested").seq();
    story->give_back(request, std::string(kToolResultBytesMax, 'x'));
    story->commit();
  }
}

Fact with_room(std::uint32_t tokens) {
  Fact fact = StepStory::with_tools(8);
  fact.mutable_settings_loaded()->set_context_tokens_max(tokens);
  return fact;
}

TEST_CASE("where steps outgrow the budget the oldest results are left out first", "[steps]") {
  StepStory story;
  story.gateway->record(with_room(12'000), story.now);
  story.say("a first question");
  story.complete(story.turn(), "noted");
  story.say("hello");
  fill_steps(&story, 5);
  REQUIRE(story.state().has_open());
  const Event started = story.last("StepStarted");
  const TurnStarted& made = started.step_started().prompt();
  CHECK(made.results_left_out() > 0);
  CHECK(made.results_left_out() < 5);
  CHECK(made.tokens() <= 12'000);
  CHECK(made.dropped().empty());
  const Result<Prompt> prompt = prompt_of(started, *story.gateway);
  REQUIRE(prompt);
  CHECK(prompt->messages[4].text == kLeftOutText);
  CHECK(prompt->messages.back().text == std::string(kToolResultBytesMax, 'x'));
  check_same(story, started);
  story.check_refold();
  const auto report = replay_check(story.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("steps that leave out the same messages record that once", "[steps]") {
  StepStory story;
  story.gateway->record(with_room(12'000), story.now);
  std::string answer;
  for (int word = 0; word < 2'000; ++word) answer += "word ";
  for (int said = 0; said < 6; ++said) {
    story.say("question " + std::to_string(said));
    story.complete(story.turn(), answer);
  }
  const Seq asked = story.say("hello");
  fill_steps(&story, 6);
  REQUIRE(story.state().has_open());
  CHECK(story.last("StepStarted").step_started().prompt().dropped_size() > 0);
  std::vector<std::string> left_out;
  for (Seq seq = asked; seq <= story.log.last(); ++seq) {
    const Event event = story.event(seq);
    if (!event.has_context_truncated()) continue;
    left_out.push_back(event.context_truncated().SerializeAsString());
  }
  CHECK_FALSE(left_out.empty());
  CHECK(std::set<std::string>(left_out.begin(), left_out.end()).size() == left_out.size());
  story.check_refold();
  const auto report = replay_check(story.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("a conversation is summarised when it was too long itself, not what its tools found",
          "[steps]") {
  const bool conversation_too = GENERATE(true, false);
  StepStory story;
  Fact compacts = StepStory::with_tools(8);
  compacts.mutable_settings_loaded()->set_auto_compact(true);
  compacts.mutable_settings_loaded()->set_compact_percent(80);
  story.gateway->record(std::move(compacts), story.now);
  for (int said = 0; said < 6; ++said) {
    story.say("question " + std::to_string(said) + std::string(300, 'q'));
    story.complete(story.turn(), "an answer " + std::string(300, 'a'));
  }
  story.say("hello");
  fill_steps(&story, 1);
  story.fail(story.turn(), OVERFLOW);
  REQUIRE(story.last("TurnRetried").turn_retried().prompt().results_left_out() == 1);
  if (conversation_too) story.fail(story.turn(), OVERFLOW);
  const std::uint32_t keep_last =
      story.last("TurnRetried").turn_retried().prompt().overflow_keep_last();
  CHECK((keep_last != 0) == conversation_too);
  story.complete(story.turn(), "done");
  CHECK(story.state().has_open() == conversation_too);
}

TEST_CASE("steps that fit nowhere end the turn in true words, and nothing is summarised",
          "[steps]") {
  StepStory story;
  Fact compacts = StepStory::with_tools(8);
  compacts.mutable_settings_loaded()->set_auto_compact(true);
  compacts.mutable_settings_loaded()->set_compact_percent(80);
  story.gateway->record(std::move(compacts), story.now);
  for (int said = 0; said < 4; ++said) {
    story.say("question " + std::to_string(said));
    story.complete(story.turn(), "answer");
  }
  story.say("hello");
  const OpenTurn open = story.turn();
  fill_steps(&story, 1);
  const Seq failed = story.fail(story.turn(), OVERFLOW);
  CHECK(story.kinds_after(failed).find("TurnRetried") != std::string::npos);
  CHECK(story.last("TurnRetried").turn_retried().prompt().results_left_out() == 1);
  while (story.state().has_open()) story.fail(story.turn(), OVERFLOW);
  const Event ended = story.last("TurnFailed");
  CHECK(ended.turn_failed().turn() == open.seq());
  CHECK(ended.content().detail().find("what its tools found no longer fits") != std::string::npos);
  CHECK(ended.content().detail().find("/compact") == std::string::npos);
  CHECK(story.kinds_after(ended.seq()) == "");
}

TEST_CASE("a step that spends the rest of a budget is the last one", "[steps]") {
  StepStory story;
  Fact limited = StepStory::with_tools(8);
  limited.mutable_settings_loaded()->set_budget_nanodollars(1'000);
  story.gateway->record(std::move(limited), story.now);
  story.say("hello");
  const OpenTurn open = story.turn();
  const Seq request = story.request(open, "a", std::string(kJournalSearch), search_arguments("x"));
  Fact step;
  step.mutable_step_completed()->set_turn(open.seq());
  step.mutable_step_completed()->set_attempt(open.attempt());
  step.mutable_step_completed()->mutable_usage()->set_reported(true);
  step.mutable_step_completed()->mutable_usage()->set_cost_nanodollars(2'000);
  story.gateway->record(std::move(step), story.now);
  const Seq given = story.give_back(request, "found");
  CHECK(story.kinds_after(given) == "TurnAbandoned");
  CHECK(story.last("TurnAbandoned").content().detail().find("budget for all") != std::string::npos);
  CHECK_FALSE(story.state().has_open());
  story.check_refold();
}

TEST_CASE("without tools in the settings none are offered", "[steps]") {
  Story story;
  story.say("hello");
  CHECK(story.last("TurnStarted").turn_started().tools_size() == 0);
  StepStory with;
  with.say("hello");
  const Event started = with.last("TurnStarted");
  CHECK(started.turn_started().tools(0) == kJournalSearch);
  CHECK(started.turn_started().tokens() > story.last("TurnStarted").turn_started().tokens() + 50);
}

TEST_CASE("what a tool quotes is forgotten with it", "[steps]") {
  StepStory story;
  const Seq secret = story.say("the secret is 41");
  story.complete(story.turn(), "noted");
  story.say("what was the secret?");
  story.look_for("secret");
  story.commit();
  story.run_tools();
  story.complete(story.turn(), "forty-one");
  story.commit();
  const SessionRow& row = *story.gateway->directory().at("console:local");
  const Result<SessionErased> erased = plan_erasure(row, {.subject = secret}, *story.gateway);
  REQUIRE(erased);
  CHECK(covers(*erased, story.last("ToolReturned").seq()));
  CHECK_FALSE(covers(*erased, story.last("ToolRequested").seq()));
  CHECK_FALSE(covers(*erased, story.last("TurnCompleted").seq()));
}

// Two that are asked for at once: "a", then "b".
Seq ask_for_two(StepStory* story, const std::string& second) {
  story->say("hello");
  const OpenTurn open = story->turn();
  story->request(open, "a", std::string(kJournalSearch), search_arguments("hello"));
  story->request(open, "b", second, search_arguments("boats"));
  return story->complete_step(open);
}

TEST_CASE("two tools of one round both run, and the model is asked when both have", "[steps]") {
  StepStory story;
  const Seq step = ask_for_two(&story, std::string(kJournalSearch));
  CHECK(story.kinds_after(step) == "ToolAttempted ToolAttempted");
  story.commit();
  story.run_tools();
  CHECK(story.kinds_after(step + 2) == "ToolReturned ToolReturned StepStarted");
  const Result<Prompt> prompt = prompt_of(story.last("StepStarted"), *story.gateway);
  REQUIRE(prompt);
  REQUIRE(prompt->messages.size() == 4);
  CHECK(prompt->messages[1].requests.size() == 2);
  CHECK(prompt->messages[2].result_of == "a");
  CHECK(prompt->messages[3].result_of == "b");
  check_same(story, story.last("StepStarted"));
  story.check_refold();
}

TEST_CASE("of two tools of one round one is refused, and the other is waited for", "[steps]") {
  StepStory story;
  const Seq step = ask_for_two(&story, "rm_rf");
  CHECK(story.kinds_after(step) == "ToolAttempted ToolRefused");
  CHECK(story.turn().using_tools());
  story.commit();
  story.run_tools();
  CHECK(story.kinds_after(step + 2) == "ToolReturned StepStarted");
  check_same(story, story.last("StepStarted"));
  story.check_refold();
}

TEST_CASE("a crash between two tools of one round loses nothing of the first", "[steps]") {
  StepStory story;
  const Seq step = ask_for_two(&story, std::string(kJournalSearch));
  story.commit();
  const Seq given = story.give_back(step - 2, "found");
  CHECK(story.kinds_after(given) == "");
  story.commit();
  story.crash();
  const Seq started = story.last("GatewayStarted").seq();
  CHECK(story.kinds_after(started) == "ToolReturned StepStarted");
  CHECK(story.last("ToolReturned").tool_returned().request() == step - 1);
  CHECK(story.last("ToolReturned").tool_returned().unknown());
  const Result<Prompt> prompt = prompt_of(story.last("StepStarted"), *story.gateway);
  REQUIRE(prompt);
  REQUIRE(prompt->messages.size() == 4);
  CHECK(prompt->messages[2].text == "found");
  check_same(story, story.last("StepStarted"));
  story.check_refold();
  const auto report = replay_check(story.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

// Whatever happens, in whatever order: no prompt has an orphan, every prompt is made again, a fold
// from nothing is the same, every request is settled once or given up with its turn.
TEST_CASE("whatever comes of tools, prompts stay paired", "[steps]") {
  const bool held = rc::check("random stories", [] {
    StepStory story(3);
    story.say("the first question");
    const auto moves = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8));
    for (const int move : moves) {
      if (move == 0 || !story.state().has_open()) {
        story.say("a question about " + std::to_string(move));
      } else if (move == 1) {
        story.say("/stop");
      } else if (story.state().open().using_tools()) {
        story.commit();
        if (move == 2) story.crash();
        if (move > 2) story.run_tools();
      } else if (move == 3) {
        story.fail(story.turn(), OVERLOAD);
      } else if (move == 4) {
        story.complete(story.turn(), "an answer");
      } else if (move == 5) {
        story.fail(story.turn(), OVERFLOW);
      } else {
        story.look_for(move == 6 ? "question" : "");
      }
    }
    story.check_refold();
    std::multiset<Seq> settled;
    for (Seq seq = 1; seq <= story.log.last(); ++seq) {
      const Event one = story.event(seq);
      const bool asks =
          one.has_turn_started() || one.has_step_started() || one.turn_retried().has_prompt();
      if (asks) check_same(story, one);
      if (one.has_tool_returned()) settled.insert(one.tool_returned().request());
      if (one.has_tool_refused()) settled.insert(one.tool_refused().request());
    }
    for (const Seq request : settled) RC_ASSERT(settled.count(request) == 1U);
    const auto report = replay_check(story.log, 0);
    RC_ASSERT(report.has_value());
    RC_ASSERT(report->divergence.empty());
  });
  CHECK(held);
}

}  // namespace
}  // namespace daybook::steps_test
