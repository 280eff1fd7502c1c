#include "adapters/telegram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "adapters/telegram_api.h"
#include "adapters/telegram_outbox.h"
#include "adapters/telegram_poll.h"

namespace daybook::telegram_test {

using namespace std::string_literals;
using namespace std::chrono_literals;
using Json = nlohmann::json;

const std::string kToken = "123456:canary-TOKEN_never_shown";
constexpr Time kStart = Time(Duration(1'800'000'000'000));

Settings settings_for_test() {
  Settings settings;
  settings.telegram.token = Secret(kToken);
  settings.telegram.api_root = "http://127.0.0.1:8081/root/";
  return settings;
}

// What the gateway does for one adapter, by hand: facts become events, events are shown, due() is asked.
struct Hand {
  Work work;
  Settings settings;
  std::vector<std::string> warnings;
  Telegram telegram;
  Time now = kStart;
  Seq next = 1;
  std::vector<Event> recorded;
  std::vector<Call> calls;  // started and not yet looked at
  std::vector<CallId> cancelled;
  bool taking_in = true;
  std::set<std::string> seen;  // external ids

  explicit Hand(Settings given = settings_for_test())
      : settings(std::move(given)),
        telegram(settings, work, [this](std::string_view text) { warnings.emplace_back(text); }) {}

  Event commit(Fact fact) {
    fact.set_seq(next++);
    fact.set_time(to_milliseconds(now));
    if (fact.has_message_received()) {
      const std::string& id = fact.message_received().external_id();
      if (!id.empty() && !seen.insert(id).second) return {};
    }
    work.apply(fact);
    telegram.on_event(fact);
    recorded.push_back(fact);
    return fact;
  }

  void turn(bool settled = true) {
    for (int asked = 0; asked < 1'000; ++asked) {
      auto due = telegram.due(Moment{now, settled, taking_in});
      if (!due) return;
      if (auto* fact = std::get_if<Fact>(&*due)) {
        commit(std::move(*fact));
      } else if (auto* call = std::get_if<Call>(&*due)) {
        calls.push_back(std::move(*call));
      } else {
        cancelled.push_back(std::get<Cancel>(*due).id);
      }
    }
    FAIL("due() repeats itself");
  }

  void pass(Duration time) {
    now += time;
    turn();
  }

  static const HttpCall& http(const Call& call) { return std::get<HttpCall>(call.what); }

  // Takes the first started call of a method; the test fails if there is none.
  Call take(const std::string& method) {
    for (auto call = calls.begin(); call != calls.end(); ++call) {
      if (http(*call).label != "telegram " + method) continue;
      Call taken = std::move(*call);
      calls.erase(call);
      return taken;
    }
    FAIL("no call of " + method);
    return {};
  }
  [[nodiscard]] std::size_t count(const std::string& method) const {
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(),
                      [&](const Call& call) { return http(call).label == "telegram " + method; }));
  }
  static Json body(const Call& call) { return Json::parse(http(call).body); }

  std::vector<Fact> answer(const Call& call, int status, std::string text,
                           std::vector<std::pair<std::string, std::string>> headers = {}) {
    CHECK(telegram.on_reply(call.id, ReplyHead{status, std::move(headers)}, now).empty());
    CHECK(telegram.on_reply(call.id, ReplyBody{std::move(text)}, now).empty());
    return settle(telegram.on_reply(call.id, ReplyEnd{}, now));
  }
  std::vector<Fact> succeed(const Call& call, const Json& result) {
    return answer(call, 200, Json{{"ok", true}, {"result", result}}.dump());
  }
  std::vector<Fact> refuse(const Call& call, int code, const std::string& why,
                           const Json& parameters = Json::object()) {
    return answer(
        call, code,
        Json{{"ok", false}, {"error_code", code}, {"description", why}, {"parameters", parameters}}
            .dump());
  }
  std::vector<Fact> break_off(const Call& call, bool handed_over) {
    const auto reason = handed_over ? ReplyFailed::Reason::kClosed : ReplyFailed::Reason::kConnect;
    return settle(telegram.on_reply(call.id, ReplyFailed{reason, handed_over, "it broke"}, now));
  }
  std::vector<Fact> settle(std::vector<Fact> facts) {
    for (const Fact& fact : facts) commit(fact);
    turn();
    return facts;
  }

  // Past the introductions, with one poll under way.
  void introduce() {
    turn();
    succeed(take("getMe"), {{"id", 123456}, {"is_bot", true}, {"username", "day_bot"}});
    succeed(take("getWebhookInfo"), {{"url", ""}});
    succeed(take("getMyCommands"), Json::parse(telegram::set_commands_body())["commands"]);
  }

  Seq notice(const std::string& place, const std::string& text, std::int64_t reply_to = 0) {
    Fact fact;
    fact.mutable_notice_issued()->set_place(place);
    fact.mutable_notice_issued()->set_reply_to(reply_to);
    fact.mutable_content()->set_text(text);
    return commit(std::move(fact)).seq();
  }
  Seq start_turn(const std::string& place) {
    Fact fact;
    fact.mutable_turn_started()->set_place(place);
    return commit(std::move(fact)).seq();
  }
  void chunk(Seq turn_seq, const std::string& text) {
    Fact fact;
    fact.mutable_chunk_received()->set_turn(turn_seq);
    fact.mutable_chunk_received()->set_attempt(1);
    fact.mutable_content()->set_text(text);
    commit(std::move(fact));
  }
  void complete(Seq turn_seq, const std::string& text) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(turn_seq);
    fact.mutable_turn_completed()->set_attempt(1);
    fact.mutable_content()->set_text(text);
    commit(std::move(fact));
  }
};

Json update(std::int64_t id, const std::string& text) {
  return {{"update_id", id},
          {"message",
           {{"message_id", id % 1'000 + 1},
            {"from", {{"id", 77}, {"is_bot", false}, {"first_name", "Ann"}}},
            {"chat", {{"id", 77}, {"type", "private"}}},
            {"date", id},
            {"text", text}}}};
}

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

TEST_CASE("updates that cannot be read are asked for in smaller batches", "[telegram]") {
  Hand hand;
  hand.introduce();
  for (const int limit : {100, 50, 25, 12, 6, 3, 1, 1}) {
    const Call poll = hand.take("getUpdates");
    CHECK(Hand::body(poll)["limit"] == limit);
    hand.settle(hand.telegram.on_reply(
        poll.id, ReplyFailed{ReplyFailed::Reason::kTooLarge, true, "too large"}, hand.now));
    hand.pass(40s);
  }
  hand.succeed(hand.take("getUpdates"), Json::array({update(1, "a")}));
  CHECK(Hand::body(hand.take("getUpdates"))["limit"] == 100);
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

TEST_CASE("no first attempt is made while nothing is taken in", "[telegram]") {
  Hand hand;
  hand.introduce();
  hand.taking_in = false;
  hand.notice("telegram:77", "Hello");
  hand.turn();
  CHECK(hand.work.deliveries.open().size() == 1);
  CHECK(hand.count("sendMessage") == 0);
  hand.taking_in = true;
  hand.turn();
  CHECK(hand.count("sendMessage") == 1);
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

TEST_CASE("a message that a person deleted is posted anew", "[telegram]") {
  Hand hand;
  hand.introduce();
  const Seq turn = hand.start_turn("telegram:77");
  hand.chunk(turn, "One ");
  hand.turn();
  hand.succeed(hand.take("sendMessage"), {{"message_id", 60}});
  hand.complete(turn, "One two");
  hand.pass(2s);
  const auto facts =
      hand.refuse(hand.take("editMessageText"), 400, "Bad Request: message to edit not found");
  CHECK(facts.at(0).delivery_delayed().lost());
  hand.pass(1s);
  CHECK(Hand::body(hand.take("sendMessage"))["text"] == "One two");
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

TEST_CASE("a chat has one call at a time", "[telegram]") {
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

}  // namespace daybook::telegram_test
