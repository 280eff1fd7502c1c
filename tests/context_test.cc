// Prompts of whole conversations: chosen once, recorded, and made again from the record alone; and
// what a person sees and changes of that with /policy, /context, /pin.
#include "core/context.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/notation.h"
#include "core/policy.h"
#include "core/tokens.h"
#include "tests/places.h"
#include "tests/telling.h"
#include "tools/replay.h"

namespace daybook::context_test {

using testing::Story;
using testing::Telling;

const std::string kGoldenPrompts = source_directory() + "/tests/golden/prompts.txt";

void exchange(Story& story, const std::string& said, const std::string& answered) {
  story.say(said);
  story.complete(story.turn(), answered);
  story.commit();
}

Fact with_policy(const std::string& policy) {
  Fact fact = Story::settings();
  SettingsLoaded* body = fact.mutable_settings_loaded();
  body->set_policy(policy);
  body->set_context_tokens_max(policy == "legacy" ? 500 : 1'200);
  body->set_max_history_messages(12);
  body->set_reset_threshold(500);
  body->set_incremental_budget(500);
  body->set_keep_last(4);
  return fact;
}

std::string words(int count, const std::string& word) {
  std::string text;
  for (int i = 0; i < count; ++i) text += word + " ";
  return text;
}

// Talks about Anna and her boat for long, is summarised once, has a pin, and asks again.
void tell_of_anna(Story& story) {
  for (int i = 0; i < 10; ++i) {
    const bool boat = i == 2 || i == 6;
    exchange(story,
             boat ? "Did Anna sell the boat for 450?" : "Tell me something, part " + words(20, "x"),
             boat ? "Yes, Anna sold it to Bob." : words(60, "something"));
    if (i == 5) {
      story.say("/compact");
      story.complete(story.turn(), "They talked of a boat.");
      story.commit();
    }
  }
  story.say("/pin " + std::to_string(story.last("TurnCompleted").seq() - 4));
  exchange(story, "And what did Anna do with the 450?", "I do not know.");
  story.say("ok");
  story.commit();
}

std::string prompt_lines(Story& story, const Event& turn) {
  const Result<Prompt> prompt = prompt_of(turn, *story.gateway);
  REQUIRE(prompt);
  const Digest digest = canonical_sha256(*prompt);
  const TurnStarted& record = prompt_record(turn);
  CHECK(record.sha256() == view(digest));
  std::string text = "policy " + record.policy() + ", rules " + std::to_string(record.rules()) +
                     ", " + std::to_string(record.tokens()) + " tokens of " +
                     std::to_string(record.budget()) + ", " +
                     std::to_string(record.reused_tokens()) + " reused, by";
  for (const std::string& rule : record.provenance()) text += " " + rule;
  text += "\n";
  for (const PromptMessage& message : prompt->messages) {
    text += std::string(message.role == Entry::USER ? "  user " : "  model ") +
            std::to_string(message.text.size()) + " " + escaped(message.text, 40) + "\n";
  }
  return text + "  " + hex(view(digest)) + "\n";
}

std::string prompts_of_all_policies() {
  std::string text;
  for (const PolicyRow& row : policies()) {
    Story story;
    story.gateway->record(with_policy(std::string(row.name)), story.now);
    tell_of_anna(story);
    text += prompt_lines(story, story.last("TurnStarted"));
  }
  for (const std::uint32_t rules : {1U, 2U}) {
    Story story({}, rules);
    story.gateway->record(with_policy(""), story.now);
    tell_of_anna(story);
    text += prompt_lines(story, story.last("TurnStarted"));
  }
  return text;
}

TEST_CASE("golden prompts, of every policy and of older rules", "[context][golden]") {
  const std::string text = prompts_of_all_policies();
  const char* wish = std::getenv("DAYBOOK_GOLDEN");
  std::ifstream file(kGoldenPrompts);
  if (!file && wish != nullptr && std::string(wish) == "write") {
    std::ofstream(kGoldenPrompts) << text;
    return;
  }
  std::ostringstream golden;
  golden << file.rdbuf();
  CHECK(text == golden.str());
}

TEST_CASE("every prompt of every policy is made again from its turn alone", "[context]") {
  for (const PolicyRow& row : policies()) {
    Story story;
    story.gateway->record(with_policy(std::string(row.name)), story.now);
    tell_of_anna(story);
    int turns = 0;
    for (Seq seq = 1; seq <= story.log.last(); ++seq) {
      const Event event = story.event(seq);
      if (!event.has_turn_started()) continue;
      ++turns;
      const Result<Prompt> prompt = prompt_of(event, *story.gateway);
      REQUIRE(prompt);
      const Digest digest = canonical_sha256(*prompt);
      CHECK(event.turn_started().sha256() == view(digest));
    }
    CHECK(turns >= 10);
  }
}

TEST_CASE("the same facts under every rules version give the same decisions", "[context]") {
  for (const std::uint32_t rules : {1U, 2U, 3U}) {
    Story story({}, rules);
    story.gateway->record(with_policy("incremental"), story.now);
    tell_of_anna(story);
    story.fail(story.turn(), OVERFLOW);
    story.commit();
    const auto report = replay_check(story.log, 0);
    REQUIRE(report);
    CHECK(report->divergence == "");
  }
}

TEST_CASE("under older rules nothing of the newer is recorded", "[context]") {
  Story story({}, 2);
  story.gateway->record(with_policy("incremental"), story.now);
  story.say("/policy full");
  CHECK(story.last("NoticeIssued").content().text().find("There is no command") == 0);
}

TEST_CASE("full refuses what does not fit, and the message is settled", "[context]") {
  Story story;
  story.gateway->record(with_policy("full"), story.now);
  for (int i = 0; i < 4; ++i) exchange(story, words(100, "one"), words(100, "two"));
  const Seq asked = story.say(words(500, "three"));
  CHECK(story.kinds_after(asked) == "NoticeIssued");
  const Event told = story.last("NoticeIssued");
  CHECK(told.content().text().find("/compact, /policy window or /reset helps") !=
        std::string::npos);
  const Session* session = story.gateway->session(told.session());
  CHECK_FALSE(session->busy());
  CHECK(session->state().waiting_size() == 0);
  CHECK(session->state().entries_size() == 8);
}

TEST_CASE("full says what helps: another policy leaves out no pin, nor what is asked",
          "[context]") {
  const bool pinned = GENERATE(true, false);
  Story story;
  story.gateway->record(with_policy("full"), story.now);
  const Seq first = story.say(words(500, "one"));
  story.complete(story.turn(), "two");
  if (pinned) story.say("/pin " + std::to_string(first));
  story.say(words(pinned ? 750 : 3'000, "three"));
  const std::string told = story.last("NoticeIssued").content().text();
  INFO(told);
  CHECK(told.find("Nothing was sent") != std::string::npos);
  CHECK(told.ends_with(pinned ? "A shorter message helps, or fewer pins: /pin lists them, /unpin "
                                "takes one off."
                              : "A shorter message helps."));
}

TEST_CASE("a prompt that is too long for its provider is made shorter, three times", "[context]") {
  Story story;
  for (int i = 0; i < 10; ++i) exchange(story, words(30, "one"), words(30, "two"));
  const Seq asked = story.say("and?");
  story.commit();
  const OpenTurn first = story.turn();
  std::vector<std::size_t> sizes = {story.gateway->prompt(first.seq())->messages.size()};
  for (const std::uint32_t keep_last : usual_tuning().overflow_keep_last()) {
    const Seq failed = story.fail(story.turn(), OVERFLOW);
    CHECK(story.kinds_after(failed) == "ContextTruncated TurnRetried");
    story.commit();
    const Event retried = story.last("TurnRetried");
    CHECK(retried.turn_retried().prompt().overflow_keep_last() == keep_last);
    CHECK(retried.turn_retried().attempt() == sizes.size() + 1);
    const Result<Prompt> prompt = story.gateway->prompt(first.seq());
    REQUIRE(prompt);
    const Digest digest = canonical_sha256(*prompt);
    CHECK(retried.turn_retried().prompt().sha256() == view(digest));
    CHECK(prompt->messages.size() < sizes.back());
    CHECK(prompt->messages.back().text == "and?");
    CHECK(canonical_sha256(*prompt_of(retried, *story.gateway)) == digest);
    sizes.push_back(prompt->messages.size());
  }
  const Seq failed = story.fail(story.turn(), OVERFLOW);
  CHECK(story.kinds_after(failed) == "TurnFailed");
  CHECK(story.event(first.seq()).turn_started().answers(0) == asked);
}

TEST_CASE("how much is kept after an overflow is a setting, and recorded", "[context]") {
  Story story;
  const auto keep = [&story](std::uint32_t first) {
    Fact fact = Story::settings();
    PolicyTuning* tuning = fact.mutable_settings_loaded()->mutable_tuning();
    *tuning = usual_tuning();
    tuning->clear_overflow_keep_last();
    for (const std::uint32_t each : {first, 2U}) tuning->add_overflow_keep_last(each);
    story.gateway->record(std::move(fact), story.now);
    story.commit();
  };
  keep(9);
  for (int i = 0; i < 10; ++i) exchange(story, words(30, "one"), words(30, "two"));
  story.say("and?");
  story.commit();
  const Seq turn = story.turn().seq();
  CHECK(story.event(turn).turn_started().tuning().overflow_keep_last(0) == 9);
  keep(5);  // for turns to come
  std::vector<std::uint32_t> kept;
  for (int i = 0; i < 2; ++i) {
    story.fail(story.turn(), OVERFLOW);
    story.commit();
    kept.push_back(story.last("TurnRetried").turn_retried().prompt().overflow_keep_last());
  }
  CHECK(kept == std::vector<std::uint32_t>{9, 2});
  const Event retried = story.last("TurnRetried");
  const Digest digest = canonical_sha256(*prompt_of(retried, *story.gateway));
  CHECK(retried.turn_retried().prompt().sha256() == view(digest));
}

TEST_CASE("a prompt made shorter spends none of the attempts", "[context]") {
  Story story;
  for (int i = 0; i < 10; ++i) exchange(story, words(30, "one"), words(30, "two"));
  story.say("and?");
  story.fail(story.turn(), NETWORK);
  for (int shorter = 0; shorter < 3; ++shorter) {
    story.fail(story.turn(), OVERFLOW);
    CHECK(story.last("TurnRetried").turn_retried().has_prompt());
  }
  CHECK(story.kinds_after(story.fail(story.turn(), NETWORK)) == "TurnRetried");
  CHECK(story.kinds_after(story.fail(story.turn(), NETWORK)) == "TurnFailed");
  CHECK(story.last("TurnFailed").content().detail().find("Tried 3 times.") != std::string::npos);
  story.check_refold();
}

TEST_CASE("after a restart a turn goes on with the shorter prompt", "[context]") {
  Story story;
  for (int i = 0; i < 10; ++i) exchange(story, words(30, "one"), words(30, "two"));
  story.say("and?");
  story.fail(story.turn(), OVERFLOW);
  story.commit();
  const Seq turn = story.turn().seq();
  const Digest before = canonical_sha256(*story.gateway->prompt(turn));
  story.crash();
  CHECK(story.last("TurnRetried").turn_retried().attempt() == 3);
  CHECK(canonical_sha256(*story.gateway->prompt(turn)) == before);
}

TEST_CASE("reset goes on from where it began anew, turn after turn", "[context]") {
  Story story;
  Fact settings = with_policy("reset");
  settings.mutable_settings_loaded()->set_reset_threshold(1'000);
  settings.mutable_settings_loaded()->set_keep_last(4);
  story.gateway->record(std::move(settings), story.now);
  const auto ask = [&](const std::string& text) {
    exchange(story, text, words(60, "two"));
    return story.last("TurnStarted").turn_started();
  };
  TurnStarted turn;
  int turns = 0;
  do {
    turn = ask(words(60, "one"));
  } while (turn.provenance(0) != "reset" && ++turns < 20);
  REQUIRE(turn.provenance(0) == "reset");
  const TurnStarted next = ask(words(60, "one"));
  CHECK(next.provenance(0) == "reset_before");
  CHECK(next.anew() == turn.anew());
  CHECK(next.taken(0).first() == turn.taken(0).first());
  CHECK(next.reused_tokens() > turn.tokens() / 2);
  const auto report = replay_check(story.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
}

TEST_CASE("one text that alone is too long for its provider is cut, once", "[context]") {
  Story story;
  story.say(words(3'000, "word"));
  story.commit();
  const std::uint32_t before = story.last("TurnStarted").turn_started().tokens();
  const Seq failed = story.fail(story.turn(), OVERFLOW);
  CHECK(story.kinds_after(failed) == "TurnRetried");
  story.commit();
  const TurnStarted cut = story.last("TurnRetried").turn_retried().prompt();
  CHECK(cut.tokens() <= before / 2);
  CHECK(cut.cut_size() == 1);
  CHECK(story.kinds_after(story.fail(story.turn(), OVERFLOW)) == "TurnFailed");
}

TEST_CASE("a prompt that begins as the last one did says how much of it", "[context]") {
  Story story;
  exchange(story, "one", "two");
  CHECK(story.last("TurnStarted").turn_started().reused_tokens() == 0);
  story.say("three");
  const TurnStarted second = story.last("TurnStarted").turn_started();
  CHECK(second.reused_tokens() ==
        estimate_tokens("Be brief.") + estimate_tokens("one") + kMessageTokens);
  story.complete(story.turn(), "four");
  story.say("/model echo:slow");
  story.say("five");
  CHECK(story.last("TurnStarted").turn_started().reused_tokens() == 0);
  story.complete(story.turn(), "six");
  story.say("seven");
  const TurnStarted last = story.last("TurnStarted").turn_started();
  CHECK(last.reused_tokens() > second.reused_tokens());
  CHECK(last.reused_tokens() < last.tokens());
}

TEST_CASE("what a model reports of its prompts moves what is believed of it", "[context]") {
  Telling story;
  CHECK(story.gateway->directory().calibration("openai", "gpt-4o-mini") == 1'000);
  for (int i = 0; i < 20; ++i) {
    story.write("How are you today, " + words(250, "friend"), 600 + i);
    const std::uint32_t tokens = story.last("TurnStarted").turn_started().tokens();
    story.answer("Well.", tokens * 2, 3);
  }
  const std::uint32_t believed = story.gateway->directory().calibration("openai", "gpt-4o-mini");
  CHECK(believed > 1'900);
  CHECK(believed <= 2'000);
  CHECK(story.gateway->directory().calibration("openai", "other") == 1'000);
  const Directory restored = Directory::restore(story.gateway->directory().save());
  CHECK(restored.calibration("openai", "gpt-4o-mini") == believed);
  story.write("And?", 700);
  CHECK(story.last("TurnStarted").turn_started().calibration() == believed);
  story.answer("Well.", 1'000'000, 3);
  CHECK(story.gateway->directory().calibration("openai", "gpt-4o-mini") <= 3'000);
}

// ---- commands

TEST_CASE("/policy shows, sets and gives back what the settings say", "[context]") {
  Story story;
  story.say("/policy");
  CHECK(story.last("NoticeIssued").content().text().find("Policy: window\n") == 0);
  const Seq asked = story.say("/policy full");
  CHECK(story.kinds_after(asked) == "SettingChanged NoticeIssued");
  CHECK(story.last("SettingChanged").setting_changed().value() == "full");
  story.say("hello");
  CHECK(story.last("TurnStarted").turn_started().policy() == "full");
  const Seq wrong = story.say("/policy fool");
  CHECK(story.kinds_after(wrong) == "NoticeIssued");
  CHECK(story.last("NoticeIssued").content().text().find("it stays full") != std::string::npos);
  story.complete(story.turn(), "hi");
  story.say("/policy default");
  story.say("again");
  CHECK(story.last("TurnStarted").turn_started().policy() == "window");
}

TEST_CASE("/pin in reply keeps a message, or the answer that stands there", "[context]") {
  Telling story;
  const auto reply = [&](const std::string& text, std::int64_t to, std::int64_t id) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(Telling::kChat);
    body->set_source("telegram:1");
    body->set_user(Telling::kUser);
    body->set_message_id(id);
    body->set_reply_to(to);
    body->set_command(text.substr(1));
    fact.mutable_content()->set_text(text);
    const Seq seq = story.gateway->record(std::move(fact), story.now);
    story.commit();
    return seq;
  };
  const Seq message = story.write("The code is 4711.", 501);
  const Seq turn = story.running().seq();
  const Seq answer = story.answer("Noted.");
  story.post(turn, "Noted.", 502);
  CHECK(story.kinds_after(reply("/pin", 501, 503)) == "EntryPinned NoticeIssued");
  CHECK(story.last("EntryPinned").entry_pinned().entry() == message);
  reply("/pin", 502, 504);
  CHECK(story.last("EntryPinned").entry_pinned().entry() == answer);
  CHECK(story.kinds_after(reply("/pin", 501, 505)) == "NoticeIssued");
  CHECK(story.kinds_after(reply("/pin", 499, 506)) == "NoticeIssued");
  reply("/pin", 0, 507);
  const Event listed = story.last("NoticeIssued");
  CHECK(listed.content().text() ==
        std::to_string(message) + " The code is 4711.\n" + std::to_string(answer) + " Noted.");
  CHECK(listed.notice_issued().quotes_size() == 2);
  reply("/unpin", 501, 508);
  CHECK(story.last("EntryUnpinned").entry_unpinned().entry() == message);
  const Session* session = story.gateway->session(listed.session());
  REQUIRE(session->state().pinned_size() == 1);
  CHECK(session->state().pinned(0) == answer);
}

TEST_CASE("what waits, or was refused, cannot be pinned, and that is said", "[context]") {
  Story story;
  story.gateway->record(with_policy("full"), story.now);
  story.say("one");
  const std::string waits = std::to_string(story.say("two"));
  for (const char* command : {"/pin ", "/unpin "}) {
    story.say(command + waits);
    CHECK(story.last("NoticeIssued").content().text() ==
          "That message waits: it can be pinned when it is answered.");
  }
  story.complete(story.turn(), "re: one");
  story.say("/pin " + waits);  // while it is answered it is an entry
  CHECK(story.last("EntryPinned").entry_pinned().entry() == std::stoull(waits));
  story.complete(story.turn(), "re: two");
  const Seq refused = story.say(words(3'000, "three"));
  story.say("/pin " + std::to_string(refused));
  CHECK(story.last("NoticeIssued").content().text().starts_with("That message was refused"));
}

TEST_CASE("pins of another branch neither count nor are in the way", "[context]") {
  Story story;
  const Seq first = story.say("one");
  story.complete(story.turn(), "two");
  const std::string number = std::to_string(first);
  story.say("/pin " + number);
  story.say("/reset");
  CHECK(story.last("NoticeIssued").content().text().find("pin") == std::string::npos);
  story.say("/pin");
  CHECK(story.last("NoticeIssued").content().text().find("Nothing is pinned") == 0);
  story.say("/pin " + number);
  CHECK(story.last("NoticeIssued").content().text().find("That is no message") == 0);
  CHECK(story.kinds_after(story.say("/unpin " + number)) == "EntryUnpinned NoticeIssued");
  CHECK(story.kinds_after(story.say("/unpin " + number)) == "NoticeIssued");
}

TEST_CASE("a pinned message stays in every prompt, through windows and summaries", "[context]") {
  Story story;
  story.gateway->record(with_policy("window"), story.now);
  const Seq first = story.say("The code is 4711.");
  story.complete(story.turn(), "Noted.");
  story.say("/pin " + std::to_string(first));
  for (int i = 0; i < 10; ++i) exchange(story, words(30, "one"), words(30, "two"));
  story.say("/compact");
  story.complete(story.turn(), "They talked.");
  story.commit();
  story.say("What is the code?");
  const Result<Prompt> prompt = story.gateway->prompt(story.turn().seq());
  REQUIRE(prompt);
  CHECK(prompt->messages[0].text == std::string(kSummaryIntro) + "They talked.");
  CHECK(prompt->messages[1].text == "The code is 4711.");
}

TEST_CASE("/context tells the next prompt without making a turn of it", "[context]") {
  Story story;
  story.gateway->record(with_policy("window"), story.now);
  story.say("/context");
  CHECK(story.last("NoticeIssued").content().text().find("0 messages whole") != std::string::npos);
  for (int i = 0; i < 10; ++i) exchange(story, words(30, "one"), words(30, "two"));
  const Seq asked = story.say("/context");
  CHECK(story.kinds_after(asked) == "NoticeIssued");
  const std::string text = story.last("NoticeIssued").content().text();
  INFO(text);
  CHECK(text.find("Policy: window, as the settings say.\nRoom: 1200 tokens "
                  "(agent.context_tokens_max)") == 0);
  CHECK(text.find("12 messages whole, 8 left out; by messages_max") != std::string::npos);
  CHECK(text.find("% began like the one before") != std::string::npos);
}

TEST_CASE("pins and policy are part of a session that is loaded again", "[context]") {
  Story story;
  const Seq first = story.say("one");
  story.complete(story.turn(), "two");
  story.say("/pin " + std::to_string(first));
  story.say("/policy reset");
  story.commit();
  const SessionId id = story.event(first).session();
  const std::string before = story.gateway->session(id)->state().SerializeAsString();
  story.open();
  CHECK(story.gateway->session(id)->state().SerializeAsString() == before);
}

// ---- what there is room for

std::string limit(const std::string& policy, std::uint32_t window, std::uint32_t output,
                  bool shares = true) {
  TurnStarted turn;
  turn.set_rules(kRulesVersion);
  turn.set_policy(policy);
  turn.set_window_percent(80);
  turn.set_context_tokens_max(150'000);
  set_window({"p", "m", window, output, shares}, &turn);
  CHECK(turn.budget() == limit_of(turn).tokens);
  CHECK(std::uint64_t{turn.budget()} + turn.answer_tokens() <= turn.window_tokens());
  return std::to_string(turn.budget()) + " by " + std::string(limit_of(turn).setting) + ", " +
         std::to_string(turn.answer_tokens()) + " kept";
}

TEST_CASE("of a window that both share, room is kept for the answer", "[policy]") {
  // Where there is room already nothing is another.
  CHECK(limit("window", 128'000, 16'384) == "102400 by window_percent, 8192 kept");
  CHECK(limit("window", 0, 0) == "102400 by window_percent, 8192 kept");
  CHECK(limit("full", 1'000'000, 128'000) == "150000 by context_tokens_max, 8192 kept");
  CHECK(limit("full", 8'192, 2'048) == "6144 by answer_tokens, 2048 kept");
  CHECK(limit("reset", 8'192, 8'192) == "4096 by answer_tokens, 4096 kept");
  // Who counts them apart needs none.
  CHECK(limit("full", 8'192, 2'048, false) == "6553 by window_percent, 0 kept");
}

TEST_CASE("legacy has its own share of what the answer leaves", "[policy]") {
  CHECK(limit("legacy", 128'000, 16'384) == "105984 by legacy_percent, 8192 kept");
  CHECK(limit("legacy", 1'000'000, 128'000) == "150000 by context_tokens_max, 8192 kept");
  CHECK(limit("legacy", 8'192, 2'048) == "3686 by legacy_percent, 2048 kept");
}

TEST_CASE("a tuning that was recorded earlier has what settings begin with for the rest",
          "[policy]") {
  TurnStarted turn;
  CHECK(tuning_of(turn).SerializeAsString() == usual_tuning().SerializeAsString());
  PolicyTuning& own = *turn.mutable_tuning();
  own.add_overflow_keep_last(2);
  own.add_cut_bytes(512);
  own.set_part_entries(4);
  const PolicyTuning whole = tuning_of(turn);
  CHECK(whole.overflow_keep_last_size() == 1);
  CHECK(whole.name_weight() == 0);
  CHECK(whole.part_entries() == 4);
  CHECK(whole.part_tokens() == 8'000);
  CHECK(whole.legacy_percent() == 90);
  CHECK(whole.legacy_last_percent() == 35);
}

}  // namespace daybook::context_test
