// How what is owed reaches Telegram, and what becomes of it when it does not.
#include "adapters/telegram_outbox.h"

#include <catch2/catch.hpp>
#include <deque>
#include <nlohmann/json.hpp>

#include "tests/telegram_hand.h"

namespace daybook::telegram_outbox_test {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::string_literals::operator""s;
using telegram_hand::Hand;
using telegram_hand::Json;
using telegram_hand::kToken;

// ---- posts and edits

TEST_CASE("a post is attempted in the journal before it is sent", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq source = hand.notice("telegram:77", "Hello", 51);
  auto due = hand.telegram.due(Moment{hand.now, true, true});
  REQUIRE(due);
  const Fact fact = std::get<Fact>(*due);
  CHECK(fact.post_attempted().source() == source);
  CHECK(fact.post_attempted().attempt() == 1);
  CHECK(fact.cause() == source);
  hand.turn();
  CHECK(hand.count("sendMessage") == 0);
  hand.commit(fact);
  hand.turn(false);
  CHECK(hand.count("sendMessage") == 0);
  hand.turn();
  const Call post = hand.take("sendMessage");
  CHECK_FALSE(Hand::http(post).repeatable);
  CHECK(Hand::body(post) == Json::parse(telegram::send_message_body({77, 0}, "Hello", 51)));
  CHECK_FALSE(hand.telegram.idle());
  const auto facts = hand.succeed(post, {{"message_id", 60}, {"text", "Hello"}});
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].cause() == source);
  CHECK(facts[0].reply_posted().message_id() == 60);
  CHECK(facts[0].reply_posted().digest() == text_digest("Hello"));
  CHECK(facts[0].reply_posted().characters() == 5);
  CHECK(hand.telegram.idle());
}

TEST_CASE("a file is uploaded as one, whatever its length", "[telegram]") {
  Hand hand;
  hand.introduce();
  Fact fact;
  fact.mutable_notice_issued()->set_place("telegram:-100200/7");
  fact.mutable_notice_issued()->set_reply_to(51);
  fact.mutable_notice_issued()->set_file_name("talk.md");
  const std::string text = "daybook-file " + std::string(9'000, 'x') + "\r\n";
  fact.mutable_content()->set_text(text);
  hand.commit(std::move(fact));
  hand.turn();
  const Call post = hand.take("sendDocument");
  CHECK_FALSE(Hand::http(post).repeatable);
  REQUIRE(Hand::http(post).headers.size() == 1);
  // A boundary is nowhere in the file.
  CHECK(Hand::http(post).headers[0].value.reveal() ==
        "multipart/form-data; boundary=daybook-file-");
  const std::string line = "--daybook-file-\r\nContent-Disposition: form-data; name=";
  CHECK(Hand::http(post).body ==
        line + "\"chat_id\"\r\n\r\n-100200\r\n" + line + "\"message_thread_id\"\r\n\r\n7\r\n" +
            line +
            "\"reply_parameters\"\r\n\r\n"
            "{\"allow_sending_without_reply\":true,\"message_id\":51}\r\n" +
            line +
            "\"document\"; filename=\"talk.md\"\r\n"
            "Content-Type: text/markdown; charset=utf-8\r\n\r\n" +
            text + "\r\n--daybook-file---\r\n");
  const auto facts = hand.succeed(post, {{"message_id", 60}});
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].reply_posted().message_id() == 60);
  CHECK(hand.work.deliveries.open().empty());
  CHECK(hand.telegram.idle());
}

TEST_CASE("what is owed is posted even while nothing new is taken in", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.taking_in = false;
  hand.notice("telegram:77", "Hello");
  hand.turn();
  CHECK(hand.count("sendMessage") == 1);
}

TEST_CASE("in a hurry growth is shown at once", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, "One ");
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.chunk(turn, "two");
  hand.turn();
  CHECK(hand.count("editMessageText") == 0);
  hand.hurry = true;
  hand.turn();
  CHECK(hand.count("editMessageText") == 1);
}

TEST_CASE("a stop waits for what can be shown by then and for nothing else", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.notice("telegram:77", "Hello");
  CHECK_FALSE(hand.telegram.idle_by(hand.now));
  hand.turn();
  CHECK_FALSE(hand.telegram.idle_by(hand.now));
  hand.refuse(hand.take("sendMessage"), 429, "Too Many", {{"retry_after", 7}});
  CHECK_FALSE(hand.telegram.idle());
  CHECK(hand.telegram.idle_by(hand.now + 6s));
  CHECK_FALSE(hand.telegram.idle_by(hand.now + 7s));
  hand.pass(7s);
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  const Seq turn = hand.start_turn("telegram:77");
  CHECK(hand.telegram.idle_by(hand.now + 6s));
  hand.chunk(turn, "One ");
  CHECK_FALSE(hand.telegram.idle_by(hand.now));
}

TEST_CASE("a growing answer is posted once and then edited", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, "One ");
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.chunk(turn, std::string(200, 'x'));
  hand.turn();
  CHECK(hand.count("editMessageText") == 0);
  hand.now = hand.telegram.wake_at(hand.now);
  hand.turn();
  hand.pass(1'250ms);
  const Call edit = hand.take("editMessageText");
  CHECK(Hand::http(edit).repeatable);
  CHECK(Hand::body(edit) ==
        Json::parse(telegram::edit_message_body({77, 0}, 60, "One " + std::string(200, 'x'))));
  const auto facts = hand.succeed(edit, {{"message_id", 60}});
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].reply_edited().digest() == text_digest("One " + std::string(200, 'x')));
  hand.complete(turn, "One whole answer");
  hand.pass(2s);
  const auto last =
      hand.refuse(hand.take("editMessageText"), 400, "Bad Request: message is not modified: x");
  REQUIRE(last.size() == 1);
  CHECK(last[0].reply_edited().digest() == text_digest("One whole answer"));
  CHECK(hand.work.deliveries.open().empty());
}

struct Ended {
  std::string how;
  bool ambiguous;
  bool failed;
};

TEST_CASE("only a post handed over and not answered is ambiguous", "[telegram]") {
  const std::vector<Ended> table = {{"not sent", false, false}, {"cut", true, false},
                                    {"502", true, false},       {"restart", true, false},
                                    {"half", true, false},      {"no id", true, false},
                                    {"429", false, false},      {"403", false, true},
                                    {"400", false, true},       {"reply gone", false, false}};
  for (const Ended& row : table) {
    INFO(row.how);
    Hand hand;
    hand.introduce();
    const Seq source = hand.notice("telegram:77", "Hello", 51);
    hand.turn();
    const Call post = hand.take("sendMessage");
    const Time sent = hand.now;
    std::vector<Fact> facts;
    if (row.how == "not sent") facts = hand.break_off(post, false);
    if (row.how == "cut") facts = hand.break_off(post, true);
    if (row.how == "502") facts = hand.answer(post, 502, "<html>bad gateway</html>");
    if (row.how == "restart") facts = hand.refuse(post, 500, "Internal Server Error: restart");
    if (row.how == "half") facts = hand.answer(post, 200, R"({"ok":true,"result":{"mess)");
    if (row.how == "no id") facts = hand.succeed(post, Json::object());
    if (row.how == "429") facts = hand.refuse(post, 429, "Too Many", {{"retry_after", 7}});
    if (row.how == "403") facts = hand.refuse(post, 403, "Forbidden: bot was blocked by the user");
    if (row.how == "400") facts = hand.refuse(post, 400, "Bad Request: chat not found");
    if (row.how == "reply gone") {
      facts = hand.refuse(post, 400, "Bad Request: message to be replied not found");
    }
    REQUIRE(facts.size() == 1);
    CHECK(facts[0].cause() == source);
    if (row.failed) {
      REQUIRE(facts[0].has_delivery_failed());
      CHECK_FALSE(facts[0].delivery_failed().ambiguous());
      CHECK_FALSE(facts[0].content().detail().empty());
      CHECK(hand.work.deliveries.open().empty());
      continue;
    }
    REQUIRE(facts[0].has_delivery_delayed());
    const DeliveryDelayed& delayed = facts[0].delivery_delayed();
    CHECK(delayed.post());
    CHECK(delayed.ambiguous() == row.ambiguous);
    if (row.ambiguous) CHECK(delayed.not_before() == to_milliseconds(sent + 3s));
    if (row.how == "not sent") CHECK(delayed.not_before() == to_milliseconds(sent + 1s));
    if (row.how == "429") CHECK(delayed.not_before() == to_milliseconds(sent + 7s));
    hand.pass(10s);
    const Json again = Hand::body(hand.take("sendMessage"));
    CHECK(again.contains("reply_parameters") == (row.how != "reply gone"));
  }
}

TEST_CASE("a post that is never answered is not repeated for ever", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.notice("telegram:77", "Hello");
  hand.turn();
  std::uint32_t posts = 0;
  for (int i = 0; i < 20 && hand.count("sendMessage") > 0; ++i) {
    ++posts;
    hand.break_off(hand.take("sendMessage"), true);
    hand.pass(60s);
  }
  CHECK(posts == kAmbiguousPostsMax);
  CHECK(hand.telegram.idle());
  const Event& given_up = hand.recorded.back();
  REQUIRE(given_up.has_delivery_failed());
  CHECK(given_up.delivery_failed().ambiguous());
  CHECK(given_up.content().detail() == kGivenUpDetail);
  CHECK(hand.work.deliveries.open().empty());
}

TEST_CASE("an edit in trouble is merely late", "[telegram]") {
  for (const std::string how : {"not sent", "cut", "502"}) {
    Hand hand;
    hand.introduce();
    const Seq turn = hand.start_turn("telegram:77");
    hand.chunk(turn, "One ");
    hand.turn();
    hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
    hand.complete(turn, "One two");
    hand.pass(2s);
    for (const Duration wait : {1s, 2s, 4s}) {
      const Call edit = hand.take("editMessageText");
      const Time at = hand.now;
      const auto facts =
          how == "502" ? hand.answer(edit, 502, "<html>") : hand.break_off(edit, how == "cut");
      REQUIRE(facts.size() == 1);
      CHECK_FALSE(facts[0].delivery_delayed().post());
      CHECK_FALSE(facts[0].delivery_delayed().ambiguous());
      CHECK(facts[0].delivery_delayed().not_before() == to_milliseconds(at + wait));
      hand.pass(wait);
    }
    CHECK(hand.count("editMessageText") == 1);
  }
}

TEST_CASE("a chat whose call is under way wakes nobody", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, "One ");
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.complete(turn, "One two");
  hand.pass(2s);
  hand.take("editMessageText");
  CHECK(hand.telegram.wake_at(hand.now) == kNever);
}

TEST_CASE("a message that a person deleted is posted anew", "[telegram]") {
  const std::string why = GENERATE(as<std::string>{}, "Bad Request: message to edit not found",
                                   "Bad Request: message can't be edited");
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, "One ");
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.complete(turn, "One two");
  hand.pass(2s);
  const auto facts = hand.refuse(hand.take("editMessageText"), 400, why);
  CHECK(facts.at(0).delivery_delayed().lost());
  hand.pass(1s);
  CHECK(Hand::body(hand.take("sendMessage"))["text"] == "One two");
}

TEST_CASE("a growing text that shows nothing yet is late, not lost", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, "x");
  hand.turn();
  const auto facts =
      hand.refuse(hand.take("sendMessage"), 400, "Bad Request: text must be non-empty");
  CHECK(facts.at(0).delivery_delayed().post());
  hand.complete(turn, "x and more");
  hand.pass(2s);
  const Call last = hand.take("sendMessage");
  CHECK(Hand::body(last)["text"] == "x and more");
  CHECK(hand.refuse(last, 400, "Bad Request: text must be non-empty").at(0).has_delivery_failed());
}

TEST_CASE("where the topic is gone a post goes to the chat, once", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.notice("telegram:-100200/7", "Hello");
  hand.turn();
  const std::string why = "Bad Request: message thread not found";
  const auto facts = hand.refuse(hand.take("sendMessage"), 400, why);
  CHECK(facts.at(0).has_delivery_delayed());
  hand.pass(1s);
  const Call again = hand.take("sendMessage");
  CHECK_FALSE(Hand::body(again).contains("message_thread_id"));
  CHECK(hand.refuse(again, 400, why).at(0).has_delivery_failed());
}

TEST_CASE("a surplus message is deleted, and one deleted already is as good", "[telegram]") {
  for (const bool there : {true, false}) {
    Hand hand;
    hand.introduce();
    const Seq turn = hand.start_turn("telegram:77");
    hand.chunk(turn, std::string(5'000, 'x'));
    hand.turn();
    hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
    hand.pass(2s);
    hand.succeed(hand.take("sendMessage"), {{"message_id", 61}});
    hand.complete(turn, "short");
    hand.pass(5s);
    hand.succeed(hand.take("editMessageText"), {{"message_id", 60}});
    hand.pass(5s);
    const Call removal = hand.take("deleteMessage");
    CHECK(Hand::body(removal)["message_id"] == 61);
    const auto facts = there
                           ? hand.succeed(removal, true)
                           : hand.refuse(removal, 400, "Bad Request: message to delete not found");
    CHECK(facts.at(0).reply_edited().gone());
    CHECK(hand.work.deliveries.open().empty());
  }
}

TEST_CASE("a post that never left and is not wanted any more asks for nothing", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.turn();
  const Call typing = hand.take("sendChatAction");
  hand.chunk(turn, "Once upon");
  hand.commit(std::get<Fact>(*hand.telegram.due(Moment{hand.now, true, true})));
  hand.refuse(typing, 429, "Too Many", {{"retry_after", 7}});
  Fact retried;
  retried.mutable_turn_retried()->set_turn(turn);
  retried.mutable_turn_retried()->set_attempt(2);
  hand.commit(std::move(retried));
  Fact cut;
  cut.mutable_turn_cancelled()->set_turn(turn);
  cut.mutable_turn_cancelled()->set_for_message(99);
  hand.commit(std::move(cut));
  hand.pass(7s);
  CHECK(hand.count("deleteMessage") == 0);
  CHECK(hand.count("sendMessage") == 0);
  CHECK(hand.recorded.back().delivery_delayed().post());
  CHECK(hand.work.deliveries.open().empty());
  CHECK(hand.telegram.idle());
}

TEST_CASE("a post under way that is not wanted any more is deleted when it is there",
          "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, "Once upon");
  hand.turn();
  const Call post = hand.take("sendMessage");
  Fact retried;
  retried.mutable_turn_retried()->set_turn(turn);
  retried.mutable_turn_retried()->set_attempt(2);
  hand.commit(std::move(retried));
  Fact cut;
  cut.mutable_turn_cancelled()->set_turn(turn);
  cut.mutable_turn_cancelled()->set_for_message(99);
  hand.commit(std::move(cut));
  hand.pass(1s);
  hand.succeed(post, {{"message_id", 60}});
  CHECK(Hand::body(hand.take("deleteMessage"))["message_id"] == 60);
}

TEST_CASE("a message that cannot be deleted stays, and the answer counts as shown", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, std::string(5'000, 'x'));
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.pass(2s);
  hand.succeed(hand.take("sendMessage"), {{"message_id", 61}});
  hand.complete(turn, "short");
  hand.pass(5s);
  hand.succeed(hand.take("editMessageText"), {{"message_id", 60}});
  hand.pass(5s);
  const auto facts =
      hand.refuse(hand.take("deleteMessage"), 400, "Bad Request: message can't be deleted");
  REQUIRE(facts.size() == 1);
  CHECK_FALSE(facts[0].has_delivery_failed());
  CHECK(hand.work.deliveries.open().empty());
  hand.notice("telegram:77", "next");
  hand.pass(5s);
  CHECK(hand.count("sendMessage") == 1);
}

// ---- limits

TEST_CASE("a chat that is limited hears nothing before its time, others go on", "[telegram]") {
  for (const int seconds : {1, 60, 3600}) {
    Hand hand;
    hand.introduce();
    hand.notice("telegram:77", "first");
    hand.notice("telegram:77", "second");
    hand.turn();
    hand.refuse(hand.take("sendMessage"), 429, "Too Many", {{"retry_after", seconds}});
    const Time until = hand.now + std::chrono::seconds(seconds);
    hand.notice("telegram:78", "other");
    hand.turn();
    CHECK(Hand::body(hand.take("sendMessage"))["chat_id"] == 78);
    hand.now = until - 1ms;
    hand.turn();
    CHECK(hand.count("sendMessage") == 0);
    CHECK(hand.telegram.wake_at(hand.now) <= until);
    hand.now = until;
    hand.turn();
    CHECK(Hand::body(hand.take("sendMessage"))["chat_id"] == 77);
  }
}

TEST_CASE("what is said in a chat stands there in the order it was said", "[telegram]") {
  for (const bool ambiguous : {false, true}) {
    INFO(ambiguous);
    Hand hand;
    hand.introduce();
    hand.notice("telegram:77", "first");
    hand.notice("telegram:77", "second");
    hand.turn();
    hand.break_off(hand.take("sendMessage"), ambiguous);
    CHECK(hand.count("sendMessage") == 0);
    // Nothing is looked for meanwhile.
    CHECK(hand.telegram.wake_at(hand.now) == hand.now + (ambiguous ? 3s : 1s));
    hand.notice("telegram:78", "other");
    hand.turn();
    CHECK(Hand::body(hand.take("sendMessage"))["text"] == "other");
    hand.pass(3s);
    const Call first = hand.take("sendMessage");
    CHECK(Hand::body(first)["text"] == "first");
    hand.succeed(first, {{"message_id", 60}});
    CHECK(Hand::body(hand.take("sendMessage"))["text"] == "second");
  }
}

TEST_CASE("several limited chats mean that the whole bot is", "[telegram]") {
  Hand hand;
  hand.introduce();
  for (const std::string chat : {"71", "72", "73"}) {
    hand.notice("telegram:" + chat, "x");
    hand.turn();
    hand.refuse(hand.take("sendMessage"), 429, "Too Many", {{"retry_after", 20}});
  }
  hand.notice("telegram:74", "x");
  hand.turn();
  CHECK(hand.count("sendMessage") == 0);
  hand.pass(20s);
  CHECK(hand.count("sendMessage") == 4);
}

TEST_CASE("never more than 28 calls in any second", "[telegram]") {
  Hand hand;
  hand.introduce();
  for (int chat = 1; chat <= 100; ++chat) hand.notice("telegram:" + std::to_string(chat), "x");
  std::deque<Time> sent;
  hand.turn();
  for (int i = 0; i < 200 && sent.size() < 100; ++i) {
    while (hand.count("sendMessage") > 0) {
      sent.push_back(hand.now);
      hand.succeed(hand.take("sendMessage"), {{"message_id", 1}});
    }
    const Time wake = hand.telegram.wake_at(hand.now);
    if (wake == kNever) break;
    hand.now = wake;
    hand.turn();
  }
  REQUIRE(sent.size() == 100);
  for (std::size_t i = telegram::kCallsPerSecond; i < sent.size(); ++i) {
    CHECK(sent[i] - sent[i - telegram::kCallsPerSecond] >= 1s);
  }
  CHECK(sent.back() - sent.front() <= 4s);
}

TEST_CASE("a chat has one delivery at a time", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.notice("telegram:77", "first");
  hand.notice("telegram:77", "second");
  hand.turn();
  hand.pass(30s);
  REQUIRE(hand.count("sendMessage") == 1);
  hand.succeed(hand.take("sendMessage"), {{"message_id", 1}});
  CHECK(Hand::body(hand.take("sendMessage"))["text"] == "second");
}

// ---- courtesies

TEST_CASE("a pressed button is answered once its event is durable", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Json pressed = {{"update_id", 5},
                        {"callback_query",
                         {{"id", "cb9"},
                          {"from", {{"id", 77}}},
                          {"data", "m:1"},
                          {"message", {{"message_id", 3}, {"chat", {{"id", 77}}}}}}}};
  const Call poll = hand.take("getUpdates");
  hand.telegram.on_reply(poll.id, ReplyHead{200, {}}, hand.now);
  hand.telegram.on_reply(poll.id, ReplyBody{Json{{"ok", true}, {"result", {pressed}}}.dump()},
                         hand.now);
  const auto facts = hand.telegram.on_reply(poll.id, ReplyEnd{}, hand.now);
  REQUIRE(facts.size() == 1);
  hand.turn(false);
  CHECK(hand.count("answerCallbackQuery") == 0);
  hand.settle(facts);
  CHECK(Hand::body(hand.take("answerCallbackQuery"))["callback_query_id"] == "cb9");
}

TEST_CASE("the token is in no label, body, fact or warning, even if a peer echoes it",
          "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.notice("telegram:77", "Hello");
  hand.turn();
  hand.refuse(hand.take("sendMessage"), 400, "Bad Request: /bot" + kToken + "/sendMessage");
  hand.refuse(hand.take("getUpdates"), 409, "Conflict: " + kToken);
  hand.pass(10s);
  hand.refuse(hand.take("getUpdates"), 409, "Conflict: " + kToken);
  hand.pass(10s);
  REQUIRE(hand.warnings.size() == 1);
  for (const std::string& warning : hand.warnings) {
    CHECK(warning.find("canary") == std::string::npos);
  }
  for (const Event& event : hand.recorded) {
    CHECK(event.SerializeAsString().find("canary") == std::string::npos);
  }
  for (const Call& call : hand.calls) {
    CHECK(Hand::http(call).label.find("canary") == std::string::npos);
    CHECK(Hand::http(call).body.find("canary") == std::string::npos);
  }
  hand.refuse(hand.take("getUpdates"), 401, "Unauthorized " + kToken);
  REQUIRE(hand.telegram.fatal());
  CHECK(hand.telegram.fatal()->message.find("canary") == std::string::npos);
}

}  // namespace daybook::telegram_outbox_test
