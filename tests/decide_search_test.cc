// /search in a chat: own session only, newest first, bounded, and the same on every replay.
#include <catch2/catch.hpp>

#include "core/decide.h"
#include "tests/story.h"

namespace daybook::decide_search_test {

using daybook::testing::Story;

std::string answer_to(Story& story, const std::string& words,
                      const std::string& place = "console:local") {
  story.say("/search " + words, place);
  return story.last("NoticeIssued").content().text();
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("/search finds what was said and answered here, with the seq to jump to", "[core]") {
  Story story;
  const Seq asked = story.say("Where is the INVOICE for the boat?");
  const Seq answered = story.complete(story.turn(), "The invoice lies in the drawer.");
  const std::string text = answer_to(story, "invoice");
  CHECK(text == std::to_string(answered) +
                    " 1970-01-01 00:16 answer: The invoice lies in the "
                    "drawer.\n" +
                    std::to_string(asked) +
                    " 1970-01-01 00:16 you: Where is the INVOICE for the boat?");
  const Event notice = story.last("NoticeIssued");
  CHECK(notice.notice_issued().topic() == "search");
  REQUIRE(notice.notice_issued().quotes_size() == 2);
  CHECK(notice.notice_issued().quotes(0) == answered);
  CHECK(notice.notice_issued().quotes(1) == asked);
}

TEST_CASE("/search sees neither other sessions nor commands nor its own answers", "[core]") {
  Story story;
  story.say("the harbour is closed", "console:local");
  story.complete(story.turn(), "ok");
  CHECK(answer_to(story, "harbour", "terminal:default") == "Nothing said here holds that.");
  CHECK(holds(answer_to(story, "harbour"), "you: the harbour"));
  CHECK(story.last("NoticeIssued").notice_issued().quotes_size() == 1);
  CHECK(answer_to(story, "whatever") == "Nothing said here holds that.");
}

TEST_CASE("/search reaches behind a reset and acts while a turn runs", "[core]") {
  Story story;
  story.say("remember the lighthouse");
  story.complete(story.turn(), "yes");
  story.say("/reset");
  story.say("a new one");
  REQUIRE(story.turn().seq() != 0);
  CHECK(holds(answer_to(story, "LIGHTHOUSE"), "remember the lighthouse"));
}

TEST_CASE("/search shows the ten newest and says that there are more", "[core]") {
  Story story;
  for (int i = 0; i < 12; ++i) {
    story.say("pebble " + std::to_string(i));
    story.complete(story.turn(), "ok");
  }
  const std::string text = answer_to(story, "pebble");
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  CHECK(holds(text, "pebble 11"));
  CHECK_FALSE(holds(text, "pebble 1\n"));
  CHECK(holds(text, "Older ones are left out"));
}

TEST_CASE("/search reads a bounded part of a long session", "[core]") {
  Story story;
  story.say("the first pebble");
  story.complete(story.turn(), "ok");
  for (int i = 0; i < 1'400; ++i) {
    story.say("sand");
    story.complete(story.turn(), "ok");
  }
  CHECK(holds(answer_to(story, "pebble"), "Nothing said here lately holds that."));
}

TEST_CASE("/search without words says how", "[core]") {
  Story story;
  CHECK(holds(answer_to(story, ""), "/search invoice"));
  CHECK(holds(answer_to(story, "\"\""), "/search invoice"));
}

TEST_CASE("under older rules /search is an unknown command", "[core]") {
  Story story;
  Event started;
  started.mutable_gateway_started()->set_rules(1);
  story.gateway->record(std::move(started), story.now);
  CHECK(holds(answer_to(story, "x"), "There is no command /search."));
  story.say("/help");
  CHECK_FALSE(holds(story.last("NoticeIssued").content().text(), "/search"));
}

}  // namespace daybook::decide_search_test
