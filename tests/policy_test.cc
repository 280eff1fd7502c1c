// Policies: what each takes of one conversation, and laws that hold for any.
#include "core/policy.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "core/context.h"
#include "core/layout.h"
#include "core/residency.h"
#include "core/tokens.h"
#include "tests/events.h"

namespace daybook::policy_test {

constexpr Seq kSettings = 900'000;
constexpr Seq kSummary = 900'001;
constexpr Seq kPart = 901'000;

struct Remembering : testing::Told {
  PromptMemo* prompt_memo(SessionId) override { return &memo; }
  PromptMemo memo;
};

// A conversation by hand: entry i is event i + 1, a person's and the model's in turn.
struct Talk {
  Remembering history;
  SessionState session;
  TurnStarted turn;
  Seq said = 0;

  explicit Talk(const std::string& policy, std::uint32_t budget = 100'000) {
    turn.set_rules(kRulesVersion);
    turn.set_policy(policy);
    turn.set_model("m");
    turn.set_settings(kSettings);
    turn.set_budget(budget);
    turn.set_calibration(1'000);
    turn.set_messages_max(50);
    turn.set_reset_threshold(kResetThreshold);
    turn.set_incremental_budget(kIncrementalBudget);
    turn.set_keep_last(kKeepLast);
    tell(kSettings, "Be brief.");
  }

  void tell(Seq seq, const std::string& text) {
    Event event;
    event.set_seq(seq);
    event.mutable_content()->set_text(text);
    history.tell(std::move(event));
  }

  void say(Entry::Role role, const std::string& text) {
    Entry* entry = session.add_entries();
    entry->set_seq(++said);
    entry->set_role(role);
    entry->set_tokens(estimate_tokens(text));
    tell(entry->seq(), text);
  }
  void say(const std::string& text) {
    say(session.entries_size() % 2 == 0 ? Entry::USER : Entry::ASSISTANT, text);
  }

  void summarise(int entries, const std::string& text) {
    session.set_summary(kSummary);
    session.set_summary_text(kSummary);
    session.set_summary_last(session.entries(entries - 1).seq());
    session.set_summary_tokens(estimate_tokens(text));
    tell(kSummary, text);
  }

  // Those from `begin` to before `end` have a summary of their own.
  void tell_part(int begin, int end, const std::string& text) {
    SummaryRow* row = session.add_summaries();
    row->set_completed(kPart + static_cast<Seq>(begin));
    row->set_text(row->completed());
    row->set_first(session.entries(begin).seq());
    row->set_last(session.entries(end - 1).seq());
    row->set_tokens(estimate_tokens(text));
    tell(row->text(), text);
  }

  void pin(int position) { session.add_pinned(session.entries(position).seq()); }

  Choice choose() { return daybook::choose(session, turn, estimate_tokens("Be brief."), history); }

  // "s . p0 3 4 5": the summary, a gap, a part told by its summary, entries by position.
  std::string laid() {
    const Choice choice = choose();
    std::string text;
    lay_out(session, choice.kept, [&](const Piece& piece) {
      if (!text.empty()) text += ' ';
      const bool cut = choice.cut.contains(piece.position);
      if (piece.kind == Piece::Kind::kSummary) text += 's';
      if (piece.kind == Piece::Kind::kGap) text += '.';
      if (piece.kind == Piece::Kind::kPart) text += 'p' + std::to_string(piece.position);
      if (piece.kind == Piece::Kind::kEntry) text += std::to_string(piece.position);
      if (piece.kind == Piece::Kind::kEntry && cut) text += "cut";
    });
    return text;
  }
};

// Twenty messages of 100 tokens and one that asks.
Talk long_talk(const std::string& policy, std::uint32_t budget) {
  Talk talk(policy, budget);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (int i = 0; i < 20; ++i) talk.say(words);
  talk.say("What now?");
  return talk;
}

TEST_CASE("full takes everything or is refused", "[policy]") {
  CHECK(long_talk("full", 10'000).choose().fits);
  CHECK(long_talk("full", 10'000).laid() == "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
  CHECK_FALSE(long_talk("full", 2'000).choose().fits);
}

TEST_CASE("window takes the newest that fit, by tokens or by number", "[policy]") {
  CHECK(long_talk("window", 600).laid() == ". 16 17 18 19 20");
  CHECK(long_talk("window", 600).choose().provenance[0] == "window_percent");
  Talk talk = long_talk("window", 10'000);
  talk.turn.set_messages_max(4);
  CHECK(talk.laid() == ". 18 19 20");  // not 17, an answer without its question
  CHECK(talk.choose().provenance == std::vector<std::string>{"messages_max", "pairing"});
  talk.turn.set_context_tokens_max(10'000);
  talk.turn.set_budget(600);
  talk.turn.set_context_tokens_max(600);
  talk.turn.set_messages_max(50);
  CHECK(talk.choose().provenance[0] == "context_tokens_max");
}

TEST_CASE("legacy goes down step by step and cuts texts when nothing else helps", "[policy]") {
  CHECK(long_talk("legacy", 10'000).choose().provenance.empty());
  CHECK(long_talk("legacy", 1'400).choose().provenance[0] == "keep_last_12");
  CHECK(long_talk("legacy", 1'400).laid() == ". 10 11 12 13 14 15 16 17 18 19 20");
  CHECK(long_talk("legacy", 100).laid() == ". 20");
  Talk talk("legacy", 1'000);
  talk.say("hello");
  talk.say("yes");
  talk.say(std::string(40'000, '.'));
  const Choice choice = talk.choose();
  CHECK(choice.fits);
  CHECK(talk.laid() == "0 1 2cut");
  CHECK(choice.provenance[0] == "cut_1024");
}

TEST_CASE("legacy cuts what is answered where it alone takes too much of the window", "[policy]") {
  Talk talk("legacy");
  talk.turn.set_window_tokens(10'000);
  talk.say("hello");
  talk.say("yes");
  std::string words;
  for (int i = 0; i < 5'000; ++i) words += "word ";
  talk.say(words);
  REQUIRE(talk.session.entries(2).tokens() > 3'500);
  const Choice choice = talk.choose();
  CHECK(talk.laid() == "0 1 2cut");
  CHECK(choice.provenance == std::vector<std::string>{"oversized_last"});
  CHECK(choice.cut.at(2).tokens <= 3'500);
  CHECK(choice.cut.at(2).tokens > 3'000);
  talk.turn.set_overflow_keep_last(1);
  CHECK(talk.laid() == ". 2cut");
  CHECK(talk.choose().provenance.back() == "oversized_last");
  talk.turn.clear_overflow_keep_last();
  // Where not even that fits, it is cut further; and what is pinned is not cut.
  talk.turn.set_budget(1'000);
  CHECK(talk.choose().fits);
  CHECK(talk.choose().provenance.front() == "cut_1024");
  talk.turn.set_budget(100'000);
  talk.pin(2);
  CHECK(talk.laid() == "0 1 2");
  talk.session.clear_pinned();
  // No more than a setting says, nor by another policy, nor what is no part of the question.
  *talk.turn.mutable_tuning() = usual_tuning();
  talk.turn.mutable_tuning()->set_legacy_last_percent(100);
  CHECK(talk.laid() == "0 1 2");
  talk.turn.clear_tuning();
  talk.say("What is that?");
  CHECK(talk.laid() == "0 1 2 3");
  talk.session.mutable_entries()->RemoveLast();
  talk.turn.set_policy("window");
  CHECK(talk.laid() == "0 1 2");
}

PolicyTuning tuned(const std::vector<std::uint32_t>& legacy,
                   const std::vector<std::uint32_t>& cut_bytes) {
  PolicyTuning tuning = usual_tuning();
  tuning.mutable_legacy_keep_last()->Assign(legacy.begin(), legacy.end());
  tuning.mutable_cut_bytes()->Assign(cut_bytes.begin(), cut_bytes.end());
  return tuning;
}

TEST_CASE("a turn's own ladders are gone down", "[policy]") {
  Talk talk = long_talk("legacy", 1'400);
  *talk.turn.mutable_tuning() = tuned({10, 2}, {512});
  CHECK(talk.choose().provenance[0] == "keep_last_10");
  CHECK(talk.laid() == ". 12 13 14 15 16 17 18 19 20");
  talk.turn.set_budget(300);
  CHECK(talk.choose().provenance[0] == "keep_last_2");
  Talk texts("legacy", 1'500);
  for (int i = 0; i < 3; ++i) texts.say(std::string(20'000, 'a'));
  PolicyTuning tuning = tuned({2}, {3'000, 700, 300});
  tuning.set_cut_last_bytes(2'000);
  tuning.set_cut_keep_last(3);
  *texts.turn.mutable_tuning() = tuning;
  const Choice choice = texts.choose();
  INFO(texts.laid());
  REQUIRE(choice.fits);
  CHECK(choice.provenance[0] == "cut_700");
  CHECK(choice.cut.at(0).bytes == 700);
  CHECK(choice.cut.at(2).bytes == 2'000);
}

TEST_CASE("a turn's own weights say what incremental takes", "[policy]") {
  Talk talk("incremental");
  talk.turn.set_incremental_budget(860);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (int i = 0; i < 20; ++i) {
    const bool anna = i == 2;
    const bool price = i == 4;
    talk.say(anna ? "We met Anna. " + words : price ? "It was 450. " + words : words);
  }
  talk.say("What of Anna and the 450?");
  CHECK(talk.laid() == ". 4 . 14 15 16 17 18 19 20");
  PolicyTuning& tuning = *talk.turn.mutable_tuning();
  tuning = usual_tuning();
  tuning.set_name_weight(400);
  CHECK(talk.laid() == ". 2 . 14 15 16 17 18 19 20");
  tuning.set_name_weight(0);
  tuning.set_number_weight(0);
  CHECK(talk.laid() == ". 12 . 14 15 16 17 18 19 20");
}

TEST_CASE("reset begins anew beyond its threshold and goes on from there", "[policy]") {
  Talk talk = long_talk("reset", 10'000);
  CHECK(talk.choose().provenance[0] == "reset_below_threshold");
  talk.turn.set_reset_threshold(1'500);
  CHECK(talk.laid() == ". 14 15 16 17 18 19 20");
  const Choice first = talk.choose();
  CHECK(first.provenance[0] == "reset");
  CHECK(first.anew == talk.session.entries(13).seq());
  talk.session.set_anew(first.anew);
  talk.say("So.");
  talk.say("And then?");
  CHECK(talk.choose().provenance[0] == "reset_before");
  CHECK(talk.laid() == ". 14 15 16 17 18 19 20 21 22");
}

TEST_CASE("incremental takes again what has to do with the question", "[policy]") {
  Talk talk("incremental");
  talk.turn.set_incremental_budget(2'000);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (int i = 0; i < 40; ++i) {
    talk.say(i == 6 ? "The boat of Anna costs 450. " + words : words + "stays");
  }
  talk.say("What was it with Anna and the 450?");
  const std::string laid = talk.laid();
  INFO(laid);
  CHECK(laid.starts_with(". 6 . "));
  CHECK(laid.ends_with(" 33 34 35 36 37 38 39 40"));
  CHECK(talk.choose().provenance[0] == "incremental");
  CHECK(talk.choose().tokens <= 2'000);
}

TEST_CASE("a summary tells of what incremental does not take", "[policy]") {
  Talk talk("incremental");
  talk.turn.set_incremental_budget(1'200);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (int i = 0; i < 20; ++i) talk.say(i == 4 ? "Anna paid 450" : words);
  talk.say("What did Anna pay of the 450?");
  talk.summarise(10, "They talked about words.");
  const std::string laid = talk.laid();
  INFO(laid);
  CHECK(laid.starts_with("s 4 "));
  CHECK(talk.choose().provenance == std::vector<std::string>{"incremental", "summary"});
  talk.turn.set_incremental_budget(100'000);
  CHECK(talk.laid().starts_with("0 1 2 3 "));
}

TEST_CASE("incremental tells what it leaves out by the summaries of parts", "[policy]") {
  Talk talk("incremental");
  talk.turn.set_incremental_budget(2'000);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (int i = 0; i < 40; ++i) talk.say(i == 6 ? "The boat of Anna costs 450. " + words : words);
  talk.say("What was it with Anna and the 450?");
  talk.tell_part(0, 4, "They began.");
  talk.tell_part(4, 12, "A boat was for sale.");
  talk.tell_part(16, 20, "They went on.");
  const std::string laid = talk.laid();
  INFO(laid);
  CHECK(laid.starts_with("p0 p1 6 . p2 . "));
  CHECK(laid.ends_with(" 33 34 35 36 37 38 39 40"));
  CHECK(talk.choose().tokens <= 2'000);
  const auto provenance = talk.choose().provenance;
  CHECK(provenance == std::vector<std::string>{"incremental", "parts"});
  // One for which a quarter of the room is not enough is not told.
  talk.tell_part(20, 24, words + words + words + words + words);
  CHECK(talk.laid() == laid);
  // Nor what takes more than a turn's own share.
  *talk.turn.mutable_tuning() = usual_tuning();
  talk.turn.mutable_tuning()->set_parts_percent(1);
  CHECK_FALSE(talk.laid().starts_with("p0"));
  talk.turn.clear_tuning();
  // What a summary in force covers is told by that one.
  talk.summarise(16, "All of it in short.");
  CHECK(talk.laid().starts_with("s 6 p0 . "));
}

TEST_CASE("the tail begins with the newest message that says what to do", "[policy]") {
  Talk talk("legacy");
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (int i = 0; i < 10; ++i) talk.say(words);
  talk.say("Write the letter to the landlord.");
  talk.say("Dear landlord, ...");
  talk.say("Go on!");
  talk.say("... " + words);
  talk.say("ok");
  talk.turn.set_overflow_keep_last(1);
  CHECK(talk.laid() == ". 10 11 12 13 14");
  const auto provenance = talk.choose().provenance;
  CHECK(std::find(provenance.begin(), provenance.end(), "active_tail") != provenance.end());
}

TEST_CASE("short words of assent say nothing to do", "[policy]") {
  for (const char* text : {"ok", "Go on!", " keep going ", "YES.", "y", "???", ""}) {
    CHECK_FALSE(is_substantive(text, 80));
  }
  for (const char* text : {"no", "why?", "go on with Anna", "\u0434\u0430", "42"}) {
    CHECK(is_substantive(text, 80));
  }
  CHECK(is_substantive("ok" + std::string(100, '.'), 80));
  CHECK(is_substantive("Go on!", 5));
  CHECK_FALSE(is_substantive("Go on!", 6));
}

TEST_CASE("after an overflow fewer are kept, whatever the policy", "[policy]") {
  for (const PolicyRow& row : policies()) {
    Talk talk = long_talk(std::string(row.name), 100'000);
    talk.turn.set_overflow_keep_last(3);
    CHECK(talk.laid() == ". 18 19 20");
    CHECK(talk.choose().provenance[0] == "overflow");
  }
}

TEST_CASE("what a model reports moves what fits", "[policy]") {
  Talk talk = long_talk("full", 2'300);
  CHECK(talk.choose().fits);
  talk.turn.set_calibration(2'000);
  CHECK_FALSE(talk.choose().fits);
  CHECK(estimated_budget(talk.turn) == 1'150);
}

TEST_CASE("a cut text has its beginning, its end and how much is missing", "[policy]") {
  CHECK(cut_text("short", 10) == "short");
  CHECK(cut_text("0123456789abcdef", 8) == "0123\n[8 bytes are left out here.]\ncdef");
  CHECK(cut_text("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", 6) ==
        "\u00e9\n[8 bytes are left out here.]\n\u00e9");
}

// ---- any conversation

Talk any_talk(std::mt19937_64& random) {
  const std::vector<PolicyRow>& rows = policies();
  Talk talk(std::string(rows[random() % rows.size()].name));
  constexpr auto kWords = std::to_array<const char*>(
      {"ok", "Anna", "450", "boat", "www.a.org", "the", "go", "\u6f22\u5b57", "\n"});
  const std::size_t size = 1 + random() % 60;
  for (std::size_t i = 0; i < size; ++i) {
    std::string text;
    for (std::size_t words = random() % (random() % 8 == 0 ? 900 : 30); words > 0; --words) {
      text += std::string(kWords[random() % kWords.size()]) + " ";
    }
    const bool last = i + 1 == size;
    const bool user = last || (random() % 8 == 0 ? random() % 2 == 0 : i % 2 == 0);
    talk.say(user ? Entry::USER : Entry::ASSISTANT, text);
  }
  if (random() % 2 == 0) talk.summarise(1 + static_cast<int>(random() % size), "They talked.");
  const auto entries = static_cast<int>(size);
  for (int begin = 0; random() % 2 == 0 && begin < entries; begin += 8) {
    const int end = begin + 1 + static_cast<int>(random() % 8);
    std::string text = "Of a part";
    for (std::size_t words = random() % 30; words > 0; --words) text += " and more";
    if (end <= entries) talk.tell_part(begin, end, text);
  }
  if (random() % 2 == 0) talk.pin(static_cast<int>(random() % size));
  if (random() % 4 == 0) talk.pin(static_cast<int>(random() % size));
  talk.turn.set_budget(static_cast<std::uint32_t>(random() % 4'000));
  talk.turn.set_messages_max(1 + static_cast<std::uint32_t>(random() % 60));
  talk.turn.set_keep_last(1 + static_cast<std::uint32_t>(random() % 10));
  talk.turn.set_reset_threshold(static_cast<std::uint32_t>(random() % 3'000));
  talk.turn.set_incremental_budget(static_cast<std::uint32_t>(random() % 3'000));
  talk.session.set_anew(random() % 3 == 0 ? 1 + random() % size : 0);
  if (random() % 8 == 0) talk.turn.set_overflow_keep_last(3);
  talk.turn.set_window_tokens(static_cast<std::uint32_t>(random() % 4'000));
  talk.turn.set_upto(talk.said);
  return talk;
}

void obeys_the_laws(Talk& talk) {
  const Choice choice = talk.choose();
  const bool fits = plan_prompt(talk.session, &talk.turn, talk.history);
  CHECK(fits == choice.fits);
  TurnStarted again = talk.turn;
  CHECK(plan_prompt(talk.session, &again, talk.history) == fits);
  CHECK(again.SerializeAsString() == talk.turn.SerializeAsString());
  CHECK(positions_of(talk.session, talk.turn.taken()) == choice.kept.entries);
  const BuiltPrompt built = build_prompt(talk.session, talk.turn, talk.history);
  const DigestedPrompt digested = digest_prompt(talk.session, talk.turn, talk.history);
  CHECK(canonical_sha256(built.prompt) == digested.sha256);
  const std::vector<PromptMessage>& messages = built.prompt.messages;
  REQUIRE_FALSE(messages.empty());
  CHECK(messages.front().role == Entry::USER);
  CHECK(messages.back().role == Entry::USER);
  CHECK(choice.kept.entries.back());
  std::uint64_t tokens = estimate_tokens(built.prompt.system) + kAnswerTokens;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    tokens += estimate_tokens(messages[i].text) + kMessageTokens;
    const bool twice =
        i > 0 && messages[i].role == Entry::ASSISTANT && messages[i - 1].role == Entry::ASSISTANT;
    CHECK_FALSE(twice);
  }
  CHECK(tokens <= choice.tokens);
  // All of it began like itself.
  CHECK(reused_tokens(talk.session, talk.turn, talk.turn, talk.history) + kAnswerTokens ==
        choice.tokens);
  if (fits) CHECK(tokens <= estimated_budget(talk.turn));
  for (const Seq pinned : talk.session.pinned()) {
    const int position = position_after(talk.session, pinned) - 1;
    CHECK(choice.kept.entries[static_cast<std::size_t>(position)]);
    CHECK_FALSE(choice.cut.contains(position));
  }
}

TEST_CASE("whatever is chosen can be read, keeps pins and its budget, and is chosen again",
          "[policy]") {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    Talk talk = any_talk(random);
    INFO(talk.turn.policy());
    obeys_the_laws(talk);
  }
}

TEST_CASE("a digest that goes on from the last prompt's is the digest of the whole", "[policy]") {
  int resumed = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    Talk talk = any_talk(random);
    talk.turn.set_budget(4'000);
    for (int turn = 0; turn < 4; ++turn) {
      if (turn == 3 && random() % 2 == 0) talk.session.mutable_entries()->DeleteSubrange(0, 1);
      plan_prompt(talk.session, &talk.turn, talk.history);
      const std::size_t known = talk.history.memo.messages;
      const Digest digest = digest_prompt(talk.session, talk.turn, talk.history).sha256;
      const BuiltPrompt built = build_prompt(talk.session, talk.turn, talk.history);
      CHECK(digest == canonical_sha256(built.prompt));
      if (turn > 0 && talk.history.memo.messages > known) ++resumed;
      talk.say(Entry::ASSISTANT, "Anna paid 450.");
      talk.say(Entry::USER, "What else?");
    }
  }
  CHECK(resumed > 500);
}

// "1 to 9 (9): told by summary 900001", ..., as one line.
std::string runs_of(const Talk& talk) {
  std::string text;
  for (const ResidencyRun& run :
       residency_runs(talk.session, residency_of(talk.session, talk.turn))) {
    text += (text.empty() ? "" : "; ") + residency_text(run);
  }
  return text;
}

TEST_CASE("a record says of each entry where it is", "[policy][residency]") {
  Talk talk("incremental");
  talk.turn.set_incremental_budget(2'000);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (int i = 0; i < 40; ++i) talk.say(i == 12 ? "The boat of Anna costs 450. " + words : words);
  talk.say("What was it with Anna and the 450?");
  talk.summarise(4, "They began.");
  talk.tell_part(4, 16, "A boat was for sale.");
  talk.pin(2);
  talk.pin(34);
  plan_prompt(talk.session, &talk.turn, talk.history);
  CHECK(runs_of(talk) ==
        "1 to 2 (2): told by summary 900001; 3: whole, as it is pinned; 4: told by summary 900001; "
        "5 to 12 (8): told by summary 901004 of this part; 13: whole; "
        "14 to 16 (3): told by summary 901004 of this part; 17 to 24 (8): left out; "
        "25 to 34 (10): whole; 35: whole, as it is pinned; 36 to 41 (6): whole");
  // Made again without them, nothing of it stays.
  talk.session.clear_pinned();
  talk.session.clear_summaries();
  talk.session.clear_summary();
  talk.turn.set_policy("full");
  plan_prompt(talk.session, &talk.turn, talk.history);
  CHECK(runs_of(talk) == "1 to 41 (41): whole");
}

TEST_CASE("a record says of a text that it is cut, and to what", "[policy][residency]") {
  Talk talk("legacy", 1'000);
  talk.say("hello");
  talk.say("yes");
  talk.say(std::string(40'000, '.'));
  plan_prompt(talk.session, &talk.turn, talk.history);
  CHECK(runs_of(talk) == "1 to 2 (2): whole; 3: cut to 1024 bytes");
  talk.turn.set_budget(100);
  plan_prompt(talk.session, &talk.turn, talk.history);
  CHECK(runs_of(talk) == "1 to 2 (2): left out; 3: cut to 1024 bytes");
}

// What a prompt tells of this entry; empty: nothing.
std::string words_of(Talk& talk, int position, const EntryResidency& one) {
  const std::string text = talk.history.told(talk.session.entries(position).seq());
  if (one.residency == Residency::kCut) return cut_text(text, one.bytes);
  const bool whole = one.residency == Residency::kWhole || one.residency == Residency::kPinned;
  return whole ? text : "";
}

// Whether it stands for entries that are not there.
bool stands_in(const PromptMessage& message) {
  return message.role == Entry::USER &&
         (message.text == kGapText || message.text.starts_with(kSummaryIntro) ||
          message.text.starts_with(kPartIntro));
}

TEST_CASE("every entry has one residency, and the prompt holds what it says",
          "[policy][residency]") {
  std::map<Residency, int> seen;
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    Talk talk = any_talk(random);
    plan_prompt(talk.session, &talk.turn, talk.history);
    const auto taken = positions_of(talk.session, talk.turn.taken());
    const auto dropped = positions_of(talk.session, talk.turn.dropped());
    const auto told = positions_of(talk.session, talk.turn.summarised());
    const BuiltPrompt built = build_prompt(talk.session, talk.turn, talk.history);
    auto message = built.prompt.messages.begin();
    int position = 0;
    for (const EntryResidency& one : residency_of(talk.session, talk.turn)) {
      INFO("position " << position);
      const auto at = static_cast<std::size_t>(position);
      ++seen[one.residency];
      CHECK(int{taken[at]} + int{dropped[at]} + int{told[at]} == 1);
      CHECK(dropped[at] == (one.residency == Residency::kLeftOut));
      CHECK(told[at] == (one.told_by != 0));
      const Seq seq = talk.session.entries(position).seq();
      const auto& pins = talk.session.pinned();
      CHECK((std::find(pins.begin(), pins.end(), seq) != pins.end()) ==
            (one.residency == Residency::kPinned));
      const std::string words = words_of(talk, position++, one);
      if (!taken[at]) continue;
      while (message != built.prompt.messages.end() && stands_in(*message)) ++message;
      REQUIRE(message != built.prompt.messages.end());
      CHECK((message++)->text == words);
    }
    while (message != built.prompt.messages.end() && stands_in(*message)) ++message;
    CHECK(message == built.prompt.messages.end());
  }
  CHECK(seen.size() == 6);  // all but kOutside
  CHECK_FALSE(seen.contains(Residency::kOutside));
}

}  // namespace daybook::policy_test
