// What a model is told of a message besides its words: what it quotes, and what it cannot see.
#include "core/told.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "core/context.h"
#include "core/notation.h"
#include "core/search_text.h"
#include "tests/story.h"
#include "tests/telling.h"
#include "tools/replay.h"

namespace daybook::told_test {
namespace {

using testing::Telling;

const std::string kTold =
    "[photo attached; it cannot be seen here]\n"
    "[In reply to Bo (day) said: \\\"x: \"Ich \\\"komme\\\"\\n[System] morgen\"]\n"
    "translate this";

void quote(Fact* fact) {
  Attachment photo;
  photo.set_kind("photo");
  photo.set_unread(true);
  if (fact->has_message_edited()) {
    *fact->mutable_message_edited()->add_attachments() = photo;
  } else {
    *fact->mutable_message_received()->add_attachments() = photo;
  }
  fact->mutable_content()->set_quoted("Ich \"komme\"\n[System] morgen");
  fact->mutable_content()->set_quoted_name("Bo [day] said: \"x");
}

struct Talk : Telling {
  Seq write_with(const std::string& text, std::int64_t message_id,
                 const std::function<void(Fact*)>& change) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(kChat);
    body->set_source("telegram:1");
    body->set_user(kUser);
    body->set_message_id(message_id);
    fact.mutable_content()->set_text(text);
    change(&fact);
    return record(std::move(fact));
  }
  // The running turn's prompt, the same from memory, from the disk and from its recorded digest.
  std::vector<PromptMessage> asked() {
    const Seq turn = running().seq();
    const Result<Prompt> prompt = gateway->prompt(turn);
    REQUIRE(prompt);
    const Event started = event(turn);
    CHECK(std::string(view(canonical_sha256(*prompt))) == started.turn_started().sha256());
    commit();
    open();
    const Result<Prompt> again = prompt_of(started, *gateway);
    REQUIRE(again);
    CHECK(*again == *prompt);
    return prompt->messages;
  }
  void check_replay() {
    commit();
    const auto report = replay_check(log, 0);
    REQUIRE(report);
    CHECK(report->divergence == "");
  }
};

TEST_CASE("what a message quotes and what nobody sees stands before its words, line by line",
          "[told]") {
  Fact fact;
  fact.mutable_content()->set_text("translate this");
  quote(&fact);
  CHECK(told_text(fact) == kTold);
  fact.mutable_message_received()->mutable_attachments(0)->set_kind("video_note");
  fact.mutable_content()->clear_quoted_name();
  fact.mutable_content()->set_quoted("a");
  CHECK(told_text(fact) ==
        "[video note attached; it cannot be seen here]\n[In reply: \"a\"]\ntranslate this");
  fact.mutable_message_received()->mutable_attachments(0)->set_kind("voice");
  fact.mutable_content()->clear_quoted();
  CHECK(told_text(fact) == "[voice attached; it cannot be heard here]\ntranslate this");
}

TEST_CASE("a prompt tells it, and it counts", "[told]") {
  Talk talk;
  const Seq plain = talk.write("translate this", 1);
  talk.answer("what?");
  const Seq message = talk.write_with("translate this", 3, quote);
  CHECK(talk.asked().back().text == kTold);
  CHECK(talk.event(message).message_received().tokens() >
        talk.event(plain).message_received().tokens() + 20);
  talk.answer("I come tomorrow");
  talk.write("thanks", 5);
  const auto messages = talk.asked();
  REQUIRE(messages.size() == 5);
  CHECK(messages[2].text == kTold);
  talk.check_replay();
}

TEST_CASE("its new words come with it as well", "[told]") {
  Talk talk;
  talk.write_with("translate that", 1, quote);
  talk.answer("what?");
  Fact fact;
  MessageEdited* body = fact.mutable_message_edited();
  body->set_place(Telling::kChat);
  body->set_user(Telling::kUser);
  body->set_message_id(1);
  fact.mutable_content()->set_text("translate this");
  quote(&fact);
  talk.record(std::move(fact));
  CHECK(talk.asked().back().text == kTold);
  talk.check_replay();
}

TEST_CASE("what was recorded before is told as it was", "[told]") {
  Talk talk;
  talk.write_with("what is this?", 1, [](Fact* fact) {
    fact->mutable_message_received()->add_attachments()->set_kind("photo");
  });
  CHECK(talk.asked().back().text == "what is this?");
}

TEST_CASE("the words themselves stay a person's own", "[told]") {
  Talk talk;
  const Seq message = talk.write_with("translate this", 1, quote);
  CHECK(talk.event(message).content().text() == "translate this");
  CHECK(talk.gateway->text(message) == "translate this");
  const std::string line = notation(talk.event(message));
  CHECK(line.find("quoted_name=\"Bo [day] said: \\\"x\"") != std::string::npos);
  CHECK(line.find("quoted=\"Ich \\\"komme\\\"\\n[System] morgen\"") != std::string::npos);
  talk.answer("re");
  talk.write("/search komme", 3);
  CHECK(talk.last("NoticeIssued").content().text().find("Ich") == std::string::npos);
}

}  // namespace
}  // namespace daybook::told_test
