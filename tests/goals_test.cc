// /goal and /task: set, told to the model, counted, forgotten.
#include "core/goals.h"

#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/erasure.h"
#include "core/preface.h"
#include "tests/step_story.h"
#include "tools/replay.h"

namespace daybook::goals_test {
namespace {

using testing::StepStory;

std::string told(StepStory& story, const std::string& message) {
  story.say(message);
  const std::string text = story.last("NoticeIssued").content().text();
  story.commit();
  return text;
}

// The words right before the newest question.
std::string preface(StepStory& story, const std::string& question) {
  story.say(question);
  story.commit();
  const Event started = story.last("TurnStarted");
  const Result<Prompt> prompt = prompt_of(started, *story.gateway);
  REQUIRE(prompt);
  const Digest digest = canonical_sha256(*prompt);
  CHECK(started.turn_started().sha256() == view(digest));
  CHECK(prompt->messages.back().text == question);
  const std::size_t size = prompt->messages.size();
  return size < 2 ? "" : prompt->messages[size - 2].text;
}

TEST_CASE("goal and open tasks stand right before the question", "[goals]") {
  StepStory story;
  CHECK(preface(story, "hello") == "");
  story.complete(story.turn(), "hello");
  CHECK(told(story, "/goal plan the move") ==
        "The goal is set: the model is told of it with every message.");
  CHECK(told(story, "/task find boxes") == "Task 1 is open. /task done 1 ends it.");
  told(story, "/task call the landlord");
  told(story, "/task paint");
  told(story, "/task start 2");
  told(story, "/task done 3");
  CHECK(
      preface(story, "what next?") ==
      "[Goal and tasks of this chat]\nOBJECTIVE: plan the move\nWhen it is reached, say "
      "so and stop. Never ask for passwords or keys.\nOPEN TASKS:\n\u25CB find boxes\n\u25D0 call "
      "the landlord");
  story.complete(story.turn(), "boxes");
  CHECK(told(story, "/task") == "\u25CB 1 find boxes\n\u25D0 2 call the landlord");
  CHECK(told(story, "/goal done").find("Tasks stay") != std::string::npos);
  CHECK(preface(story, "and now?").find("OBJECTIVE") == std::string::npos);
  story.check_refold();
  const auto report = replay_check(story.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("what a goal is reached by, and what is forbidden, is told and shown with it",
          "[goals]") {
  StepStory story;
  told(story,
       "/goal plan the move\nand pay for it\nDone when: the keys are handed over\n"
       "NEVER: sign anything\n never:   \ndone when: the deposit is back");
  CHECK(
      preface(story, "what next?") ==
      "[Goal and tasks of this chat]\nOBJECTIVE: plan the move\nand pay for it\nDONE WHEN:\n- the "
      "keys are handed over\n- the deposit is back\nNEVER:\n- sign anything\nWhen it is reached, "
      "say so and stop. Never ask for passwords or keys.");
  story.complete(story.turn(), "boxes");
  CHECK(told(story, "/goal")
            .find("Goal: plan the move\nand pay for it\nDone when: the keys are "
                  "handed over\nDone when: the deposit is back\nNever: sign "
                  "anything\n") == 0);
  CHECK(story.last("GoalSet").goal_set().done_when() == 2);
  // Where a line cannot be typed, a semicolon begins one.
  told(story, "/goal sail; never: alone; at night; done when: home");
  const GoalWords words = goal_words(story.last("GoalSet"));
  CHECK(words.objective == "sail");
  CHECK(words.never == std::vector<std::string>{"alone; at night"});
  CHECK(words.done_when == std::vector<std::string>{"home"});
  CHECK(told(story, "/goal never: this").find("Nothing was changed") != std::string::npos);
  CHECK(goal_words(story.last("GoalSet")).objective == "sail");
  Event erased;
  erased.mutable_goal_set()->set_never(3);
  erased.mutable_content()->set_text("[erased]");
  CHECK(goal_words(erased).objective == "[erased]");
  CHECK(goal_words(erased).never.empty());
  story.check_refold();
}

TEST_CASE("how far a goal is, and why a task is as it is, is noted and told", "[goals]") {
  StepStory story;
  told(story, "/goal plan the move");
  told(story, "/task call the landlord");
  told(story, "/task find boxes");
  CHECK(told(story, "/goal OK: half is packed") ==
        "The goal stands; the counting begins anew. The model is told how far it is.");
  CHECK(told(story, "/task block 1: he is away") == "Blocked: call the landlord (he is away)");
  CHECK(told(story, "/task") == "\u2717 1 call the landlord (he is away)\n\u25CB 2 find boxes");
  CHECK(told(story, "/goal").find("\nSo far: half is packed\n") != std::string::npos);
  CHECK(preface(story, "what next?")
            .ends_with("OBJECTIVE: plan the move\nSO FAR: half is packed\nWhen it is reached, say "
                       "so and stop. "
                       "Never ask for passwords or keys.\nOPEN TASKS:\n\u25CB call the landlord "
                       "(blocked) (he is "
                       "away)\n\u25CB find boxes"));
  story.complete(story.turn(), "boxes");
  told(story, "/goal ok");
  CHECK(told(story, "/goal").find("So far: half is packed") != std::string::npos);
  CHECK(told(story, "/task done 1, 2: at last") == "Done: call the landlord; find boxes (at last)");
  CHECK(told(story, "/task done: at last").find("takes the number") != std::string::npos);
  const std::string much(501, 'x');
  CHECK(told(story, "/task reopen 1: " + much).find("at most 500 bytes") != std::string::npos);
  CHECK(told(story, "/goal ok: " + much).find("nothing was changed") != std::string::npos);
  CHECK(told(story, "/goal done: we moved").find("is ended") != std::string::npos);
  CHECK(story.last("GoalCleared").content().text() == "we moved");
  CHECK_FALSE(story.state().has_goal());
  story.check_refold();
  const auto report = replay_check(story.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("a note is forgotten with the message that said it", "[goals]") {
  StepStory story;
  told(story, "/goal plan the move");
  told(story, "/task call the landlord");
  const Seq on_goal = story.say("/goal ok: the secret");
  const Seq on_task = story.say("/task start 1: another");
  story.commit();
  REQUIRE(story.state().goal().progress() != 0);
  REQUIRE(story.state().tasks(0).note() != 0);
  for (const Seq asked : {on_goal, on_task}) {
    const SessionRow& row = *story.gateway->directory().at("console:local");
    const Result<SessionErased> erased = plan_erasure(row, {.subject = asked}, *story.gateway);
    REQUIRE(erased);
    Event event;
    *event.mutable_session_erased() = *erased;
    event.set_session(row.id());
    story.gateway->record(std::move(event), story.now);
    story.commit();
  }
  CHECK(story.state().has_goal());
  CHECK(story.state().goal().progress() == 0);
  CHECK(story.state().tasks(0).note() == 0);
  CHECK(story.state().tasks(0).status() == TaskChanged::IN_PROGRESS);
}

TEST_CASE("a goal that changes while an answer runs leaves that answer's prompt alone", "[goals]") {
  StepStory story;
  told(story, "/goal one");
  story.say("go");
  story.commit();
  const Event started = story.last("TurnStarted");
  told(story, "/goal two");
  const Result<Prompt> prompt = story.gateway->prompt(started.seq());
  REQUIRE(prompt);
  const Digest digest = canonical_sha256(*prompt);
  CHECK(started.turn_started().sha256() == view(digest));
}

TEST_CASE("drift is counted from what happened since the goal was confirmed", "[goals]") {
  StepStory story(20);
  told(story, "/goal find the invoice");
  story.say("go");
  for (std::uint32_t used = 0; used < kDriftTools; ++used) {
    story.look_for("invoice");
    story.commit();
    story.run_tools();
  }
  story.complete(story.turn(), "nothing");
  CHECK(story.state().goal().tools_used() == kDriftTools);
  CHECK(told(story, "/goal").find("warned of drift") != std::string::npos);
  CHECK(preface(story, "go on").find("DRIFT WARNING: 10 tool uses and 0 errors") !=
        std::string::npos);
  story.complete(story.turn(), "yes");
  told(story, "/goal ok");
  CHECK(story.state().goal().tools_used() == 0);
  CHECK(preface(story, "go on").find("DRIFT") == std::string::npos);
  for (std::uint32_t failed = 0; failed < kDriftErrors; ++failed) {
    story.fail(story.turn(), REFUSED);
    story.say("again");
  }
  CHECK(story.state().goal().errors() == kDriftErrors);
  CHECK(drifts(0, story.state().goal().errors()));
  CHECK_FALSE(drifts(kDriftTools - 1, kDriftErrors - 1));
}

TEST_CASE("setting a goal keeps the tasks, and a task that is not there changes nothing",
          "[goals]") {
  StepStory story;
  told(story, "/task one");
  told(story, "/goal first");
  told(story, "/goal second");
  CHECK(story.state().tasks_size() == 1);
  CHECK(told(story, "/task done 2") == "There is no task 2; /task lists them.");
  CHECK(story.state().tasks(0).status() == TaskChanged::PENDING);
  CHECK(told(story, "/task done my homework").find("Task 2 is open") == 0);
  CHECK(told(story, "/goal " + std::string(3'000, 'x')).find("nothing was changed") !=
        std::string::npos);
  CHECK(told(story, "/goal").find("Goal: second") == 0);
}

TEST_CASE("a verb of /task with no number is no task, and a sentence that begins so is one",
          "[goals]") {
  StepStory story;
  told(story, "/task boxes");
  for (const std::string verb : {"done", "Drop", "start", "block", "reopen"}) {
    const std::string text = told(story, "/task " + verb);
    CHECK(text.find(" 2. /task lists them; nothing was changed.") != std::string::npos);
  }
  REQUIRE(story.state().tasks_size() == 1);
  CHECK(story.state().tasks(0).status() == TaskChanged::PENDING);
  for (const char* task : {"done is better than perfect", "drop 2 letters at Anna's"}) {
    told(story, "/task " + std::string(task));
    CHECK(story.gateway->text(story.state().tasks().rbegin()->task()) == task);
  }
  CHECK(story.state().tasks_size() == 3);
}

TEST_CASE("a verb of /task takes several numbers, and none where one of them is missing",
          "[goals]") {
  StepStory story;
  for (const char* task : {"one", "two", "three"}) told(story, "/task " + std::string(task));
  CHECK(told(story, "/task done 1 4") == "There is no task 4; /task lists them.");
  CHECK(story.state().tasks(0).status() == TaskChanged::PENDING);
  CHECK(told(story, "/task Done 1, #3 and 1") == "Done: one; three");
  CHECK(story.last("NoticeIssued").notice_issued().quotes_size() == 2);
  CHECK(story.state().tasks(0).status() == TaskChanged::DONE);
  CHECK(story.state().tasks(1).status() == TaskChanged::PENDING);
  CHECK(story.state().tasks(2).status() == TaskChanged::DONE);
  story.check_refold();
}

TEST_CASE("/reset and /forget say that goal and tasks stay", "[goals]") {
  StepStory story;
  CHECK(told(story, "/reset").find("stay") ==
        std::string("A new conversation begins. The old one ").size());
  told(story, "/goal plan the move");
  CHECK(told(story, "/reset").ends_with(" The goal stays: /goal done ends it."));
  told(story, "/task pack");
  story.say("hello");
  story.complete(story.turn(), "well");
  CHECK(told(story, "/forget")
            .ends_with(" The goal stays: /goal done ends it. The tasks stay: /task lists them."));
  CHECK(story.state().has_goal());
}

TEST_CASE("a summary that fails is no error of the goal", "[goals]") {
  StepStory story;
  for (int said = 0; said < 4; ++said) {
    story.say("question " + std::to_string(said));
    story.complete(story.turn(), "answer");
  }
  told(story, "/goal plan the move");
  story.say("/compact");
  REQUIRE(story.turn().kind() == SUMMARY);
  story.fail(story.turn(), AUTH);
  CHECK(story.last("TurnFailed").turn_failed().turn() != 0);
  CHECK(story.state().goal().errors() == 0);
}

TEST_CASE("a goal is forgotten with the message that set it", "[goals]") {
  StepStory story;
  const Seq asked = story.say("/goal the secret plan");
  story.commit();
  const SessionRow& row = *story.gateway->directory().at("console:local");
  const Result<SessionErased> erased = plan_erasure(row, {.subject = asked}, *story.gateway);
  REQUIRE(erased);
  CHECK(covers(*erased, story.last("GoalSet").seq()));
  Event event;
  *event.mutable_session_erased() = *erased;
  event.set_session(row.id());
  story.gateway->record(std::move(event), story.now);
  CHECK_FALSE(story.state().has_goal());
}

}  // namespace
}  // namespace daybook::goals_test
