// agent.branch_summary: what was said on a branch that is left, told in short where one goes to.
#include <rapidcheck.h>
#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/erasure.h"
#include "core/parts.h"
#include "core/sha256.h"
#include "core/summarising.h"
#include "core/tokens.h"
#include "core/tree.h"
#include "tests/story.h"
#include "tools/replay.h"

namespace daybook::branch_summary_test {
namespace {

std::string many(const std::string& word, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += " " + word;
  return text;
}

// Two branches behind one exchange: /switch 1 is a long one, /switch 2 a short one.
struct Tree : testing::Story {
  explicit Tree(bool summarise = true, const std::string& policy = "window") {
    settings_ = settings();
    settings_.mutable_settings_loaded()->set_branch_summary(summarise);
    settings_.mutable_settings_loaded()->set_policy(policy);
    load();
    say("where to?");
    complete(turn(), "by boat or by train");
  }

  void load() {
    gateway->record(settings_, now);
    commit();
  }

  void exchange(const std::string& question, const std::string& answer) {
    say(question);
    complete(turn(), answer);
  }

  void grow() {
    exchange("by boat" + many("sailing", 700), "The boat sails" + many("slowly", 700));
    exchange("when?", "On Monday.");
    long_leaf = leaf_of(state());
    say("/undo 2");
    exchange("by train", "The train leaves.");
    short_leaf = leaf_of(state());
    say("/switch 1");
    REQUIRE(leaf_of(state()) == long_leaf);
  }

  // From the long branch to the short one, with its summary.
  Seq leave(const std::string& summary = "They chose the boat on Monday.") {
    grow();
    const Seq asked = say("/switch 2");
    complete(turn(), summary);
    return asked;
  }

  const SessionState& state() {
    return gateway->session(gateway->directory().at("console:local")->id())->state();
  }
  bool idle() { return !state().has_open(); }
  std::string notice() { return last("NoticeIssued").content().text(); }

  Prompt prompt() {
    commit();
    const auto built = gateway->prompt(turn().seq());
    REQUIRE(built);
    return *built;
  }

  void check_again() {
    check_refold();
    for (Seq seq = 1; seq <= log.last(); ++seq) {
      const Event one = event(seq);
      if (!one.has_turn_started()) continue;
      const Result<Prompt> made = prompt_of(one, *gateway);
      REQUIRE(made);
      const Digest digest = canonical_sha256(*made);
      CHECK(one.turn_started().sha256() == view(digest));
    }
    const auto replayed = replay_check(log, 0);
    REQUIRE(replayed);
    CHECK(replayed->divergence == "");
  }

  Fact settings_;
  Seq long_leaf = 0;
  Seq short_leaf = 0;
};

TEST_CASE("a branch that is left is summarised from where the ways part", "[branch_summary]") {
  Tree story;
  story.grow();
  const Seq first = story.state().entries(2).seq();
  const Seq asked = story.say("/switch 2");
  CHECK(story.kinds_after(asked) == "LeafMoved NoticeIssued CompactionStarted TurnStarted");
  const CompactionStarted started = story.last("CompactionStarted").compaction_started();
  CHECK(started.granularity() == BRANCH);
  CHECK(started.first() == first);
  CHECK(started.last() == story.long_leaf);
  CHECK(started.behind() == story.short_leaf);
  CHECK(started.messages() == 4);
  CHECK(started.answers() == asked);
  CHECK(story.turn().kind() == SUMMARY);
  const Prompt prompt = story.prompt();
  REQUIRE(prompt.messages.size() == 1);
  CHECK(prompt.messages[0].text.find("by boat sailing") != std::string::npos);
  CHECK(prompt.messages[0].text.find("On Monday.") != std::string::npos);
  CHECK(prompt.messages[0].text.find("train") == std::string::npos);
  const Seq ended = story.complete(story.turn(), "They chose the boat on Monday.");
  CHECK(story.kinds_after(ended) == "CompactionCompleted");
  CHECK(story.state().summary() == 0);
  story.check_again();
}

TEST_CASE("it is told where the branch was left for, as data, and recorded", "[branch_summary]") {
  Tree story(true, GENERATE("window", "full", "legacy", "reset", "incremental"));
  story.leave();
  const Seq completed = story.last("CompactionCompleted").seq();
  story.say("what now?");
  const TurnStarted turn = story.last("TurnStarted").turn_started();
  REQUIRE(turn.branches_size() == 1);
  CHECK(turn.branches(0) == completed);
  const Prompt prompt = story.prompt();
  REQUIRE(prompt.messages.size() == 6);
  CHECK(prompt.messages[3].text == "The train leaves.");
  CHECK(prompt.messages[4] ==
        PromptMessage{Entry::USER, std::string(kBranchIntro) + "They chose the boat on Monday."});
  CHECK(prompt.messages[5].text == "what now?");
  CHECK(prompt.system == "Be brief.");
  story.complete(story.turn(), "Buy a ticket.");
  // It stays where it was told.
  story.say("and then?");
  CHECK(story.prompt().messages.size() == 8);
  CHECK(story.prompt().messages[4].text.starts_with(kBranchIntro));
  const TurnStarted next = story.last("TurnStarted").turn_started();
  CHECK(next.reused_tokens() >= turn.tokens() - kAnswerTokens - 8);
  story.complete(story.turn(), "Go.");
  story.crash();
  story.check_again();
}

TEST_CASE("on the branch that was left, and on others, it is not told", "[branch_summary]") {
  Tree story;
  story.leave();
  story.say("/switch 1");
  CHECK(story.idle());  // what is left now is little
  story.say("which day?");
  CHECK(story.last("TurnStarted").turn_started().branches().empty());
  CHECK(story.prompt().messages.size() == 7);
  story.complete(story.turn(), "Monday.");
  story.check_again();
}

TEST_CASE("a branch that has a summary is told elsewhere without a model", "[branch_summary]") {
  Tree story;
  story.leave();
  story.exchange("what now?", "Buy a ticket.");
  story.say("/switch 1");
  Seq asked = story.say("/switch 2");
  CHECK(story.kinds_after(asked) == "LeafMoved NoticeIssued CompactionCompleted");
  const Event again = story.last("CompactionCompleted");
  CHECK(again.compaction_completed().behind() == leaf_of(story.state()));
  story.say("and then?");
  // The newest place alone.
  CHECK(story.last("TurnStarted").turn_started().branches_size() == 1);
  CHECK(story.last("TurnStarted").turn_started().branches(0) == again.seq());
  CHECK(story.prompt().messages[6].text.starts_with(kBranchIntro));
  story.say("/stop");
  story.say("/undo");
  story.say("/switch 1");
  asked = story.say("/switch 2");
  CHECK(story.kinds_after(asked).starts_with("LeafMoved NoticeIssued"));
  story.check_again();
}

TEST_CASE("a branch that grew is summarised anew, and the newer summary is told",
          "[branch_summary]") {
  Tree story;
  story.leave();
  story.say("/switch 1");
  story.exchange("which day?", "Tuesday.");
  // The branch said last is the last of them.
  story.say("/switch 1");
  CHECK(story.turn().kind() == SUMMARY);
  story.complete(story.turn(), "They chose the boat on Tuesday.");
  story.say("what now?");
  CHECK(story.last("TurnStarted").turn_started().branches_size() == 1);
  CHECK(story.prompt().messages[4].text.ends_with("on Tuesday."));
  story.check_again();
}

TEST_CASE("without the setting, or for little, nothing is asked", "[branch_summary]") {
  Tree off(false);
  off.grow();
  CHECK(off.kinds_after(off.say("/switch 2")) == "LeafMoved NoticeIssued");
  Tree little;
  little.exchange("by boat", "slowly");
  little.say("/undo");
  little.exchange("by train", "fast");
  CHECK(little.kinds_after(little.say("/switch 1")) == "LeafMoved NoticeIssued");
  CHECK(little.notice() == "It goes on from \u201cby boat\u201d.");
}

TEST_CASE("/load does it like /switch, and another conversation is no branch", "[branch_summary]") {
  Tree story;
  story.grow();
  story.say("/switch 2");
  story.say("/stop");
  story.say("/save train");
  story.say("/switch 1");
  const Seq asked = story.say("/switch train");
  CHECK(story.kinds_after(asked).ends_with("CompactionStarted TurnStarted"));
  story.complete(story.turn(), "They chose the boat.");
  story.say("/switch 1");
  story.say("/reset");
  story.exchange("anew" + many("words", 3'000), "yes");
  const Seq back = story.say("/switch 1");
  CHECK(story.kinds_after(back).find("CompactionStarted") == std::string::npos);
}

TEST_CASE("a summary that is not good enough is not taken, and nothing stands in for it",
          "[branch_summary]") {
  Tree story;
  story.grow();
  story.say("/switch 2");
  const Seq ended = story.complete(story.turn(), "Sorry, I cannot do that.");
  CHECK(story.kinds_after(ended) == "CompactionFailed NoticeIssued");
  CHECK(story.last("CompactionFailed").compaction_failed().fell_back_to().empty());
  CHECK(story.notice() ==
        "\u26A0 The model is not told of the branch you left: the model would not summarise.");
  // Room is made by itself as before.
  CHECK(story.state().compaction_failed() == 0);
  story.say("what now?");
  CHECK(story.last("TurnStarted").turn_started().branches().empty());
  story.check_again();
}

TEST_CASE("who writes meanwhile is answered when the model knows", "[branch_summary]") {
  Tree story;
  story.grow();
  story.say("/switch 2");
  const Seq waits = story.say("what now?");
  CHECK(story.kinds_after(waits).empty());
  story.complete(story.turn(), "They chose the boat.");
  CHECK(story.turn().answers(0) == waits);
  CHECK(story.prompt().messages[4].text.ends_with("They chose the boat."));
  story.check_again();
}

TEST_CASE("/stop stops it, and whoever leaves again stops it, too", "[branch_summary]") {
  Tree story;
  story.grow();
  story.say("/switch 2");
  story.say("/stop");
  CHECK(story.idle());
  CHECK(story.notice() == "\u26A0 The model is not told of the branch you left: it was stopped.");
  story.say("/switch 1");
  story.say("/switch 2");
  CHECK(story.turn().kind() == SUMMARY);
  story.say("/switch 1");
  CHECK(story.idle());
  CHECK(story.state().compacting() == 0);
  story.say("/switch 2");
  story.complete(story.turn(), "They chose the boat.");
  CHECK(story.last("CompactionCompleted").compaction_completed().behind() == story.short_leaf);
  story.check_again();
}

TEST_CASE("an answer that is cut by leaving does not hold the summary up", "[branch_summary]") {
  Tree story;
  story.grow();
  story.say("how long?");
  story.chunk(story.turn(), "Three ");
  const Seq asked = story.say("/switch 1");
  CHECK(story.kinds_after(asked) ==
        "TurnCancelled LeafMoved NoticeIssued CompactionStarted TurnStarted");
  const Seq ended = story.complete(story.turn(), "They asked how long the boat takes.");
  CHECK(story.kinds_after(ended) == "CompactionCompleted");
  story.check_again();
}

TEST_CASE("/compact undo takes it back, and none is made of that branch again",
          "[branch_summary]") {
  Tree story;
  story.leave();
  if (GENERATE(true, false)) story.exchange("what now?", "Buy a ticket.");
  story.say("/compact undo");
  CHECK(story.notice() == "The model is not told any more of the branch you left.");
  story.say("and then?");
  CHECK(story.last("TurnStarted").turn_started().branches().empty());
  story.complete(story.turn(), "Go.");
  story.say("/switch 1");
  CHECK(story.kinds_after(story.say("/switch 2")) == "LeafMoved NoticeIssued");
  story.check_again();
}

TEST_CASE("a summary of the conversation tells of the branch that was left", "[branch_summary]") {
  Tree story;
  story.leave();
  for (int i = 0; i < 4; ++i) story.exchange("question" + many("more", 40), "answer");
  story.say("/compact");
  CHECK(story.turn().kind() == SUMMARY);
  CHECK(story.prompt().messages[0].text.find(
            "Summary of another branch, left here: They chose the boat on Monday.") !=
        std::string::npos);
  story.complete(story.turn(), "They asked questions.");
  story.say("what now?");
  // What the summary covers is told by it alone.
  CHECK(story.last("TurnStarted").turn_started().branches().empty());
  story.check_again();
}

TEST_CASE("who has a word of the branch forgotten has its summary forgotten", "[branch_summary]") {
  Tree story;
  story.grow();
  const Seq secret = story.state().entries(2).seq();
  story.say("/switch 2");
  const Seq told = story.complete(story.turn(), "They chose the boat.");
  story.commit();
  const SessionRow row = *story.gateway->directory().at("console:local");
  const auto facts =
      erasure_facts(story.gateway->directory(), row, {.subject = secret}, *story.gateway);
  REQUIRE(facts);
  CHECK(covers(facts->front().session_erased(), told));
  story.gateway->record(facts->front(), story.now);
  CHECK(told_branches(story.state()).empty());
  story.say("what now?");
  CHECK(story.last("TurnStarted").turn_started().branches().empty());
  story.check_refold();
}

// ---- the fold

SessionState talk(int entries) {
  SessionState session;
  for (int i = 0; i < entries; ++i) {
    Entry* entry = session.add_entries();
    entry->set_seq(static_cast<Seq>(i + 1));
    entry->set_role(i % 2 == 0 ? Entry::USER : Entry::ASSISTANT);
    entry->set_tokens(100);
  }
  return session;
}

void tell(SessionState* session, Seq first, Seq last, Seq behind) {
  SummaryRow* row = session->add_summaries();
  row->set_first(first);
  row->set_last(last);
  row->set_behind(behind);
  row->set_completed(1'000 + static_cast<Seq>(session->summaries_size()));
}

TEST_CASE("a branch is told behind an entry on the way that something follows",
          "[branch_summary]") {
  SessionState session = talk(6);
  tell(&session, 90, 99, 4);
  tell(&session, 70, 79, 50);
  REQUIRE(told_branches(session).size() == 1);
  CHECK(told_branches(session)[0].position == 3);
  CHECK(parts_of(session).empty());
  session.set_summary(77);
  session.set_summary_last(4);
  CHECK(told_branches(session).empty());
  session.set_summary_last(2);
  CHECK(told_branches(session).size() == 1);
  REQUIRE(move_leaf(&session, 4));
  CHECK(told_branches(session).empty());
}

TEST_CASE("a stretch is found wherever it lies, and what two ways share is counted",
          "[branch_summary]") {
  SessionState session = talk(6);
  REQUIRE(move_leaf(&session, 2));
  CHECK(shared_with(session, 6) == 2);
  CHECK(shared_with(session, 1) == 1);
  CHECK(shared_with(session, 99) == 0);
  CHECK(stretch(session, 3, 6).size() == 4);
  CHECK(stretch(session, 2, 5).size() == 4);
  CHECK(stretch(session, 6, 3).empty());
  CHECK(stretch(session, 99, 3).empty());
  CompactionStarted started;
  started.set_first(3);
  started.set_last(6);
  CHECK(source_of(session, started).empty());
  started.set_granularity(BRANCH);
  CHECK(source_of(session, started).size() == 4);
}

// Whatever is said and wherever one goes, what is told of branches is made again to the byte.
TEST_CASE("however one goes to and fro, every prompt is made again", "[branch_summary]") {
  const bool held = rc::check("random walks", [] {
    Tree story(true, *rc::gen::element<std::string>("window", "full", "reset", "incremental"));
    story.grow();
    const auto moves = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 10));
    for (const int move : moves) {
      if (move < 3) {
        story.say("/switch " + std::to_string(move + 1));
      } else if (move == 3) {
        story.say("/undo");
      } else if (move == 4) {
        story.say("/compact undo");
      } else if (move == 5) {
        story.say("/compact");
      } else if (move == 6) {
        story.commit();
        story.crash();
      } else if (story.idle()) {
        story.say("question" + many("long", move * 60));
      } else {
        story.complete(story.turn(), move == 7 ? "" : "an answer" + many("long", move * 20));
      }
    }
    story.check_again();
  });
  CHECK(held);
}

}  // namespace
}  // namespace daybook::branch_summary_test
