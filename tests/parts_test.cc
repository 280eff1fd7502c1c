// The summary index: which stretches get a summary of their own, where it holds, and what a prompt
// of `incremental` makes of it.
#include "core/parts.h"

#include <catch2/catch.hpp>
#include <random>

#include "core/context.h"
#include "core/policy.h"
#include "core/tree.h"
#include "tests/story.h"
#include "tools/replay.h"

namespace daybook::parts_test {

// Entries 1, 2, 3, ... of a person and the model in turn.
SessionState talk(int entries, std::uint32_t tokens) {
  SessionState session;
  for (int i = 0; i < entries; ++i) {
    Entry* entry = session.add_entries();
    entry->set_seq(static_cast<Seq>(i + 1));
    entry->set_role(i % 2 == 0 ? Entry::USER : Entry::ASSISTANT);
    entry->set_tokens(tokens);
  }
  return session;
}

void tell(SessionState* session, Seq first, Seq last) {
  SummaryRow* row = session->add_summaries();
  row->set_first(first);
  row->set_last(last);
  row->set_completed(1'000 + first);
  row->set_text(2'000 + first);
  row->set_tokens(5);
}

std::string stretch(const std::optional<ToldPart>& part) {
  return part ? std::to_string(part->begin) + "-" + std::to_string(part->end) : "none";
}

TEST_CASE("a part is sixteen entries or very many tokens, whole exchanges before the last few",
          "[parts]") {
  CHECK(stretch(next_part(talk(23, 100), 8, usual_tuning())) == "none");
  CHECK(stretch(next_part(talk(24, 100), 8, usual_tuning())) == "0-16");
  CHECK(stretch(next_part(talk(25, 100), 8, usual_tuning())) == "0-16");
  CHECK(stretch(next_part(talk(60, 10), 8, usual_tuning())) == "none");  // not worth a call
  CHECK(stretch(next_part(talk(30, 4'000), 8, usual_tuning())) == "0-2");
  CHECK(stretch(next_part(talk(30, 3'000), 8, usual_tuning())) ==
        "0-4");  // an answer stays with its question
  PolicyTuning tuning = usual_tuning();
  tuning.set_part_entries(4);
  tuning.set_part_tokens_min(300);
  CHECK(stretch(next_part(talk(30, 100), 8, tuning)) == "0-4");
  tuning.set_part_tokens(200);
  CHECK(stretch(next_part(talk(30, 100), 8, tuning)) == "0-2");
  CHECK(granularity_of(*next_part(talk(30, 4'000), 8, usual_tuning())) == EXCHANGE);
  CHECK(granularity_of(*next_part(talk(30, 100), 8, usual_tuning())) == PHASE);
}

TEST_CASE("the next part begins behind the last one, a hole before it first", "[parts]") {
  SessionState session = talk(80, 100);
  tell(&session, 1, 16);
  CHECK(stretch(next_part(session, 8, usual_tuning())) == "16-32");
  tell(&session, 33, 48);
  CHECK(stretch(next_part(session, 8, usual_tuning())) == "16-32");
  tell(&session, 17, 32);
  CHECK(stretch(next_part(session, 8, usual_tuning())) == "48-64");
  session.set_summary(77);
  session.set_summary_last(56);
  CHECK(stretch(next_part(session, 8, usual_tuning())) == "56-72");
  CHECK(parts_of(session).empty());
  // One that the summary covers in part tells of nothing any more.
  session.set_summary_last(40);
  CHECK(parts_of(session).empty());
  CHECK(stretch(next_part(session, 8, usual_tuning())) == "40-56");
}

TEST_CASE("a part holds where all of it lies on the way, and is never in force", "[parts]") {
  SessionState session = talk(40, 100);
  tell(&session, 1, 16);
  tell(&session, 17, 32);
  choose_summary(&session);
  CHECK(session.summary() == 0);
  REQUIRE(parts_of(session).size() == 2);
  CHECK(parts_of(session)[1].begin == 16);
  CHECK(parts_of(session)[1].end == 32);
  REQUIRE(move_leaf(&session, 20));
  REQUIRE(parts_of(session).size() == 1);
  CHECK(parts_of(session)[0].text == 2'001);
  REQUIRE(move_leaf(&session, 40));
  CHECK(parts_of(session).size() == 2);
  drop_entries(&session, [](Seq seq) { return seq == 17; });
  CHECK(parts_of(session).size() == 1);
}

TEST_CASE("parts never overlap, whatever rows there are", "[parts]") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    SessionState session = talk(1 + static_cast<int>(random() % 60),
                                100 + static_cast<std::uint32_t>(random() % 2'000));
    for (std::uint64_t rows = random() % 8; rows > 0; --rows) {
      const Seq first = 1 + random() % 60;
      tell(&session, first, first + random() % 20);
    }
    int told = 0;
    for (const ToldPart& part : parts_of(session)) {
      CHECK(part.begin >= told);
      CHECK(part.end > part.begin);
      told = part.end;
    }
    CHECK(told <= session.entries_size());
    const std::optional<ToldPart> next = next_part(session, 8, usual_tuning());
    if (!next) continue;
    CHECK(next->end <= session.entries_size() - 8);
    for (const ToldPart& part : parts_of(session)) {
      const bool apart = part.end <= next->begin || part.begin >= next->end;
      CHECK(apart);
    }
  }
}

// ---- in a conversation

struct Chat : testing::Story {
  explicit Chat(bool automatic = true) {
    Fact fact = settings();
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_auto_compact(automatic);
    body->set_policy("incremental");
    body->set_incremental_budget(1'500);
    body->set_keep_last(8);
    gateway->record(std::move(fact), now);
  }

  void exchange(const std::string& text) {
    std::string words;
    for (int i = 0; i < 60; ++i) words += "word ";
    say(text + " " + words);
    complete(turn(), "An answer to it. " + words);
  }

  const SessionState& state() {
    return gateway->session(gateway->directory().at("console:local")->id())->state();
  }

  bool summarising() { return state().has_open() && state().open().kind() == SUMMARY; }

  // Until a part is to be summarised; false: it never is.
  bool until_summary(int exchanges = 40) {
    for (int i = 0; i < exchanges; ++i) {
      exchange("question " + std::to_string(i));
      if (summarising()) return true;
    }
    return false;
  }

  // A process that starts now decides the same.
  void check_again() {
    commit();
    const auto replayed = replay_check(log, 0);
    REQUIRE(replayed);
    CHECK(replayed->divergence == "");
  }

  std::string prompt_text() {
    const Result<Prompt> prompt = prompt_of(last("TurnStarted"), *gateway);
    REQUIRE(prompt);
    std::string text;
    for (const PromptMessage& message : prompt->messages) text += message.text + "\n";
    return text;
  }
};

TEST_CASE("what incremental leaves out is summarised part by part and told where it stood",
          "[parts]") {
  Chat chat;
  REQUIRE(chat.until_summary());
  const CompactionStarted started = chat.last("CompactionStarted").compaction_started();
  CHECK(started.granularity() == PHASE);
  CHECK(started.messages() == 16);
  CHECK(started.first() == chat.state().entries(0).seq());
  CHECK(started.last() == chat.state().entries(15).seq());
  CHECK(chat.prompt_text().find("question 7 ") != std::string::npos);
  CHECK(chat.prompt_text().find("question 8 ") == std::string::npos);
  const Seq ended = chat.complete(chat.turn(), "They counted questions.");
  CHECK(chat.kinds_after(ended) == "CompactionCompleted");
  CHECK(chat.state().summary() == 0);
  chat.say("and now something else altogether");
  const Event asked = chat.last("TurnStarted");
  const TurnStarted& turn = asked.turn_started();
  REQUIRE(turn.parts_size() == 1);
  CHECK(turn.parts(0) == chat.last("CompactionCompleted").seq());
  CHECK(turn.tokens() <= 1'500);
  CHECK(chat.prompt_text().find(std::string(kPartIntro) + "They counted questions.") !=
        std::string::npos);
  chat.complete(chat.turn(), "well");
  chat.commit();
  chat.crash();
  chat.check_again();
  CHECK(chat.prompt_text().find("They counted questions.") != std::string::npos);
}

TEST_CASE("a part that was left with its branch is not told, and is again with it", "[parts]") {
  Chat chat;
  REQUIRE(chat.until_summary());
  chat.complete(chat.turn(), "They counted questions.");
  const int exchanges = chat.state().entries_size() / 2;
  chat.say("/undo " + std::to_string(exchanges - 4));
  chat.say("from here on");
  CHECK(chat.last("TurnStarted").turn_started().parts_size() == 0);
  chat.complete(chat.turn(), "well");
  CHECK(parts_of(chat.state()).empty());
  chat.say("/switch 1");
  CHECK(parts_of(chat.state()).size() == 1);
  chat.check_again();
}

TEST_CASE("with auto_compact off no part is summarised", "[parts]") {
  Chat chat(false);
  CHECK_FALSE(chat.until_summary(30));
}

TEST_CASE("where nothing is left out nothing is summarised", "[parts]") {
  Chat chat;
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->set_auto_compact(true);
  fact.mutable_settings_loaded()->set_policy("incremental");
  fact.mutable_settings_loaded()->set_incremental_budget(100'000);
  fact.mutable_settings_loaded()->set_keep_last(8);
  chat.gateway->record(std::move(fact), chat.now);
  CHECK_FALSE(chat.until_summary(20));
}

TEST_CASE("a part that no model can summarise is told by beginnings", "[parts]") {
  Chat chat;
  REQUIRE(chat.until_summary());
  const Seq ended = chat.complete(chat.turn(), "");
  CHECK(chat.kinds_after(ended) == "CompactionFailed CompactionCompleted");
  CHECK(chat.last("CompactionFailed").compaction_failed().fell_back_to() == "excerpt");
  const CompactionCompleted completed = chat.last("CompactionCompleted").compaction_completed();
  CHECK(completed.granularity() == PHASE);
  CHECK(completed.tokens_after() < completed.tokens_before());
  CHECK(parts_of(chat.state()).size() == 1);
}

TEST_CASE("/compact undo takes the newest part back where no summary is in force", "[parts]") {
  Chat chat;
  REQUIRE(chat.until_summary());
  chat.complete(chat.turn(), "They counted questions.");
  chat.say("/compact undo");
  REQUIRE(parts_of(chat.state()).size() == 1);
  CHECK(parts_of(chat.state())[0].completed == 0);
  chat.say("and now");
  CHECK(chat.last("TurnStarted").turn_started().parts().empty());
  chat.complete(chat.turn(), "well");
  chat.say("/compact undo");
  CHECK(chat.last("NoticeIssued").content().text() == "There is no summary here to undo.");
  // Nor is it paid for once more.
  REQUIRE(chat.until_summary());
  CHECK(chat.last("CompactionStarted").compaction_started().first() ==
        chat.state().entries(16).seq());
  chat.check_again();
}

TEST_CASE("what the undoing of a part leaves is said", "[parts]") {
  Chat chat;
  REQUIRE(chat.until_summary());
  chat.complete(chat.turn(), "They counted questions.");
  chat.say("/compact undo");
  CHECK(chat.last("NoticeIssued").content().text().find("its 16 messages") != std::string::npos);
}

TEST_CASE("a part whose summary is stopped is passed over, and a /compact tells of it", "[parts]") {
  Chat chat;
  REQUIRE(chat.until_summary());
  const Seq first = chat.state().entries(0).seq();
  chat.say("/stop");
  REQUIRE(chat.until_summary());
  CHECK(chat.last("CompactionStarted").compaction_started().first() ==
        chat.state().entries(16).seq());
  chat.complete(chat.turn(), "They counted on.");
  CHECK(parts_of(chat.state()).size() == 2);
  chat.say("and now");
  CHECK(chat.last("TurnStarted").turn_started().parts_size() == 1);
  chat.complete(chat.turn(), "well");
  chat.say("/compact");
  CHECK(chat.last("CompactionStarted").compaction_started().first() == first);
  chat.check_again();
}

TEST_CASE("a part whose summary something else cut short is begun again", "[parts]") {
  Chat chat;
  REQUIRE(chat.until_summary());
  chat.say("/undo");
  REQUIRE(chat.until_summary());
  CHECK(chat.last("CompactionStarted").compaction_started().first() ==
        chat.state().entries(0).seq());
}

TEST_CASE("a part that nobody can be asked to tell is told by its beginnings", "[parts]") {
  Chat chat;
  Fact fact = testing::Story::settings();
  SettingsLoaded* body = fact.mutable_settings_loaded();
  body->set_auto_compact(true);
  body->set_policy("incremental");
  body->set_incremental_budget(1'500);
  body->set_keep_last(8);
  Fact gone = fact;
  gone.mutable_settings_loaded()->set_summary_model("nowhere:x");
  chat.gateway->record(std::move(gone), chat.now);
  CHECK_FALSE(chat.until_summary(16));
  CHECK(chat.last("CompactionFailed").compaction_failed().fell_back_to() == "excerpt");
  const CompactionCompleted told = chat.last("CompactionCompleted").compaction_completed();
  CHECK(told.text() == 0);
  chat.gateway->record(std::move(fact), chat.now);
  REQUIRE(chat.until_summary());
  CHECK(chat.last("CompactionStarted").compaction_started().first() > told.last());
}

TEST_CASE("a part that its beginnings tell no shorter is given up, and passed over", "[parts]") {
  Chat chat;
  // Under rules of before signs counted for less than they do.
  chat.rules = 2;
  chat.commit();
  chat.crash();
  const auto exchange = [&] {
    chat.say(std::string(264, '?'));
    chat.complete(chat.turn(), std::string(264, '!'));
  };
  for (int i = 0; i < 10; ++i) exchange();
  chat.rules = kRulesVersion;
  chat.commit();
  chat.crash();
  const auto until_summary = [&] {
    for (int i = 0; i < 40; ++i) {
      exchange();
      if (chat.summarising()) return true;
    }
    return false;
  };
  REQUIRE(until_summary());
  const CompactionStarted started = chat.last("CompactionStarted").compaction_started();
  const Seq ended = chat.complete(chat.turn(), "");
  CHECK(chat.kinds_after(ended) == "CompactionFailed");
  const CompactionFailed failed = chat.last("CompactionFailed").compaction_failed();
  CHECK(failed.fell_back_to() == "window");
  CHECK(failed.first() == started.first());
  CHECK(failed.last() == started.last());
  REQUIRE(parts_of(chat.state()).size() == 1);
  CHECK(parts_of(chat.state())[0].completed == 0);
  REQUIRE(until_summary());
  CHECK(chat.last("CompactionStarted").compaction_started().first() ==
        chat.state().entries(16).seq());
  chat.check_again();
}

}  // namespace daybook::parts_test
