// The console driven by hand: lines in, the screen so far out.
#include "adapters/console.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace daybook::console_test {

using std::string_literals::operator""s;

// What the gateway and a terminal do, by hand.
struct Hand {
  Work work;
  Console console;
  Time now = Time(Duration(1'800'000'000'000));
  Seq next = 1;
  std::vector<Event> recorded;
  std::string screen;
  CallId stdio = 0;
  bool hold_writes = false;
  std::optional<CallId> held;

  explicit Hand(bool interactive = false) : console(work, interactive, "ann") {}

  Event commit(Fact fact) {
    fact.set_seq(next++);
    fact.set_time(to_milliseconds(now));
    work.apply(fact);
    console.on_event(fact);
    recorded.push_back(fact);
    return fact;
  }

  void turn(bool settled = true) {
    for (int asked = 0; asked < 1'000; ++asked) {
      auto due = console.due(Moment{now, settled, true});
      if (!due) return;
      if (auto* fact = std::get_if<Fact>(&*due)) {
        commit(std::move(*fact));
        continue;
      }
      const Call& call = std::get<Call>(*due);
      if (std::holds_alternative<StdioCall>(call.what)) {
        stdio = call.id;
        continue;
      }
      const auto& write = std::get<WriteCall>(call.what);
      CHECK(write.stream == stdio);
      CHECK_FALSE(write.bytes.empty());
      screen += write.bytes;
      held = call.id;
      if (!hold_writes) written();
    }
    FAIL("due() repeats itself");
  }

  void written() {
    CHECK(console.on_reply(*held, ReplyEnd{}, now).empty());
    held.reset();
  }

  std::vector<Fact> type(std::string bytes) {
    auto facts = console.on_reply(stdio, ReplyBody{std::move(bytes)}, now);
    for (const Fact& fact : facts) commit(fact);
    turn();
    return facts;
  }

  Seq notice(const std::string& text) {
    Fact fact;
    fact.mutable_notice_issued()->set_place("console:local");
    fact.mutable_content()->set_text(text);
    return commit(std::move(fact)).seq();
  }
  Seq start_turn() {
    Fact fact;
    fact.mutable_turn_started()->set_place("console:local");
    return commit(std::move(fact)).seq();
  }
  void chunk(Seq turn_seq, const std::string& text, std::uint32_t attempt = 1) {
    Fact fact;
    fact.mutable_chunk_received()->set_turn(turn_seq);
    fact.mutable_chunk_received()->set_attempt(attempt);
    fact.mutable_content()->set_text(text);
    commit(std::move(fact));
    turn();
  }
  void complete(Seq turn_seq, const std::string& text) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(turn_seq);
    fact.mutable_turn_completed()->set_attempt(1);
    fact.mutable_content()->set_text(text);
    commit(std::move(fact));
    turn();
  }
  void retry(Seq turn_seq, std::uint32_t attempt) {
    Fact fact;
    fact.mutable_turn_retried()->set_turn(turn_seq);
    fact.mutable_turn_retried()->set_attempt(attempt);
    commit(std::move(fact));
    turn();
  }
  [[nodiscard]] std::size_t count(Event::BodyCase kind) const {
    return static_cast<std::size_t>(
        std::count_if(recorded.begin(), recorded.end(),
                      [&](const Event& event) { return event.body_case() == kind; }));
  }
};

TEST_CASE("a line is a message, however its bytes arrive", "[console]") {
  const std::string input = "hello\r\n\n  \n/model echo:slow\nh\xC3\xA9\n";
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    Hand hand;
    hand.turn();
    hand.type(input.substr(0, cut));
    hand.type(input.substr(cut));
    REQUIRE(hand.recorded.size() == 3);
    CHECK(hand.recorded[0].content().text() == "hello");
    CHECK(hand.recorded[0].content().name() == "ann");
    CHECK(hand.recorded[0].message_received().place() == "console:local");
    CHECK(hand.recorded[0].message_received().source() == "console");
    CHECK(hand.recorded[0].message_received().external_id().empty());
    CHECK(hand.recorded[1].message_received().command() == "model");
    CHECK(hand.recorded[1].content().arguments() == "echo:slow");
    CHECK(hand.recorded[2].content().text() == "h\xC3\xA9");
  }
}

TEST_CASE("a last line without its end counts at the end of input", "[console]") {
  Hand hand;
  hand.turn();
  CHECK(hand.type("bye").empty());
  CHECK_FALSE(hand.console.at_end());
  const auto facts = hand.console.on_reply(hand.stdio, ReplyEnd{}, hand.now);
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].content().text() == "bye");
  CHECK(hand.console.at_end());
}

TEST_CASE("bytes that are no UTF-8 are mended and a long line is cut between characters",
          "[console]") {
  Hand hand;
  hand.turn();
  CHECK(hand.type("a\xFF\n").at(0).content().text() == "a\xEF\xBF\xBD");
  std::string line = "x";
  for (int i = 0; i < 100'000; ++i) line += "\xC3\xA9";
  for (std::size_t at = 0; at < line.size(); at += 4'096)
    CHECK(hand.type(line.substr(at, 4'096)).empty());
  const auto facts = hand.type("\nnext\n");
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].content().text().size() <= kConsoleLineBytesMax);
  CHECK(facts[0].content().text().size() >= kConsoleLineBytesMax - 3);
  CHECK(facts[0].SerializeAsString().size() > 0);
  CHECK(facts[1].content().text() == "next");
}

TEST_CASE("an answer streams as it is committed and is posted when all of it is out", "[console]") {
  Hand hand;
  hand.turn();
  const Seq turn = hand.start_turn();
  hand.turn();
  CHECK(hand.screen.empty());
  hand.chunk(turn, "One ");
  CHECK(hand.screen == "One ");
  hand.chunk(turn, "two");
  CHECK(hand.screen == "One two");
  CHECK(hand.count(Event::kPostAttempted) == 1);
  CHECK(hand.count(Event::kReplyPosted) == 0);
  CHECK_FALSE(hand.console.idle());
  hand.complete(turn, "One two three");
  CHECK(hand.screen == "One two three\n");
  REQUIRE(hand.count(Event::kReplyPosted) == 1);
  const Event& posted = hand.recorded.back();
  CHECK(posted.cause() == turn);
  CHECK(posted.reply_posted().message_id() == static_cast<std::int64_t>(turn));
  CHECK(posted.reply_posted().digest() == text_digest("One two three"));
  CHECK(hand.work.deliveries.open().empty());
  CHECK(hand.console.idle());
}

TEST_CASE("a stop waits for what is to be printed, not for words that nobody says", "[console]") {
  Hand hand;
  hand.turn();
  const Seq turn = hand.start_turn();
  hand.chunk(turn, "One ");
  CHECK(hand.console.idle_by(hand.now));
  hand.hold_writes = true;
  hand.chunk(turn, "two");
  CHECK_FALSE(hand.console.idle_by(hand.now));
  hand.written();
  CHECK(hand.console.idle_by(hand.now));
  hand.retry(turn, 2);
  CHECK(hand.console.idle_by(hand.now));
  hand.complete(turn, "One two");
  CHECK_FALSE(hand.console.idle_by(hand.now));
  hand.written();
  hand.turn();
  CHECK(hand.console.idle_by(hand.now));
}

TEST_CASE("nothing is printed before its attempt is durable", "[console]") {
  Hand hand;
  hand.turn();
  hand.notice("hello");
  hand.turn(false);
  CHECK(hand.screen.empty());
  hand.turn();
  CHECK(hand.screen == "hello\n");
}

TEST_CASE("a post is not reported while its bytes are on their way", "[console]") {
  Hand hand;
  hand.turn();
  hand.hold_writes = true;
  hand.notice("hello");
  hand.turn();
  CHECK(hand.screen == "hello\n");
  CHECK(hand.count(Event::kReplyPosted) == 0);
  CHECK_FALSE(hand.console.idle());
  hand.written();
  hand.turn();
  CHECK(hand.count(Event::kReplyPosted) == 1);
  CHECK(hand.console.idle());
}

TEST_CASE("an attempt that says something else starts over in words", "[console]") {
  Hand hand;
  hand.turn();
  const Seq turn = hand.start_turn();
  hand.chunk(turn, "One tw");
  hand.retry(turn, 2);
  CHECK(hand.screen == "One tw");
  hand.chunk(turn, "Uno", 2);
  CHECK(hand.screen == "One tw\n[starting over]\nUno");
  hand.complete(turn, "Uno due");
  CHECK(hand.screen == "One tw\n[starting over]\nUno due\n");
  CHECK(hand.count(Event::kReplyPosted) == 1);
}

TEST_CASE("one answer prints at a time and none is printed twice", "[console]") {
  Hand hand;
  hand.turn();
  const Seq turn = hand.start_turn();
  hand.chunk(turn, "One ");
  hand.notice("status: fine");
  hand.turn();
  CHECK(hand.screen == "One ");
  hand.complete(turn, "One two");
  CHECK(hand.screen == "One two\nstatus: fine\n");
  CHECK(hand.count(Event::kReplyPosted) == 2);
  CHECK(hand.console.idle());
}

TEST_CASE("an answer finished while a notice prints is printed after it, once", "[console]") {
  Hand hand;
  hand.turn();
  const Seq turn = hand.start_turn();
  hand.hold_writes = true;
  hand.notice("status: fine");
  hand.turn();
  Fact fact;
  fact.mutable_turn_completed()->set_turn(turn);
  fact.mutable_content()->set_text("One two");
  hand.commit(fact);
  hand.hold_writes = false;
  hand.written();
  hand.turn();
  CHECK(hand.screen == "status: fine\nOne two\n");
  CHECK(hand.count(Event::kReplyPosted) == 2);
}

TEST_CASE("a crash before the end prints the answer again from its beginning", "[console]") {
  Hand hand;
  hand.turn();
  const Seq source = hand.notice("hello");
  Fact attempted;
  attempted.mutable_post_attempted()->set_source(source);
  attempted.mutable_post_attempted()->set_attempt(1);
  hand.commit(attempted);
  Fact started;
  started.mutable_gateway_started()->set_recovery(true);
  hand.commit(started);
  hand.turn();
  CHECK(hand.screen == "hello\n");
  CHECK(hand.recorded.back().reply_posted().source() == source);
}

TEST_CASE("an answer that crashes kept from being printed whole is given up by an event",
          "[console]") {
  Hand hand;
  hand.turn();
  const Seq source = hand.notice("hello");
  for (std::uint32_t attempt = 1; attempt <= kAmbiguousPostsMax; ++attempt) {
    Fact attempted;
    attempted.mutable_post_attempted()->set_source(source);
    attempted.mutable_post_attempted()->set_attempt(attempt);
    hand.commit(std::move(attempted));
    Fact restarted;
    restarted.mutable_gateway_started()->set_recovery(true);
    hand.commit(std::move(restarted));
  }
  CHECK_FALSE(hand.console.idle());
  hand.turn();
  CHECK(hand.screen.empty());
  REQUIRE(hand.recorded.back().has_delivery_failed());
  CHECK(hand.recorded.back().content().detail() == kGivenUpDetail);
  CHECK(hand.console.idle());
}

TEST_CASE("a long text is one print and a fact for each of its parts", "[console]") {
  Hand hand;
  hand.turn();
  const std::string text(kConsolePartCharacters + 10, 'x');
  hand.notice(text);
  hand.turn();
  CHECK(hand.screen == text + "\n");
  CHECK(hand.count(Event::kReplyPosted) == 2);
  CHECK(hand.work.deliveries.open().empty());
}

TEST_CASE("a person at a terminal is prompted when it is their turn", "[console]") {
  Hand hand(true);
  hand.turn();
  CHECK(hand.screen == "> ");
  hand.type("\n");
  CHECK(hand.screen == "> > ");
  hand.screen.clear();
  hand.notice("alarm");
  hand.turn();
  CHECK(hand.screen == "\nalarm\n> ");
  hand.screen.clear();
  const Seq turn = hand.start_turn();
  hand.console.on_reply(hand.stdio, ReplyBody{"hi\n"}, hand.now);
  hand.chunk(turn, "One");
  hand.complete(turn, "One two");
  CHECK(hand.screen == "One two\n> ");
}

TEST_CASE("a pipe is never prompted", "[console]") {
  Hand hand(false);
  hand.turn();
  hand.type("hi\n");
  CHECK(hand.screen.empty());
}

TEST_CASE("an output that nobody reads fails deliveries instead of holding up the end",
          "[console]") {
  Hand hand;
  hand.turn();
  hand.hold_writes = true;
  hand.notice("first");
  hand.notice("second");
  hand.turn();
  hand.console.on_reply(*hand.held, ReplyFailed{}, hand.now);
  hand.turn();
  CHECK(hand.count(Event::kDeliveryFailed) == 2);
  CHECK(hand.console.idle());
}

}  // namespace daybook::console_test
