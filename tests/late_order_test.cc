// Late messages in the order they were written: commands among words, groups, refusals.
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "core/decide.h"
#include "tests/away_story.h"

namespace daybook::late_order_test {
namespace {

using testing::Away;
using testing::kHour;
using testing::kOwner;

constexpr const char* kChat = "telegram:77";
constexpr std::int64_t kGroup = -100;
constexpr const char* kGroupPlace = "telegram:-100";

std::string asked(Away& away) {
  const OpenTurn open = away.turn(kChat);
  std::string text;
  for (const Seq message : open.answers()) {
    text += (text.empty() ? "" : ", ") + away.gateway->text(message);
  }
  return text + " of " + open.model();
}

TEST_CASE("a late command waits for the late words before it, and those behind it for it",
          "[late]") {
  Away away;
  away.write("question", 3 * kHour);
  const Seq command = away.write("/model echo:slow", 3 * kHour);
  CHECK(away.kinds_after(command) == "MessageHeld");
  away.write("another", 2 * kHour);
  away.check_refold();
  away.wait();
  CHECK(asked(away) == "question of echo");
  away.answer();
  CHECK(asked(away) == "another of slow");
  CHECK(away.last("NoticeIssued").content().text().find("2 hours ago") != std::string::npos);
  away.answer();
  CHECK(away.state().waiting().empty());
  away.check_refold();
  away.check_replay();
}

TEST_CASE("a late /reset ends the conversation behind what was asked in it", "[late]") {
  Away away;
  const Seq first = away.write("in the old one", 3 * kHour);
  away.write("/reset", 3 * kHour);
  away.write("in the new one", 2 * kHour);
  away.wait();
  REQUIRE(away.turn(kChat).answers_size() == 1);
  CHECK(away.turn(kChat).answers(0) == first);
  away.answer();
  const Seq reset = away.last("SessionReset").seq();
  CHECK(away.event(reset + 1).content().text() ==
        "A new conversation begins. The old one stays in the journal.");
  CHECK(asked(away) == "in the new one of echo");
  CHECK(away.state().entries_size() == 1);
  away.answer();
  away.check_replay();
}

TEST_CASE("late commands that follow one another are carried out in their order", "[late]") {
  Away away;
  away.write("question", 3 * kHour);
  for (const char* text :
       {"/model echo:slow", "/reset", "/model nowhere:x", "/title", "/thinking high"}) {
    away.write(text, 2 * kHour);
  }
  const Seq last = away.write("another", 2 * kHour);
  away.wait();
  away.commit();
  away.crash();
  away.answer();
  CHECK(away.turn(kChat).answers(0) == last);
  CHECK(away.turn(kChat).model() == "echo");
  CHECK(away.last("TurnStarted").turn_started().thinking() == "high");
  away.answer();
  away.check_refold();
  away.check_replay();
}

TEST_CASE("a late command that only shows something, or forgets, is answered at once", "[late]") {
  const std::string command = GENERATE("/status", "/model", "/sessions", "/?", "/erase");
  Away away;
  away.write("question", 3 * kHour);
  const Seq shown = away.write(command, 3 * kHour);
  CHECK(away.kinds_after(shown) == "NoticeIssued");
  CHECK_FALSE(away.state().has_open());
  CHECK(away.state().waiting_size() == 1);
}

TEST_CASE("a late command that nothing stands before acts at once", "[late]") {
  Away away;
  const Seq command = away.write("/model echo:slow", 3 * kHour);
  CHECK(away.kinds_after(command) == "ModelSwitched NoticeIssued");
}

TEST_CASE("a late command neither stops nor overtakes the answer to what came before it",
          "[late]") {
  const bool soon = GENERATE(true, false);
  Away away;
  away.write("question", 3 * kHour);
  away.wait();
  const Seq turn = away.turn(kChat).seq();
  const Seq command = away.write("/reset", 3 * kHour);
  CHECK(away.kinds_after(command) == "MessageHeld");
  CHECK(away.turn(kChat).seq() == turn);
  if (soon) away.answer();
  away.wait();
  if (!soon) away.answer();
  CHECK(away.last("SessionReset").seq() > away.last("TurnCompleted").seq());
  CHECK(away.state().waiting().empty());
  away.check_replay();
}

TEST_CASE("a late command makes nothing late that was written in time", "[late]") {
  Away away;
  away.write("running", 0);
  away.write("one", 0);
  away.write("two", 0);
  const Seq command = away.write("/model echo:slow", 2 * kHour);
  CHECK(away.kinds_after(command) == "MessageHeld");
  away.wait();
  away.answer();
  CHECK(asked(away) == "one of echo");
  away.answer();
  CHECK(asked(away) == "two of echo");
  away.answer();
  CHECK(away.state().model() == "echo:slow");
  away.check_replay();
}

TEST_CASE("a command of long ago does not have the last word over one of now", "[late]") {
  Away away;
  away.write("question", 3 * kHour);
  away.write("/model echo:slow", 3 * kHour);
  const Seq now = away.write("/model echo", 0);
  // Whoever is here again need not wait for others to come.
  CHECK(away.kinds_after(now) == "NoticeIssued TurnStarted");
  away.answer();
  CHECK(away.state().model() == "echo");
  CHECK(away.state().waiting().empty());
  away.check_replay();
}

TEST_CASE("what stops or drops goes before late commands that wait", "[late]") {
  Away away;
  away.write("question", 3 * kHour);
  away.write("/model echo:slow", 3 * kHour);
  const Seq reset = away.write("/reset", 0);
  CHECK(away.kinds_after(reset) == "QueueCleared SessionReset NoticeIssued");
  CHECK(away.state().waiting().empty());
  CHECK(away.state().model().empty());
}

TEST_CASE("a late command waits for the owner with the words before it", "[late]") {
  Away away(1);
  away.write("question", 3 * kHour, 1);
  away.wait();
  away.write("question", 3 * kHour);
  away.write("/model echo:slow", 3 * kHour);
  away.wait();
  CHECK_FALSE(away.state().has_open());
  CHECK(away.state().waiting_size() == 2);
  CHECK(away.state().model().empty());
  away.write("/recover", 0);
  CHECK(asked(away) == "question of echo");
  away.answer();
  CHECK(away.state().model() == "echo:slow");
  away.check_replay();
}

// How often each message was refused, by itself or with the one behind it.
std::map<Seq, int> refusals(Away& away) {
  std::map<Seq, int> told;
  for (Seq seq = 1; seq <= away.log.last(); ++seq) {
    const Event event = away.event(seq);
    if (event.content().text().starts_with("⚠")) ++told[event.notice_issued().answers()];
    for (const Seq dropped : event.queue_cleared().dropped()) ++told[dropped];
  }
  return told;
}

TEST_CASE("a refusal is told once of each message, late or not, and a command takes its turn",
          "[late]") {
  Away away;
  Fact gone = away.with_limit("", 0);
  gone.mutable_settings_loaded()->set_model("nowhere:x");
  away.gateway->record(std::move(gone), away.now);
  const Seq one = away.write("one", 3 * kHour);
  const Seq two = away.write("two", 3 * kHour);
  const bool between = GENERATE(true, false);
  if (between) away.write("/title Boats", 2 * kHour);
  const Seq late = away.write("three", 2 * kHour);
  const Seq now = away.write("four", 0);
  away.commit();
  CHECK(refusals(away) == std::map<Seq, int>{{one, 1}, {two, 1}, {late, 1}, {now, 1}});
  CHECK(away.state().waiting().empty());
  CHECK_FALSE(away.state().has_open());
  away.check_refold();
  away.check_replay();
}

TEST_CASE("in a group a budget that is spent refuses its own late messages alone", "[late]") {
  Away away;
  Fact limited = away.with_limit("", 0);
  limited.mutable_settings_loaded()->set_user_budget_nanodollars(1'000);
  away.gateway->record(std::move(limited), away.now);
  away.write("dear", 0, 5);
  Fact dear;
  dear.mutable_turn_completed()->set_turn(away.turn("telegram:5").seq());
  dear.mutable_turn_completed()->set_attempt(1);
  dear.mutable_turn_completed()->mutable_usage()->set_reported(true);
  dear.mutable_turn_completed()->mutable_usage()->set_cost_nanodollars(2'000);
  dear.mutable_content()->set_text("yes");
  away.gateway->record(std::move(dear), away.now);
  const int place = GENERATE(0, 1, 2, 3);
  std::map<Seq, std::int64_t> written;
  Seq refused = 0;
  for (int number = 0; number < 4; ++number) {
    const std::int64_t user = number == place ? 5 : 6 + number;
    const Seq seq = away.write("question", 3 * kHour, kGroup, user);
    if (user == 5) refused = seq;
    written[seq] = user;
  }
  away.wait();
  std::map<Seq, int> answered;
  while (away.state(kGroup).has_open()) {
    const OpenTurn open = away.turn(kGroupPlace);
    for (const Seq message : open.answers()) ++answered[message];
    away.complete(open, "yes");
    away.commit();
  }
  CHECK(answered.size() == 3);
  CHECK(answered.count(refused) == 0);
  CHECK(refusals(away)[refused] == 1);
  // What a budget stops is not too much for one answer.
  for (Seq seq = 1; seq <= away.log.last(); ++seq) {
    CHECK(away.event(seq).content().text().find("than one answer") == std::string::npos);
  }
  CHECK(away.state(kGroup).waiting().empty());
}

TEST_CASE("a late /stop stops at once what runs, unless that was asked for later", "[late]") {
  Away away;
  away.write("question", 2 * kHour);
  away.wait();
  const Seq early = away.write("/stop", 3 * kHour);
  CHECK(away.kinds_after(early) == "NoticeIssued");
  CHECK(away.event(early + 1).content().text() ==
        "This /stop was written before what runs now was asked for, so that goes on; another /stop "
        "stops it.");
  REQUIRE(away.state().has_open());
  const Seq stop = away.write("/stop", kHour);
  CHECK(away.kinds_after(stop) == "TurnCancelled");
  CHECK_FALSE(away.state().has_open());
  const Seq nothing = away.write("/stop", kHour);
  CHECK(away.event(nothing + 1).content().text() == "Nothing is running.");
  away.check_refold();
  away.check_replay();
}

TEST_CASE("a late /stop goes by when what came in time was asked for", "[late]") {
  Away away;
  away.write("running", 0);
  const Seq early = away.write("/stop", 2 * kHour);
  CHECK(away.kinds_after(early) == "NoticeIssued");
  REQUIRE(away.state().has_open());
  away.now += Duration(3 * kHour);
  const Seq stop = away.write("/stop", 2 * kHour);
  CHECK(away.kinds_after(stop) == "TurnCancelled");
}

TEST_CASE("a late /undo keeps its place and takes back what stands before it", "[late]") {
  Away away;
  away.write("question", 3 * kHour);
  away.wait();
  const Seq undo = away.write("/undo", 2 * kHour);
  CHECK(away.kinds_after(undo) == "MessageHeld");
  away.write("another", 2 * kHour);
  away.wait();
  away.answer();
  CHECK(away.last("LeafMoved").leaf_moved().why() == LeafMoved::UNDO);
  CHECK(asked(away) == "another of echo");
  CHECK(away.state().entries_size() == 1);
  away.check_replay();
}

}  // namespace
}  // namespace daybook::late_order_test
