// What is under way when words are forgotten: it stops if they, or a summary made of them, are in
// its prompt, and runs on if not.
#include <catch2/catch.hpp>

#include "core/context.h"
#include "core/erasure.h"
#include "core/fork.h"
#include "tests/chat_story.h"
#include "tools/replay.h"

namespace daybook::decide_erasure_test {

constexpr const char* kFork = "terminal:fork";

struct Talk : testing::Chat {
  explicit Talk(std::uint32_t messages_max = 50) {
    Fact fact = settings();
    fact.mutable_settings_loaded()->set_max_history_messages(messages_max);
    fact.mutable_settings_loaded()->set_policy("window");
    gateway->record(std::move(fact), now);
  }

  // What this event says goes, with its echoes, here and in every fork.
  void forget(Seq subject) {
    commit();
    const SessionRow* row = gateway->directory().at("console:local");
    const auto facts = erasure_facts(gateway->directory(), *row, {.subject = subject}, *gateway);
    REQUIRE(facts);
    for (const Event& fact : *facts) gateway->record(fact, now);
  }
  bool runs(const std::string& place = "console:local") { return state(place).has_open(); }
  void check_replay() {
    commit();
    const auto report = replay_check(log, 0);
    REQUIRE(report);
    CHECK(report->divergence == "");
  }
};

TEST_CASE("an answer whose prompt holds what is forgotten stops", "[erasure]") {
  Talk talk;
  const Seq secret = talk.say("the secret");
  talk.complete(talk.turn(), "I see");
  talk.say("another question");
  const Seq turn = talk.turn().seq();
  talk.forget(secret);
  CHECK_FALSE(talk.runs());
  CHECK(talk.last("TurnCancelled").turn_cancelled().turn() == turn);
  const Event notice = talk.last("NoticeIssued");
  CHECK(notice.notice_issued().place() == "console:local");
  CHECK(notice.cause() == talk.last("SessionErased").seq());
  CHECK(notice.content().text() ==
        "The answer under way has stopped: it was made from words that have just been erased. Ask "
        "again if you still want one.");
  talk.check_replay();
}

TEST_CASE("an answer to several messages stops with one of them, and the chat is told what follows",
          "[erasure]") {
  Talk talk;
  talk.say("/set queue collect");
  talk.say("a question");
  const OpenTurn first = talk.turn();
  const Seq secret = talk.say("the secret");
  const Seq other = talk.say("something else");
  talk.complete(first, "an answer");
  REQUIRE(talk.turn().answers_size() == 2);
  talk.forget(secret);
  const Event notice = talk.last("NoticeIssued");
  CHECK(notice.content().text().ends_with("What else was asked is answered next."));
  CHECK(notice.seq() < talk.last("TurnCancelled").seq());
  REQUIRE(talk.runs());
  CHECK(talk.turn().answers_size() == 1);
  CHECK(talk.turn().answers(0) == other);
  talk.check_replay();
}

TEST_CASE("nobody is told of a summary that stops because its words are forgotten", "[erasure]") {
  Talk talk;
  const Seq secret = talk.say("the secret");
  talk.complete(talk.turn(), "I see");
  for (int i = 0; i < 4; ++i) talk.exchange("words" + std::string(200, 'x'));
  talk.say("/compact");
  REQUIRE(talk.turn().kind() == SUMMARY);
  talk.forget(secret);
  CHECK_FALSE(talk.runs());
  for (Seq seq = secret; const auto event = talk.gateway->event(seq); ++seq) {
    CHECK(event->content().text().find("has stopped") == std::string::npos);
  }
}

TEST_CASE("an answer whose prompt holds nothing of what is forgotten runs on", "[erasure]") {
  const bool taken_back = GENERATE(true, false);
  Talk talk(taken_back ? 50 : 2);
  const Seq secret = talk.say("the secret");
  talk.complete(talk.turn(), "I see");
  if (taken_back) talk.say("/undo");
  if (!taken_back) talk.exchange("something else");
  talk.say("another question");
  const OpenTurn open = talk.turn();
  talk.chunk(open, "half of ");
  talk.forget(secret);
  REQUIRE(talk.runs());
  const Seq ended = talk.complete(open, "half of an answer");
  CHECK(talk.event(ended).content().text() == "half of an answer");
  CHECK(talk.last("TurnStarted").seq() == open.seq());
  talk.check_refolds();
  talk.check_replay();
}

TEST_CASE("an answer stops whose prompt holds a summary of what is forgotten", "[erasure]") {
  Talk talk;
  const Seq secret = talk.say("the secret");
  talk.complete(talk.turn(), "I see");
  for (int i = 0; i < 4; ++i) talk.exchange("words" + std::string(200, 'x'));
  talk.say("/compact");
  talk.complete(talk.turn(), "a summary of the secret");
  talk.say("another question");
  const TurnStarted started = talk.last("TurnStarted").turn_started();
  REQUIRE(started.summary() != 0);
  REQUIRE(started.taken(0).first() > secret);
  talk.forget(secret);
  CHECK_FALSE(talk.runs());
}

TEST_CASE("an answer of a fork stops whose prompt reads through what is forgotten", "[erasure]") {
  const bool shared = GENERATE(true, false);
  Talk talk;
  const Seq first = talk.say("the secret");
  talk.complete(talk.turn(), "I see");
  talk.commit();
  const SessionId parent = talk.gateway->directory().at("console:local")->id();
  Result<Event> fork = session_forked(talk.gateway->directory(), *talk.gateway, parent, 0, kFork);
  REQUIRE(fork);
  talk.gateway->record(*std::move(fork), talk.now);
  const Seq second = talk.say("said behind the fork");
  talk.complete(talk.turn(), "I see");
  talk.say("a question in the fork", kFork);
  talk.forget(shared ? first : second);
  CHECK(talk.runs(kFork) == !shared);
}

TEST_CASE("an answer stops that was told a goal which is forgotten", "[erasure]") {
  Talk talk;
  const Seq goal = talk.say("/goal win the secret race");
  talk.say("how?");
  REQUIRE(talk.last("TurnStarted").turn_started().preface().goal() != 0);
  talk.forget(goal);
  CHECK_FALSE(talk.runs());
}

}  // namespace daybook::decide_erasure_test
