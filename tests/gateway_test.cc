// The loop body: a fact and its decisions in one transaction, effects only after the commit.
#include "core/gateway.h"

#include <catch2/catch.hpp>

#include "core/context.h"
#include "core/sha256.h"
#include "tests/story.h"

namespace daybook::gateway_test {

using testing::Story;

TEST_CASE("a first message opens its session and starts a turn in one transaction", "[core]") {
  Story story;
  const Seq before = story.log.last();
  story.say("hello");
  story.gateway->flush();
  CHECK(story.kinds_after(before) == "SessionOpened MessageReceived TurnStarted");
  CHECK(story.log.queued() == 1);
  const Event turn = story.last("TurnStarted");
  CHECK(turn.cause() == story.last("MessageReceived").seq());
  CHECK(turn.session() == story.last("SessionOpened").seq());
  CHECK(turn.prev() == story.last("MessageReceived").seq());
}

TEST_CASE("what is not durable yet reaches no adapter", "[core]") {
  Story story;
  story.say("hello");
  story.gateway->flush();
  const Seq turn = story.turn().seq();
  CHECK_FALSE(story.gateway->work().calls.current(turn, 1));
  CHECK(story.gateway->work().deliveries.open().empty());
  story.commit();
  CHECK(story.gateway->work().calls.current(turn, 1));
}

TEST_CASE("a start opens no conversation", "[core]") {
  Story story;
  story.crash();
  CHECK(story.gateway->directory().sessions().empty());
}

TEST_CASE("topics of one chat are conversations of their own", "[core]") {
  Story story;
  Fact settings = Story::settings();
  settings.mutable_settings_loaded()->add_telegram_allow(77);
  story.gateway->record(std::move(settings), story.now);
  story.say("one", "telegram:-100/7", 77);
  story.say("/model echo:slow", "telegram:-100/7", 77);
  story.complete(story.turn("telegram:-100/7"), "1");
  story.say("two", "telegram:-100/7", 77);
  // Neither does a topic wait for another, nor know what was said or set there; General is one.
  for (const char* other : {"telegram:-100/8", "telegram:-100"}) {
    story.say("else", other, 77);
    const Result<Prompt> prompt = story.gateway->prompt(story.turn(other).seq());
    REQUIRE(prompt);
    CHECK(prompt->messages.size() == 1);
    CHECK(prompt->model == "echo");
  }
}

TEST_CASE("what is said does not decide what a model is told beside it", "[core]") {
  Story story;
  std::vector<Prompt> prompts;
  for (const char* text : {"hello", "remind me tomorrow what you said of my project"}) {
    story.say("/reset");
    story.say(text);
    prompts.push_back(*story.gateway->prompt(story.turn().seq()));
    story.complete(story.turn(), "yes");
  }
  CHECK(prompts[0].system == prompts[1].system);
  CHECK(prompts[0].tools == prompts[1].tools);
  CHECK(prompts[0].messages.size() == prompts[1].messages.size());
}

TEST_CASE("the prompt of every turn can be rebuilt to the recorded digest", "[core]") {
  Story story;
  for (int i = 0; i < 4; ++i) {
    story.say("question " + std::to_string(i));
    const OpenTurn turn = story.turn();
    story.chunk(turn, "answer ");
    story.complete(turn, "answer " + std::to_string(i));
    story.commit();
  }
  story.say("/compact");
  story.complete(story.turn(), "they talked about numbers");
  story.say("and now?");
  story.commit();
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
  CHECK(turns == 6);
  const Result<Prompt> last = story.gateway->prompt(story.last("TurnStarted").seq());
  REQUIRE(last);
  CHECK(last->system == "Be brief.");
  CHECK(last->messages.front().text.find("they talked about numbers") != std::string::npos);
  CHECK(last->messages.back().text == "and now?");
  CHECK(last->messages.size() == 6);  // summary, second half of four exchanges, the new message
}

TEST_CASE("an open turn's prompt is the one its chain gives, whatever came meanwhile", "[core]") {
  Story story;
  story.say("first");
  story.complete(story.turn(), "answer");
  story.say("second");
  story.commit();
  const OpenTurn turn = story.turn();
  story.chunk(turn, "half ");
  story.say("meanwhile");
  story.say("/model echo:slow");
  story.fail(turn, NETWORK);
  story.commit();
  const Result<Prompt> live = story.gateway->prompt(turn.seq());
  const Result<Prompt> chain = prompt_of(story.event(turn.seq()), *story.gateway);
  REQUIRE(live);
  REQUIRE(chain);
  CHECK(canonical_sha256(*live) == canonical_sha256(*chain));
  CHECK(live->messages.size() == 3);
}

TEST_CASE("an answer that grows is known whole after a reopen", "[core]") {
  Story story;
  story.say("q");
  const OpenTurn turn = story.turn();
  story.chunk(turn, "one ");
  story.chunk(turn, "two ");
  story.chunk(turn, "three");
  story.commit();
  story.open();
  const auto& open = story.gateway->work().deliveries.open();
  REQUIRE(open.contains(turn.seq()));
  CHECK(open.at(turn.seq()).text == "one two three");
}

TEST_CASE("messages that arrive meanwhile wait in order and are answered in order", "[core]") {
  Story story;
  story.say("one");
  const OpenTurn first = story.turn();
  const Seq two = story.say("two");
  const Seq three = story.say("three");
  CHECK(story.last("TurnStarted").seq() == first.seq());
  story.complete(first, "1");
  CHECK(story.turn().answers(0) == two);
  story.complete(story.turn(), "2");
  CHECK(story.turn().answers(0) == three);
}

TEST_CASE("commands that look or stop act at once while a turn runs", "[core]") {
  Story story;
  story.say("one");
  const OpenTurn turn = story.turn();
  for (const char* command : {"/status", "/help", "/whoami", "/models", "/model"}) {
    const Seq asked = story.say(command);
    CHECK(story.last("NoticeIssued").notice_issued().answers() == asked);
  }
  CHECK(story.turn().seq() == turn.seq());
  const Seq stop = story.say("/stop");
  CHECK(story.last("TurnCancelled").turn_cancelled().by() == stop);
}

TEST_CASE("a running turn keeps its model, the next one has the new one", "[core]") {
  Story story;
  story.say("one");
  const Seq asked = story.say("/model echo:slow");
  CHECK(story.kinds_after(asked) == "ModelSwitched NoticeIssued");
  CHECK(story.turn().model() == story.last("TurnStarted").turn_started().model());
  const std::string before = story.turn().model();
  story.complete(story.turn(), "1");
  story.say("two");
  CHECK(story.turn().model() != before);
}

TEST_CASE("an unknown model changes nothing and says so", "[core]") {
  Story story;
  const Seq asked = story.say("/model gemini/none");
  CHECK(story.kinds_after(asked) == "NoticeIssued");
  CHECK(story.last("NoticeIssued").content().text().find("gemini") != std::string::npos);
}

TEST_CASE("a reset cancels the turn, drops what waits, and says how many", "[core]") {
  Story story;
  story.say("one");
  story.say("two");
  const Seq asked = story.say("/reset");
  CHECK(story.kinds_after(asked) == "TurnCancelled QueueCleared SessionReset NoticeIssued");
  CHECK(story.last("NoticeIssued").content().text().find("1 message that waited") !=
        std::string::npos);
  story.say("three");
  const Result<Prompt> prompt = story.gateway->prompt(story.turn().seq());
  REQUIRE(prompt);
  CHECK(prompt->messages.size() == 1);
}

TEST_CASE("a compaction waits for the running turn and holds up what follows it", "[core]") {
  Story story;
  story.say("one");
  story.complete(story.turn(), "1" + std::string(200, 'x'));
  story.say("two");
  const OpenTurn running = story.turn();
  const Seq compact = story.say("/compact");
  const Seq third = story.say("three");
  CHECK(story.kinds_after(compact) == "MessageReceived");
  story.complete(running, "2");
  CHECK(story.turn().kind() == SUMMARY);
  const Seq completed = story.complete(story.turn(), "summary");
  CHECK(story.kinds_after(completed) == "CompactionCompleted NoticeIssued TurnStarted");
  const CompactionCompleted done = story.last("CompactionCompleted").compaction_completed();
  CHECK(done.messages() == 2);
  CHECK(done.first() != done.last());
  CHECK(story.turn().answers(0) == third);
}

TEST_CASE("a message that waited stands after the answer it waited for", "[core]") {
  Story story;
  story.say("one" + std::string(200, 'x'));
  story.say("two");
  story.say("three");
  for (const char* answer : {"1", "2", "3"}) story.complete(story.turn(), answer);
  story.say("/compact");
  story.complete(story.turn(), "summary of one");
  story.say("four");
  const Result<Prompt> prompt = story.gateway->prompt(story.turn().seq());
  REQUIRE(prompt);
  std::vector<std::string> texts;
  for (const PromptMessage& message : prompt->messages) texts.push_back(message.text);
  CHECK(std::vector<std::string>(texts.begin() + 1, texts.end()) ==
        std::vector<std::string>{"two", "2", "three", "3", "four"});
}

TEST_CASE("a compaction that fails leaves the conversation as it was", "[core]") {
  Story story;
  for (int i = 0; i < 4; ++i) {
    story.say("why is it");
    story.complete(story.turn(), "it is so");
  }
  story.say("/compact");
  const Seq failed = story.fail(story.turn(), REFUSED);
  CHECK(story.kinds_after(failed) == "TurnFailed CompactionFailed NoticeIssued");
  story.say("still here?");
  CHECK(story.gateway->prompt(story.turn().seq())->messages.size() == 9);
}

TEST_CASE("a failed attempt is retried later, numbered, and its late chunks are void", "[core]") {
  Story story;
  story.say("one");
  const OpenTurn first = story.turn();
  story.chunk(first, "half");
  const Seq failed = story.fail(first, OVERLOAD, "half");
  CHECK(story.kinds_after(failed) == "TurnRetried");
  const TurnRetried retried = story.last("TurnRetried").turn_retried();
  CHECK(retried.attempt() == 2);
  CHECK(from_milliseconds(retried.not_before()) > story.now);
  CHECK(story.chunk(first, "late") == 0);
  CHECK(story.complete(first, "late") == 0);
}

TEST_CASE("each pause is twice the one before and up to a tenth more, half a minute at most",
          "[core]") {
  Story story;
  Fact settings = Story::settings();
  settings.mutable_settings_loaded()->set_attempts_max(9);
  story.gateway->record(std::move(settings), story.now);
  story.say("one");
  for (const std::int64_t seconds : {1, 2, 4, 8, 16, 30, 30, 30}) {
    story.fail(story.turn(), NETWORK);
    const std::int64_t pause = story.turn().not_before() - to_milliseconds(story.now);
    CHECK(pause >= seconds * 1'000);
    CHECK(pause <= seconds * 1'100);
  }
}

TEST_CASE("the server's wait wins, and one that is too long is a no", "[core]") {
  Story story;
  story.say("one");
  story.fail(story.turn(), RATE, "", 20'000);
  CHECK(story.last("TurnRetried").turn_retried().not_before() ==
        to_milliseconds(story.now) + 20'000);
  story.fail(story.turn(), RATE, "", 3'600'000);
  CHECK(story.last("TurnFailed").turn_failed().error() == RATE);
}

TEST_CASE("a turn fails after its attempts, in one plain sentence", "[core]") {
  Story story;
  story.say("one");
  for (int i = 0; i < 3; ++i) story.fail(story.turn(), NETWORK, i == 2 ? "half" : "");
  const Event failed = story.last("TurnFailed");
  CHECK(failed.content().text() == "half");
  CHECK(failed.content().detail().find("could not be reached: plain words. ") != std::string::npos);
  CHECK(failed.content().detail().find("kept above") != std::string::npos);
  const SessionRow* row = story.gateway->directory().at("console:local");
  CHECK_FALSE(story.gateway->session(row->id())->busy());
}

TEST_CASE("a certificate that is not accepted is never retried, and the chat is told why",
          "[core]") {
  Story story;
  story.say("one");
  story.fail(story.turn(), UNSAFE);
  const Event failed = story.last("TurnFailed");
  CHECK(failed.turn_failed().attempt() == 1);
  INFO(failed.content().detail());
  CHECK(failed.content().detail().find("could not be reached safely: plain words. ") !=
        std::string::npos);
  CHECK(failed.content().detail().find("message is kept") != std::string::npos);
}

TEST_CASE("a refused key is never retried", "[core]") {
  Story story;
  story.say("one");
  const Seq failed = story.fail(story.turn(), AUTH);
  CHECK(story.kinds_after(failed) == "TurnFailed");
}

TEST_CASE("after a crash open turns are tried again and nothing durable is lost", "[core]") {
  Story story;
  story.say("one");
  const OpenTurn turn = story.turn();
  story.chunk(turn, "durable ");
  story.commit();
  story.chunk(turn, "lost");
  story.crash();
  const Event retried = story.last("TurnRetried");
  CHECK(retried.turn_retried().turn() == turn.seq());
  CHECK(retried.turn_retried().attempt() == 2);
  CHECK(retried.content().text() == "durable ");
  CHECK(story.gateway->work().calls.current(turn.seq(), 2));
}

TEST_CASE("what is written after a restart waits for the answer that is made again", "[core]") {
  Story story;
  story.say("one");
  const OpenTurn turn = story.turn();
  story.commit();
  story.crash();
  const Seq two = story.say("two");
  CHECK(story.kinds_after(two).empty());
  CHECK(story.turn().seq() == turn.seq());
  story.complete(story.turn(), "1");
  CHECK(story.turn().answers(0) == two);
}

TEST_CASE("a turn that every restart interrupts is given up in the end", "[core]") {
  Story story;
  story.say("one");
  story.commit();
  for (int i = 0; i < 8; ++i) story.crash();
  CHECK(story.last("TurnAbandoned").content().detail().find("restarted") != std::string::npos);
  CHECK(story.gateway->work().calls.open().empty());
}

TEST_CASE("a redelivered update is recorded once, in flight or durable", "[core]") {
  Story story;
  const auto update = [&] {
    Fact fact;
    fact.mutable_message_received()->set_place("console:local");
    fact.mutable_message_received()->set_source("telegram:1");
    fact.mutable_message_received()->set_external_id("42/abc");
    fact.mutable_message_received()->set_update_id(42);
    fact.mutable_content()->set_text("hi");
    return story.gateway->record(std::move(fact), story.now);
  };
  CHECK(update() != 0);
  CHECK(update() == 0);
  story.commit();
  CHECK(update() == 0);
  story.crash();
  CHECK(update() == 0);
  CHECK(story.gateway->work().offsets.last("telegram:1")->update_id == 42);
}

TEST_CASE("a stranger gets one code an hour and no turn; the code lets them in", "[core]") {
  Story story;
  const Seq first = story.say("secret words", "telegram:77", 77);
  CHECK(story.kinds_after(first) == "PairingRequested NoticeIssued");
  CHECK(story.event(first).content().text().empty());
  const std::string text = story.last("NoticeIssued").content().text();
  const Seq second = story.say("again", "telegram:77", 77);
  CHECK(story.kinds_after(second).empty());
  CHECK_FALSE(approve_code(story.gateway->directory(), "WRONGONE", "test", story.now));
  const std::string code = pairing_code("0123456789abcdef", first);
  CHECK(text.find(code) != std::string::npos);
  const Time late = story.now + kPairingLifetime + Duration(1);
  CHECK_FALSE(approve_code(story.gateway->directory(), code, "test", late));
  Result<Fact> approved = approve_code(story.gateway->directory(), code, "test", story.now);
  REQUIRE(approved);
  CHECK(approved->pairing_approved().owner());
  story.gateway->record(*std::move(approved), story.now);
  const Seq third = story.say("now", "telegram:77", 77);
  CHECK(story.kinds_after(third) == "TurnStarted");
  Result<Fact> revoked = revoke_user(story.gateway->directory(), 77, "test");
  REQUIRE(revoked);
  story.gateway->record(*std::move(revoked), story.now);
  CHECK(story.event(story.say("hey", "telegram:77", 77)).has_message_refused());
}

TEST_CASE("what a stranger edits or presses is refused without its words", "[core]") {
  Story story;
  Fact edited;
  edited.mutable_message_edited()->set_place("telegram:77");
  edited.mutable_message_edited()->set_source("telegram:1");
  edited.mutable_message_edited()->set_user(77);
  edited.mutable_message_edited()->set_update_id(5);
  edited.mutable_content()->set_text("secret words");
  const Event recorded = story.event(story.gateway->record(std::move(edited), story.now));
  CHECK(recorded.has_message_refused());
  CHECK(recorded.content().text().empty());
  CHECK(recorded.message_refused().update_id() == 5);
  CHECK(story.kinds_after(recorded.seq()).empty());
}

TEST_CASE("a summary reads all it stands for, whatever the message limit", "[core]") {
  Story story;
  Fact settings = Story::settings();
  settings.mutable_settings_loaded()->set_max_history_messages(2);
  story.gateway->record(std::move(settings), story.now);
  for (int i = 0; i < 6; ++i) {
    story.say("question" + std::to_string(i));
    story.complete(story.turn(), "a");
  }
  story.say("/compact");
  const std::string text = story.gateway->prompt(story.turn().seq())->messages.front().text;
  CHECK(text.find("question0") != std::string::npos);
  CHECK(text.find("question2") != std::string::npos);
  CHECK(text.find("question3") == std::string::npos);
}

TEST_CASE("an endless answer is cut before it outgrows an event", "[core]") {
  Story story;
  story.say("go on");
  for (int i = 0; i < 3; ++i) story.chunk(story.turn(), std::string(300'000, 'x'));
  story.commit();
  story.crash();
  CHECK(story.last("TurnRetried").content().text().size() == kAnswerBytesMax);
}

TEST_CASE("echo answers on Telegram only when somebody chose it", "[core]") {
  Story story;
  Fact settings = Story::settings();
  settings.mutable_settings_loaded()->set_model_chosen(false);
  settings.mutable_settings_loaded()->add_telegram_allow(77);
  story.gateway->record(std::move(settings), story.now);
  const Seq seq = story.say("hi", "telegram:77", 77);
  CHECK(story.kinds_after(seq) == "NoticeIssued");
  story.say("/model echo", "telegram:77", 77);
  const Seq again = story.say("hi", "telegram:77", 77);
  CHECK(story.kinds_after(again) == "TurnStarted");
}

TEST_CASE("a turn whose provider left the settings ends in a sentence", "[core]") {
  Story story;
  story.say("one");
  Fact settings = Story::settings();
  settings.mutable_settings_loaded()->clear_providers();
  const Seq seq = story.gateway->record(std::move(settings), story.now);
  CHECK(story.kinds_after(seq) == "TurnFailed");
}

TEST_CASE("history beyond the limits is left out of the prompt and on record", "[core]") {
  Story story;
  Fact settings = Story::settings();
  settings.mutable_settings_loaded()->set_max_history_messages(3);
  story.gateway->record(std::move(settings), story.now);
  for (int i = 0; i < 3; ++i) {
    story.say("q" + std::to_string(i));
    story.complete(story.turn(), "a");
  }
  const Seq seq = story.say("last");
  CHECK(story.kinds_after(seq) == "ContextTruncated TurnStarted");
  CHECK(story.last("ContextTruncated").context_truncated().rule() == "messages_max");
  const Result<Prompt> prompt = story.gateway->prompt(story.turn().seq());
  REQUIRE(prompt->messages.size() == 4);
  CHECK(prompt->messages.front().text == kGapText);
  CHECK(prompt->messages[1].text == "q2");
  CHECK(prompt->messages.back().text == "last");
  CHECK(prompt->system == "Be brief.");
}

TEST_CASE("a stop waits for no turn that nobody runs", "[core]") {
  Story story;
  story.say("one");
  CHECK_FALSE(story.gateway->idle_by(story.now));  // on its way to the disk
  story.commit();
  CHECK_FALSE(story.gateway->idle());
  CHECK(story.gateway->idle_by(story.now));
  story.fail(story.turn(), RATE, "", 60'000);
  story.commit();
  CHECK_FALSE(story.gateway->idle());
  CHECK(story.gateway->idle_by(story.now));
}

TEST_CASE("a gateway opened from snapshots and tail equals one that read everything", "[core]") {
  Story story;
  for (int i = 0; i < 3; ++i) {
    story.say("q");
    story.complete(story.turn(), "a");
    story.commit();
  }
  story.say("open");
  story.chunk(story.turn(), "half ");
  story.commit();
  story.gateway->stop("test", story.now);
  story.commit();
  story.commit();
  CHECK(story.gateway->durable());
  const std::string directory = story.gateway->directory().save().SerializeAsString();
  const std::string work = story.gateway->work().save().SerializeAsString();
  story.log.crash();
  story.open();
  CHECK(story.gateway->directory().save().SerializeAsString() == directory);
  CHECK(story.gateway->work().save().SerializeAsString() == work);
  Directory refolded;
  for (Seq seq = 1; seq <= story.log.last(); ++seq) refolded.apply(story.event(seq));
  CHECK(refolded.save().SerializeAsString() == directory);
}

TEST_CASE("a gateway opened at any moment equals one that heard every event", "[core]") {
  // Snapshots never, of every commit, of some: that of the directory then runs ahead of the other.
  GatewayLimits limits;
  limits.snapshot_every = GENERATE(16'384, 1, 3);
  Story story(limits);
  Directory directory;
  Work work;
  const auto check = [&] {
    story.commit();
    for (Seq seq = work.seq + 1; seq <= story.log.last(); ++seq) {
      directory.apply(story.event(seq));
      work.apply(story.event(seq));
    }
    const auto opened = Gateway::open(story.log);
    REQUIRE(opened);
    INFO("after event " << work.seq);
    CHECK((*opened)->directory().save().SerializeAsString() ==
          directory.save().SerializeAsString());
    CHECK((*opened)->work().save().SerializeAsString() == work.save().SerializeAsString());
    for (const auto& [source, delivery] : work.deliveries.open()) {
      CHECK((*opened)->work().deliveries.open().at(source).text == delivery.text);
    }
  };
  check();
  story.say("one");
  const OpenTurn first = story.turn();
  check();
  story.chunk(first, "half of ");
  check();
  story.fail(first, OVERLOAD, "half of ");
  check();
  const OpenTurn again = story.turn();
  REQUIRE(again.attempt() == 2);
  check();
  for (const char* words : {"all ", "of ", "it"}) {
    story.chunk(again, words);
    check();
  }
  story.say("/status");
  check();
  story.complete(again, "all of it");
  check();
  story.say("two");
  check();
  story.complete(story.turn(), "no chunk came");
  check();
}

}  // namespace daybook::gateway_test
