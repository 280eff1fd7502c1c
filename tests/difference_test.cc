// Every line that differs names the event and the rule that did it.
#include "tools/difference.h"

#include <catch2/catch.hpp>

#include "tests/telling.h"
#include "tools/residency_json.h"

namespace daybook::difference_test {

using testing::Telling;

struct Laid {
  explicit Laid(Telling& told) {
    testing::lay_down(told.log, place);
    auto opened = JournalView::open(place.directory());
    REQUIRE(opened);
    view = *std::move(opened);
  }
  Side prompt(Seq turn) {
    auto side = prompt_side(*view, *view->event(turn));
    REQUIRE(side);
    return *std::move(side);
  }
  Side state(SessionId session, Seq upto) {
    auto side = state_side(*view, {session, upto, true});
    REQUIRE(side);
    return *std::move(side);
  }

  journal_place::Place place;
  std::unique_ptr<JournalView> view;
};

// "- user One? (why)" a line; what is the same is left out.
std::string text_of(const std::vector<Change>& changes) {
  std::string text;
  for (const Change& change : changes) {
    if (change.sign == Change::Sign::kSame) continue;
    text += change.sign == Change::Sign::kGone ? "- " : "+ ";
    text += change.line.role + " " + change.line.text + " (" + change.why + ")\n";
  }
  return text;
}

std::string n(Seq seq) { return std::to_string(seq); }

Seq exchange(Telling& told, const std::string& question, const std::string& answer) {
  static std::int64_t message = 600;
  told.write(question, ++message);
  const Seq turn = told.running().seq();
  told.answer(answer);
  return turn;
}

TEST_CASE("a later prompt has what was said since", "[difference]") {
  Telling told;
  const Seq first = exchange(told, "One?", "One.");
  const Seq answer = told.last("TurnCompleted").seq();
  const Seq second = exchange(told, "Two?", "Two.");
  const Seq asked = second - 1;
  Laid laid(told);
  CHECK(text_of(difference(laid.prompt(first), laid.prompt(second))) ==
        "+ assistant One. (TurnCompleted " + n(answer) + ")\n+ user Two? (MessageReceived " +
            n(asked) + ")\n");
  CHECK(text_of(difference(laid.prompt(second), laid.prompt(first))) ==
        "- assistant One. (said later, in TurnCompleted " + n(answer) +
            ")\n- user Two? (said later, in MessageReceived " + n(asked) + ")\n");
  CHECK(text_of(difference(laid.prompt(second), laid.prompt(second))).empty());
}

TEST_CASE("prompts of two policies say so", "[difference]") {
  Telling told;
  const Seq first = exchange(told, "One?", "One.");
  Fact settings = Telling::telegram_settings("openai:gpt-4o-mini");
  settings.mutable_settings_loaded()->set_policy("full");
  told.record(std::move(settings));
  const Seq second = exchange(told, "Two?", "Two.");
  Laid laid(told);
  const std::string text = text_of(difference(laid.prompt(first), laid.prompt(second)));
  CHECK(text.find("- policy window (replaced by TurnStarted " + n(second) + ")\n") == 0);
  CHECK(text.find("+ policy full (from TurnStarted " + n(second) + ")\n") != std::string::npos);
}

TEST_CASE("a dropped line names its limit, a new system prompt its settings", "[difference]") {
  Telling told;
  const Seq first = exchange(told, "One?", "One.");
  Fact settings = Telling::telegram_settings("openai:gpt-4o-mini", 2);
  settings.mutable_content()->set_text("Be long.");
  const Seq loaded = told.record(std::move(settings));
  const Seq second = exchange(told, "Two?", "Two.");
  const Seq truncated = told.last("ContextTruncated").seq();
  Laid laid(told);
  const std::string text = text_of(difference(laid.prompt(first), laid.prompt(second)));
  INFO(text);
  CHECK(text.find("- system Be brief. (replaced by SettingsLoaded " + n(loaded) + ")\n") !=
        std::string::npos);
  CHECK(text.find("+ system Be long. (from SettingsLoaded " + n(loaded) + ")\n") !=
        std::string::npos);
  CHECK(text.find("- user One? (dropped by messages_max in ContextTruncated " + n(truncated) +
                  ")\n") != std::string::npos);
}

TEST_CASE("a summary replaces what it covers, a reset all of it", "[difference]") {
  Telling told;
  exchange(told, "One?", "One." + std::string(200, 'x'));
  const Seq second = exchange(told, "Two?", "Two.");
  told.write("/compact", 580);
  told.answer("They counted.");
  const Seq summary = told.last("CompactionCompleted").seq();
  const Seq third = exchange(told, "Three?", "Three.");
  told.write("/reset", 581);
  const Seq reset = told.last("SessionReset").seq();
  told.write("/model openai:gpt-4o", 582);
  const Seq switched = told.last("ModelSwitched").seq();
  const Seq fourth = exchange(told, "Four?", "Four.");
  Laid laid(told);
  const std::string covered = text_of(difference(laid.prompt(second), laid.prompt(third)));
  INFO(covered);
  CHECK(covered.find("- user One? (replaced by the summary of CompactionCompleted " + n(summary) +
                     ")\n") != std::string::npos);
  CHECK(covered.find("+ summary They counted. (from CompactionCompleted " + n(summary) + ")\n") !=
        std::string::npos);
  const std::string anew = text_of(difference(laid.prompt(third), laid.prompt(fourth)));
  INFO(anew);
  CHECK(anew.find("- user Two? (a new conversation began in SessionReset " + n(reset) + ")\n") !=
        std::string::npos);
  CHECK(anew.find("- summary They counted. (a new conversation began in SessionReset " + n(reset) +
                  ")\n") != std::string::npos);
  CHECK(anew.find("+ model gpt-4o of openai (from ModelSwitched " + n(switched) + ")\n") !=
        std::string::npos);
}

TEST_CASE("where entries are is told one by one", "[difference][residency]") {
  Telling told;
  exchange(told, "One?", "One." + std::string(200, 'x'));
  const Seq pinned = told.write("Two?", 590);
  told.answer("Two.");
  told.write("/pin " + n(pinned), 591);
  told.write("/compact", 592);
  told.answer("They counted.");
  const Seq summary = told.last("CompactionCompleted").seq();
  const Seq third = exchange(told, "Three?", "Three.");
  Laid laid(told);
  const auto event = laid.view->event(third);
  REQUIRE(event);
  const auto rebuilt = rebuild_prompt(*event, laid.view->gateway());
  REQUIRE(rebuilt);
  const JsonLine rows = residency_json(rebuilt->state, event->turn_started());
  INFO(rows.dump());
  REQUIRE(rows.size() == 5);
  CHECK(rows[0]["residency"] == "summary");
  CHECK(rows[0]["told_by"] == summary);
  CHECK(rows[2] == JsonLine{{"entry", pinned},
                            {"role", "user"},
                            {"tokens", rebuilt->state.entries(2).tokens()},
                            {"residency", "pinned"}});
  CHECK(rows[4]["residency"] == "whole");
}

TEST_CASE("two states of a session differ by what came between", "[difference]") {
  Telling told;
  told.write("One?", 501);
  const SessionId session = told.gateway->directory().at(Telling::kChat)->id();
  const Seq waits = told.write("Two?", 502);
  const Seq before = told.log.last();
  const Seq answer = told.answer("One.");
  Laid laid(told);
  const std::string text =
      text_of(difference(laid.state(session, before), laid.state(session, told.log.last())));
  CHECK(text == "- waiting Two? (taken up)\n+ assistant One. (TurnCompleted " + n(answer) +
                    ")\n+ user Two? (it waited for its turn then)\n");
  CHECK(waits < answer);
}

TEST_CASE("sessions without a common event are compared by their words", "[difference]") {
  Telling told;
  exchange(told, "One?", "One.");
  const SessionId one = told.gateway->directory().at(Telling::kChat)->id();
  told.say("One?");
  const Seq copied = told.turn().seq();
  told.complete(told.turn(), "One.");
  told.say("Only here?");
  told.commit();
  const SessionId other = told.event(copied).session();
  Laid laid(told);
  const Seq last = told.log.last();
  const std::string text = text_of(difference(laid.state(one, last), laid.state(other, last)));
  CHECK(text == "+ user Only here? ()\n");
}

TEST_CASE("long conversations are aligned line for line too", "[difference]") {
  Side one;
  Side other;
  one.upto = other.upto = 100'000;
  for (Seq seq = 1; seq <= 3'000; ++seq) {
    Line line{seq % 2 == 1 ? "user" : "assistant", seq, "MessageReceived", std::to_string(seq)};
    if (seq % 100 != 0) one.lines.push_back(line);
    if (seq % 150 != 0) other.lines.push_back(line);
  }
  std::size_t gone = 0;
  std::size_t added = 0;
  for (const Change& change : difference(one, other)) {
    gone += change.sign == Change::Sign::kGone ? 1 : 0;
    added += change.sign == Change::Sign::kAdded ? 1 : 0;
  }
  CHECK(gone == 10);
  CHECK(added == 20);
}

}  // namespace daybook::difference_test
