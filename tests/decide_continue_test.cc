// /continue, and answers that a restart cut off: what the model is told, what joins on, what shows.
#include <catch2/catch.hpp>

#include "core/context.h"
#include "core/continuing.h"
#include "core/decide.h"
#include "core/erasure.h"
#include "core/sha256.h"
#include "core/spending.h"
#include "core/tokens.h"
#include "core/tree.h"
#include "tests/two_models.h"

namespace daybook::decide_continue_test {

using testing::TwoModels;

struct Broken : TwoModels {
  explicit Broken(const std::string& recovery = "") : TwoModels(std::vector<std::string>{}) {
    rows.mutable_settings_loaded()->set_recovery(recovery);
    load();
    asked_ = say("count to four");
  }
  // The answer fails for good after these words.
  void break_off(const std::string& words) {
    commit();
    chunk(turn(), words);
    broken = turn().seq();
    const Seq failed = fail(turn(), TRUNCATED, words, -1);
    REQUIRE(kinds_after(failed) == "TurnFailed");
    commit();
  }
  const SessionState& state() {
    return gateway->session(gateway->directory().at(kPlace)->id())->state();
  }
  std::string text_of_leaf() { return event(leaf_of(state())).content().text(); }
  std::vector<PromptMessage> prompt() {
    commit();
    const auto built = gateway->prompt(turn().seq());
    REQUIRE(built);
    return built->messages;
  }
  std::string notice() { return last("NoticeIssued").content().text(); }

  Seq asked_ = 0;
  Seq broken = 0;
};

TEST_CASE("/continue asks for the rest, shows it alone, and the answer is one", "[continue]") {
  Broken story;
  story.break_off("one two");
  CHECK(story.last("TurnFailed").content().detail().find("/continue goes on from there") !=
        std::string::npos);
  story.say("/continue");
  const Event started = story.last("TurnStarted");
  CHECK(started.turn_started().answers(0) == story.asked_);
  const auto prompt = story.prompt();
  REQUIRE(prompt.size() == 3);
  CHECK(prompt[0] == PromptMessage{Entry::USER, "count to four"});
  CHECK(prompt[1] == PromptMessage{Entry::ASSISTANT, "one two"});
  CHECK(prompt[2] == PromptMessage{Entry::USER, std::string(kGoOnText)});
  const Digest digest = canonical_sha256(*story.gateway->prompt(started.seq()));
  CHECK(started.turn_started().sha256() == view(digest));
  const Seq ended = story.complete(story.turn(), " three four");
  CHECK(story.event(ended).content().text() == "one two three four");
  CHECK(story.shown(started.seq()) == " three four");
  CHECK(story.shown(story.broken).starts_with("one two\n\n⚠"));
  CHECK(story.text_of_leaf() == "one two three four");
  CHECK(story.state().entries_size() == 2);
  story.say("and on");
  const auto next = story.prompt();
  REQUIRE(next.size() == 3);
  CHECK(next[1].text == "one two three four");
  story.check_again();
}

TEST_CASE("the part stays as a branch of its own", "[continue]") {
  Broken story;
  story.break_off("one two");
  const Seq part = leaf_of(story.state());
  story.say("/continue");
  story.complete(story.turn(), " three");
  CHECK(find_entry(story.state(), part) != nullptr);
  CHECK(leaf_of(story.state()) != part);
}

TEST_CASE("an answer can go on as often as it breaks off", "[continue]") {
  Broken story;
  story.break_off("one");
  story.say("/continue");
  story.break_off(" two");
  CHECK(story.last("TurnFailed").content().text() == "one two");
  story.say("/continue");
  story.complete(story.turn(), " three");
  CHECK(story.text_of_leaf() == "one two three");
  CHECK(story.state().entries_size() == 2);
  story.check_again();
}

TEST_CASE("each turn costs what it said itself, not what it goes on with", "[continue]") {
  Broken story;
  const auto output = [&] {
    return story.gateway->directory().spending().today(kEverybody, story.now).output_tokens();
  };
  const std::string half = "one two three four five six seven eight";
  story.break_off(half);
  const std::uint64_t first = output();
  CHECK(first == estimate_tokens(half));
  story.say("/continue");
  story.chunk(story.turn(), half);
  story.say("/stop");
  CHECK(output() == 2 * first);
  story.say("/continue");
  story.complete(story.turn(), half);
  CHECK(output() == 3 * first);
}

TEST_CASE("an answer cut off by a restart goes on with the model that it was asked of",
          "[continue]") {
  Broken story("continue");
  story.complete(story.turn(), "one");
  story.say("/retry spare:s");
  story.chunk(story.turn(), "uno");
  story.commit();
  story.crash();
  CHECK(story.asked() == "spare:s");
  CHECK(story.prompt()[1].text == "uno");
}

TEST_CASE("what was stopped, and what ran out of words, goes on, too", "[continue]") {
  Broken story;
  story.chunk(story.turn(), "one ");
  story.say("/stop");
  story.say("/continue");
  Fact fact;
  fact.mutable_turn_completed()->set_turn(story.turn().seq());
  fact.mutable_turn_completed()->set_attempt(1);
  fact.mutable_turn_completed()->set_finish(LENGTH);
  fact.mutable_content()->set_text("two ");
  story.gateway->record(std::move(fact), story.now);
  story.say("/continue");
  story.complete(story.turn(), "three");
  CHECK(story.text_of_leaf() == "one two three");
}

TEST_CASE("there is nothing to go on with in a whole answer, without one, or while one runs",
          "[continue]") {
  Broken story;
  story.say("/continue");
  CHECK(story.notice() == "An answer is under way; /stop stops it.");
  story.complete(story.turn(), "whole");
  story.say("/continue");
  CHECK(story.notice() == "The last answer is whole: there is nothing to go on with.");
  story.say("/reset");
  story.say("/continue");
  CHECK(story.notice() == "There is no answer to go on with. /retry asks once more.");
  CHECK(story.idle());
}

TEST_CASE("/continue with another model asks that one, or says that there is none", "[continue]") {
  Broken story;
  story.break_off("one two");
  story.say("/continue nobody:x");
  CHECK(story.notice().find("Nothing was changed.") != std::string::npos);
  CHECK(story.idle());
  story.say("/continue spare:s");
  CHECK(story.asked() == "spare:s");
}

TEST_CASE("where going on is refused, what came stays where it was", "[continue]") {
  Broken story;
  story.break_off("one two");
  const Seq leaf = leaf_of(story.state());
  story.rows.mutable_settings_loaded()->set_context_tokens_max(8);
  story.load();
  story.say("/continue");
  CHECK(story.notice().find("Nothing was sent") != std::string::npos);
  CHECK(leaf_of(story.state()) == leaf);
  CHECK_FALSE(story.state().has_open());
}

TEST_CASE("who has the part forgotten has what goes on with it forgotten", "[continue]") {
  Broken story;
  story.break_off("one two");
  story.say("/continue");
  const Seq ended = story.complete(story.turn(), " three");
  story.commit();
  const SessionRow* row = story.gateway->directory().at(TwoModels::kPlace);
  const auto facts =
      erasure_facts(story.gateway->directory(), *row, {.subject = story.broken}, *story.gateway);
  REQUIRE(facts);
  CHECK(covers(facts->front().session_erased(), ended));
  CHECK_FALSE(covers(facts->front().session_erased(), story.asked_));
}

// ---- a restart

TEST_CASE("a restart begins an answer anew unless something else is set", "[continue]") {
  Broken story(GENERATE("", "restart"));
  story.chunk(story.turn(), "one two");
  story.commit();
  const Seq turn = story.turn().seq();
  story.crash();
  CHECK(story.turn().seq() == turn);
  CHECK(story.turn().attempt() == 2);
}

TEST_CASE("recovery = continue shows what came and goes on with it, ahead of who waits",
          "[continue]") {
  Broken story("continue");
  const Seq turn = story.turn().seq();
  story.chunk(story.turn(), "one two");
  const Seq waits = story.say("meanwhile");
  story.commit();
  story.crash();
  CHECK(story.shown(turn) ==
        "one two\n\n(The gateway was restarted here; the answer goes on below.)");
  CHECK(story.turn().answers(0) == story.asked_);
  CHECK(story.prompt()[1].text == "one two");
  story.complete(story.turn(), " three");
  CHECK(story.turn().answers(0) == waits);
  CHECK(story.prompt()[1].text == "one two three");
  story.check_again();
}

TEST_CASE("an answer that restarts keep cutting off is given up", "[continue]") {
  Broken story("continue");
  std::uint32_t restarts = 0;
  for (; !story.idle() && restarts < 20; ++restarts) {
    story.chunk(story.turn(), "word ");
    story.commit();
    story.crash();
  }
  CHECK(restarts == kRestartAttemptsMax);
  CHECK(story.text_of_leaf() == "word word word word word word word word ");
}

TEST_CASE("recovery = ask keeps what came and says how to go on", "[continue]") {
  Broken story("ask");
  story.chunk(story.turn(), "one two");
  story.commit();
  story.crash();
  CHECK(story.idle());
  CHECK(story.notice() ==
        "An answer was cut off by a restart of the gateway. /continue goes on from there, /retry "
        "asks once more.");
  story.say("/continue");
  story.complete(story.turn(), " three");
  CHECK(story.text_of_leaf() == "one two three");
  story.check_again();
}

TEST_CASE("recovery = ask tells whoever wrote meanwhile how to go on all the same", "[continue]") {
  Broken story("ask");
  story.chunk(story.turn(), "one two");
  const Seq waits = story.say("meanwhile");
  story.commit();
  story.crash();
  CHECK(story.turn().answers(0) == waits);
  CHECK(story.notice() ==
        "An answer was cut off by a restart of the gateway. What was written meanwhile is answered "
        "now; once that is taken back (/undo), /continue goes on from there.");
  story.complete(story.turn(), "an answer");
  story.say("/undo");
  story.say("/continue");
  story.complete(story.turn(), " three");
  CHECK(story.text_of_leaf() == "one two three");
  story.check_again();
}

TEST_CASE("an answer that had not begun is begun anew, and so is a summary", "[continue]") {
  Broken story(GENERATE("continue", "ask"));
  story.commit();
  story.crash();
  CHECK(story.turn().attempt() == 2);
  for (int i = 0; i < 3; ++i) {
    story.complete(story.turn(), "an answer that is somewhat long");
    story.say("question");
  }
  story.complete(story.turn(), "an answer that is somewhat long");
  story.say("/compact");
  story.chunk(story.turn(), "they");
  story.commit();
  story.crash();
  CHECK(story.turn().kind() == SUMMARY);
  CHECK(story.turn().attempt() == 2);
}

TEST_CASE("only an end that left words can be gone on with", "[continue]") {
  Event failed;
  failed.mutable_turn_failed();
  CHECK_FALSE(can_go_on(failed));
  failed.mutable_turn_failed()->set_tokens(3);
  CHECK(can_go_on(failed));
  failed.mutable_content()->set_text("[erased]");
  failed.mutable_turn_failed()->set_earlier_bytes(500);
  CHECK(own_text(failed).empty());
}

}  // namespace daybook::decide_continue_test
