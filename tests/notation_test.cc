// The one-line notation: golden lines, and the law that a line is always one line.
#include "core/notation.h"

#include <catch2/catch.hpp>

#include "core/health.h"

namespace daybook::notation_test {

Event event_at(Seq seq, SessionId session, Seq cause) {
  Event event;
  event.set_seq(seq);
  event.set_time(12'345'678);  // 03:25:45.678
  event.set_session(session);
  event.set_cause(cause);
  return event;
}

TEST_CASE("a chunk reads as seq, time, session, cause, kind, turn and words", "[notation]") {
  Event event = event_at(42, 7, 41);
  event.mutable_chunk_received()->set_turn(40);
  event.mutable_chunk_received()->set_attempt(1);
  event.mutable_content()->set_text("word ");
  CHECK(notation(event) == "   42 03:25:45.678 s7 <41 ChunkReceived turn=40 attempt=1 \"word \"");
}

TEST_CASE("the gateway's own events have no session and facts no cause", "[notation]") {
  Event event = event_at(1, 0, 0);
  event.mutable_gateway_stopped()->set_reason("end of input");
  CHECK(notation(event) == "    1 03:25:45.678 - GatewayStopped reason=\"end of input\"");
}

TEST_CASE("without the head a line begins with the kind", "[notation]") {
  Event event = event_at(9, 7, 8);
  event.mutable_model_switched()->set_model("echo:slow");
  event.mutable_model_switched()->set_provider("echo");
  CHECK(notation(event, {.head = false}) == "ModelSwitched model=echo:slow provider=echo");
}

TEST_CASE("lists, nested messages, enums and digests have one spelling each", "[notation]") {
  Event event = event_at(50, 7, 49);
  TurnStarted& turn = *event.mutable_turn_started();
  turn.set_kind(SUMMARY);
  turn.add_answers(48);
  turn.add_answers(49);
  Range& range = *turn.add_taken();
  range.set_first(10);
  range.set_last(49);
  turn.set_sha256(std::string("\x01\xab\xff\x00\x77", 5));
  CHECK(notation(event, {.head = false}) ==
        "TurnStarted kind=SUMMARY answers=[48 49] taken=[{first=10 last=49}] sha256=01abff00");
}

TEST_CASE("a long list of messages shows its length, a list of numbers all of them", "[notation]") {
  Event event;
  for (int i = 0; i < 6; ++i) event.mutable_catalogue_loaded()->add_rows()->set_id("m");
  CHECK(notation(event, {.head = false}) ==
        "CatalogueLoaded rows=[{id=m} {id=m} {id=m} {id=m} {id=m} {id=m}]");
  event.mutable_catalogue_loaded()->add_rows()->set_id("m");
  CHECK(notation(event, {.head = false}) == "CatalogueLoaded rows=[7 rows]");
  Event turn;
  for (Seq seq = 1; seq <= 8; ++seq) turn.mutable_turn_started()->add_answers(seq);
  CHECK(notation(turn, {.head = false}) == "TurnStarted answers=[1 2 3 4 5 6 7 8]");
}

TEST_CASE("what stands for a pause is told in words", "[notation]") {
  for (const auto& [pause, words] : {std::pair{kNotToday, "retry_after=\"not today\""},
                                     {kNotThisRequest, "retry_after=\"not this request\""},
                                     {std::int64_t{1'500}, "retry_after=1500"}}) {
    Event event;
    event.mutable_attempt_failed()->set_error(RATE);
    event.mutable_attempt_failed()->set_retry_after(pause);
    CHECK(notation(event, {.head = false}) == "AttemptFailed error=RATE " + std::string(words));
  }
}

TEST_CASE("raw updates show their size alone", "[notation]") {
  Event event = event_at(3, 2, 0);
  event.mutable_message_received()->set_place("console:local");
  event.mutable_content()->set_raw("{\"secret\":1}");
  event.mutable_content()->set_name("Ann");
  event.mutable_content()->set_text("hi");
  CHECK(notation(event, {.head = false}) ==
        "MessageReceived place=console:local name=\"Ann\" raw=12B \"hi\"");
}

TEST_CASE("a line is always one line", "[notation]") {
  CHECK(escaped("a\nb\tc\"d\\e\x1b[31m") == "a\\nb\\tc\\\"d\\\\e\\x1b[31m");
  CHECK(escaped("\xC2\x9B") == "\\x9b");
  CHECK(escaped("\xFF\xC3") == "\\xff\\xc3");
  CHECK(escaped("\xED\xA0\x80") == "\\xed\\xa0\\x80");
  CHECK(escaped("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
}

TEST_CASE("long words are cut between code points", "[notation]") {
  CHECK(escaped("abcdef", 6) == "abcdef");
  CHECK(escaped("abcdefg", 6) == "abcdef...");
  CHECK(escaped("ab\xC3\xBC", 3) == "ab...");
}

TEST_CASE("an event of an unknown kind still has a line", "[notation]") {
  CHECK(notation(event_at(5, 0, 4)) == "    5 03:25:45.678 - <4 Unknown");
}

TEST_CASE("times are RFC 3339 in UTC with milliseconds", "[notation]") {
  CHECK(time_text(from_milliseconds(0)) == "1970-01-01T00:00:00.000Z");
  CHECK(time_text(from_milliseconds(1'700'000'000'123)) == "2023-11-14T22:13:20.123Z");
}

}  // namespace daybook::notation_test
