// Queue modes, /queue and /queue clear: given an answer under way, when somebody writes on, then
// this is answered, once.
#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/decide_conversation.h"
#include "core/erasure.h"
#include "tests/chat_story.h"

namespace daybook::decide_queue_test {
namespace {

struct Talk : testing::Chat {
  explicit Talk(const std::string& mode) {
    Fact fact = settings();
    fact.mutable_settings_loaded()->set_queue_mode(mode);
    gateway->record(std::move(fact), now);
  }

  // Three that are being answered together, behind an exchange.
  std::vector<Seq> begin_together() {
    write("one", 1);
    const std::vector<Seq> together = {write("two", 2), write("three", 3), write("four", 4)};
    complete(turn(), "1");
    REQUIRE(turn().answers_size() == 3);
    return together;
  }
  // What the running turn was asked.
  std::vector<PromptMessage> asked() {
    const Result<Prompt> prompt = gateway->prompt(turn().seq());
    REQUIRE(prompt);
    return prompt->messages;
  }
};

TEST_CASE("wait: each message that waited has a turn of its own, in order", "[queue]") {
  Talk talk(GENERATE("wait", ""));
  talk.say("one");
  const Seq two = talk.say("two");
  talk.say("three");
  CHECK(talk.kinds_after(two) == "MessageReceived");
  talk.complete(talk.turn(), "1");
  CHECK(talk.turn().answers_size() == 1);
  talk.complete(talk.turn(), "2");
  CHECK(talk.turn().answers_size() == 1);
  talk.complete(talk.turn(), "3");
  CHECK(talk.way() == "one | 1 | two | 2 | three | 3");
}

TEST_CASE("collect: all that waits goes into one turn", "[queue]") {
  Talk talk("collect");
  talk.say("one");
  const Seq two = talk.say("two");
  const Seq three = talk.say("three");
  CHECK(talk.kinds_after(two) == "MessageReceived");
  talk.complete(talk.turn(), "1");
  REQUIRE(talk.turn().answers_size() == 2);
  CHECK(talk.turn().answers(0) == two);
  CHECK(talk.turn().answers(1) == three);
  CHECK(talk.state().waiting().empty());
  talk.complete(talk.turn(), "2 and 3");
  CHECK(talk.way() == "one | 1 | two | three | 2 and 3");
  CHECK(talk.kinds_after(talk.last("TurnCompleted").seq()).empty());
  talk.check_refolds();
}

TEST_CASE("collect: a command that waits keeps its place among the words", "[queue]") {
  Talk talk("collect");
  talk.say("one");
  talk.complete(talk.turn(), "1" + std::string(200, 'x'));
  talk.say("two");
  talk.say("three");
  const Seq compact = talk.say("/compact");
  talk.say("four");
  talk.complete(talk.turn(), "2");
  CHECK(talk.turn().answers_size() == 1);
  talk.complete(talk.turn(), "3");
  CHECK(talk.last("CompactionStarted").compaction_started().answers() == compact);
}

TEST_CASE("collect: what is too much for one turn is answered one by one", "[queue]") {
  Talk talk("collect");
  talk.say("/policy full");
  talk.say("one");
  const std::string much(100'000, 'x');
  talk.say(much);
  talk.say(much);
  talk.complete(talk.turn(), "1");
  CHECK(talk.turn().answers_size() == 1);
}

TEST_CASE("steer: the next piece cuts the answer, and the next turn reads what was said",
          "[queue]") {
  Talk talk("steer");
  talk.say("one");
  const OpenTurn first = talk.turn();
  talk.chunk(first, "Once upon ");
  const Seq two = talk.say("two");
  CHECK(talk.kinds_after(two).empty());
  const Seq cut = talk.chunk(first, "a time");
  CHECK(talk.kinds_after(cut) == "TurnCancelled TurnStarted");
  const TurnCancelled cancelled = talk.last("TurnCancelled").turn_cancelled();
  CHECK(cancelled.for_message() == two);
  CHECK(cancelled.by() == 0);
  CHECK(talk.way() == "one | Once upon a time | two");
  REQUIRE(talk.asked().size() == 3);
  CHECK(talk.asked()[1].text == "Once upon a time");
  CHECK(talk.asked()[2].text == "two");
  // What the cut turn still sends is void.
  CHECK(talk.chunk(first, ", there") == 0);
  talk.complete(talk.turn(), "2");
  CHECK(talk.state().waiting().empty());
  CHECK_FALSE(talk.state().has_open());
  talk.check_refolds();
}

TEST_CASE("steer: an answer that has not begun is cut at once", "[queue]") {
  Talk talk("steer");
  talk.say("one");
  const Seq two = talk.say("two");
  CHECK(talk.kinds_after(two) == "TurnCancelled TurnStarted");
  CHECK(talk.way() == "one | two");
}

TEST_CASE("steer: a tool's call is no place to cut, and a command cuts nothing", "[queue]") {
  Talk talk("steer");
  talk.say("one");
  const OpenTurn first = talk.turn();
  talk.chunk(first, "Let me ");
  talk.say("/compact");
  CHECK(talk.kinds_after(talk.chunk(first, "see ")).empty());
  talk.say("two");
  Fact call;
  call.mutable_chunk_received()->set_turn(first.seq());
  call.mutable_chunk_received()->set_attempt(first.attempt());
  call.mutable_chunk_received()->set_kind(TOOL_USE);
  call.mutable_content()->set_text("{}");
  const Seq tool = talk.gateway->record(std::move(call), talk.now);
  CHECK(talk.kinds_after(tool).empty());
  const Seq cut = talk.chunk(first, "now");
  CHECK(talk.kinds_after(cut).starts_with("TurnCancelled"));
}

TEST_CASE("interrupt: what runs is cancelled at once and the message answered", "[queue]") {
  Talk talk("interrupt");
  talk.say("one");
  talk.chunk(talk.turn(), "Once upon");
  const Seq two = talk.say("two");
  CHECK(talk.kinds_after(two) == "TurnCancelled TurnStarted");
  CHECK(talk.turn().answers(0) == two);
  CHECK(talk.way() == "one | Once upon | two");
  const Seq three = talk.say("three");
  CHECK(talk.turn().answers(0) == three);
  CHECK(talk.way() == "one | Once upon | two | three");
  talk.complete(talk.turn(), "3");
  CHECK(talk.state().waiting().empty());
  talk.check_refolds();
}

TEST_CASE("interrupt: neither white space nor a command cuts, and a summary is never cut",
          "[queue]") {
  Talk talk(GENERATE("interrupt", "steer"));
  for (const char* text : {"one", "two"}) {
    talk.say(text);
    talk.complete(talk.turn(), "re" + std::string(200, 'x'));
  }
  talk.say("/compact");
  const OpenTurn summary = talk.turn();
  REQUIRE(summary.kind() == SUMMARY);
  const Seq three = talk.say("three");
  CHECK(talk.kinds_after(three).empty());
  CHECK(talk.kinds_after(talk.chunk(summary, "They ")).empty());
  talk.complete(summary, "They counted.");
  CHECK(talk.turn().answers(0) == three);
  talk.chunk(talk.turn(), "So");
  CHECK(talk.kinds_after(talk.say(" \n ")).empty());
  CHECK(talk.kinds_after(talk.say("/status")) == "NoticeIssued");
}

TEST_CASE("a conversation's own mode goes before the settings'", "[queue]") {
  Talk talk("wait");
  talk.say("/set queue interrupt");
  talk.say("one");
  CHECK(talk.kinds_after(talk.say("two")) == "TurnCancelled TurnStarted");
  talk.say("/set queue default");
  CHECK(talk.kinds_after(talk.say("three")).empty());
}

TEST_CASE("what waited before an answer began does not cut it", "[queue]") {
  const std::string mode = GENERATE("steer", "interrupt");
  Talk talk("wait");
  talk.say("one");
  talk.complete(talk.turn(), "1");
  talk.say("two");
  talk.say("three");
  talk.say("/set queue " + mode);
  // The answer that is written once more is older than what waits.
  talk.say("/retry");
  const OpenTurn again = talk.turn();
  REQUIRE(talk.state().waiting_size() == 1);
  CHECK(talk.kinds_after(talk.chunk(again, "Once")).empty());
  talk.commit();
  talk.crash();
  REQUIRE(talk.turn().seq() == again.seq());
  CHECK(talk.kinds_after(talk.chunk(talk.turn(), "Once more")).empty());
  const Seq four = talk.say("four");
  if (mode == "steer") talk.chunk(talk.turn(), ", upon");
  CHECK(talk.last("TurnCancelled").turn_cancelled().for_message() == four);
  CHECK(talk.turn().answers_size() == 2);
  talk.complete(talk.turn(), "3 and 4");
  CHECK(talk.state().waiting().empty());
  CHECK_FALSE(talk.state().has_open());
  talk.check_refolds();
}

TEST_CASE("steer: more than one turn takes at once do not cut the turn that takes the first",
          "[queue]") {
  Talk talk("collect");
  talk.say("one");
  for (int nth = 0; nth < 65; ++nth) talk.say("m" + std::to_string(nth));
  talk.say("/set queue steer");
  talk.complete(talk.turn(), "1");
  REQUIRE(talk.turn().answers_size() == 64);
  REQUIRE(talk.state().waiting_size() == 1);
  CHECK(talk.kinds_after(talk.chunk(talk.turn(), "All ")).empty());
  talk.complete(talk.turn(), "All of them");
  CHECK(talk.turn().answers_size() == 1);
}

TEST_CASE("one of several is edited while they are answered: all are, with the new words",
          "[queue]") {
  const std::int64_t which = GENERATE(2, 3, 4);
  Talk talk("collect");
  const std::vector<Seq> together = talk.begin_together();
  const OpenTurn first = talk.turn();
  talk.chunk(first, "Well, ");
  const Seq edited = talk.edit("other", which);
  CHECK(talk.kinds_after(edited) == "TurnCancelled MessageReplaced TurnStarted");
  const Event cancelled = talk.last("TurnCancelled");
  CHECK(cancelled.content().text() == "Well, ");
  CHECK(cancelled.turn_cancelled().tokens() == 0);
  CHECK(cancelled.turn_cancelled().said_tokens() > 0);
  std::vector<Seq> expected = together;
  expected[static_cast<std::size_t>(which - 2)] = edited;
  const auto answers = talk.turn().answers();
  CHECK(std::vector<Seq>(answers.begin(), answers.end()) == expected);
  talk.complete(talk.turn(), "all");
  CHECK(talk.state().waiting().empty());
  CHECK_FALSE(talk.state().has_open());
  CHECK(talk.state().aside().empty());
  const std::string way = talk.way();
  CHECK(way.starts_with("one | 1 | "));
  CHECK(way.find("other") != std::string::npos);
  CHECK(way.ends_with(" | all"));
  talk.check_refolds();
}

TEST_CASE("a prompt that says one of several otherwise has a digest of its own", "[queue]") {
  Talk talk("collect");
  talk.begin_together();
  const std::string before = talk.last("TurnStarted").turn_started().sha256();
  talk.edit("other", 3);
  const Event started = talk.last("TurnStarted");
  CHECK(started.turn_started().sha256() != before);
  const Result<Prompt> prompt = prompt_of(started, *talk.gateway);
  REQUIRE(prompt);
  const auto digest = canonical_sha256(*prompt);
  CHECK(started.turn_started().sha256() == std::string(digest.begin(), digest.end()));
}

TEST_CASE("in mode wait they are answered one by one after such an edit", "[queue]") {
  Talk talk("collect");
  talk.begin_together();
  talk.say("/set queue wait");
  talk.edit("other", 3);
  for (const char* answer : {"2", "3", "4"}) {
    CHECK(talk.turn().answers_size() == 1);
    talk.complete(talk.turn(), answer);
  }
  CHECK(talk.way() == "one | 1 | two | 2 | other | 3 | four | 4");
  talk.check_refolds();
}

TEST_CASE("one of several is forgotten while they are answered: the others are answered",
          "[queue]") {
  const std::size_t which = GENERATE(0, 1, 2);
  Talk talk("collect");
  const std::vector<Seq> together = talk.begin_together();
  talk.chunk(talk.turn(), "Well, ");
  talk.commit();
  const SessionRow* row = talk.gateway->directory().at("console:local");
  const auto erased = plan_erasure(*row, {.subject = together[which]}, *talk.gateway);
  REQUIRE(erased);
  Fact fact;
  fact.set_session(row->id());
  *fact.mutable_session_erased() = *erased;
  const Seq forgotten = talk.gateway->record(std::move(fact), talk.now);
  CHECK(talk.kinds_after(forgotten) == "NoticeIssued TurnCancelled TurnStarted");
  std::vector<Seq> expected = together;
  expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(which));
  const auto answers = talk.turn().answers();
  CHECK(std::vector<Seq>(answers.begin(), answers.end()) == expected);
  talk.complete(talk.turn(), "both");
  CHECK(talk.state().waiting().empty());
  CHECK_FALSE(talk.state().has_open());
  talk.check_refolds();
}

TEST_CASE("/undo of the last of several says that those before it are not answered either",
          "[queue]") {
  Talk talk("collect");
  talk.begin_together();
  talk.say("/undo");
  CHECK(talk.told().find("/retry asks that again") != std::string::npos);
  CHECK(talk.way() == "one | 1 | two | three");
  talk.say("/undo");
  CHECK(talk.told().find("/retry") == std::string::npos);
}

TEST_CASE("what waits survives a crash and is answered once, in any mode", "[queue]") {
  const std::string mode = GENERATE("wait", "collect", "steer", "interrupt");
  Talk talk("wait");
  talk.say("one");
  talk.chunk(talk.turn(), "Once");
  talk.say("two");
  talk.say("three");
  talk.say("/set queue " + mode);
  talk.commit();
  talk.crash();
  const bool cuts = mode == "steer" || mode == "interrupt";
  CHECK(talk.turn().answers_size() == (cuts ? 2 : 1));
  for (int turns = 0; talk.state().has_open() && turns < 5; ++turns) {
    talk.complete(talk.turn(), "re");
  }
  const std::string way = talk.way();
  INFO(mode);
  CHECK(way == (cuts                ? "one | Once | two | three | re"
                : mode == "collect" ? "one | re | two | three | re"
                                    : "one | re | two | re | three | re"));
  talk.check_refolds();
}

TEST_CASE("/queue shows what waits, /queue clear drops it and says so", "[queue]") {
  Talk talk("collect");
  talk.say("/queue");
  CHECK(talk.told().starts_with("Nothing waits."));
  talk.say("/queue clear");
  CHECK(talk.told() == "Nothing waits.");
  talk.say("one");
  const Seq two = talk.say("two\nlines");
  const Seq three = talk.say("three");
  talk.say("/queue");
  CHECK(talk.told() ==
        "2 messages waiting:\n1. two lines\n2. three\nMode: collect, what waits is "
        "answered together.");
  CHECK(talk.last("NoticeIssued").notice_issued().quotes_size() == 2);
  const Seq clear = talk.say("/queue clear");
  CHECK(talk.kinds_after(clear) == "QueueCleared NoticeIssued");
  const QueueCleared cleared = talk.last("QueueCleared").queue_cleared();
  CHECK(std::vector<Seq>(cleared.dropped().begin(), cleared.dropped().end()) ==
        std::vector<Seq>{two, three});
  CHECK(talk.told().find("2 messages") != std::string::npos);
  talk.complete(talk.turn(), "1");
  CHECK_FALSE(talk.state().has_open());
  CHECK(talk.way() == "one | 1");
  talk.say("/queue steer");
  CHECK(talk.told().find("/set queue MODE") != std::string::npos);
  talk.check_refolds();
}

TEST_CASE("under rules from before, messages wait one by one whatever the settings say",
          "[queue]") {
  testing::Story story({}, 2);
  Fact fact = testing::Story::settings();
  fact.mutable_settings_loaded()->set_queue_mode("interrupt");
  story.gateway->record(std::move(fact), story.now);
  story.say("one");
  CHECK(story.kinds_after(story.say("two")).empty());
}

}  // namespace
}  // namespace daybook::decide_queue_test
