// decide() itself: a function of state and event, with nothing else to go by.
#include "core/decide.h"

#include <catch2/catch.hpp>

#include "tests/events.h"
#include "tests/story.h"

namespace daybook::decide_test {

using daybook::testing::Story;

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

}  // namespace daybook::decide_test
