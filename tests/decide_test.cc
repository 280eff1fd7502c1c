// decide() itself: a function of state and event, with nothing else to go by.
#include "core/decide.h"

#include <catch2/catch.hpp>

#include "tests/events.h"
#include "tests/telling.h"

namespace daybook::decide_test {

using daybook::testing::Story;
using daybook::testing::Telling;

Event command(const std::string& name) {
  Event event;
  event.mutable_message_received()->set_command(name);
  return event;
}

std::string bytes_of(const Decisions& decisions) {
  std::string bytes;
  for (const Event& decision : decisions) bytes += decision.SerializeAsString() + "|";
  return bytes;
}

TEST_CASE("the same state and event give the same decisions", "[core]") {
  Story story;
  const Seq asked = story.say("hello");
  const Event failed = story.event(story.fail(story.turn(), NETWORK, "half"));
  const State state{story.gateway->directory(),
                    [&](SessionId id) { return story.gateway->session(id); }, *story.gateway,
                    story.now};
  for (const Event& event : {story.event(asked), failed, story.event(1)}) {
    CHECK(bytes_of(decide(state, event)) == bytes_of(decide(state, event)));
  }
}

TEST_CASE("facts of the delivery side ask for no decision", "[core]") {
  Story story;
  const State state{story.gateway->directory(),
                    [&](SessionId id) { return story.gateway->session(id); }, *story.gateway,
                    story.now};
  Event posted;
  posted.mutable_reply_posted()->set_source(1);
  CHECK(decide(state, posted).empty());
  CHECK(decide(state, testing::post_attempted({}, 1, 0, 1)).empty());
  CHECK(decide(state, testing::chunk({}, 1, 1, "x")).empty());
  CHECK(decide(state, Event()).empty());
}

TEST_CASE("words and a compaction wait, everything else acts at once", "[core]") {
  CHECK_FALSE(acts_at_once(command("")));
  CHECK_FALSE(acts_at_once(command("compact")));
  for (const char* name : {"start", "help", "status", "model", "models", "reset", "stop", "whoami",
                           "set", "provider", "thinking", "temperature", "system", "queue",
                           "sessions", "session", "title", "forget", "export"}) {
    CHECK(acts_at_once(command(name)));
  }
  CHECK(acts_at_once(command("no_such_command")));
}

TEST_CASE("an unknown command is answered with the nearest one", "[core]") {
  Story story;
  story.say("/statsu");
  CHECK(story.last("NoticeIssued").content().text().find("/status") != std::string::npos);
}

TEST_CASE("what cannot be read is answered once, in private, to who may talk", "[core]") {
  const auto told = [](Telling& story, const std::string& kind, const std::string& place,
                       std::int64_t user) {
    Fact fact;
    fact.mutable_message_refused()->set_place(place);
    fact.mutable_message_refused()->set_user(user);
    fact.mutable_message_refused()->set_reason(MessageRefused::UNSUPPORTED);
    fact.mutable_message_refused()->set_update_kind(kind);
    return story.kinds_after(story.record(std::move(fact)));
  };
  Telling story;
  CHECK(told(story, "message.voice", "telegram:-500", 77).empty());
  CHECK(told(story, "message.service", "telegram:77", 77).empty());
  CHECK(told(story, "edited_message.photo", "telegram:77", 77).empty());
  CHECK(told(story, "message.voice", "telegram:78", 78).empty());
  story.pass(60'001);
  CHECK(told(story, "message.photo", "telegram:77", 77) == "NoticeIssued");
  CHECK(story.last("NoticeIssued").content().text() == "I can only read text so far.");
  // An album.
  story.pass(1'000);
  CHECK(told(story, "message.photo", "telegram:77", 77).empty());
  CHECK(told(story, "message.photo", "telegram:77", 77).empty());
  story.pass(60'001);
  CHECK(told(story, "message.photo", "telegram:77", 77) == "NoticeIssued");
}

TEST_CASE("why a provider failed is told in its own words, where they are words", "[core]") {
  const auto told = [](ErrorClass error, std::int32_t status, const std::string& detail) {
    Telling story;
    story.write("hello", 50);
    story.fail_attempt(error, status, -1, detail);
    // Whatever is tried again fails in the same way.
    while (story.gateway->session(story.gateway->directory().at(Telling::kChat)->id())->busy()) {
      story.pass(600'000);
      story.fail_attempt(error, status, -1, detail);
    }
    return story.last("TurnFailed").content().detail();
  };
  const auto has = [&](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != text.npos);
  };
  has(told(OVERLOAD, 500, "more memory"), "overloaded (HTTP 500). It said: more memory");
  has(told(AUTH, 403, "enable it"), "would not let us (HTTP 403). It said: enable it");
  has(told(AUTH, 401, "key sk-1"), "Check the provider's api_key. Your");
  has(told(OVERLOAD, 502, "<html>x</html>"), "is overloaded (HTTP 502). ");
  has(told(STALLED, 0, "no answer within 120 s"), "stopped answering: no answer within 120 s.");
  has(told(PEER, 0, "it sent text/html"), "is not an answer: it sent text/html.");
  CHECK(told(OVERLOAD, 502, "<html>x</html>").find("It said") == std::string::npos);
}

}  // namespace daybook::decide_test
