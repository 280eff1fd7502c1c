// Words are looked for in every file, wherever in it they lie.
#include "tools/erasing.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/story.h"
#include "tests/world/process.h"

namespace daybook::erasing_test {

TEST_CASE("words are found at any offset of any file, across blocks too", "[erasing]") {
  const world::TemporaryDirectory directory;
  Residue residue;
  residue.expect_gone("", 1);
  CHECK_FALSE(residue.has_short());
  residue.expect_gone("short", 1);
  CHECK(residue.has_short());
  CHECK(residue.empty());
  residue.expect_gone("words that must be nowhere", 7);
  const auto search = [&](const std::string& bytes) {
    directory.write("file", bytes);
    const auto found = residue.search(directory.path());
    REQUIRE(found);
    CHECK(found->files == 1);
    if (found->found.empty()) CHECK(found->bytes == bytes.size());
    return found->found.size() == 1 && found->found[0].event == 7;
  };
  CHECK_FALSE(search(""));
  CHECK_FALSE(search("words that must be now"));
  CHECK(search("words that must be nowhere"));
  for (const std::size_t before : {1u, (1u << 20) - 26u, (1u << 20) - 9u, 1u << 20}) {
    INFO(before);
    CHECK(search(std::string(before, 'w') + "words that must be nowhere" + "."));
  }
}

TEST_CASE("what erasures name is read once, however many sessions lie over each other",
          "[erasing]") {
  std::vector<Event> erasures(3);
  const auto name = [&](std::size_t which, SessionId session, Seq first, Seq last) {
    erasures[which].set_session(session);
    Range* range = erasures[which].mutable_session_erased()->add_ranges();
    range->set_first(first);
    range->set_last(last);
  };
  name(0, 4, 4, 100);
  name(0, 4, 200, 210);
  name(1, 5, 5, 99);
  name(1, 5, 120, 130);
  name(2, 4, 90, 110);
  name(2, 4, 205, 206);
  const NamedEvents named(erasures);
  using Stretches = std::vector<NamedEvents::Stretch>;
  CHECK(named.stretches() == Stretches{{4, 110}, {120, 130}, {200, 210}});
  for (const Seq seq : {4, 100, 110, 200, 210}) CHECK(named.hold(4, seq));
  for (const Seq seq : {3, 111, 125, 199, 211}) CHECK_FALSE(named.hold(4, seq));
  CHECK(named.hold(5, 120));
  CHECK_FALSE(named.hold(5, 100));
  CHECK_FALSE(named.hold(6, 50));
  CHECK(NamedEvents({}).stretches().empty());
}

TEST_CASE("an order names what it takes, or says why it cannot", "[erasing]") {
  testing::Story story;
  const Seq said = story.say("hello there");
  story.complete(story.turn(), "hello");
  story.now += Duration(10'000);
  story.say("later");
  story.complete(story.turn(), "later too");
  story.commit();
  const SessionId session = story.event(said).session();
  const auto plan = [&](const ErasureOrder& order) {
    return plan_erasures(*story.gateway, story.log, order);
  };
  CHECK(plan({.session = session})->size() == 1);
  CHECK(plan({.event = said})->at(0).session_erased().of() == said);
  const auto early = plan({.before = to_milliseconds(story.now)});
  REQUIRE(early);
  REQUIRE(early->size() == 1);
  CHECK(early->at(0).session_erased().ranges(0).last() < story.log.last());
  CHECK_FALSE(plan({.session = 9'999}));
  CHECK_FALSE(plan({.event = 9'999}));
  CHECK_FALSE(plan({.event = 1}));
  CHECK_FALSE(plan({}));
  for (const Event& fact : *early) story.gateway->record(fact, story.now);
  story.commit();
  CHECK(plan({.before = to_milliseconds(story.now)})->empty());
}

}  // namespace daybook::erasing_test
