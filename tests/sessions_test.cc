// Sessions that come and go: what is let go makes no difference to any record, whatever became of
// the snapshots.
#include "core/sessions.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "tests/story.h"

namespace daybook::sessions_test {

using testing::Story;

constexpr GatewayLimits kTiny{.sessions = {.bytes_max = 0, .grown_events = 4}, .snapshot_every = 8};
constexpr const char* kHere = "console:local";
constexpr const char* kThere = "terminal:there";

const SessionRow& row_of(Story& story, const std::string& place) {
  const SessionRow* row = story.gateway->directory().at(place);
  REQUIRE(row != nullptr);
  return *row;
}

const Session* held(Story& story, const std::string& place) {
  return story.gateway->sessions().held(row_of(story, place).id());
}

const Sessions::Counts& counts(Story& story) { return story.gateway->sessions().counts(); }

std::string state_of(Story& story, const std::string& place) {
  const Session* session = story.gateway->session(row_of(story, place).id());
  REQUIRE(session != nullptr);
  return session->state().SerializeAsString();
}

// A question and its answer, durable.
void talk(Story& story, const std::string& place, int times = 1) {
  for (int i = 0; i < times; ++i) {
    story.say("question", place);
    story.chunk(story.turn(place), "ans");
    story.complete(story.turn(place), "answer");
    story.commit();
  }
}

Snapshot saved(Story& story, const std::string& place) {
  const Result<std::optional<Snapshot>> found =
      story.log.snapshot(Sessions::kProjection, row_of(story, place).id());
  REQUIRE(found);
  REQUIRE(*found);
  return **found;
}

// In place of the one there is.
void put_snapshot(Story& story, Snapshot snapshot) {
  Batch batch;
  batch.snapshots.push_back(std::move(snapshot));
  story.log.append(std::move(batch));
  story.commit();
}

TEST_CASE("a session goes when others need the room, and comes back the same", "[core]") {
  Story story(kTiny);
  talk(story, kHere, 3);
  const std::string before = state_of(story, kHere);
  CHECK(held(story, kHere) != nullptr);
  talk(story, kThere);
  CHECK(held(story, kHere) == nullptr);
  CHECK(counts(story).let_go > 0);
  CHECK(state_of(story, kHere) == before);
  CHECK(counts(story).from_snapshot > 0);
}

TEST_CASE("least recently used goes first, and only as much as is too much", "[core]") {
  GatewayLimits limits;
  Story story(limits);
  for (const char* place : {"terminal:1", "terminal:2", "terminal:3"}) talk(story, place);
  limits.sessions.bytes_max = story.gateway->sessions().bytes();
  Story tight(limits);
  for (const char* place : {"terminal:1", "terminal:2", "terminal:3"}) talk(tight, place);
  CHECK(counts(tight).let_go == 0);
  static_cast<void>(state_of(tight, "terminal:1"));
  talk(tight, "terminal:4");
  talk(tight, "terminal:4");
  CHECK(held(tight, "terminal:1") != nullptr);
  CHECK(held(tight, "terminal:2") == nullptr);
  CHECK(held(tight, "terminal:4") != nullptr);
  CHECK(tight.gateway->sessions().bytes() <= limits.sessions.bytes_max);
}

TEST_CASE("a session with an open turn stays, however little room there is", "[core]") {
  Story story(kTiny);
  story.say("hello");
  story.commit();
  for (int i = 0; i < 3; ++i) talk(story, kThere);
  CHECK(held(story, kHere) != nullptr);
  CHECK(story.gateway->prompt(story.turn().seq()).has_value());
  CHECK(counts(story).loaded == 0);
}

TEST_CASE("a session whose events are not durable yet stays", "[core]") {
  Story story(kTiny);
  story.say("/status", kHere);
  story.gateway->flush();
  story.say("/status", kThere);
  story.gateway->flush();
  CHECK(held(story, kHere) != nullptr);
  story.log.commit_all();
  story.commit();
  story.say("/status", kThere);
  story.commit();
  CHECK(held(story, kHere) == nullptr);
}

TEST_CASE("snapshots ride on commits that happen anyway", "[core]") {
  Story coming(kTiny);
  Story staying;
  for (Story* story : {&coming, &staying}) {
    for (int i = 0; i < 5; ++i) talk(*story, i % 2 == 0 ? kHere : kThere);
    story->gateway->flush();
    CHECK(story->log.queued() == 0);
  }
  CHECK(coming.log.last() == staying.log.last());
  CHECK(saved(coming, kHere).seq > 0);
}

TEST_CASE("a long talk is read from its snapshot and a short chain", "[core]") {
  Story story;
  const int turns = static_cast<int>(SessionLimits().grown_events);
  talk(story, kHere, turns);
  const Snapshot snapshot = saved(story, kHere);
  CHECK(snapshot.state.find("question") == std::string::npos);
  const std::string before = state_of(story, kHere);
  story.open();
  CHECK(state_of(story, kHere) == before);
  CHECK(counts(story).from_snapshot == 1);
}

TEST_CASE("a snapshot that is not this session's, or from tomorrow, is as good as none", "[core]") {
  Story story(kTiny);
  talk(story, kHere, 8);
  const std::string before = state_of(story, kHere);
  const Snapshot good = saved(story, kHere);
  SessionState state;
  REQUIRE(state.ParseFromString(good.state));
  Snapshot bad = good;
  SECTION("of another version") { bad.version = Sessions::kVersion + 1; }
  SECTION("not a state at all") { bad.state = "\xff\xff\xff"; }
  SECTION("empty") { bad.state.clear(); }
  SECTION("of another session") {
    state.set_id(state.id() + 1);
    bad.state = state.SerializeAsString();
  }
  SECTION("of another moment than it says") { ++bad.seq; }
  SECTION("of a moment that is still to come") {
    bad.seq = story.log.last() + 10;
    state.set_seq(bad.seq);
    bad.state = state.SerializeAsString();
  }
  put_snapshot(story, bad);
  story.open();
  CHECK(state_of(story, kHere) == before);
  CHECK(counts(story).loaded == 1);
  CHECK(counts(story).from_snapshot == 0);
}

TEST_CASE("what a session weighs grows with what it holds", "[core]") {
  SessionState state;
  const std::size_t empty = bytes_of(state);
  for (int i = 0; i < 10'000; ++i) state.add_entries()->set_seq(static_cast<Seq>(i));
  const std::size_t weighed = bytes_of(state) - empty;
  const std::size_t taken = state.SpaceUsedLong();
  CHECK(weighed > taken);
  CHECK(weighed < 2 * taken);
}

// ---- generated histories

enum class Fate { kKept, kLost, kSpoilt };

std::optional<OpenTurn> open_turn(Story& story, const std::string& place) {
  const SessionRow* row = story.gateway->directory().at(place);
  if (row == nullptr) return std::nullopt;
  const Session* session = story.gateway->session(row->id());
  return session->busy() ? std::optional(session->state().open()) : std::nullopt;
}

void post(Story& story, const OpenTurn& turn) {
  Fact attempted;
  attempted.mutable_post_attempted()->set_source(turn.seq());
  attempted.mutable_post_attempted()->set_attempt(1);
  story.gateway->record(std::move(attempted), story.now);
  Fact posted;
  posted.mutable_reply_posted()->set_source(turn.seq());
  posted.mutable_reply_posted()->set_message_id(static_cast<std::int64_t>(turn.seq()));
  story.gateway->record(std::move(posted), story.now);
}

// `what` decides all: the same number does the same in every world.
void take_step(Story& story, unsigned what) {
  static constexpr const char* kPlaces[] = {kHere, kThere, "terminal:else"};
  static constexpr const char* kWords[] = {
      "hello",    "and then?",        "/stop", "/reset",  "/status",         "/model echo:slow",
      "/compact", "/model none/such", "/help", "/whoami", "what of the end?"};
  const std::string place = kPlaces[what / 16 % std::size(kPlaces)];
  const unsigned which = what / 64;
  const std::optional<OpenTurn> turn = open_turn(story, place);
  const unsigned action = what % 16;
  story.now += Duration(what % 7);
  if (action < 5) {
    story.say(kWords[which % std::size(kWords)], place);
  } else if (action == 14) {
    story.commit();
  } else if (action == 15 && which % 4 == 0) {
    story.crash();
  } else if (turn && action < 8) {
    story.chunk(*turn, "word" + std::to_string(which % 9));
  } else if (turn && action < 11) {
    story.complete(*turn, which % 5 == 0 ? "" : "all of it");
  } else if (turn && action == 11) {
    story.fail(*turn, which % 2 == 0 ? NETWORK : REFUSED, "half");
  } else if (turn) {
    post(story, *turn);
  }
}

Snapshot spoilt(SessionId id, unsigned how) {
  SessionState state;
  state.set_id(how == 0 ? id + 1 : id);
  state.set_seq(id);
  state.set_model("spoilt");
  Snapshot snapshot{std::string(Sessions::kProjection), id, Sessions::kVersion, id,
                    state.SerializeAsString()};
  if (how == 1) snapshot.version = Sessions::kVersion + 1;
  if (how == 2) snapshot.state = "\xff\xff\xff";
  return snapshot;
}

void strike(Story& story, Fate fate, unsigned how) {
  if (fate == Fate::kLost) return story.log.forget_snapshots();
  Batch batch;
  for (const auto& [id, row] : story.gateway->directory().sessions()) {
    batch.snapshots.push_back(spoilt(id, how % 3));
  }
  if (batch.empty() || fate == Fate::kKept) return;
  story.log.append(std::move(batch));
}

std::vector<Record> records_of(Story& story) {
  std::vector<Record> records;
  for (Seq seq = 1; seq <= story.log.last(); ++seq) records.push_back(**story.log.get(seq));
  return records;
}

TEST_CASE("sessions that come and go write the same journal as those that stay", "[core]") {
  std::size_t let_go = 0;
  std::size_t from_snapshot = 0;
  const bool same = rc::check("whatever goes, and whatever becomes of the snapshots", [&] {
    const auto steps = *rc::gen::scale(
        4.0, rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0u, 1u << 14)));
    const Fate fate = *rc::gen::element(Fate::kKept, Fate::kLost, Fate::kSpoilt);
    const bool each_durable = *rc::gen::arbitrary<bool>();
    Story staying;
    Story coming(kTiny);
    for (const unsigned step : steps) {
      take_step(staying, step);
      take_step(coming, step);
      if (!each_durable) continue;
      staying.commit();
      coming.commit();
      if (step % 5 == 0) strike(coming, fate, step / 5);
    }
    staying.commit();
    coming.commit();
    RC_ASSERT(records_of(coming) == records_of(staying));
    for (const auto& [id, row] : staying.gateway->directory().sessions()) {
      RC_ASSERT(state_of(coming, row.place()) == state_of(staying, row.place()));
    }
    RC_ASSERT(counts(staying).let_go == 0U);
    let_go += counts(coming).let_go;
    from_snapshot += counts(coming).from_snapshot;
  });
  CHECK(same);
  CHECK(let_go > 300);
  CHECK(from_snapshot > 50);
}

}  // namespace daybook::sessions_test
