// A group that becomes a supergroup, and a place where nothing can be posted.
#include <catch2/catch.hpp>
#include <string>

#include "core/decide_conversation.h"
#include "core/delivery.h"
#include "core/erasure.h"
#include "core/offsets.h"
#include "tests/story.h"
#include "tests/telegram_hand.h"
#include "tools/replay.h"

namespace daybook::place_moved_test {
namespace {

constexpr std::int64_t kOwner = 1;
constexpr std::int64_t kAnna = 5;
const std::string kOld = "telegram:-500";
const std::string kNew = "telegram:-1001234";

struct Group : testing::Story {
  explicit Group(std::int64_t allowed = kAnna) {
    Fact fact = settings();
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_telegram_owner(kOwner);
    for (const std::int64_t id : {kOwner, kAnna, allowed}) body->add_telegram_allow(id);
    gateway->record(std::move(fact), now);
  }
  Seq write(const std::string& text, std::int64_t message_id, const std::string& place = kOld,
            std::int64_t user = kAnna) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(place);
    body->set_source("telegram:1");
    body->set_user(user);
    body->set_group(place.find('-') != place.npos);
    body->set_message_id(message_id);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }
  Seq move(std::int64_t update_id, const std::string& from = kOld) {
    Fact fact;
    PlaceMoved* body = fact.mutable_place_moved();
    body->set_from(from);
    body->set_to(kNew);
    if (update_id != 0) {
      body->set_source("telegram:1");
      body->set_update_id(update_id);
      body->set_external_id(std::to_string(update_id));
    }
    return gateway->record(std::move(fact), now);
  }
  Seq attempt(Seq source) {
    Fact fact;
    fact.set_cause(source);
    fact.mutable_post_attempted()->set_source(source);
    fact.mutable_post_attempted()->set_attempt(1);
    return gateway->record(std::move(fact), now);
  }
  Seq post(Seq source, std::int64_t message_id, const std::string& text) {
    Fact fact;
    fact.set_cause(source);
    fact.mutable_reply_posted()->set_source(source);
    fact.mutable_reply_posted()->set_message_id(message_id);
    fact.mutable_reply_posted()->set_digest(text_digest(text));
    fact.mutable_reply_posted()->set_characters(static_cast<std::uint32_t>(text.size()));
    return gateway->record(std::move(fact), now);
  }
  Seq fail_to_post(Seq source, const std::string& why = "Forbidden: bot was kicked") {
    Fact fact;
    fact.set_cause(source);
    fact.mutable_delivery_failed()->set_source(source);
    fact.mutable_content()->set_detail(why);
    return gateway->record(std::move(fact), now);
  }
  std::optional<DeliveryAction> owed() {
    commit();
    return gateway->work().deliveries.due("telegram", ChannelRules(), now + Duration(60'000),
                                          [](std::string_view) { return false; });
  }
  void check_replay() {
    commit();
    const auto report = replay_check(log, 0);
    REQUIRE(report);
    CHECK(report->divergence == "");
  }
};

TEST_CASE("the conversation of a group goes on in the supergroup", "[moved]") {
  Group group;
  group.write("boats?", 11);
  group.complete(group.turn(kOld), "boats");
  const Seq moved = group.move(21);
  CHECK(group.kinds_after(moved).empty());
  CHECK(group.move(21) == 0);
  group.move(22);
  group.move(0);
  const SessionRow* row = group.gateway->directory().at(kNew);
  REQUIRE(row != nullptr);
  CHECK(row->place() == kNew);
  CHECK(first_place(*row) == kOld);
  CHECK(row->places_before_size() == 1);
  const Seq next = group.write("and cars?", 2, kNew);
  CHECK(group.event(next).session() == row->id());
  CHECK(group.turn(kNew).place() == kNew);
  CHECK(group.gateway->session(row->id())->state().entries_size() == 3);
  CHECK(group.last("TurnStarted").turn_started().reply_to() == 2);
  group.commit();
  CHECK(group.gateway->work().offsets.last("telegram:1")->update_id == 22);
  group.check_refold(kNew);
  group.check_replay();
}

TEST_CASE("what was written in the group and comes late finds its conversation", "[moved]") {
  Group group;
  group.write("boats?", 11);
  group.complete(group.turn(kOld), "boats");
  group.move(0);
  const Seq next = group.write("and cars?", 12);
  CHECK(group.event(next).session() == group.gateway->directory().at(kNew)->id());
  // Messages are numbered anew there.
  CHECK(group.last("TurnStarted").turn_started().reply_to() == 0);
  CHECK(group.last("TurnStarted").turn_started().place() == kNew);
  group.check_refold(kNew);
  group.check_replay();
}

TEST_CASE("an edit of before finds its message behind the move", "[moved]") {
  Group group;
  const Seq first = group.write("boats?", 11);
  group.complete(group.turn(kOld), "boats");
  group.move(21);
  group.move(22);
  Fact fact;
  fact.mutable_message_edited()->set_place(kOld);
  fact.mutable_message_edited()->set_user(kAnna);
  fact.mutable_message_edited()->set_message_id(11);
  fact.mutable_content()->set_text("cars?");
  group.gateway->record(std::move(fact), group.now);
  CHECK(group.last("MessageReplaced").message_replaced().replaced() == first);
  group.check_replay();
}

TEST_CASE("a supergroup that was spoken in keeps its own conversation", "[moved]") {
  Group group;
  group.write("boats?", 11);
  group.complete(group.turn(kOld), "boats");
  const Seq message = group.write("cars?", 2, kNew);
  const Seq own = group.event(message).session();
  group.complete(group.turn(kNew), "cars");
  group.move(21);
  CHECK(group.event(group.write("more", 4, kNew)).session() == own);
  group.check_refold(kNew);
  group.check_replay();
}

TEST_CASE("an answer under way goes on in the supergroup, posted anew", "[moved]") {
  Group group;
  group.write("boats?", 11);
  const OpenTurn open = group.turn(kOld);
  group.chunk(open, "many");
  group.attempt(open.seq());
  group.post(open.seq(), 12, "many");
  group.move(0);
  group.complete(open, "many boats");
  const auto owed = group.owed();
  REQUIRE(owed);
  CHECK(owed->kind == DeliveryAction::Kind::kAttempt);
  CHECK(owed->place == kNew);
  CHECK(owed->text == "many boats");
  CHECK(owed->reply_to == 0);
  group.check_refold(kNew);
  group.check_replay();
}

TEST_CASE("who lets a group in by its number is told once to name the new one", "[moved]") {
  Group group(-500);
  group.write("boats?", 11);
  group.move(21);
  group.move(22);
  const Event told = group.last("NoticeIssued");
  CHECK(told.notice_issued().place() == "telegram:1");
  CHECK(told.content().text() ==
        "\u26A0 The group -500 is a supergroup now and has the number -1001234. telegram.allow in "
        "the settings names -500: put -1001234 in its place.");
  CHECK(group.kinds_after(told.seq()) == "PlaceMoved");
  group.check_replay();
}

TEST_CASE("numbers of the group mean nothing in the supergroup", "[moved]") {
  Group group;
  const Seq first = group.write("boats?", 11);
  group.complete(group.turn(kOld), "boats");
  group.move(21);
  group.write("cars?", 2, kNew);
  const Seq newest = group.gateway->directory().at(kNew)->head();
  const auto any = [](const Event&) { return true; };
  CHECK_FALSE(find_on_screen(11, newest, 100, *group.gateway, any));
  CHECK(find_on_screen(2, newest, 100, *group.gateway, any));
  // What is erased up to the move takes nothing along that quotes as small a number there.
  Fact quoting;
  MessageReceived* body = quoting.mutable_message_received();
  body->set_place(kNew);
  body->set_user(kAnna);
  body->set_message_id(3);
  quoting.mutable_content()->set_text("yes");
  quoting.mutable_content()->set_raw(R"({"message_id":3})");
  const Seq later = group.gateway->record(std::move(quoting), group.now);
  group.commit();
  const SessionRow& row = *group.gateway->directory().at(kNew);
  const auto erased = plan_erasure(row, {.upto = first + 3}, *group.gateway);
  REQUIRE(erased);
  CHECK(covers(*erased, first));
  CHECK_FALSE(covers(*erased, later));
}

TEST_CASE("a refused post tells where the group has gone", "[moved]") {
  telegram_hand::Hand hand;
  hand.introduce();
  const Seq notice = hand.notice(kOld, "Hello", 51);
  hand.turn();
  const auto facts = hand.refuse(hand.take("sendMessage"), 400,
                                 "Bad Request: group chat was upgraded to a supergroup chat",
                                 {{"migrate_to_chat_id", -1001234}});
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].place_moved().from() == kOld);
  CHECK(facts[0].place_moved().to() == kNew);
  hand.pass(Duration(1'000));
  const Call again = hand.take("sendMessage");
  CHECK(telegram_hand::Hand::body(again)["chat_id"] == -1001234);
  CHECK(hand.succeed(again, {{"message_id", 1}}).at(0).reply_posted().source() == notice);
}

TEST_CASE("what claims to have moved to itself, or from a topic, is refused", "[moved]") {
  const std::string place = GENERATE("telegram:-500", "telegram:-500/7");
  telegram_hand::Hand hand;
  hand.introduce();
  hand.notice(place, "Hello");
  hand.turn();
  const std::int64_t to = place == kOld ? -500 : -1001234;
  const auto facts = hand.refuse(hand.take("sendMessage"), 400, "Bad Request: upgraded",
                                 {{"migrate_to_chat_id", to}});
  CHECK(facts.at(0).has_delivery_failed());
}

// ---- where nothing can be posted

TEST_CASE("the owner hears once of a place where nothing can be posted", "[undelivered]") {
  Group group;
  group.write("boats?", 11);
  const Seq first = group.turn(kOld).seq();
  group.complete(group.turn(kOld), "secret boats");
  group.fail_to_post(first);
  const Event told = group.last("NoticeIssued");
  CHECK(told.notice_issued().place() == "telegram:1");
  CHECK(told.content().text() ==
        "\u26A0 An answer could not be posted at telegram:-500: Forbidden: bot was kicked. "
        "`daybook show` has it.");
  group.write("cars?", 13);
  const Seq second = group.turn(kOld).seq();
  group.complete(group.turn(kOld), "cars");
  CHECK(group.kinds_after(group.fail_to_post(second)).empty());
  group.write("bikes?", 15);
  const Seq third = group.turn(kOld).seq();
  group.complete(group.turn(kOld), "bikes");
  group.post(third, 16, "bikes");
  group.write("rafts?", 17);
  const Seq fourth = group.turn(kOld).seq();
  group.complete(group.turn(kOld), "rafts");
  CHECK(group.kinds_after(group.fail_to_post(fourth)) == "NoticeIssued");
  group.check_refold(kOld);
  group.check_replay();
}

TEST_CASE("a notice that cannot be posted says nothing of itself", "[undelivered]") {
  Group group;
  group.write("hello", 1, "telegram:1", kOwner);
  group.complete(group.turn("telegram:1"), "hello");
  group.write("boats?", 11);
  const Seq turn = group.turn(kOld).seq();
  group.complete(group.turn(kOld), "boats");
  group.fail_to_post(turn);
  const Seq notice = group.last("NoticeIssued").seq();
  CHECK(group.kinds_after(group.fail_to_post(notice)).empty());
  // Nor does what the owner's own chat does not take.
  group.write("hello?", 3, "telegram:1", kOwner);
  const Seq own = group.turn("telegram:1").seq();
  group.complete(group.turn("telegram:1"), "yes");
  CHECK(group.kinds_after(group.fail_to_post(own)).empty());
  group.check_replay();
}

}  // namespace
}  // namespace daybook::place_moved_test
