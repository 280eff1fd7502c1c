// How the channel introduces itself and polls, answer by answer.
#include "adapters/telegram.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "adapters/telegram_api.h"
#include "adapters/telegram_poll.h"
#include "tests/telegram_hand.h"

namespace daybook::telegram_test {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::string_literals::operator""s;
using telegram_hand::Hand;
using telegram_hand::Json;
using telegram_hand::kStart;
using telegram_hand::kToken;
using telegram_hand::settings_for_test;
using telegram_hand::update;

// ---- introductions

TEST_CASE("the first poll starts at once and its answer waits for our name", "[telegram]") {
  Hand hand;
  hand.turn();
  CHECK(hand.count("getMe") == 1);
  const Call poll = hand.take("getUpdates");
  CHECK(hand.succeed(poll, {update(7, "/help@day_bot"), update(8, "/help@other")}).empty());
  CHECK(hand.recorded.empty());
  CHECK(hand.count("getUpdates") == 0);
  const auto facts = hand.succeed(hand.take("getMe"), {{"id", 123456}, {"username", "day_bot"}});
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].message_received().command() == "help");
  CHECK(facts[1].message_received().command().empty());
  CHECK(hand.telegram.username() == "day_bot");
  CHECK(Hand::body(hand.take("getUpdates"))["offset"] == 9);
}

TEST_CASE("calls go to the configured root with the token in the target alone", "[telegram]") {
  Hand hand;
  hand.turn();
  const Call call = hand.take("getMe");
  const HttpCall& http = Hand::http(call);
  CHECK(http.origin == Origin{false, "127.0.0.1", 8081});
  CHECK(http.target.reveal() == "/root/bot" + kToken + "/getMe");
  CHECK(http.label == "telegram getMe");
  CHECK(http.pool == "telegram");
  CHECK(http.method == "POST");
  const Call poll = hand.take("getUpdates");
  CHECK(Hand::http(poll).pool == "telegram poll");
  CHECK(Hand::http(poll).deadlines.first_byte == 65s);
}

TEST_CASE("a refused token is fatal, whoever is told first", "[telegram]") {
  for (const std::string method : {"getMe", "getUpdates"}) {
    for (const int code : {401, 404}) {
      Hand hand;
      hand.turn();
      if (method == "getUpdates") {
        hand.succeed(hand.take("getMe"), {{"id", 123456}, {"username", "day_bot"}});
      }
      hand.refuse(hand.take(method), code, code == 401 ? "Unauthorized" : "Not Found");
      REQUIRE(hand.telegram.fatal());
      CHECK(hand.telegram.fatal()->code == ExitCode::kUnavailable);
      CHECK(hand.telegram.fatal()->message ==
            "Telegram refused the token ("s + (code == 401 ? "401 Unauthorized" : "404 Not Found") +
                "): set telegram.token or run daybook setup");
      hand.calls.clear();
      hand.pass(1h);
      CHECK(hand.calls.empty());
      CHECK(hand.telegram.wake_at(hand.now) == kNever);
    }
  }
}

TEST_CASE("settings that cannot be right are told before anything is called", "[telegram]") {
  Settings bad_token = settings_for_test();
  bad_token.telegram.token = Secret("secret-but-no-token");
  Hand first(bad_token);
  first.turn();
  CHECK(first.calls.empty());
  REQUIRE(first.telegram.fatal());
  CHECK(first.telegram.fatal()->code == ExitCode::kSettings);
  CHECK(first.telegram.fatal()->message.find("secret-but") == std::string::npos);
  Settings bad_root = settings_for_test();
  bad_root.telegram.api_root = "nowhere";
  CHECK(Hand(bad_root).telegram.fatal());
}

TEST_CASE("an unreachable Telegram is asked again, ever more slowly", "[telegram]") {
  Hand hand;
  hand.turn();
  Duration last{0};
  for (int i = 0; i < 8; ++i) {
    const Call call = hand.take("getMe");
    hand.break_off(call, false);
    CHECK(hand.count("getMe") == 0);
    const Duration wait = hand.telegram.wake_at(hand.now) - hand.now;
    CHECK(wait >= 1s);
    CHECK(wait <= 37'500ms);
    CHECK(wait * 5 >= last * 4);
    last = wait;
    hand.pass(wait);
  }
  CHECK(last >= 30s);
  CHECK(hand.warnings.size() == 1);
  CHECK_FALSE(hand.telegram.fatal());
}

TEST_CASE("a webhook is reported and left alone", "[telegram]") {
  Hand hand;
  hand.turn();
  hand.succeed(hand.take("getMe"), {{"id", 123456}, {"username", "day_bot"}});
  hand.succeed(hand.take("getWebhookInfo"), {{"url", "https://example.org/hook"}});
  REQUIRE(hand.warnings.size() == 1);
  CHECK(hand.warnings[0].find("daybook setup") != std::string::npos);
  CHECK(hand.count("deleteWebhook") == 0);
}

TEST_CASE("the command menu is set only when it differs", "[telegram]") {
  Hand same;
  same.introduce();
  CHECK(same.count("setMyCommands") == 0);
  Hand other;
  other.turn();
  other.succeed(other.take("getMe"), {{"id", 123456}, {"username", "day_bot"}});
  other.succeed(other.take("getWebhookInfo"), {{"url", ""}});
  other.succeed(other.take("getMyCommands"), Json::array());
  const Call set = other.take("setMyCommands");
  CHECK(Hand::body(set) == Json::parse(telegram::set_commands_body()));
  other.succeed(set, true);
  other.pass(1h);
  CHECK(other.count("setMyCommands") == 0);
}

// ---- the long poll

TEST_CASE("an offset is the last committed update plus one", "[telegram]") {
  Hand hand;
  hand.introduce();
  Call poll = hand.take("getUpdates");
  CHECK_FALSE(Hand::body(poll).contains("offset"));
  hand.telegram.on_reply(poll.id, ReplyHead{200, {}}, hand.now);
  hand.telegram.on_reply(
      poll.id, ReplyBody{Json{{"ok", true}, {"result", {update(900100, "a")}}}.dump()}, hand.now);
  const auto facts = hand.telegram.on_reply(poll.id, ReplyEnd{}, hand.now);
  REQUIRE(facts.size() == 1);
  // Recorded and not yet durable: nothing may be confirmed.
  hand.turn(false);
  CHECK(hand.count("getUpdates") == 0);
  hand.commit(facts[0]);
  hand.turn();
  CHECK(Hand::body(hand.take("getUpdates"))["offset"] == 900101);
}

TEST_CASE("ids that restart lower are followed, not compared", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.succeed(hand.take("getUpdates"), Json::array({update(900100, "a")}));
  hand.succeed(hand.take("getUpdates"), Json::array({update(17, "b")}));
  CHECK(hand.recorded.size() == 2);
  CHECK(Hand::body(hand.take("getUpdates"))["offset"] == 18);
}

TEST_CASE("a batch that the journal knows already is gone past", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.succeed(hand.take("getUpdates"), {update(5, "a"), update(6, "b")});
  hand.pass(7 * 24h);
  Call poll = hand.take("getUpdates");
  hand.break_off(poll, true);
  hand.pass(2s);
  poll = hand.take("getUpdates");
  // After a week the old number is not trusted, so what it would have confirmed comes again.
  CHECK_FALSE(Hand::body(poll).contains("offset"));
  const std::size_t before = hand.recorded.size();
  hand.succeed(poll, {update(5, "a"), update(6, "b")});
  CHECK(hand.recorded.size() == before);
  hand.pass(telegram::kPollPauseMin);
  CHECK(Hand::body(hand.take("getUpdates"))["offset"] == 7);
}

TEST_CASE("an absence longer than Telegram keeps updates is recorded once", "[telegram]") {
  Hand hand;
  Fact old;
  old.mutable_message_refused()->set_source("telegram:123456");
  old.mutable_message_refused()->set_update_id(40);
  hand.commit(old);
  hand.now += 25h;
  hand.turn();
  REQUIRE(hand.recorded.size() == 2);
  CHECK(hand.recorded[1].updates_gap().source() == "telegram:123456");
  CHECK(hand.recorded[1].updates_gap().last_asked() == to_milliseconds(kStart));
  CHECK(Hand::body(hand.take("getUpdates"))["offset"] == 41);
  hand.pass(48h);
  CHECK(hand.recorded.size() == 2);
}

TEST_CASE("polls that bring nothing leave a trace once an hour", "[telegram]") {
  Hand hand;
  hand.introduce();
  const auto quiet_polls = [&](Duration time) {
    for (const Time end = hand.now + time; hand.now < end; hand.now += 50s) {
      hand.succeed(hand.take("getUpdates"), Json::array());
      hand.pass(telegram::kPollPauseMin);
    }
  };
  quiet_polls(10min);
  REQUIRE(hand.recorded.size() == 1);
  CHECK(hand.recorded[0].updates_asked().source() == "telegram:123456");
  quiet_polls(3h);
  CHECK(hand.recorded.size() == 4);
  hand.succeed(hand.take("getUpdates"), Json::array({update(9, "a")}));
  quiet_polls(50min);
  CHECK(hand.recorded.size() == 5);
}

TEST_CASE("a quiet day is no gap, being away for one is", "[telegram]") {
  for (const bool away : {false, true}) {
    INFO(away);
    Hand hand;
    Fact old;
    old.mutable_message_refused()->set_source("telegram:123456");
    old.mutable_message_refused()->set_update_id(40);
    hand.commit(old);
    hand.now += 30h;
    Fact asked;
    asked.mutable_updates_asked()->set_source("telegram:123456");
    hand.commit(asked);
    const Time last = hand.now;
    hand.now += away ? 25h : 23h;
    hand.introduce();
    REQUIRE(hand.recorded.size() == (away ? 3 : 2));
    if (!away) continue;
    CHECK(hand.recorded[2].updates_gap().last_asked() == to_milliseconds(last));
    CHECK(Hand::body(hand.take("getUpdates"))["offset"] == 41);
  }
}

TEST_CASE("a machine that slept for a day records the gap when it wakes", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.succeed(hand.take("getUpdates"), Json::array());
  hand.pass(telegram::kPollPauseMin);
  const Time last = hand.now;
  hand.now += 25h;
  hand.break_off(hand.take("getUpdates"), true);
  hand.pass(2s);
  REQUIRE(hand.recorded.back().has_updates_gap());
  CHECK(hand.recorded.back().updates_gap().last_asked() == to_milliseconds(last));
  hand.break_off(hand.take("getUpdates"), true);
  hand.pass(10s);
  CHECK(hand.recorded.size() == 2);
}

TEST_CASE("a poll follows a poll, but never in a circle", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.now += 50s;
  hand.succeed(hand.take("getUpdates"), Json::array());
  CHECK(hand.count("getUpdates") == 1);
  hand.succeed(hand.take("getUpdates"), Json::array());
  CHECK(hand.count("getUpdates") == 0);
  CHECK(hand.telegram.wake_at(hand.now) == hand.now + 1s);
  hand.pass(1s);
  CHECK(hand.count("getUpdates") == 1);
}

TEST_CASE("trouble with a poll is waited out and the offset stays", "[telegram]") {
  for (const int trouble : {500, 502, 200, 0, 1}) {
    Hand hand;
    hand.introduce();
    hand.succeed(hand.take("getUpdates"), Json::array({update(9, "a")}));
    Duration last{0};
    for (int i = 0; i < 7; ++i) {
      const Call poll = hand.take("getUpdates");
      CHECK(Hand::body(poll)["offset"] == 10);
      if (trouble >= 200) {
        hand.answer(poll, trouble, "<html>" + std::to_string(trouble) + "</html>");
      } else {
        hand.break_off(poll, trouble == 1);
      }
      CHECK(hand.count("getUpdates") == 0);
      const Duration wait = hand.telegram.wake_at(hand.now) - hand.now;
      CHECK(wait >= 1s);
      CHECK(wait <= 37'500ms);
      CHECK(wait * 5 >= last * 4);
      last = wait;
      hand.pass(wait);
    }
    CHECK(hand.warnings.size() == 1);
    CHECK(hand.recorded.size() == 1);
  }
}

// A Bot API with updates in its queue, one of which nobody can read.
struct Queue {
  std::int64_t first = 1;
  std::int64_t unread = 0;
  bool huge = false;  // it is over a limit of ours; else too deep
  std::int64_t last = 0;

  [[nodiscard]] std::string text_of(std::int64_t id) const {
    if (id != unread) return update(id, "a").dump();
    const std::string deep(2'000, '[');
    return R"({"update_id":)" + std::to_string(id) + R"(,"message":{"rich_message":)" + deep;
  }
  void answer(Hand& hand, const Call& poll) const {
    const Json asked = Hand::body(poll);
    const std::int64_t from =
        asked.contains("offset") ? asked["offset"].get<std::int64_t>() : first;
    const std::int64_t to = std::min(last, from + asked["limit"].get<std::int64_t>() - 1);
    std::string all;
    bool over = false;
    for (std::int64_t id = from; id <= to && !over; ++id) {
      all += (all.empty() ? "" : ",") + text_of(id);
      over = huge && id == unread;
    }
    const std::string body = R"({"ok":true,"result":[)" + all + "]}";
    if (!over) {
      hand.answer(poll, 200, body);
      return;
    }
    hand.telegram.on_reply(poll.id, ReplyHead{200, {}}, hand.now);
    hand.telegram.on_reply(poll.id, ReplyBody{body.substr(0, body.size() - 2)}, hand.now);
    hand.settle(hand.telegram.on_reply(
        poll.id, ReplyFailed{ReplyFailed::Reason::kTooLarge, true, "too large"}, hand.now));
  }
};

TEST_CASE("an update that nobody can read costs all others less than ten seconds", "[telegram]") {
  for (const bool huge : {false, true}) {
    for (const std::int64_t unread : {1, 2, 31, 64, 99, 120}) {
      INFO(huge << " " << unread);
      Hand hand;
      hand.introduce();
      const Queue queue{1, unread, huge, 120};
      for (int polls = 0; polls < 100 && hand.recorded.size() < 120; ++polls) {
        if (hand.count("getUpdates") == 0) hand.pass(hand.telegram.wake_at(hand.now) - hand.now);
        queue.answer(hand, hand.take("getUpdates"));
      }
      REQUIRE(hand.recorded.size() == 120);
      CHECK(hand.now - kStart < 10s);
      for (std::size_t i = 0; i < 120; ++i) {
        const MessageRefused& refused = hand.recorded[i].message_refused();
        const bool passed_over = static_cast<std::int64_t>(i) + 1 == unread;
        REQUIRE(hand.recorded[i].has_message_refused() == passed_over);
        if (passed_over) CHECK(refused.update_id() == unread);
        if (passed_over) CHECK(refused.update_kind() == "unreadable");
      }
    }
  }
}

TEST_CASE("updates that cannot be read and tell no number are asked for ever more slowly",
          "[telegram]") {
  Hand hand;
  hand.introduce();
  Duration last{0};
  for (int polls = 0; polls < 12; ++polls) {
    const Call poll = hand.take("getUpdates");
    CHECK(Hand::body(poll)["limit"] == (polls == 0 ? 100 : 1));
    hand.settle(hand.telegram.on_reply(
        poll.id, ReplyFailed{ReplyFailed::Reason::kTooLarge, true, "too large"}, hand.now));
    const Duration wait = hand.telegram.wake_at(hand.now) - hand.now;
    CHECK(wait * 5 >= last * 4);
    last = wait;
    hand.pass(wait);
  }
  CHECK(last >= 30s);
  CHECK(hand.recorded.empty());
  for (const int limit : {1, 2, 4, 8, 16, 32, 64, 100, 100}) {
    const Call poll = hand.take("getUpdates");
    CHECK(Hand::body(poll)["limit"] == limit);
    hand.succeed(poll, Json::array({update(limit, "a")}));
    if (hand.count("getUpdates") == 0) hand.pass(1s);
  }
}

TEST_CASE("a message as deep as Telegram lets them be is read", "[telegram]") {
  // A list in an item of a list costs four levels, and here two messages are as deep.
  Json blocks = Json::array({{{"type", "paragraph"}}});
  for (int level = 0; level < 16; ++level) {
    const Json items = Json::array({{{"blocks", std::move(blocks)}}});
    blocks = Json::array({{{"type", "list"}, {"items", items}}});
  }
  Json rich = update(7, "a");
  rich["message"]["reply_to_message"] = {{"message_id", 3}, {"rich_message", {{"blocks", blocks}}}};
  Hand hand;
  hand.introduce();
  const auto facts = hand.succeed(hand.take("getUpdates"), Json::array({rich}));
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].content().text() == "a");
}

TEST_CASE("an update that alone cannot be read is passed over by its number", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.succeed(hand.take("getUpdates"), Json::array({update(40, "a")}));
  std::size_t asked = 0;
  while (hand.recorded.size() == 1) {
    REQUIRE(++asked < 20);
    const Call poll = hand.take("getUpdates");
    CHECK(Hand::body(poll)["offset"] == 41);
    hand.answer(poll, 200, R"({"ok":true,"result":[{ "update_id" : 41, "message":{"text":"br)");
    hand.pass(1s);
  }
  CHECK(asked == 1 + telegram::kAloneFailuresMax);
  const MessageRefused& refused = hand.recorded[1].message_refused();
  CHECK(refused.reason() == MessageRefused::UNSUPPORTED);
  CHECK(refused.update_kind() == "unreadable");
  CHECK(refused.update_id() == 41);
  CHECK_FALSE(refused.external_id().empty());
  const Call next = hand.take("getUpdates");
  CHECK(Hand::body(next)["offset"] == 42);
}

TEST_CASE("a server that gives one batch for ever is not asked in a circle", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.succeed(hand.take("getUpdates"), Json::array({update(5, "a")}));
  hand.succeed(hand.take("getUpdates"), Json::array({update(5, "a")}));
  CHECK(hand.count("getUpdates") == 0);
  hand.pass(telegram::kPollPauseMin);
  CHECK(hand.count("getUpdates") == 1);
}

TEST_CASE("a remembered batch is trusted no longer than a recorded one", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.succeed(hand.take("getUpdates"), Json::array({update(5, "a")}));
  hand.succeed(hand.take("getUpdates"), Json::array({update(5, "a")}));
  hand.pass(7 * 24h);
  CHECK_FALSE(Hand::body(hand.take("getUpdates")).contains("offset"));
}

TEST_CASE("a conflict backs off from 3 s and is reported once it lasts", "[telegram]") {
  Hand hand;
  hand.introduce();
  for (const Duration wait : {3s, 6s, 12s, 24s, 30s, 30s}) {
    hand.refuse(hand.take("getUpdates"), 409, "Conflict: terminated by other getUpdates request");
    CHECK(hand.telegram.wake_at(hand.now) == hand.now + wait);
    hand.pass(wait - 1ms);
    CHECK(hand.count("getUpdates") == 0);
    hand.pass(1ms);
  }
  CHECK(hand.warnings.size() == 1);
  CHECK_FALSE(hand.telegram.fatal());
}

TEST_CASE("a limited poll waits as long as it is told", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.refuse(hand.take("getUpdates"), 429, "Too Many Requests", {{"retry_after", 60}});
  hand.pass(59'999ms);
  CHECK(hand.count("getUpdates") == 0);
  hand.pass(1ms);
  CHECK(hand.count("getUpdates") == 1);
}

TEST_CASE("a poll is given up when nothing more is taken in, and its late answer ignored",
          "[telegram]") {
  Hand hand;
  hand.introduce();
  const Call poll = hand.take("getUpdates");
  hand.taking_in = false;
  hand.turn();
  CHECK(hand.cancelled == std::vector<CallId>{poll.id});
  CHECK(hand.count("getUpdates") == 0);
  CHECK(hand.succeed(poll, Json::array({update(1, "late")})).empty());
  hand.taking_in = true;
  hand.turn();
  CHECK_FALSE(Hand::body(hand.take("getUpdates")).contains("offset"));
}

TEST_CASE("what cannot be understood is refused and does not stop the rest", "[telegram]") {
  Hand hand;
  hand.introduce();
  const auto facts =
      hand.succeed(hand.take("getUpdates"), {update(1, "a"),
                                             {{"update_id", 2}, {"message", "poison"}},
                                             {{"no", "number"}},
                                             {{"update_id", 3}},
                                             update(4, "b")});
  REQUIRE(facts.size() == 4);
  CHECK(facts[1].message_refused().reason() == MessageRefused::UNSUPPORTED);
  CHECK(facts[2].message_refused().update_kind() == "none");
  CHECK(facts[3].content().text() == "b");
  CHECK(facts[3].content().raw() == update(4, "b").dump());
  CHECK(Hand::body(hand.take("getUpdates"))["offset"] == 5);
}

}  // namespace daybook::telegram_test
