// What people have read stays: half an answer whose other attempts say nothing, and a message that
// was not asked.
#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/continuing.h"
#include "core/tree.h"
#include "core/usage.h"
#include "tests/chat_story.h"
#include "tests/two_models.h"

namespace daybook::decide_kept_test {
namespace {

using testing::TwoModels;

const std::string kShort = "Once upon a time";
const std::string kLong = kShort + std::string(200, '.');

struct Dying : TwoModels {
  explicit Dying(std::vector<std::string> fallbacks = {}, const std::string& recovery = "")
      : TwoModels(std::move(fallbacks)) {
    rows.mutable_settings_loaded()->set_recovery(recovery);
    load();
    say("tell me a story");
    commit();
  }
  // The stream dies behind these words; as an adapter says it.
  Seq die(const std::string& words, ErrorClass error = TRUNCATED) {
    if (!words.empty()) chunk(turn(), words);
    return fail(turn(), error, words);
  }
  const SessionState& state() {
    return gateway->session(gateway->directory().at(kPlace)->id())->state();
  }
  std::string answer() { return event(leaf_of(state())).content().text(); }
  void check_continuable() {
    commit();
    const Seq asked = say("/continue");
    CHECK(kinds_after(asked) == "LeafMoved TurnStarted");
  }
};

TEST_CASE("a stream that dies behind many words fails with them, and asks for no other attempt",
          "[kept]") {
  const ErrorClass error = GENERATE(TRUNCATED, STALLED, NETWORK, PEER, OVERLOAD);
  Dying story(std::vector<std::string>{"spare:s"});
  const Seq died = story.die(kLong, error);
  CHECK(story.kinds_after(died) == "TurnFailed");
  CHECK(story.answer() == kLong);
  CHECK(story.shown(story.last("TurnStarted").seq()).starts_with(kLong + "\n\n\u26A0"));
  story.check_continuable();
  story.check_again();
}

TEST_CASE("few words are tried again, and kept where no other attempt says anything", "[kept]") {
  Dying story;
  CHECK(story.kinds_after(story.die(kShort)) == "TurnRetried");
  CHECK(story.kinds_after(story.die("", NETWORK)) == "TurnRetried");
  CHECK(story.kinds_after(story.die("", NETWORK)) == "TurnFailed");
  const TurnFailed failed = story.last("TurnFailed").turn_failed();
  CHECK(failed.kept());
  CHECK(story.answer() == kShort);
  CHECK(story.last("TurnFailed").content().detail().find("/continue") != std::string::npos);
  CHECK(story.shown(story.last("TurnStarted").seq()).starts_with(kShort));
  // They were counted with the attempt that said them.
  const auto end = call_end(story.last("TurnFailed"));
  REQUIRE(end);
  CHECK(end->tokens == 0);
  story.check_continuable();
  story.check_again();
}

TEST_CASE("what the last attempt says counts, not what one before it had said", "[kept]") {
  Dying story;
  story.die(kShort);
  story.die("Twice", TRUNCATED);
  story.die("", NETWORK);
  CHECK(story.answer() == "Twice");
  Dying other;
  other.die(kShort);
  other.complete(other.turn(), "The whole story.");
  CHECK(other.answer() == "The whole story.");
}

TEST_CASE("/stop in the pause before another attempt keeps what was read", "[kept]") {
  Dying story;
  story.die(kShort);
  story.say("/stop");
  CHECK(story.last("TurnCancelled").turn_cancelled().kept());
  CHECK(story.answer() == kShort);
  story.check_continuable();
}

TEST_CASE("a restart in that pause asks about what was read, or goes on with it", "[kept]") {
  const bool asks = GENERATE(true, false);
  Dying story({}, asks ? "ask" : "continue");
  story.die(kShort);
  story.commit();
  story.crash();
  const Event given_up = story.last("TurnAbandoned");
  CHECK(given_up.content().text() == kShort);
  CHECK(given_up.turn_abandoned().kept());
  CHECK(given_up.turn_abandoned().goes_on() == !asks);
  if (asks) story.check_continuable();
  if (!asks) CHECK(story.turn().continues() == given_up.seq());
  story.check_again();
}

TEST_CASE("a fallback that fails before a word leaves what the first one said", "[kept]") {
  Dying story(std::vector<std::string>{"spare:s"});
  for (int attempt = 0; attempt < 3; ++attempt) story.die(attempt == 0 ? kShort : "", NETWORK);
  REQUIRE(story.turn().provider() == "spare");
  story.die("", AUTH);
  CHECK_FALSE(story.state().has_open());
  CHECK(story.answer() == kShort);
}

// A chat whose model cannot be asked just now.
struct Unset : testing::Chat {
  void set_up(bool there) {
    Fact fact = settings();
    if (!there) fact.mutable_settings_loaded()->set_model("nobody:none");
    gateway->record(std::move(fact), now);
  }
};

TEST_CASE("a message that was not asked is asked by /retry, not the one before it", "[kept]") {
  Unset chat;
  chat.exchange("tell me a story");
  chat.set_up(false);
  const Seq refused = chat.write("and then?", 7);
  REQUIRE(chat.kinds_after(refused) == "NoticeIssued");
  const Seq useless = chat.say("/retry");
  CHECK(chat.kinds_after(useless) == "NoticeIssued");
  chat.set_up(true);
  const Seq asked = chat.say("/retry");
  CHECK(chat.kinds_after(asked) == "MessageReplaced TurnStarted");
  CHECK(chat.turn().answers(0) == refused);
  chat.complete(chat.turn(), "The end.");
  CHECK(chat.way() == "tell me a story | re: tell me a story | and then? | The end.");
  chat.check_refolds();
  // Now that one has an answer, it is answered once more.
  const Seq again = chat.say("/retry");
  CHECK(chat.kinds_after(again) == "LeafMoved TurnStarted");
  CHECK(chat.turn().answers(0) == refused);
}

TEST_CASE("new words of a message that was not asked are asked", "[kept]") {
  Unset chat;
  chat.set_up(false);
  const Seq refused = chat.write("and then?", 7);
  REQUIRE(chat.kinds_after(refused) == "NoticeIssued");
  chat.set_up(true);
  const Seq edited = chat.edit("and now?", 7);
  CHECK(chat.kinds_after(edited) == "MessageReplaced TurnStarted");
  CHECK(chat.turn().answers(0) == edited);
  chat.complete(chat.turn(), "Now.");
  CHECK(chat.way() == "and now? | Now.");
  chat.check_refolds();
}

TEST_CASE("what follows a message that was not asked is what /retry means then", "[kept]") {
  Unset chat;
  chat.set_up(false);
  chat.write("and then?", 7);
  chat.set_up(true);
  chat.exchange("never mind");
  chat.say("/retry");
  CHECK(chat.gateway->text(chat.turn().answers(0)) == "never mind");
}

TEST_CASE("an edit of an earlier conversation leaves what runs and what waits in this one",
          "[kept]") {
  Unset chat;
  chat.write("yesterday", 1);
  chat.complete(chat.turn(), "re: yesterday");
  chat.say("/reset");
  chat.write("today", 2);
  const Seq running = chat.turn().seq();
  chat.write("and this", 3);
  const Seq edited = chat.edit("yesterday, mended", 1);
  CHECK(chat.kinds_after(edited) == "NoticeIssued");
  CHECK(chat.turn().seq() == running);
  CHECK(chat.state().waiting_size() == 1);
  CHECK(chat.holds("earlier conversation"));
  chat.complete(chat.turn(), "re: today");
  chat.complete(chat.turn(), "re: this");
  const Seq once_more = chat.edit("yesterday, mended again", 1);
  CHECK(chat.kinds_after(once_more) == "MessageReplaced NoticeIssued TurnStarted");
}

}  // namespace
}  // namespace daybook::decide_kept_test
