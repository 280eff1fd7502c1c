// The sign that an answer is on its way: who sees it, and that it is in nobody's way.
#include <catch2/catch.hpp>

#include "tests/telegram_hand.h"

namespace daybook::telegram_typing_test {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using telegram_hand::Hand;
using telegram_hand::Json;
using telegram_hand::update;

Seq start(Hand& hand, TurnKind kind, Seq answers = 0) {
  Fact fact;
  TurnStarted* started = fact.mutable_turn_started();
  started->set_kind(kind);
  if (kind == ANSWER) started->set_place("telegram:77");
  if (answers != 0) started->add_answers(answers);
  return hand.commit(std::move(fact)).seq();
}

Seq hear(Hand& hand, std::int64_t id, const std::string& text) {
  if (hand.count("getUpdates") == 0) hand.pass(1s);
  hand.succeed(hand.take("getUpdates"), Json::array({update(id, text)}));
  return hand.recorded.back().seq();
}

// Past every sign so far: whether there is a new one.
bool types(Hand& hand) {
  while (hand.count("sendChatAction") > 0) hand.succeed(hand.take("sendChatAction"), true);
  hand.pass(5s);
  return hand.count("sendChatAction") > 0;
}

TEST_CASE("a silent turn shows typing until its text comes", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77/5");
  hand.turn();
  const Call typing = hand.take("sendChatAction");
  CHECK(Hand::body(typing) == Json::parse(telegram::typing_body({77, 5})));
  CHECK(hand.refuse(typing, 400, "Bad Request: whatever").empty());
  CHECK(hand.telegram.wake_at(hand.now) == hand.now + 4'500ms);
  hand.pass(4'499ms);
  CHECK(hand.count("sendChatAction") == 0);
  hand.pass(1ms);
  CHECK(hand.break_off(hand.take("sendChatAction"), true).empty());
  hand.chunk(turn, "Here");
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.pass(10s);
  CHECK(hand.count("sendChatAction") == 0);
}

TEST_CASE("typing ends with its turn, though nothing was said", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.turn();
  hand.succeed(hand.take("sendChatAction"), true);
  hand.complete(turn, "");
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.pass(60s);
  CHECK(hand.count("sendChatAction") == 0);
}

TEST_CASE("whoever waits behind a summary sees that something goes on", "[telegram]") {
  Hand hand;
  hand.introduce();
  SECTION("a message that came meanwhile") {
    const Seq summary = start(hand, SUMMARY);
    CHECK_FALSE(types(hand));
    hear(hand, 7, "/status");
    CHECK_FALSE(types(hand));
    hear(hand, 8, "And this?");
    CHECK(types(hand));
    const Call typing = hand.take("sendChatAction");
    CHECK(Hand::body(typing) == Json::parse(telegram::typing_body({77, 0})));
    hand.succeed(typing, true);
    CHECK(hand.telegram.wake_at(hand.now) == hand.now + telegram::kTypingEvery);
    CHECK(types(hand));
    hand.complete(summary, "What was said.");
    CHECK_FALSE(types(hand));
  }
  SECTION("one that came during the answer before it") {
    const Seq first = start(hand, ANSWER);
    const Seq message = hear(hand, 7, "And this?");
    hand.complete(first, "Well.");
    hand.turn();
    hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
    const Seq summary = start(hand, SUMMARY);
    CHECK(types(hand));
    hand.complete(summary, "What was said.");
    const Seq second = start(hand, ANSWER, message);
    hand.complete(second, "So.");
    hand.turn();
    hand.succeed(hand.take("sendMessage"), {{"message_id", 61}});
    start(hand, SUMMARY);
    CHECK_FALSE(types(hand));
  }
}

TEST_CASE("a post waits for no typing, and typing for a post", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.turn();
  CHECK(hand.count("sendChatAction") == 1);  // and no answer to it comes
  hand.chunk(turn, "Here");
  hand.turn();
  CHECK(hand.count("sendMessage") == 1);
  hand.pass(30s);
  CHECK(hand.count("sendChatAction") == 1);
}

}  // namespace daybook::telegram_typing_test
