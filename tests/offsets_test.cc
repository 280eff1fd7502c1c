// What a channel may confirm to its source: the last update recorded, in order of record.
#include "core/offsets.h"

#include <catch2/catch.hpp>

#include "tests/events.h"

namespace daybook::offsets_test {

using testing::at;

Event heard(Seq seq, std::int64_t update_id) {
  Event event = at(seq, static_cast<std::int64_t>(seq) * 10);
  event.mutable_message_received()->set_source("telegram:1");
  event.mutable_message_received()->set_update_id(update_id);
  return event;
}

TEST_CASE("a source that never spoke has no offset", "[core]") {
  CHECK_FALSE(Offsets().last("telegram:1").has_value());
}

TEST_CASE("the last update recorded counts, though its id be lower: ids restart", "[core]") {
  Offsets offsets;
  offsets.apply(heard(1, 700));
  offsets.apply(heard(2, 12));
  CHECK(offsets.last("telegram:1") == Offsets::Last{12, from_milliseconds(20)});
  CHECK_FALSE(offsets.last("telegram:2").has_value());
}

TEST_CASE("refusals, edits and buttons move the offset too", "[core]") {
  Offsets offsets;
  Event refused = at(1, 10);
  refused.mutable_message_refused()->set_source("telegram:1");
  refused.mutable_message_refused()->set_update_id(7);
  offsets.apply(refused);
  CHECK(offsets.last("telegram:1")->update_id == 7);
  Event edited = at(2, 10);
  edited.mutable_message_edited()->set_source("telegram:1");
  edited.mutable_message_edited()->set_update_id(8);
  offsets.apply(edited);
  CHECK(offsets.last("telegram:1")->update_id == 8);
  Event pressed = at(3, 10);
  pressed.mutable_button_pressed()->set_source("telegram:1");
  pressed.mutable_button_pressed()->set_update_id(9);
  offsets.apply(pressed);
  CHECK(offsets.last("telegram:1")->update_id == 9);
}

TEST_CASE("an update without an id moves nothing", "[core]") {
  Offsets offsets;
  offsets.apply(heard(1, 5));
  offsets.apply(heard(2, 0));
  CHECK(offsets.last("telegram:1")->update_id == 5);
}

TEST_CASE("a source is asked whenever it answers, and having nothing moves no offset", "[core]") {
  Offsets offsets;
  CHECK_FALSE(offsets.asked("telegram:1"));
  Event asked = at(1, 10);
  asked.mutable_updates_asked()->set_source("telegram:1");
  offsets.apply(asked);
  CHECK(offsets.asked("telegram:1") == from_milliseconds(10));
  CHECK_FALSE(offsets.last("telegram:1"));
  offsets.apply(heard(2, 5));
  CHECK(offsets.asked("telegram:1") == from_milliseconds(20));
  asked.set_time(90);
  offsets.apply(asked);
  CHECK(offsets.asked("telegram:1") == from_milliseconds(90));
  CHECK(offsets.last("telegram:1") == Offsets::Last{5, from_milliseconds(20)});
  WorkState state;
  offsets.save(&state);
  CHECK(Offsets::restore(state).asked("telegram:1") == from_milliseconds(90));
}

TEST_CASE("a gap is told once, however often the process starts before a poll succeeds", "[core]") {
  Offsets offsets;
  offsets.apply(heard(1, 5));
  Event gap = at(2, 500);
  gap.mutable_updates_gap()->set_source("telegram:1");
  gap.mutable_updates_gap()->set_last_asked(10);
  offsets.apply(gap);
  WorkState state;
  offsets.save(&state);
  CHECK(Offsets::restore(state).asked("telegram:1") == from_milliseconds(500));
  CHECK(offsets.last("telegram:1")->update_id == 5);
}

TEST_CASE("offsets restored from a snapshot are the offsets that were saved", "[core]") {
  Offsets offsets;
  offsets.apply(heard(3, 5));
  WorkState state;
  offsets.save(&state);
  CHECK(Offsets::restore(state).last("telegram:1") == offsets.last("telegram:1"));
}

}  // namespace daybook::offsets_test
