// Coming back: late messages are answered together, the owner is asked first, a gap is told.
#include "core/late.h"

#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/preface.h"
#include "tests/away_story.h"
#include "tools/replay.h"

namespace daybook::late_test {
namespace {

using testing::Away;
using testing::kHour;
using testing::kOwner;

TEST_CASE("late messages of a chat get one answer, which says so", "[late]") {
  Away away;
  const Seq first = away.write("is the shop open?", 3 * kHour);
  CHECK(away.kinds_after(first) == "MessageHeld");
  away.check_refold();
  const Seq second = away.write("hello?", 2 * kHour);
  CHECK(away.kinds_after(second) == "MessageHeld");
  away.wait();
  const Seq passed = away.last("DeadlinePassed").seq();
  CHECK(away.kinds_after(passed) == "NoticeIssued TurnStarted");
  CHECK(away.last("NoticeIssued").content().text() ==
        "2 messages came while I was away, the first 3 hours ago. One answer to all of them "
        "follows.");
  const Event started = away.last("TurnStarted");
  CHECK(started.turn_started().answers_size() == 2);
  CHECK(started.turn_started().preface().late_messages() == 2);
  const Result<Prompt> prompt = prompt_of(started, *away.gateway);
  REQUIRE(prompt);
  REQUIRE(prompt->messages.size() == 3);
  CHECK(prompt->messages[0].text ==
        "[The next 2 messages came while nobody was there to answer, the first one 3 hours ago. "
        "Answer them together; some may be out of date.]");
  const Digest digest = canonical_sha256(*prompt);
  CHECK(started.turn_started().sha256() == view(digest));
  away.check_refold();
  const auto report = replay_check(away.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("what is in time, or has no date, is answered by itself", "[late]") {
  Away away;
  const Seq seen = away.write("now", kHour / 2);
  CHECK(away.kinds_after(seen) == "TurnStarted");
  Away other;
  const Seq said = other.say("from the console");
  CHECK(other.kinds_after(said) == "TurnStarted");
  Event undated;
  undated.mutable_message_received()->set_date(0);
  CHECK_FALSE(lateness(undated, Duration(1)));
}

TEST_CASE("with stale_after 0 nothing comes late", "[late]") {
  Away away;
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->add_telegram_allow(kOwner);
  away.gateway->record(std::move(fact), away.now);
  const Seq seen = away.write("long ago", 90 * kHour);
  CHECK(away.kinds_after(seen) == "TurnStarted");
}

TEST_CASE("who writes anew is answered at once, with all that waits", "[late]") {
  Away away;
  away.write("first", 3 * kHour);
  const Seq fresh = away.write("are you back?", 0);
  CHECK(away.kinds_after(fresh) == "NoticeIssued TurnStarted");
  CHECK(away.last("TurnStarted").turn_started().answers_size() == 2);
  CHECK(away.state().held_until() == 0);
  away.gateway->record(
      [&] {
        Fact fact;
        fact.mutable_turn_completed()->set_turn(away.state().open().seq());
        fact.mutable_turn_completed()->set_attempt(1);
        fact.mutable_content()->set_text("yes");
        return fact;
      }(),
      away.now);
  const Seq next = away.write("good", 0);
  CHECK(away.kinds_after(next) == "TurnStarted");
}

TEST_CASE("another deadline than theirs leaves late messages held", "[late]") {
  Away away;
  away.write("hello", 2 * kHour);
  Fact idle;
  idle.set_session(away.state().id());
  idle.mutable_deadline_passed()->set_what("idle");
  const Seq passed = away.gateway->record(std::move(idle), away.now);
  CHECK(away.kinds_after(passed).empty());
  CHECK(away.state().held_until() != 0);
  away.wait();
  CHECK(away.turn("telegram:77").answers_size() == 1);
}

TEST_CASE("what is answered once more is not taken for one that came late", "[late]") {
  Away away;
  away.write("first", 0);
  away.answer();
  away.write("late", 2 * kHour);
  away.write("/retry", 0);
  // It waits for nobody, and what is written meanwhile is answered with what came late.
  CHECK(away.turn("telegram:77").answers_size() == 1);
  away.write("and now", 0);
  CHECK(away.turn("telegram:77").answers_size() == 1);
  away.answer();
  CHECK(away.turn("telegram:77").answers_size() == 2);
  away.answer();
  CHECK(away.state().waiting().empty());
  away.check_refold();
}

TEST_CASE("late messages whose answer is taken back are late still", "[late]") {
  Away away;
  away.write("one", 2 * kHour);
  away.write("two", 2 * kHour);
  away.wait();
  REQUIRE(away.turn("telegram:77").answers_size() == 2);
  away.edit("two, better", 2 * kHour);
  away.wait();
  CHECK(away.turn("telegram:77").answers_size() == 2);
  CHECK(away.last("TurnStarted").turn_started().preface().late_messages() == 2);
  away.answer();
  away.check_refold();
}

TEST_CASE("a crash does not lose what is held", "[late]") {
  Away away;
  away.write("first", 3 * kHour);
  away.commit();
  away.crash();
  const Seq started = away.last("GatewayStarted").seq();
  CHECK(away.kinds_after(started) == "");
  away.wait();
  CHECK(away.last("TurnStarted").turn_started().answers_size() == 1);
}

TEST_CASE("beyond so many conversations the owner is asked first, once", "[late]") {
  Away away(2);
  for (std::int64_t chat = 1; chat <= 4; ++chat) away.write("question", 3 * kHour, chat);
  away.wait();
  int turns = 0;
  int asked = 0;
  for (std::int64_t chat = 1; chat <= 4; ++chat) turns += away.state(chat).has_open() ? 1 : 0;
  for (Seq seq = 1; seq <= away.log.last(); ++seq) {
    if (away.event(seq).has_recovery_asked()) ++asked;
  }
  CHECK(turns == 2);
  CHECK(asked == 1);
  CHECK(away.last("NoticeIssued").notice_issued().place() == "telegram:77");
  CHECK(away.last("NoticeIssued").content().text().find("/recover") != std::string::npos);
  const Seq guest = away.write("/recover", 0, 3);
  CHECK(away.kinds_after(guest) == "NoticeIssued");
  CHECK(away.event(guest + 1).content().text() == "Only the owner of this gateway can do that.");
  away.write("/recover", 0);
  for (std::int64_t chat = 1; chat <= 4; ++chat) CHECK(away.state(chat).has_open());
  away.commit();
  // Another absence is asked about anew.
  away.now += Duration(2 * kHour);
  for (std::int64_t chat = 11; chat <= 14; ++chat) away.write("question", 3 * kHour, chat);
  away.wait();
  turns = 0;
  for (std::int64_t chat = 11; chat <= 14; ++chat) turns += away.state(chat).has_open() ? 1 : 0;
  CHECK(turns == 2);
  asked = 0;
  for (Seq seq = 1; seq <= away.log.last(); ++seq) {
    if (away.event(seq).has_recovery_asked()) ++asked;
  }
  CHECK(asked == 2);
  const auto report = replay_check(away.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("a late message that is edited while it waits is answered with its new words", "[late]") {
  for (const std::int64_t age : {2 * kHour, std::int64_t{0}}) {
    Away away;
    away.write("is the shop open?", 3 * kHour);
    away.commit();
    const Seq edited = away.edit("is the bakery open?", age);
    CHECK(away.kinds_after(edited) == "MessageReplaced");
    away.wait();
    const Event started = away.last("TurnStarted");
    REQUIRE(started.turn_started().answers_size() == 1);
    CHECK(started.turn_started().answers(0) == edited);
    CHECK(started.turn_started().preface().late_messages() == (age == 0 ? 0 : 1));
    CHECK(away.state().waiting_size() == 0);
  }
}

TEST_CASE("who writes anew while the owner is asked is answered with all that waits", "[late]") {
  Away away(1);
  for (std::int64_t chat = 1; chat <= 2; ++chat) away.write("question", 3 * kHour, chat);
  away.wait();
  REQUIRE_FALSE(away.state(2).has_open());
  const Seq fresh = away.write("hello?", 0, 2);
  CHECK(away.kinds_after(fresh) == "NoticeIssued TurnStarted");
  CHECK(away.last("TurnStarted").turn_started().answers_size() == 2);
}

TEST_CASE("the owner's limit holds when a turn ends, at /undo, at /retry and at edits", "[late]") {
  const std::string way = GENERATE("end", "/undo", "/retry", "edit");
  Away away(1);
  away.write("question", 3 * kHour, 1);
  away.wait();
  REQUIRE(away.state(1).has_open());
  away.write("before", 0);
  away.answer();
  away.write("running", 0);
  away.write("late", 3 * kHour);
  away.write("as late", 3 * kHour);
  away.wait();  // busy: nothing happens
  REQUIRE(away.state().waiting_size() == 2);
  away.answer();
  const auto held = [&] {
    CHECK_FALSE(away.state().has_open());
    CHECK(has_late(away.state()));
    CHECK(away.last("RecoveryAsked").recovery_asked().answered() == 1);
  };
  held();
  if (way == "/undo") {
    away.write(way, 0);
    held();
  } else if (way == "/retry") {
    away.write(way, 0);
    REQUIRE(away.state().has_open());
    CHECK(away.state().open().answers_size() == 1);
    away.answer();
    held();
  } else if (way == "edit") {
    away.edit("late, in other words", 0);
    held();
  }
  away.write("/recover", 0);
  CHECK(away.state().has_open());
}

TEST_CASE("who wrote anew while an answer ran is answered with what is late", "[late]") {
  Away away(1);
  away.write("question", 3 * kHour, 1);
  away.wait();
  away.write("running", 0);
  away.write("late", 3 * kHour);
  away.write("hello?", 0);
  away.wait();
  away.answer();
  CHECK(away.last("TurnStarted").turn_started().answers_size() == 2);
  CHECK(away.state().waiting_size() == 0);
}

TEST_CASE("one answer to several takes all of them, whatever the policy keeps", "[late]") {
  const std::string policy = GENERATE("window", "legacy", "reset", "incremental");
  Away away;
  away.limit(policy, 200'000);
  for (int number = 0; number < 6; ++number) {
    away.write("question " + std::to_string(number), 3 * kHour);
  }
  away.wait();
  const Event started = away.last("TurnStarted");
  REQUIRE(started.turn_started().answers_size() == 6);
  const Result<Prompt> prompt = prompt_of(started, *away.gateway);
  REQUIRE(prompt);
  CHECK(prompt->messages.size() == 7);
  CHECK(started.turn_started().dropped().empty());
}

TEST_CASE("late messages that do not fit one prompt are answered in parts, which is said",
          "[late]") {
  Away away;
  std::string text;
  for (int word = 0; word < 2'000; ++word) text += "word ";
  for (int number = 0; number < 4; ++number) away.write(text, 3 * kHour);
  away.limit("window", 3 * away.state().waiting(0).tokens());
  away.wait();
  const int first = away.last("TurnStarted").turn_started().answers_size();
  CHECK(first == 2);
  CHECK(away.state().waiting_size() == 2);
  CHECK(away.last("NoticeIssued").content().text().find("than one answer") != std::string::npos);
  away.answer();
  CHECK(away.last("TurnStarted").turn_started().answers_size() == 2);
  CHECK(away.last("NoticeIssued").content().text().find("One answer to all") != std::string::npos);
  CHECK(away.state().waiting_size() == 0);
}

TEST_CASE("after a restore nothing held is answered, and its writer is told", "[late]") {
  Away away;
  away.write("late", 3 * kHour);
  Fact restored;
  restored.mutable_journal_restored()->set_epoch(2);
  const Seq came = away.gateway->record(std::move(restored), away.now);
  CHECK(away.kinds_after(came) == "NoticeIssued");
  CHECK(away.state().waiting_size() == 0);
  CHECK(away.state().held_until() == 0);
  away.wait();
  CHECK(away.kinds_after(came) == "NoticeIssued");
  const Seq fresh = away.write("hello", 0);
  CHECK(away.kinds_after(fresh) == "TurnStarted");
}

TEST_CASE("words that are not late are not said to have come late", "[late]") {
  const bool reset = GENERATE(true, false);
  Away away;
  away.write("late", 3 * kHour);
  if (reset) away.write("/reset", 0);
  if (!reset) away.edit("late no more", 0);
  if (reset) CHECK(away.state().held_until() == 0);
  const Seq fresh = away.write("hello", 0);
  CHECK(away.kinds_after(fresh) == "TurnStarted");
  CHECK(away.event(fresh + 1).turn_started().preface().late_messages() == 0);
}

TEST_CASE("of more chats than are told of a gap it is the last ones, and that is said", "[late]") {
  Away away;
  away.write("hello", 0);
  Fact many = away.with_limit("window", 0);
  for (std::int64_t chat = 1'000; chat < 1'103; ++chat) {
    many.mutable_settings_loaded()->add_telegram_allow(chat);
  }
  away.gateway->record(std::move(many), away.now);
  for (std::int64_t chat = 1'000; chat < 1'103; ++chat) {
    away.now += Duration(1);
    away.write("hello", 0, chat);
  }
  Fact gap;
  gap.mutable_updates_gap()->set_source("telegram:1");
  gap.mutable_updates_gap()->set_last_asked(to_milliseconds(away.now));
  away.now += Duration(31 * kHour);
  const Seq told = away.gateway->record(std::move(gap), away.now);
  CHECK(away.event(told + 1).content().text().find("The 100 chats active last are told") !=
        std::string::npos);
  CHECK(away.event(told + 2).notice_issued().place() == "telegram:1102");
  CHECK(away.event(told + 101).notice_issued().place() == "telegram:1003");
  CHECK_FALSE(away.gateway->event(told + 102));
}

TEST_CASE("a gap is told to the owner and to every chat that was active, once", "[late]") {
  Away away;
  away.write("hello", 0);
  away.write("hello", 0, 5);
  away.say("at the console");
  away.commit();
  Fact gap;
  gap.mutable_updates_gap()->set_source("telegram:1");
  gap.mutable_updates_gap()->set_last_asked(to_milliseconds(away.now));
  away.now += Duration(31 * kHour);
  const Seq told = away.gateway->record(std::move(gap), away.now);
  CHECK(away.kinds_after(told) == "NoticeIssued NoticeIssued");
  CHECK(away.event(told + 1).notice_issued().place() == "telegram:77");
  CHECK(away.event(told + 2).notice_issued().place() == "telegram:5");
  CHECK(away.event(told + 2).content().text().find("first 7 hours of it may be lost") !=
        std::string::npos);
}

TEST_CASE("ages are told in the unit a person would use", "[late]") {
  CHECK(age_text(Duration(1'000)) == "1 second");
  CHECK(age_text(Duration(31 * 60'000)) == "31 minutes");
  CHECK(age_text(Duration(3 * kHour)) == "3 hours");
  CHECK(age_text(Duration(50 * kHour)) == "2 days");
}

TEST_CASE("what the owner released is not asked about again", "[late]") {
  Away away(1);
  away.write("question", 3 * kHour, 1);
  away.wait();
  for (const std::int64_t chat : {2, 3}) {
    away.write("running", 0, chat);
    away.write("late", 3 * kHour, chat);
  }
  away.wait();
  const auto end = [&](std::int64_t chat) {
    away.complete(away.turn("telegram:" + std::to_string(chat)), "yes");
    away.commit();
  };
  end(2);
  REQUIRE_FALSE(away.state(2).has_open());
  const Seq asked = away.last("RecoveryAsked").seq();
  away.write("/recover", 0);
  CHECK(away.state(2).has_open());
  end(3);
  CHECK(away.state(3).has_open());
  CHECK(away.last("RecoveryAsked").seq() == asked);
  // Nor does it count when others come late.
  away.write("question", 3 * kHour, 4);
  away.wait();
  CHECK(away.state(4).has_open());
  away.write("question", 3 * kHour, 5);
  away.wait();
  CHECK_FALSE(away.state(5).has_open());
  CHECK(away.last("RecoveryAsked").seq() > asked);
  away.check_replay();
}

TEST_CASE("new words of an answered message that come late are answered as late ones", "[late]") {
  Away away;
  away.write("is the shop open?", 0);
  away.answer();
  away.now += Duration(5 * kHour);
  const Seq edited = away.edit("is the shop open on Sunday?", 3 * kHour);
  CHECK(away.kinds_after(edited) == "MessageReplaced MessageHeld");
  const Seq more = away.write("hello?", 2 * kHour);
  CHECK(away.kinds_after(more) == "MessageHeld");
  away.wait();
  const Event started = away.last("TurnStarted");
  REQUIRE(started.turn_started().answers_size() == 2);
  CHECK(started.turn_started().answers(0) == edited);
  CHECK(started.turn_started().preface().late_messages() == 2);
  away.check_refold();
  away.check_replay();
}

}  // namespace
}  // namespace daybook::late_test
