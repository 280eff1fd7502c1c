// Compaction: when one begins by itself, which summaries are not taken, what stands in for them.
#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/decide.h"
#include "tests/story.h"
#include "tools/replay.h"

namespace daybook::decide_compaction_test {
namespace {

struct Talk : testing::Story {
  // What a prompt may hold here is `messages` messages.
  explicit Talk(std::uint32_t messages = 8, bool automatic = true) {
    Fact fact = settings();
    fact.mutable_settings_loaded()->set_auto_compact(automatic);
    fact.mutable_settings_loaded()->set_compact_percent(75);
    fact.mutable_settings_loaded()->set_max_history_messages(messages);
    gateway->record(std::move(fact), now);
  }

  void exchange(const std::string& text) {
    say(text);
    complete(turn(), "a long and winding answer to what was asked, namely " + text);
  }

  void exchanges(int count) {
    for (int i = 0; i < count; ++i) exchange("question number " + std::to_string(i));
  }

  const SessionState& state() {
    return gateway->session(gateway->directory().at("console:local")->id())->state();
  }

  Seq finish(const std::string& text, Finish finish) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(turn().seq());
    fact.mutable_turn_completed()->set_attempt(turn().attempt());
    fact.mutable_turn_completed()->set_finish(finish);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  [[nodiscard]] bool summarising() {
    return state().has_open() && state().open().kind() == SUMMARY;
  }
};

TEST_CASE("before anything has to be left out, the older half is summarised", "[core]") {
  Talk talk;
  talk.exchanges(3);
  CHECK_FALSE(talk.summarising());
  talk.exchange("the fourth");
  REQUIRE(talk.summarising());
  CHECK(talk.last("CompactionStarted").compaction_started().answers() == 0);
  CHECK(talk.last("CompactionStarted").compaction_started().messages() == 4);
  const Seq waits = talk.say("meanwhile");
  const Seq ended = talk.complete(talk.turn(), "short");
  CHECK(talk.kinds_after(ended) == "CompactionCompleted TurnStarted");  // and nobody is told
  CHECK(talk.turn().answers(0) == waits);
  const Result<Prompt> prompt = prompt_of(talk.last("TurnStarted"), *talk.gateway);
  REQUIRE(prompt);
  CHECK(prompt->messages.front().text.find("short") != std::string::npos);
  CHECK(prompt->messages.size() == 1 + 4 + 1);
}

TEST_CASE("a prompt that is nearly full of tokens is compacted too", "[core]") {
  Talk talk(50);
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->set_auto_compact(true);
  fact.mutable_settings_loaded()->set_compact_percent(75);
  fact.mutable_settings_loaded()->set_context_window_percent(1);
  talk.gateway->record(std::move(fact), talk.now);
  int exchanges = 0;
  do {
    talk.exchange(std::string(60, 'q'));
  } while (!talk.summarising() && ++exchanges < 20);
  CHECK(talk.summarising());
  CHECK(exchanges > 2);
  CHECK(exchanges < 12);
}

TEST_CASE("a prompt that its provider found too long is followed by a compaction", "[core]") {
  for (const bool answered : {true, false}) {
    Talk talk(50);
    talk.exchanges(10);
    REQUIRE_FALSE(talk.summarising());
    talk.say("the last");
    talk.fail(talk.turn(), OVERFLOW);
    if (answered) talk.complete(talk.turn(), "the answer");
    while (!answered && !talk.summarising()) talk.fail(talk.turn(), OVERFLOW);
    REQUIRE(talk.summarising());
    const Seq ended = talk.complete(talk.turn(), "short");
    CHECK(talk.kinds_after(ended) == "CompactionCompleted");
    // The next one fits, and nothing more is compacted.
    talk.exchange("and now");
    CHECK_FALSE(talk.summarising());
  }
}

TEST_CASE("with auto_compact off nothing is compacted by itself", "[core]") {
  Talk talk(8, false);
  talk.exchanges(6);
  CHECK_FALSE(talk.summarising());
}

TEST_CASE("a restart is no reason to compact", "[core]") {
  Talk talk(8, false);
  talk.exchanges(6);
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->set_auto_compact(true);
  fact.mutable_settings_loaded()->set_max_history_messages(8);
  talk.gateway->record(std::move(fact), talk.now);
  talk.commit();
  talk.crash();
  CHECK_FALSE(talk.summarising());
  talk.exchange("the next one");
  CHECK(talk.summarising());
}

TEST_CASE("a summary that is not good enough is not taken", "[core]") {
  struct Bad {
    std::string text;
    Finish finish;
    const char* why;
  };
  const Bad bad =
      GENERATE(Bad{"", STOP, "empty"}, Bad{"half of", LENGTH, "cut off"},
               Bad{"hm", FILTERED, "filtered"}, Bad{std::string(4'000, 'x'), STOP, "longer than"},
               Bad{"I'm sorry, I can't.", STOP, "would not"});
  Talk talk;
  for (int i = 0; i < 4; ++i) talk.exchange("question " + std::string(300, 'q'));
  REQUIRE(talk.summarising());
  const Seq ended = talk.finish(bad.text, bad.finish);
  CHECK(talk.kinds_after(ended) == "CompactionFailed CompactionCompleted");
  const Event failed = talk.last("CompactionFailed");
  CHECK(failed.compaction_failed().fell_back_to() == "excerpt");
  CHECK(failed.content().detail().find(bad.why) != std::string::npos);
  const Event completed = talk.last("CompactionCompleted");
  CHECK(completed.compaction_completed().text() == 0);
  CHECK(talk.state().summary_text() == completed.seq());
  talk.say("and now");
  const Result<Prompt> prompt = prompt_of(talk.last("TurnStarted"), *talk.gateway);
  REQUIRE(prompt);
  CHECK(prompt->messages.front().text.find("User: question qqq") != std::string::npos);
}

TEST_CASE("a model that fails is told to who asked, and an excerpt stands in", "[core]") {
  Talk talk(50);
  for (int i = 0; i < 4; ++i) talk.exchange("question " + std::string(300, 'q'));
  talk.say("/compact");
  talk.fail(talk.turn(), AUTH);
  CHECK(talk.last("CompactionFailed").compaction_failed().fell_back_to() == "excerpt");
  const Event told = talk.last("NoticeIssued");
  CHECK(told.content().text().find("No model made a summary") != std::string::npos);
  CHECK(told.notice_issued().answers() != 0);
  talk.say("/compact undo");
  CHECK(talk.state().summary() == 0);
}

TEST_CASE("where an excerpt saves nothing the window does it, and not at every answer", "[core]") {
  Talk talk;
  for (int i = 0; i < 4; ++i) {
    talk.say("q");
    talk.complete(talk.turn(), "a");
  }
  REQUIRE(talk.summarising());
  talk.fail(talk.turn(), AUTH);
  CHECK(talk.last("CompactionFailed").compaction_failed().fell_back_to() == "window");
  const Seq failed = talk.last("CompactionFailed").seq();
  int until = 0;
  for (; until < 10 && !talk.summarising(); ++until) {
    talk.say("q");
    talk.complete(talk.turn(), "a");
  }
  CHECK(until == 4);
  CHECK(talk.last("CompactionStarted").seq() > failed);
}

TEST_CASE("what follows a /compact is said to the summariser, as data of the user", "[core]") {
  Talk talk(50);
  talk.exchanges(4);
  talk.say("/compact mind the prices");
  REQUIRE(talk.summarising());
  const Result<Prompt> prompt = prompt_of(talk.last("TurnStarted"), *talk.gateway);
  REQUIRE(prompt);
  CHECK(prompt->messages.front().text.find("Mind above all: mind the prices") != std::string::npos);
  CHECK(prompt->system.find("prices") == std::string::npos);
}

TEST_CASE("the model that summarises can be another one", "[core]") {
  Talk talk(50);
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->set_summary_model("echo:slow");
  talk.gateway->record(std::move(fact), talk.now);
  talk.exchanges(4);
  talk.say("/compact");
  CHECK(talk.turn().model() == "slow");
}

TEST_CASE("a summary stopped by a person stands for nothing", "[core]") {
  Talk talk(50);
  talk.exchanges(4);
  talk.say("/compact");
  talk.say("/stop");
  CHECK(talk.last("CompactionFailed").compaction_failed().fell_back_to().empty());
  CHECK(talk.state().summary() == 0);
}

TEST_CASE("a summary has to mention what was asked last and not answered", "[core]") {
  const bool mentioned = GENERATE(true, false);
  Talk talk(50);
  talk.exchanges(1);
  for (const char* asked : {"where is the Colosseum?", "where is the Pantheon?"}) {
    talk.say(asked);
    talk.fail(talk.turn(), AUTH);
  }
  talk.exchanges(2);
  talk.say("/compact");
  REQUIRE(talk.last("CompactionStarted").compaction_started().messages() == 3);
  talk.complete(talk.turn(), mentioned ? "they look for the colosseum" : "nothing of note");
  CHECK((talk.state().summary_text() == talk.last("TurnCompleted").seq()) == mentioned);
  if (!mentioned) {
    const std::string why = talk.last("CompactionFailed").content().detail();
    CHECK(why == "the summary leaves out what was asked last.");
  }
}

TEST_CASE("what its summariser finds too long is summarised by half, then by a quarter", "[core]") {
  const bool in_the_end = GENERATE(true, false);
  Talk talk(50);
  for (int i = 0; i < 16; ++i) talk.exchange("question " + std::string(300, 'q'));
  const Seq asked = talk.say("/compact mind the prices");
  const CompactionStarted whole = talk.last("CompactionStarted").compaction_started();
  REQUIRE(whole.messages() == 16);
  for (const std::uint32_t messages : {8U, 4U}) {
    const Seq failed = talk.fail(talk.turn(), OVERFLOW);
    CHECK(talk.kinds_after(failed) == "TurnFailed CompactionFailed CompactionStarted TurnStarted");
    CHECK(talk.last("CompactionFailed").compaction_failed().fell_back_to() == "shorter");
    const CompactionStarted shorter = talk.last("CompactionStarted").compaction_started();
    CHECK(shorter.messages() == messages);
    CHECK(shorter.first() == whole.first());
    CHECK(shorter.answers() == asked);
    CHECK(shorter.instructed());
    const Result<Prompt> prompt = prompt_of(talk.last("TurnStarted"), *talk.gateway);
    REQUIRE(prompt);
    CHECK(prompt->messages.size() <= messages + 1);
  }
  if (in_the_end) {
    talk.complete(talk.turn(), "they asked of prices");
  } else {
    talk.fail(talk.turn(), OVERFLOW);
  }
  const CompactionCompleted done = talk.last("CompactionCompleted").compaction_completed();
  CHECK(done.messages() == (in_the_end ? 4 : 16));
  CHECK((done.text() == 0) == !in_the_end);  // an excerpt
  CHECK(done.compaction() == talk.last("CompactionStarted").seq());
  if (!in_the_end) CHECK(done.last() == whole.last());
  CHECK(talk.last("NoticeIssued").notice_issued().answers() == asked);
  CHECK(talk.state().waiting().empty());
  CHECK_FALSE(talk.state().has_open());
  talk.check_refold();
  const auto report = replay_check(talk.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("two messages are made no shorter", "[core]") {
  Talk talk(50);
  for (int i = 0; i < 2; ++i) talk.exchange("question " + std::string(300, 'q'));
  talk.say("/compact");
  REQUIRE(talk.last("CompactionStarted").compaction_started().messages() == 2);
  const Seq failed = talk.fail(talk.turn(), OVERFLOW);
  CHECK(talk.kinds_after(failed) == "TurnFailed CompactionFailed CompactionCompleted NoticeIssued");
}

TEST_CASE("a summary that began by itself holds nobody up who has written meanwhile", "[core]") {
  Talk talk;
  talk.exchanges(4);
  REQUIRE(talk.summarising());
  const bool waits = GENERATE(true, false);
  if (waits) talk.say("meanwhile");
  const Seq failed = talk.fail(talk.turn(), STALLED);
  CHECK(talk.kinds_after(failed) ==
        (waits ? "TurnFailed CompactionFailed CompactionCompleted TurnStarted" : "TurnRetried"));
}

TEST_CASE("/stop of a summary that began by itself says so, and /continue says what it is",
          "[core]") {
  Talk talk;
  talk.exchanges(4);
  REQUIRE(talk.summarising());
  talk.say("/continue");
  CHECK(talk.last("NoticeIssued").content().text() == "A summary is being made; /stop stops it.");
  talk.say("/stop");
  CHECK_FALSE(talk.state().has_open());
  CHECK(talk.last("NoticeIssued").content().text() ==
        "The summary that was being made is stopped.");
}

TEST_CASE("why there is no summary is said in one sentence", "[core]") {
  Talk talk(50, false);
  for (const char* word : {"a", "b"}) {
    talk.say(word);
    talk.complete(talk.turn(), word);
  }
  talk.say("/compact");
  REQUIRE(talk.summarising());
  talk.fail(talk.turn(), AUTH);
  const std::string told = talk.last("NoticeIssued").content().text();
  CHECK(told.find("refused our key") != std::string::npos);
  CHECK(told.find("No answer") == std::string::npos);
  CHECK(told.find("Your message") == std::string::npos);
}

}  // namespace
}  // namespace daybook::decide_compaction_test
