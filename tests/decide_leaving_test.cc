// From one conversation of a chat to another: given what waits, what is set and what was said
// there, when one goes, then it is found as it was left, and what stays behind is said.
#include <catch2/catch.hpp>
#include <string>

#include "core/decide_conversation.h"
#include "core/erasure.h"
#include "core/fork.h"
#include "tests/chat_story.h"

namespace daybook::decide_leaving_test {
namespace {

using testing::Chat;

TEST_CASE("whoever goes to another conversation leaves behind what waits, and hears of it",
          "[sessions]") {
  const std::string way = GENERATE("/sessions 1", "/switch 1");
  Chat chat;
  chat.exchange("boats");
  chat.say("/reset");
  chat.exchange("cars");
  chat.say("and bikes?");
  chat.chunk(chat.turn(), "Bikes");
  const Seq hello = chat.say("hello");
  const Seq compact = chat.say("/compact");
  const Seq asked = chat.say(way);
  CHECK(chat.kinds_after(asked) == "TurnCancelled QueueCleared LeafMoved NoticeIssued");
  const auto dropped = chat.last("QueueCleared").queue_cleared().dropped();
  CHECK(std::vector<Seq>(dropped.begin(), dropped.end()) == std::vector<Seq>{hello, compact});
  INFO(chat.told());
  CHECK(chat.told().ends_with(" 2 messages that waited are not answered any more."));
  CHECK_FALSE(chat.state().has_open());
  CHECK(chat.state().waiting().empty());
  CHECK(chat.way() == "boats | re: boats");
  chat.check_refolds();
}

TEST_CASE("a branch of the same conversation takes along what waits", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.exchange("ships");
  chat.say("/undo");
  chat.exchange("rafts");
  chat.say("and bikes?");
  const Seq hello = chat.say("hello");
  const Seq asked = chat.say("/switch 1");
  CHECK(chat.kinds_after(asked) == "TurnCancelled LeafMoved NoticeIssued TurnStarted");
  CHECK(chat.turn().answers(0) == hello);
  CHECK(chat.told().find("waited") == std::string::npos);
}

TEST_CASE("an edit of what was said in another conversation goes there", "[sessions]") {
  Chat chat;
  chat.write("boats", 1);
  chat.complete(chat.turn(), "re: boats");
  chat.say("/thinking high");
  chat.say("/forget");
  chat.exchange("cars");
  const Seq edited = chat.edit("rafts", 1);
  CHECK(chat.kinds_after(edited) == "MessageReplaced NoticeIssued TurnStarted");
  CHECK(chat.turn().answers(0) == edited);
  CHECK(chat.last("TurnStarted").turn_started().thinking() == "high");
  chat.complete(chat.turn(), "re: rafts");
  CHECK(chat.way() == "rafts | re: rafts");
  // It is spoken in again, so it is closed no longer.
  chat.say("/sessions");
  CHECK_FALSE(chat.holds("closed"));
  chat.check_refolds();
}

TEST_CASE("what a conversation has set goes with it, and comes back with it", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.say("/model echo:slow");
  chat.say("/policy full");
  chat.say("/thinking high");
  chat.say("/system Be loud.");
  chat.say("/reset");
  chat.exchange("cars");
  chat.say("/thinking low");
  chat.say("/sessions 1");
  CHECK(chat.told().ends_with(" What was set in it holds again: model, policy, system, thinking."));
  chat.say("and?");
  const TurnStarted there = chat.last("TurnStarted").turn_started();
  CHECK(there.model() == "slow");
  CHECK(there.policy() == "full");
  CHECK(there.thinking() == "high");
  CHECK(chat.gateway->prompt(chat.turn().seq())->system == "Be loud.");
  chat.complete(chat.turn(), "and");
  chat.commit();
  chat.crash();
  chat.say("/sessions 2");
  CHECK(chat.told().ends_with(" What was set in it holds again: thinking."));
  CHECK(own_value(chat.state(), "thinking") == "low");
  CHECK(chat.state().model().empty());
  CHECK(chat.state().policy().empty());
  chat.say("/switch 2");
  CHECK(own_value(chat.state(), "thinking") == "high");
  chat.check_refolds();
}

TEST_CASE("a system prompt that is erased does not come back with its conversation", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  const Seq message = chat.say("/system My name is Grete.");
  chat.say("/reset");
  chat.exchange("cars");
  chat.commit();
  const SessionRow* row = chat.gateway->directory().at("console:local");
  const auto erased = plan_erasure(*row, {.subject = message}, *chat.gateway);
  REQUIRE(erased);
  Fact fact;
  fact.set_session(row->id());
  *fact.mutable_session_erased() = *erased;
  chat.gateway->record(std::move(fact), chat.now);
  chat.say("/sessions 1");
  CHECK(chat.told().find("holds again") == std::string::npos);
  CHECK(chat.state().own().empty());
  chat.check_refolds();
}

TEST_CASE("/forget says what waits no longer and what holds no longer", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.say("/thinking high");
  chat.say("and ships?");
  chat.say("and rafts?");
  chat.say("/forget");
  CHECK(chat.told().ends_with(
      " 1 message that waited is not answered any more. What the old one had set holds no more: "
      "thinking."));
  chat.exchange("cars");
  chat.say("/forget");
  CHECK(chat.told().ends_with("/erase is what destroys words."));
}

TEST_CASE("nobody is told of a new conversation who has gone back to an old one", "[sessions]") {
  const std::string way = GENERATE("/sessions 1", "/switch 1", "an edit");
  Chat chat(false, 60'000);
  chat.write("boats", 1);
  chat.complete(chat.turn(), "re: boats");
  chat.pass(60'000);
  chat.fall_silent();
  REQUIRE(chat.state().idle_closed() == 60'000);
  if (way == "an edit") {
    chat.edit("rafts", 1);
    chat.complete(chat.turn(), "re: rafts");
  } else {
    chat.say(way);
  }
  CHECK(chat.kinds_after(chat.say("hello")) == "TurnStarted");
  chat.check_refolds();
}

TEST_CASE("a fork of a chat is told nothing of its parent's silence", "[sessions]") {
  Chat chat(false, 60'000);
  chat.exchange("boats");
  chat.pass(60'000);
  chat.fall_silent();
  auto fork =
      session_forked(chat.gateway->directory(), *chat.gateway, chat.state().id(), 0, "terminal:b");
  REQUIRE(fork);
  chat.gateway->record(*std::move(fork), chat.now);
  CHECK(chat.state("terminal:b").idle_closed() == 0);
  CHECK(chat.kinds_after(chat.say("hello", "terminal:b")) == "TurnStarted");
}

TEST_CASE("what is set after a conversation was closed by itself is not said to be as usual",
          "[sessions]") {
  Chat chat(false, 60'000);
  chat.exchange("boats");
  chat.pass(60'000);
  chat.fall_silent();
  chat.say("/thinking low");
  chat.say("hello");
  CHECK(chat.told().starts_with("A new conversation begins: nothing was said for 1 minute."));
  CHECK(chat.last("TurnStarted").turn_started().thinking() == "low");
}

}  // namespace
}  // namespace daybook::decide_leaving_test
