// Answers that a limit ended: the checkpoint in the journal, what is told of it, and how often an
// answer goes on by itself.
#include <rapidcheck.h>
#include <catch2/catch.hpp>
#include <string>

#include "core/checkpoint.h"
#include "core/context.h"
#include "core/continuing.h"
#include "core/directory.h"
#include "core/erasure.h"
#include "core/sha256.h"
#include "core/tree.h"
#include "tests/step_story.h"
#include "tools/replay.h"

namespace daybook::resume_test {
namespace {

struct Run : testing::StepStory {
  explicit Run(std::uint32_t resumes, std::uint32_t max_steps = 1) : StepStory(max_steps) {
    limits_.mutable_settings_loaded()->CopyFrom(with_tools(max_steps).settings_loaded());
    limits_.mutable_content()->set_text("Be brief.");
    limits_.mutable_settings_loaded()->set_auto_resume(resumes);
    load();
  }

  void load() {
    gateway->record(limits_, now);
    commit();
  }

  // The answer comes to the model's output limit.
  Seq run_out(const std::string& words) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(turn().seq());
    fact.mutable_turn_completed()->set_attempt(turn().attempt());
    fact.mutable_turn_completed()->set_finish(LENGTH);
    fact.mutable_content()->set_text(words);
    return gateway->record(std::move(fact), now);
  }

  // Looks for something until it may no more, and has to answer.
  Seq use_up(const std::string& words, const std::string& answer) {
    const Seq begun = turn().seq();
    while (!prompt().tools_closed) {
      look_for(words);
      commit();
      if (state().open().using_tools()) run_tools();
    }
    CHECK(turn().seq() == begun);
    return complete(turn(), answer);
  }

  Prompt prompt() {
    commit();
    const auto built = gateway->prompt(turn().seq());
    REQUIRE(built);
    return *built;
  }
  std::string notice() { return last("NoticeIssued").content().text(); }
  TurnStarted started() { return last("TurnStarted").turn_started(); }
  RunCheckpointed checkpoint() { return last("RunCheckpointed").run_checkpointed(); }
  bool idle() { return !state().has_open(); }

  // Every prompt is made again to the byte, every decision again from the facts.
  void check_again() {
    check_refold();
    for (Seq seq = 1; seq <= log.last(); ++seq) {
      const Event one = event(seq);
      if (!one.has_turn_started() && !one.has_step_started()) continue;
      const Result<Prompt> made = prompt_of(one, *gateway);
      REQUIRE(made);
      const Digest digest = canonical_sha256(*made);
      CHECK(prompt_record(one).sha256() == view(digest));
    }
    const auto replayed = replay_check(log, 0);
    REQUIRE(replayed);
    CHECK(replayed->divergence == "");
  }

  Fact limits_;
};

const std::string kGoesOn = "RunCheckpointed LeafMoved TurnStarted";

TEST_CASE("an answer that came to the output limit goes on by itself where it ends", "[resume]") {
  Run story(1);
  const Seq asked = story.say("count to four");
  const Seq turn = story.turn().seq();
  const Seq ended = story.run_out("one two");
  CHECK(story.kinds_after(ended) == kGoesOn);
  CHECK(story.checkpoint().reason() == RunCheckpointed::OUTPUT);
  CHECK(story.checkpoint().turn() == turn);
  CHECK(subject_of(story.last("RunCheckpointed")) == turn);  // `daybook turn` shows it there
  CHECK(story.checkpoint().ended() == ended);
  CHECK(story.checkpoint().objective() == asked);
  CHECK(story.checkpoint().resumes() == 0);
  CHECK(story.started().continues() == ended);
  CHECK(story.started().resumes() == 1);
  CHECK(story.started().answers(0) == asked);
  const Prompt prompt = story.prompt();
  REQUIRE(prompt.messages.size() == 3);
  CHECK(prompt.messages[1] == PromptMessage{Entry::ASSISTANT, "one two"});
  CHECK(prompt.messages[2] == PromptMessage{Entry::USER, std::string(kGoOnText)});
  const Seq resumed = story.complete(story.turn(), " three four");
  CHECK(story.kinds_after(resumed).empty());
  CHECK(own_text(story.event(resumed)) == " three four");
  CHECK(story.event(leaf_of(story.state())).content().text() == "one two three four");
  story.check_again();
}

TEST_CASE("it goes on so often in a row and no more, then says how one goes on", "[resume]") {
  Run story(2);
  story.say("count");
  CHECK(story.kinds_after(story.run_out("one ")) == kGoesOn);
  CHECK(story.kinds_after(story.run_out("two ")) == kGoesOn);
  const Seq last = story.run_out("three ");
  CHECK(story.kinds_after(last) == "RunCheckpointed NoticeIssued");
  CHECK(story.checkpoint().resumes() == 2);
  CHECK(story.notice() ==
        "The answer came to the model's output limit, after it had gone on by itself 2 times. "
        "/continue goes on.");
  // Whoever asks for more begins to count anew.
  story.say("/continue");
  CHECK(story.started().resumes() == 0);
  CHECK(story.kinds_after(story.run_out("four ")) == kGoesOn);
  CHECK(story.started().resumes() == 1);
  story.complete(story.turn(), "five");
  CHECK(story.event(leaf_of(story.state())).content().text() == "one two three four five");
  story.check_again();
}

TEST_CASE("where agent.auto_resume is not set nothing is asked, and the checkpoint is there",
          "[resume]") {
  Run story(0);
  story.say("count");
  const Seq ended = story.run_out("one ");
  CHECK(story.kinds_after(ended) == "RunCheckpointed NoticeIssued");
  CHECK(story.notice() == "The answer came to the model's output limit. /continue goes on.");
  CHECK(story.idle());
  story.check_again();
}

TEST_CASE("a run that used up its steps goes on in a new one, told what was done", "[resume]") {
  Run story(1);
  story.say("the boat is red");
  story.complete(story.turn(), "noted");
  const Seq asked = story.say("which colour has the boat?");
  const Seq ended = story.use_up("boat", "It is red.");
  CHECK(story.kinds_after(ended) == kGoesOn);
  const RunCheckpointed checkpoint = story.checkpoint();
  CHECK(checkpoint.reason() == RunCheckpointed::STEPS);
  CHECK(checkpoint.objective() == asked);
  CHECK(checkpoint.steps() == 1);
  REQUIRE(checkpoint.done_size() == 1);
  REQUIRE(checkpoint.blockers_size() == 1);
  CHECK(story.event(checkpoint.done(0)).has_tool_returned());
  CHECK(story.event(checkpoint.blockers(0)).tool_refused().reason() == ToolRefused::STEPS);
  CHECK(story.started().checkpoint() == story.last("RunCheckpointed").seq());
  const Prompt prompt = story.prompt();
  CHECK_FALSE(prompt.tools_closed);
  CHECK(prompt.tools.size() == 1);
  REQUIRE(prompt.messages.size() == 5);
  CHECK(prompt.messages[3] == PromptMessage{Entry::ASSISTANT, "It is red."});
  CHECK(prompt.messages[4].text == checkpoint_text(checkpoint, *story.gateway));
  CHECK(prompt.messages[4].text ==
        "[You had to give your last message because the steps of this run were used up (1). Now "
        "you may use tools again: go on towards what was asked.\n"
        "Done so far, do not do it again:\n"
        "- journal_search {\"query\":\"boat\"}\n"
        "What did not work:\n"
        "- journal_search {\"query\":\"boat\"} (not run any more)\n"
        "Say only what is new, it is added to your last message. If nothing is left to do, say "
        "that in one sentence.]");
  const Seq resumed = story.complete(story.turn(), "Nothing is left to do.");
  CHECK(story.event(resumed).content().text() == "It is red.\n\nNothing is left to do.");
  CHECK(own_text(story.event(resumed)) == "Nothing is left to do.");
  CHECK(story.state().entries_size() == 4);
  story.check_again();
}

TEST_CASE("each run has steps of its own, and a run ends the series like an answer", "[resume]") {
  Run story(1, 2);
  story.say("look for boats");
  CHECK(story.kinds_after(story.use_up("boats", "None yet.")) == kGoesOn);
  const Seq ended = story.use_up("ships", "None at all.");
  CHECK(story.kinds_after(ended) == "RunCheckpointed NoticeIssued");
  CHECK(story.checkpoint().steps() == 2);
  CHECK(story.checkpoint().resumes() == 1);
  CHECK(story.checkpoint().done_size() == 2);
  CHECK(story.notice() ==
        "The answer used up its 2 steps with tools, after it had gone on by itself once. "
        "/continue goes on.");
  CHECK(story.event(ended).content().text() == "None yet.\n\nNone at all.");
  story.check_again();
}

TEST_CASE("/continue after steps were used up tells the same checkpoint", "[resume]") {
  Run story(0);
  story.say("look for boats");
  const Seq ended = story.use_up("boats", "None yet.");
  CHECK(story.notice() == "The answer used up its 1 step with tools. /continue goes on.");
  CHECK(story.idle());
  const Seq checkpoint = story.last("RunCheckpointed").seq();
  story.say("/continue");
  CHECK(story.started().checkpoint() == checkpoint);
  CHECK(story.started().continues() == ended);
  CHECK(story.prompt().messages.back().text == checkpoint_text(story.checkpoint(), *story.gateway));
  story.complete(story.turn(), "There are none.");
  CHECK(story.event(leaf_of(story.state())).content().text() == "None yet.\n\nThere are none.");
  story.say("/continue");
  CHECK(story.notice() == "The last answer is whole: there is nothing to go on with.");
  story.check_again();
}

TEST_CASE("who writes while it is being written ends the series, and is answered", "[resume]") {
  Run story(5);
  story.say("count");
  const Seq waits = story.say("and now?");
  const Seq ended = story.run_out("one ");
  CHECK(story.kinds_after(ended) == "RunCheckpointed NoticeIssued TurnStarted");
  CHECK(story.turn().answers(0) == waits);
  story.check_again();
}

TEST_CASE("/stop ends the series, and so does a message that cuts", "[resume]") {
  Run story(5);
  story.limits_.mutable_settings_loaded()->set_queue_mode("interrupt");
  story.load();
  story.say("count");
  story.run_out("one ");
  story.chunk(story.turn(), "two ");
  story.say("/stop");
  CHECK(story.idle());
  CHECK(story.event(leaf_of(story.state())).content().text() == "one two ");
  story.say("/continue");
  story.run_out("three ");
  const Seq cuts = story.say("something else");
  CHECK(story.kinds_after(cuts) == "TurnCancelled TurnStarted");
  CHECK(story.started().resumes() == 0);
  CHECK(story.started().continues() == 0);
  story.check_again();
}

TEST_CASE("a spent budget ends the series in words, and /continue goes on the next day",
          "[resume]") {
  Run story(5);
  story.limits_.mutable_settings_loaded()->set_budget_nanodollars(1'000);
  story.load();
  story.say("count");
  Fact fact;
  fact.mutable_turn_completed()->set_turn(story.turn().seq());
  fact.mutable_turn_completed()->set_attempt(1);
  fact.mutable_turn_completed()->set_finish(LENGTH);
  fact.mutable_turn_completed()->mutable_usage()->set_reported(true);
  fact.mutable_turn_completed()->mutable_usage()->set_cost_nanodollars(2'000);
  fact.mutable_content()->set_text("one ");
  story.gateway->record(std::move(fact), story.now);
  CHECK(story.idle());
  CHECK(story.notice().starts_with(
      "The answer came to the model's output limit. Nothing more was asked: today's budget"));
  CHECK(story.notice().ends_with("Then /continue goes on."));
  story.now += std::chrono::hours(24);
  story.say("/continue");
  CHECK(story.prompt().messages[1].text == "one ");
  story.check_again();
}

TEST_CASE("an answer that adds nothing does not go on", "[resume]") {
  Run story(5);
  story.say("count");
  CHECK(story.kinds_after(story.run_out("one ")) == kGoesOn);
  CHECK(story.kinds_after(story.run_out("")) == "RunCheckpointed NoticeIssued");
  story.say("never mind");
  CHECK(story.kinds_after(story.run_out("")).empty());
  story.check_again();
}

TEST_CASE("whoever paid for the part pays for the rest", "[resume]") {
  Run story(1);
  story.say("count", "console:local", 1);
  story.complete(story.turn(), "one");
  story.say("/retry", "console:local", 2);
  CHECK(story.started().user() == 2);
  story.run_out("one ");
  CHECK(story.started().resumes() == 1);
  CHECK(story.started().user() == 2);
  story.check_again();
}

TEST_CASE("after a crash the fold alone knows what is due", "[resume]") {
  Run story(1);
  story.say("count");
  story.commit();
  const Seq first = story.turn().seq();
  story.run_out("one ");
  const bool durable = GENERATE(true, false);
  if (durable) story.commit();
  story.crash();
  // Either the end and all that follows from it is there, or none of it.
  CHECK((story.turn().seq() != first) == durable);
  CHECK(story.turn().attempt() == 2);
  if (durable) CHECK(story.prompt().messages[1].text == "one ");
  story.complete(story.turn(), "two");
  story.check_again();
}

TEST_CASE("a restart within the series is not counted, and does not begin it anew", "[resume]") {
  Run story(1);
  story.limits_.mutable_settings_loaded()->set_recovery("continue");
  story.load();
  story.say("count");
  story.run_out("one ");
  story.chunk(story.turn(), "two ");
  story.commit();
  story.crash();
  CHECK(story.started().resumes() == 1);
  CHECK(story.prompt().messages[1].text == "one two ");
  CHECK(story.kinds_after(story.run_out("three ")) == "RunCheckpointed NoticeIssued");
  story.check_again();
}

TEST_CASE("what a tool did is what the journal says of it", "[resume]") {
  Run story(0, 2);
  story.say("look");
  const std::string words = std::string(kActionBytesMax - 11, 'x') + "\u00e4\u00e4";
  story.look_for(words);
  story.commit();
  story.crash();  // nobody knows what came of it
  story.use_up("an error: Error!", "None.");
  const RunCheckpointed checkpoint = story.checkpoint();
  REQUIRE(checkpoint.done_size() == 1);
  REQUIRE(checkpoint.blockers_size() == 2);
  const std::string text = checkpoint_text(checkpoint, *story.gateway);
  CHECK(text.find("x\u2026 (interrupted)") != std::string::npos);
  CHECK(text.find("do not do it again:\n- journal_search {\"query\":\"an error: Error!\"}\n") !=
        std::string::npos);
}

TEST_CASE("a checkpoint without tools lists none, and of very many the newest", "[resume]") {
  RunCheckpointed checkpoint;
  checkpoint.set_steps(3);
  Run story(0);
  CHECK(checkpoint_text(checkpoint, *story.gateway).find("Done") == std::string::npos);
  for (int i = 0; i < kActionsToldMax + 2; ++i) checkpoint.add_done(1'000'000);
  CHECK(checkpoint_text(checkpoint, *story.gateway).find("- (2 earlier ones)") !=
        std::string::npos);
}

TEST_CASE("who has the part forgotten has what went on with it forgotten", "[resume]") {
  Run story(1);
  const Seq asked = story.say("count");
  const Seq part = story.turn().seq();
  story.run_out("one ");
  const Seq whole = story.complete(story.turn(), "two");
  story.commit();
  const SessionRow& row = *story.gateway->directory().at("console:local");
  const Result<SessionErased> erased = plan_erasure(row, {.subject = part}, *story.gateway);
  REQUIRE(erased);
  CHECK(covers(*erased, whole));
  CHECK_FALSE(covers(*erased, asked));
}

TEST_CASE("older rules know no checkpoints", "[resume]") {
  testing::Story story({}, 2);
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->set_auto_resume(3);
  story.gateway->record(std::move(fact), story.now);
  story.say("count");
  Fact ended;
  ended.mutable_turn_completed()->set_turn(story.turn().seq());
  ended.mutable_turn_completed()->set_attempt(1);
  ended.mutable_turn_completed()->set_finish(LENGTH);
  ended.mutable_content()->set_text("one ");
  CHECK(story.kinds_after(story.gateway->record(std::move(ended), story.now)).empty());
}

// Whatever happens, in whatever order: no answer goes on by itself more often in a row than it may,
// none while somebody waits, and everything is made again from the journal.
TEST_CASE("however answers end, the series is as long as the settings say", "[resume]") {
  const bool held = rc::check("random stories", [] {
    const auto resumes_max = *rc::gen::inRange<std::uint32_t>(0, 4);
    Run story(resumes_max);
    const auto moves = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 9));
    story.say("the first question");
    for (const int move : moves) {
      if (move == 0 || (story.idle() && move > 1)) {
        story.say("a question about " + std::to_string(move));
      } else if (move == 1) {
        story.say("/continue");
      } else if (story.state().open().using_tools()) {
        story.commit();
        if (move == 2) story.crash();
        if (move > 2) story.run_tools();
      } else if (move == 2) {
        story.say("/stop");
      } else if (move == 3) {
        story.complete(story.turn(), "an answer");
      } else if (move < 6) {
        story.run_out(move == 4 ? "words " : "");
      } else if (move == 6) {
        story.commit();
        story.crash();
      } else {
        story.look_for("question");
      }
    }
    std::uint32_t row = 0;
    story.commit();
    for (Seq seq = 1; seq <= story.log.last(); ++seq) {
      const Event one = story.event(seq);
      if (!one.has_turn_started()) continue;
      const std::uint32_t resumes = one.turn_started().resumes();
      RC_ASSERT(resumes <= resumes_max);
      RC_ASSERT(resumes == 0 || resumes == row + 1 || resumes == row);
      row = resumes;
    }
    story.check_again();
  });
  CHECK(held);
}

TEST_CASE("an answer cut at its limit says so once, and how one goes on when others wait",
          "[resume]") {
  Run story(0);
  story.say("count");
  const Seq turn = story.turn().seq();
  story.say("and what else?");
  const Seq ended = story.run_out("one ");
  CHECK(story.kinds_after(ended) == "RunCheckpointed NoticeIssued TurnStarted");
  CHECK(story.notice() ==
        "The answer came to the model's output limit. What was written meanwhile is answered now; "
        "once that is taken back (/undo), /continue goes on from there.");
  story.commit();
  CHECK(story.gateway->work().deliveries.open().at(turn).text == "one ");
  story.complete(story.turn(), "nothing");
  story.say("/undo");
  story.say("/continue");
  CHECK(story.started().continues() == ended);
  story.check_again();
}

}  // namespace
}  // namespace daybook::resume_test
