// Which turns want a call, which attempt is current, and from when.
#include "core/calls.h"

#include <catch2/catch.hpp>

#include "tests/events.h"

namespace daybook::calls_test {

using testing::at;
using testing::turn_completed;
using testing::turn_retried;
using testing::turn_started;

constexpr Time kNow = from_milliseconds(1'000);

bool nobody(Seq /*turn*/) { return false; }

Calls with_turns() {
  Calls calls;
  calls.apply(turn_started(at(10, 900, 5), "console:local", 9));
  calls.apply(turn_started(at(20, 950, 6), "console:other", 19));
  return calls;
}

TEST_CASE("the oldest open turn of a provider that is not busy is due", "[core]") {
  const Calls calls = with_turns();
  REQUIRE(calls.due("p", kNow, nobody) != nullptr);
  CHECK(calls.due("p", kNow, nobody)->seq() == 10);
  const auto busy = [](Seq turn) { return turn == 10; };
  REQUIRE(calls.due("p", kNow, busy) != nullptr);
  CHECK(calls.due("p", kNow, busy)->seq() == 20);
  CHECK(calls.due("q", kNow, nobody) == nullptr);
}

TEST_CASE("a retried attempt waits for its time and voids the one before", "[core]") {
  Calls calls = with_turns();
  calls.apply(turn_completed(at(21, 960, 6), 20, "done"));
  Event retried = turn_retried(at(22, 960, 5), 10, 2);
  retried.mutable_turn_retried()->set_not_before(2'000);
  calls.apply(retried);
  CHECK_FALSE(calls.current(10, 1));
  CHECK(calls.current(10, 2));
  CHECK(calls.due("p", kNow, nobody) == nullptr);
  CHECK(calls.wake_at("p", nobody) == from_milliseconds(2'000));
  REQUIRE(calls.due("p", from_milliseconds(2'000), nobody) != nullptr);
  CHECK(calls.due("p", from_milliseconds(2'000), nobody)->attempt_seq() == 22);
}

TEST_CASE("a turn that ended wants nothing, however it ended", "[core]") {
  for (int way = 0; way < 4; ++way) {
    Calls calls = with_turns();
    Event ended = at(30, 970, 5);
    if (way == 0) ended.mutable_turn_completed()->set_turn(10);
    if (way == 1) ended.mutable_turn_failed()->set_turn(10);
    if (way == 2) ended.mutable_turn_cancelled()->set_turn(10);
    if (way == 3) ended.mutable_turn_abandoned()->set_turn(10);
    calls.apply(ended);
    INFO("way " << way);
    CHECK_FALSE(calls.current(10, 1));
    CHECK(calls.open().size() == 1);
  }
}

TEST_CASE("calls restored from a snapshot are the calls that were saved", "[core]") {
  const Calls calls = with_turns();
  WorkState state;
  calls.save(&state);
  const Calls again = Calls::restore(state);
  WorkState second;
  again.save(&second);
  CHECK(state.SerializeAsString() == second.SerializeAsString());
  CHECK(again.current(20, 1));
}

TEST_CASE("nothing open is due at no time", "[core]") {
  CHECK(Calls().wake_at("p", nobody) == kNever);
}

}  // namespace daybook::calls_test
