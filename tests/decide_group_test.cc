// Several people in one chat: whose words a command drops, and whose money and troubles are told
// there.
#include <catch2/catch.hpp>
#include <string>

#include "core/decide_conversation.h"
#include "core/health.h"
#include "tests/story.h"
#include "tools/replay.h"

namespace daybook::decide_group_test {
namespace {

constexpr std::int64_t kOwner = 1;
constexpr std::int64_t kAnna = 5;
constexpr std::int64_t kBoris = 6;
constexpr const char* kGroup = "telegram:-100";

struct Group : testing::Story {
  explicit Group(std::uint64_t each = 0) {
    Fact fact = settings();
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_telegram_owner(kOwner);
    for (const std::int64_t user : {kOwner, kAnna, kBoris}) body->add_telegram_allow(user);
    body->set_user_budget_nanodollars(each);
    gateway->record(std::move(fact), now);
  }

  Seq write(const std::string& text, std::int64_t user, std::int64_t message_id = 0) {
    return write_to(kGroup, text, user, message_id);
  }
  Seq write_alone(const std::string& text, std::int64_t user) {
    return write_to("telegram:" + std::to_string(user), text, user, 0);
  }
  Seq write_to(const std::string& place, const std::string& text, std::int64_t user,
               std::int64_t message_id) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(place);
    body->set_source("telegram:1");
    body->set_user(user);
    body->set_group(place == kGroup);
    body->set_message_id(message_id);
    if (text.starts_with("/")) {
      const std::size_t space = text.find(' ');
      body->set_command(text.substr(1, space - 1));
      if (space != text.npos) fact.mutable_content()->set_arguments(text.substr(space + 1));
    }
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }
  Seq answer(const std::string& place = kGroup, std::uint64_t nanodollars = 0) {
    const OpenTurn open = turn(place);
    Fact fact;
    fact.mutable_turn_completed()->set_turn(open.seq());
    fact.mutable_turn_completed()->set_attempt(open.attempt());
    fact.mutable_turn_completed()->set_finish(STOP);
    fact.mutable_turn_completed()->mutable_usage()->set_reported(true);
    fact.mutable_turn_completed()->mutable_usage()->set_prompt_tokens(10);
    fact.mutable_turn_completed()->mutable_usage()->set_cost_nanodollars(nanodollars);
    fact.mutable_content()->set_text("an answer");
    return gateway->record(std::move(fact), now);
  }
  const SessionState& state() {
    return gateway->session(gateway->directory().at(kGroup)->id())->state();
  }
  std::string told() { return last("NoticeIssued").content().text(); }
  [[nodiscard]] bool says(std::string_view words) {
    return told().find(words) != std::string::npos;
  }
};

TEST_CASE("who goes elsewhere drops the own words that wait; the others' are answered there",
          "[group]") {
  const std::string way = GENERATE("/reset", "/forget", "/sessions 1", "/switch 1");
  Group group;
  group.write("boats", kOwner, 1);
  group.answer();
  group.write("/reset", kOwner);
  group.write("cars", kOwner);
  group.answer();
  group.write("and bikes?", kOwner);
  const Seq hers = group.write("hello", kAnna);
  const Seq own = group.write("hello?", kOwner);
  const Seq his = group.write("good day", kBoris);
  group.write(way, kOwner);
  const auto dropped = group.last("QueueCleared").queue_cleared().dropped();
  CHECK(std::vector<Seq>(dropped.begin(), dropped.end()) == std::vector<Seq>{own});
  CHECK(group.turn(kGroup).answers(0) == hers);
  const bool anew = way == "/reset" || way == "/forget";
  CHECK(group.state().entries_size() == (anew ? 1 : 3));
  group.answer();
  CHECK(group.turn(kGroup).answers(0) == his);
  group.answer();
  CHECK(group.state().waiting().empty());
  group.check_refold(kGroup);
  const auto report = replay_check(group.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("how many were dropped says the own ones", "[group]") {
  Group group;
  group.write("cars", kOwner);
  group.write("hello", kAnna);
  group.write("hello?", kOwner);
  group.write("/reset", kOwner);
  CHECK(group.says(" 1 message that waited is not answered any more."));
  Group other;
  other.write("cars", kAnna);
  other.write("hello", kAnna);
  other.write("/reset", kBoris);
  CHECK_FALSE(other.says("waited"));
  CHECK(other.turn(kGroup).answers_size() == 1);
}

TEST_CASE("/queue clear is for all that waits", "[group]") {
  Group group;
  group.write("cars", kOwner);
  group.write("hello", kAnna);
  group.write("good day", kBoris);
  group.write("/queue clear", kOwner);
  CHECK(group.says("2 messages"));
  CHECK(group.state().waiting().empty());
}

TEST_CASE("a group is told nobody's money but to whoever asks for the own", "[group]") {
  Group group;
  group.write("dear", kAnna);
  group.answer(kGroup, 3'000'000'000);
  group.write("cheap", kBoris);
  group.answer(kGroup, 1'000'000'000);
  group.write("/usage", kBoris);
  CHECK(group.told().starts_with("You today: 1 call"));
  CHECK(group.says("$1.00"));
  CHECK_FALSE(group.says("This chat"));
  CHECK_FALSE(group.says("$4.00"));
  group.write("/session", kBoris);
  CHECK_FALSE(group.says("Money"));
  group.write_alone("hello", kBoris);
  group.answer("telegram:6", 1'000'000'000);
  group.write_alone("/session", kBoris);
  CHECK(group.says("Money: $1.00"));
  group.write_alone("/usage", kBoris);
  CHECK(group.told().starts_with("This chat: 1 call"));
}

TEST_CASE("a group hears that a person's budget is spent, not what was spent", "[group]") {
  Group group(1'000'000'000);
  group.write("dear", kAnna);
  group.answer(kGroup, 900'000'000);
  CHECK(group.told() == "Four fifths are spent of today's budget for telegram:5.");
  group.write("dear", kAnna);
  const Seq spent = group.answer(kGroup, 300'000'000);
  CHECK(group.kinds_after(spent) == "BudgetSpent NoticeIssued NoticeIssued");
  CHECK(group.event(spent + 2).notice_issued().place() == kGroup);
  CHECK(group.event(spent + 2).content().text() ==
        "⚠ Spent: today's budget for telegram:5. Until 00:00 UTC no model is asked for it.");
  CHECK(group.event(spent + 3).notice_issued().place() == "telegram:1");
  CHECK(group.event(spent + 3).content().text().find("($1.20 spent)") != std::string::npos);
  group.write("more?", kAnna);
  CHECK(group.says("today's budget for telegram:5 is spent. It begins anew"));
  group.write_alone("more?", kAnna);
  CHECK(group.says("$1.00 ($1.20 spent) is spent."));
}

TEST_CASE("/status tells guests that a provider rests, and the owner why", "[group]") {
  Group group;
  group.write("hello", kAnna);
  group.fail(group.turn(kGroup), FUNDS);
  for (const bool alone : {true, false}) {
    alone ? group.write_alone("/status", kAnna) : group.write("/status", kOwner);
    CHECK(group.says("\necho is left alone until"));
    CHECK(group.says(" UTC\n"));
    CHECK_FALSE(group.says("FUNDS"));
    CHECK_FALSE(group.says(", event "));
  }
  group.write_alone("/status", kOwner);
  CHECK(group.says(" UTC (FUNDS, event "));
}

TEST_CASE("all of a group that is allowed may talk in it, and nowhere else", "[group]") {
  constexpr std::int64_t kStranger = 9;
  const auto heard = [](Group& story, const std::string& place) {
    const Seq written = story.write_to(place, "hello", kStranger, 0);
    return story.event(written).has_message_received();
  };
  Group closed;
  CHECK_FALSE(heard(closed, kGroup));
  Group open;
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->add_telegram_allow(-100);
  open.gateway->record(std::move(fact), open.now);
  CHECK(heard(open, kGroup));
  CHECK(heard(open, std::string(kGroup) + "/7"));  // a topic of it
  CHECK_FALSE(heard(open, "telegram:-1001"));
  CHECK_FALSE(heard(open, "telegram:9"));
}

}  // namespace
}  // namespace daybook::decide_group_test
