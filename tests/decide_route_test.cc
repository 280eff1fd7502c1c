// Fallbacks: who goes on when a model cannot, who is passed over, and what is said of it.
#include <catch2/catch.hpp>

#include "core/context.h"
#include "core/decide.h"
#include "core/health.h"
#include "core/open_turn.h"
#include "core/route.h"
#include "core/sha256.h"
#include "tests/two_models.h"

namespace daybook::decide_route_test {

using testing::TwoModels;

constexpr const char* kElsewhere = "console:elsewhere";

TEST_CASE("when a model's attempts are used up, the turn goes on with the next one", "[route]") {
  TwoModels story;
  story.say("hello");
  const Seq turn = story.turn().seq();
  story.wear_out(OVERLOAD);
  CHECK(story.turn().seq() == turn);
  CHECK(story.asked() == "spare:s");
  const Event retried = story.last("TurnRetried");
  const Route& route = retried.turn_retried().prompt().route();
  CHECK(route.wanted() == "main:m");
  REQUIRE(route.passed_size() == 1);
  CHECK(route.passed(0).provider() == "main");
  CHECK(route.passed(0).why() == PassedModel::FAILED);
  CHECK(route.passed(0).event() == story.last("AttemptFailed").seq());
  CHECK(retried.turn_retried().not_before() == to_milliseconds(story.now));
  story.check_again();
}

TEST_CASE("the fallback is asked at once where another try is useless", "[route]") {
  const auto error = GENERATE(AUTH, FUNDS, UNSAFE, SETTINGS);
  TwoModels story;
  story.say("hello");
  const Seq failed = story.fail_status(error, 401);
  CHECK(story.kinds_after(failed) == "TurnRetried");
  CHECK(story.asked() == "spare:s");
}

TEST_CASE("a model that does not exist has a fallback, a request that is wrong has none",
          "[route]") {
  TwoModels story;
  story.say("hello");
  story.fail_status(REQUEST, GENERATE(400, 403, 404), 0, "", TwoModels::kPlace, true);
  CHECK(story.asked() == "spare:s");
  CHECK(story.gateway->directory().health().row("main") == nullptr);  // it may be asked by others
  for (const auto& [error, status] : {std::pair(REQUEST, 400), std::pair(REFUSED, 403)}) {
    story.complete(story.turn(), "well");
    story.say("again");
    const Seq failed = story.fail_status(error, status);
    CHECK(story.kinds_after(failed) == "TurnFailed");
    story.say("and again");
  }
}

TEST_CASE("a provider that asks for too long a pause is not waited for", "[route]") {
  TwoModels story;
  story.say("hello");
  story.fail_status(RATE, 429, 600'000);
  CHECK(story.asked() == "spare:s");
}

TEST_CASE("who does not want one request again is asked the next one", "[route]") {
  TwoModels story;
  story.say("hello");
  story.fail_status(OVERLOAD, 503, kNotThisRequest);
  CHECK(story.asked() == "spare:s");
  story.complete(story.turn(), "well");
  story.say("again");
  CHECK(story.asked() == "main:m");
}

TEST_CASE("each model has its own attempts, none is asked twice, and then the turn has failed",
          "[route]") {
  TwoModels story({"spare:s", "main:m", "nobody:x", "main:other", "spare:s"});
  story.say("hello");
  std::vector<std::string> asked;
  for (int failures = 0; !story.idle() && failures < 100; ++failures) {
    asked.push_back(story.asked());
    story.fail_status(NETWORK, 0);
  }
  CHECK(asked == std::vector<std::string>{"main:m", "main:m", "main:m", "spare:s", "spare:s",
                                          "spare:s", "main:other", "main:other", "main:other"});
  const Event failed = story.last("TurnFailed");
  CHECK(failed.content().detail().find("Before it m of main, s of spare failed.") !=
        std::string::npos);
  story.check_again();
}

TEST_CASE("the answer names who gave it, if it is not who was wanted, and only on the screen",
          "[route]") {
  TwoModels story;
  story.say("hello");
  const Seq turn = story.turn().seq();
  story.fail_status(AUTH, 401);
  const Seq ended = story.complete(story.turn(), "Good day.");
  CHECK(story.event(ended).turn_completed().stood_in() == "spare:s");
  CHECK(story.shown(turn) == "Good day.\n\n(Answered by spare:s.)");
  story.say("more");
  const auto prompt = story.gateway->prompt(story.turn().seq());
  REQUIRE(prompt);
  CHECK(prompt->messages[1].text == "Good day.");
  CHECK(story.asked() == "spare:s");
  story.say("/model spare:s");
  story.complete(story.turn(), "More.");
  story.say("and more");
  const Seq wanted = story.turn().seq();
  story.complete(story.turn(), "Wanted.");
  CHECK(story.shown(wanted) == "Wanted.");
}

TEST_CASE("a fallback's prompt is made for its own window and can be made again", "[route]") {
  TwoModels story({"near:tiny"});
  for (int i = 0; i < 6; ++i) {
    story.say("question " + std::string(12'000, 'a' + static_cast<char>(i)));
    story.complete(story.turn(), "answer");
  }
  story.say("the last");
  story.commit();
  const std::uint32_t tokens = story.last("TurnStarted").turn_started().tokens();
  story.fail_status(AUTH, 401);
  const Event retried = story.last("TurnRetried");
  const TurnStarted& anew = retried.turn_retried().prompt();
  CHECK(anew.window_tokens() == 8'192);
  CHECK(anew.answer_tokens() == 2'048);
  CHECK(anew.budget() == 6'144);
  CHECK(anew.tokens() < tokens);
  CHECK(anew.tokens() <= anew.budget());
  const Result<Prompt> prompt = prompt_of(retried, *story.gateway);
  REQUIRE(prompt);
  CHECK(prompt->model == "tiny");
  const Digest digest = canonical_sha256(*prompt);
  CHECK(anew.sha256() == view(digest));
  story.commit();
  const Result<Prompt> live = story.gateway->prompt(story.turn().seq());
  REQUIRE(live);
  CHECK(*live == *prompt);
  story.check_again();
}

TEST_CASE("a prompt that does not fit goes to a larger window or nowhere", "[route]") {
  TwoModels small({"near:tiny"});
  small.say("hello");
  small.fail_status(OVERFLOW, 400);
  CHECK(small.last("TurnFailed").turn_failed().error() == OVERFLOW);
  TwoModels large({"main:m"});
  large.say("/model near:tiny");
  large.say("hello");
  large.fail_status(OVERFLOW, 400);
  CHECK(large.asked() == "main:m");
}

TEST_CASE("a provider that asked for a pause is passed over until it is over, restarts or not",
          "[route]") {
  TwoModels story;
  story.say("hello");
  story.fail_status(RATE, 429, 60'000);
  CHECK(story.asked() == "main:m");  // who waits for it goes on waiting
  story.commit();
  story.crash();
  story.say("hello", kElsewhere);
  CHECK(story.asked(kElsewhere) == "spare:s");
  const Route route = story.last("TurnStarted").turn_started().route();
  REQUIRE(route.passed_size() == 1);
  CHECK(route.passed(0).why() == PassedModel::RESTS);
  CHECK(route.passed(0).until() == to_milliseconds(story.now) + 60'000);
  CHECK(route_lines(route).front().starts_with("main:m rests, event "));
  story.complete(story.turn(kElsewhere), "well");
  story.say("/status", kElsewhere);
  CHECK(story.last("NoticeIssued").content().text().find("main rests until") != std::string::npos);
  story.now += Duration(60'000);
  story.say("again", kElsewhere);
  CHECK(story.asked(kElsewhere) == "main:m");
  story.check_again();
}

TEST_CASE("a stand-in that has no room gives way to the one that is wanted, though it rests",
          "[route]") {
  TwoModels story({"near:small"});
  story.say("one");
  story.fail_status(RATE, 429, 400'000);
  story.complete(story.turn(), "well");
  std::string words;
  for (int i = 0; i < 10'000; ++i) words += "word ";
  story.say(words);
  CHECK(story.asked() == "main:m");
  const Route route = story.last("TurnStarted").turn_started().route();
  CHECK(route.wanted().empty());
  CHECK(route.passed(route.passed_size() - 1).why() == PassedModel::SMALL);
  CHECK(route.passed(route.passed_size() - 1).model() == "small");
}

TEST_CASE("when all of them rest, the one that is wanted is asked", "[route]") {
  TwoModels story;
  story.say("hello");
  story.fail_status(RATE, 429, 60'000);
  story.say("hello", kElsewhere);
  story.fail_status(RATE, 429, 60'000, "", kElsewhere);
  story.say("hello", "console:third");
  CHECK(story.asked("console:third") == "main:m");
}

TEST_CASE("loading settings lets a key be tried again, a pause that was asked for stays",
          "[route]") {
  TwoModels story;
  story.say("hello");
  story.fail_status(AUTH, 401);
  story.complete(story.turn(), "well");
  story.say("again");
  CHECK(story.asked() == "spare:s");
  story.complete(story.turn(), "well");
  story.load();
  story.say("and again");
  CHECK(story.asked() == "main:m");
  story.fail_status(RATE, 429, 400'000);
  story.complete(story.turn(), "well");
  story.load();
  story.say("once more");
  CHECK(story.asked() == "spare:s");
}

TEST_CASE("a key that is not accepted is told to the owner, once until it works again", "[route]") {
  TwoModels story;
  story.rows.mutable_settings_loaded()->set_telegram_owner(1);
  story.load();
  story.say("hello");
  const Seq failed = story.fail_status(AUTH, 401);
  CHECK(story.kinds_after(failed) == "NoticeIssued TurnRetried");
  const Event told = story.last("NoticeIssued");
  CHECK(told.notice_issued().place() == "telegram:1");
  CHECK(told.content().text() == "⚠ main refused our key. Fallbacks answer meanwhile.");
  story.complete(story.turn(), "well");
  story.now += kKeyRest;
  story.say("again");
  REQUIRE(story.asked() == "main:m");
  const Seq again = story.fail_status(AUTH, 401);
  CHECK(story.kinds_after(again) == "TurnRetried");
}

TEST_CASE("a summary has fallbacks, too", "[route]") {
  TwoModels story;
  for (int i = 0; i < 3; ++i) {
    story.say("question " + std::to_string(i));
    story.complete(story.turn(), "an answer that is somewhat longer than its summary will be");
  }
  story.say("/compact");
  REQUIRE(story.turn().kind() == SUMMARY);
  story.fail_status(AUTH, 401);
  CHECK(story.asked() == "spare:s");
  const Event retried = story.last("TurnRetried");
  const Result<Prompt> prompt = prompt_of(retried, *story.gateway);
  REQUIRE(prompt);
  const Digest digest = canonical_sha256(*prompt);
  CHECK(retried.turn_retried().prompt().sha256() == view(digest));
  story.complete(story.turn(), "they asked");
  CHECK(story.last("CompactionCompleted").compaction_completed().messages() > 0);
  story.check_again();
}

TEST_CASE("a summary does not go to a model that cannot read all of it", "[route]") {
  TwoModels story({"near:tiny"});
  for (int i = 0; i < 6; ++i) {
    story.say("question " + std::string(24'000, 'a' + static_cast<char>(i)));
    story.complete(story.turn(), "answer");
  }
  story.say("/compact");
  REQUIRE(story.turn().kind() == SUMMARY);
  const Seq failed = story.fail_status(AUTH, 401);
  CHECK(story.kinds_after(failed).starts_with("TurnFailed CompactionFailed"));
  story.check_again();
}

TEST_CASE("each model's pauses double from the beginning", "[route]") {
  TwoModels story;
  story.say("hello");
  const auto pause = [&] {
    const Seq failed = story.fail_status(NETWORK, 0);
    REQUIRE(story.kinds_after(failed) == "TurnRetried");
    return story.last("TurnRetried").turn_retried().not_before() - to_milliseconds(story.now);
  };
  for (const char* model : {"main:m", "spare:s"}) {
    REQUIRE(story.asked() == model);
    for (const std::int64_t base : {1'000, 2'000}) {
      const std::int64_t waits = pause();
      CHECK(waits >= base);
      CHECK(waits <= base * 11 / 10);
    }
    story.fail_status(NETWORK, 0);
  }
}

TEST_CASE("a provider that the settings no longer name hands its turns on", "[route]") {
  TwoModels story;
  story.say("hello");
  story.rows.mutable_settings_loaded()->mutable_providers(1)->set_usable(false);
  story.load();
  CHECK(story.asked() == "spare:s");
}

TEST_CASE("restarts are counted apart from attempts", "[route]") {
  TwoModels story({"spare:s", "near:tiny"});
  story.say("hello");
  story.wear_out(NETWORK);
  story.wear_out(NETWORK);
  story.wear_out(NETWORK);
  REQUIRE(story.idle());
  story.say("again");
  story.commit();
  for (std::uint32_t restart = 1; restart < kRestartAttemptsMax; ++restart) {
    story.crash();
    REQUIRE_FALSE(story.idle());
    CHECK(story.turn().restarts() == restart);
  }
  story.crash();
  CHECK(story.idle());
}

TEST_CASE("without fallbacks nothing is recorded of who else might have been asked", "[route]") {
  TwoModels story(std::vector<std::string>{});
  story.say("hello");
  CHECK_FALSE(story.last("TurnStarted").turn_started().has_route());
  const Seq failed = story.fail_status(AUTH, 401);
  CHECK(story.kinds_after(failed) == "TurnFailed");
}

// ---- agent.route = "learned"

struct Learned : TwoModels {
  Learned() {
    rows.mutable_settings_loaded()->set_route("learned");
    load();
  }
};

TEST_CASE("the first is asked until another is believed better, and the scores are recorded",
          "[route]") {
  Learned story;
  std::uint32_t before = 0;
  for (int i = 0; i < 20; ++i) {
    story.say("question");
    const Event started = story.last("TurnStarted");
    const Route& route = started.turn_started().route();
    REQUIRE(route.chances_size() == 2);
    CHECK(route.task() == "answer/short");
    CHECK(started.turn_started().provider() == "main");
    CHECK(route.chances(0).score() > before);
    CHECK(route.chances(1).score() == 355'663);
    before = route.chances(0).score();
    REQUIRE(route.passed_size() == 1);
    CHECK(route.passed(0).why() == PassedModel::LESS_LIKELY);
    story.complete(story.turn(), "well");
  }
  story.check_again();
}

TEST_CASE("who fails is asked less, and now and then again", "[route]") {
  Learned story;
  int asked = 0;
  for (int i = 0; i < 100; ++i) {
    story.say("question");
    const Route route = story.last("TurnStarted").turn_started().route();
    if (story.asked() == "main:m") {
      if (++asked > 1) {
        REQUIRE(route.passed_size() == 1);
        CHECK(route.tried_again());
        CHECK(route.chances(1).score() > route.chances(0).score());
        CHECK(route_lines(route)[0] == "the first one is tried again");
      }
    }
    while (story.asked() == "main:m") story.fail_status(TRUNCATED, 0);
    story.complete(story.turn(), "well");
    story.now += Duration(3'600'000);  // nobody rests
  }
  CHECK(asked > 1);
  CHECK(asked < 25);
  const BeliefRow main =
      story.gateway->directory().beliefs().belief("main:m", "answer/short", usual_route_tuning());
  CHECK(main.failures() > 2 * main.successes());
  story.check_again();
}

TEST_CASE("by how much another has to be better is a setting", "[route]") {
  Learned story;
  RouteTuning* tuning = story.rows.mutable_settings_loaded()->mutable_route_tuning();
  *tuning = usual_route_tuning();
  tuning->set_margin(100);
  story.load();
  for (int i = 0; i < 10; ++i) {
    story.say("question");
    CHECK(story.asked() == "main:m");
    while (story.asked() == "main:m") story.fail_status(TRUNCATED, 0);
    story.complete(story.turn(), "well");
    story.now += Duration(3'600'000);
  }
  story.check_again();
}

TEST_CASE("attempts are counted from the first one with a model", "[route]") {
  OpenTurn turn;
  turn.set_attempt(5);
  CHECK(attempts_of_model(turn) == 5);
  turn.set_first_attempt(4);
  CHECK(attempts_of_model(turn) == 2);
  CHECK(model_name("p", "m") == "p:m");
}

TEST_CASE("a restart inside a pause waits for the rest of it", "[route]") {
  TwoModels story;
  story.say("hello");
  story.fail_status(RATE, 429, 60'000);
  const std::int64_t until = story.turn().not_before();
  REQUIRE(until == to_milliseconds(story.now) + 60'000);
  story.commit();
  story.now += Duration(10'000);
  story.crash();
  CHECK(story.turn().attempt() == 3);
  CHECK(story.turn().not_before() == until);
  // One that comes later goes on at once.
  story.now += Duration(55'000);
  story.crash();
  CHECK(story.turn().not_before() == to_milliseconds(story.now));
  story.check_again();
}

TEST_CASE("a restart spends none of the attempts of a model", "[route]") {
  TwoModels story;
  story.say("hello");
  story.commit();
  for (int restart = 0; restart < 4; ++restart) story.crash();
  CHECK(attempts_of_model(story.turn()) == 1);
  for (int failure = 0; failure < 3; ++failure) {
    CHECK(story.asked() == "main:m");
    story.fail_status(NETWORK, 0);
    story.commit();
    if (failure == 1) story.crash();
  }
  CHECK(story.asked() == "spare:s");
  CHECK(attempts_of_model(story.turn()) == 1);
  story.check_again();
}

// ---- what is believed of models, core/route.h

OpenCall call_of_task(const std::string& task) {
  OpenCall call;
  call.set_provider("p");
  call.set_model("m");
  call.set_task(task);
  return call;
}

TEST_CASE("a belief begins as if it had seen one of each, and forgets as far as it is told",
          "[route]") {
  Beliefs beliefs;
  RouteTuning tuning = usual_route_tuning();
  OpenCall call = call_of_task("summary");
  Event completed;
  completed.mutable_turn_completed();
  const auto row = [&] { return beliefs.belief("p:m", "summary", tuning); };
  CHECK(row().successes() == 1'000);
  beliefs.apply(completed, call, tuning);
  CHECK(row().successes() == 2'000);
  CHECK(row().failures() == 1'000);
  tuning.set_memory_percent(98);
  beliefs.apply(completed, call, tuning);
  CHECK(row().successes() == 2'960);
  CHECK(row().failures() == 980);
  for (int i = 0; i < 1'000; ++i) beliefs.apply(completed, call, tuning);
  CHECK(row().successes() < 50'001);
  CHECK(row().failures() < 50);
  call.clear_task();
  beliefs.apply(completed, call, tuning);
  CHECK(row().outcomes() == 1'002);
}

TEST_CASE("a belief has an end of counting", "[route]") {
  Beliefs beliefs;
  BeliefRow many;
  many.set_key("p:m summary");
  many.set_successes(UINT32_MAX - 1);
  beliefs.restore(many);
  Event completed;
  completed.mutable_turn_completed();
  beliefs.apply(completed, call_of_task("summary"), usual_route_tuning());
  CHECK(beliefs.belief("p:m", "summary", usual_route_tuning()).successes() == UINT32_MAX);
}

std::uint32_t score(std::uint32_t successes, std::uint32_t failures, std::uint32_t caution) {
  BeliefRow row;
  row.set_successes(successes);
  row.set_failures(failures);
  RouteTuning tuning = usual_route_tuning();
  tuning.set_caution(caution);
  return chance_of({"p", "m", 1, 1}, row, tuning).score();
}

TEST_CASE("a score is the mean less so many deviations", "[route]") {
  CHECK(score(1'000, 1'000, 0) == 500'000);
  CHECK(score(1'000, 1'000, 50) == 355'663);  // less half of 0.2886751
  CHECK(score(1'000, 1'000, 100) == 211'325);
  CHECK(score(3'000, 1'000, 50) == 653'176);  // 0.75 less half of 0.1936492
  CHECK(score(0, 0, 50) == 250'000);
  CHECK(score(1, 4'000, 10'000) == 0);
}

TEST_CASE("a success lowers no score, a failure raises none, nor does caution", "[route]") {
  for (std::uint32_t successes = 500; successes < 40'000; successes += 1'700) {
    for (std::uint32_t failures = 500; failures < 40'000; failures += 1'700) {
      INFO(successes << " and " << failures);
      const std::uint32_t now = score(successes, failures, 50);
      CHECK(score(successes + 1'000, failures, 50) > now);
      CHECK(score(successes, failures + 1'000, 50) < now);
      CHECK(score(successes, failures, 60) < now);
    }
  }
}

TEST_CASE("the best is the first, unless another is better by the margin", "[route]") {
  const auto best = [](std::vector<std::uint32_t> scores) {
    std::vector<ModelChance> chances(scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) chances[i].set_score(scores[i]);
    return best_of(chances, usual_route_tuning());
  };
  CHECK(best({400'000}) == 0);
  CHECK(best({400'000, 450'000}) == 0);
  CHECK(best({400'000, 450'001}) == 1);
  CHECK(best({400'000, 500'000, 500'000, 600'000, 550'000}) == 3);
  CHECK(best({900'000, 100'000}) == 0);
}

TEST_CASE("how often the first is tried again is a setting", "[route]") {
  const auto tried = [](std::uint32_t percent) {
    RouteTuning tuning = usual_route_tuning();
    tuning.set_explore_percent(percent);
    int again = 0;
    for (Seq seq = 1; seq <= 1'000; ++seq) again += tries_again(seq, tuning) ? 1 : 0;
    return again;
  };
  CHECK(tried(0) == 0);
  CHECK(tried(100) == 1'000);
  CHECK(tried(10) > 70);
  CHECK(tried(10) < 130);
}

}  // namespace daybook::decide_route_test
