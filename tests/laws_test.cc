// A journal that a gateway wrote breaks no law, read from any event on; one change breaks one.
#include "core/laws.h"

#include <catch2/catch.hpp>
#include <functional>

#include "core/judge.h"
#include "tests/story.h"

namespace daybook::laws_test {

using testing::Story;

constexpr const char* kPlace = "console:local";

std::vector<Record> records_of(Story& story) {
  story.commit();
  std::vector<Record> records;
  for (Seq seq = 1; seq <= story.log.last(); ++seq) records.push_back(**story.log.get(seq));
  return records;
}

// "7: what is wrong"; empty: nothing.
std::string broken(const std::vector<Record>& records, Seq first = 1) {
  Laws laws;
  laws.begin(first);
  std::string complaint;
  for (Seq seq = first; seq <= records.size(); ++seq) {
    const bool sound = laws.judge(view_of(records[seq - 1]), complaint);
    if (!sound) return std::to_string(seq) + ": " + complaint;
  }
  return {};
}

Fact about(const OpenTurn& turn) {
  Fact fact;
  fact.set_session(turn.session());
  fact.set_cause(turn.seq());
  return fact;
}

void post(Story& story, const OpenTurn& turn, bool ends = false) {
  Fact attempted = about(turn);
  attempted.mutable_post_attempted()->set_source(turn.seq());
  attempted.mutable_post_attempted()->set_attempt(1);
  REQUIRE(story.gateway->record(attempted, story.now) != 0);
  Fact posted = about(turn);
  posted.mutable_reply_posted()->set_source(turn.seq());
  posted.mutable_reply_posted()->set_message_id(5);
  REQUIRE(story.gateway->record(posted, story.now) != 0);
  if (!ends) return;
  Fact edited = about(turn);
  edited.mutable_reply_edited()->set_source(turn.seq());
  REQUIRE(story.gateway->record(edited, story.now) != 0);
}

// Two places, an attempt that fails, a restart in the middle of an answer, a command, a /stop.
void tell(Story& story) {
  story.say("hello");
  const OpenTurn first = story.turn();
  story.chunk(first, "one");
  story.say("and here", "terminal:two");
  story.chunk(story.turn("terminal:two"), "two");
  story.chunk(first, "three");
  post(story, first);
  story.fail(first, OVERLOAD, "onethree");
  story.chunk(story.turn(), "four");
  story.say("/whoami");
  story.commit();
  story.crash();
  story.now += Duration(1'000);
  story.chunk(story.turn(), "five");
  const OpenTurn again = story.turn();
  story.complete(again, "five");
  post(story, again, true);
  story.say("more");
  story.chunk(story.turn(), "six");
  story.say("/stop");
  story.complete(story.turn("terminal:two"), "two");
  story.say("/model echo:slow");
}

TEST_CASE("a journal that a gateway wrote breaks no law, from whatever event on", "[core]") {
  Story story;
  tell(story);
  const std::vector<Record> records = records_of(story);
  REQUIRE(records.size() >= 35);
  for (Seq first = 1; first <= records.size(); ++first) {
    INFO(first);
    CHECK(broken(records, first) == "");
  }
}

// The event of this kind that comes `nth`, changed and put back.
void change(std::vector<Record>& records, std::string_view kind, int nth,
            const std::function<void(Event&)>& how) {
  for (Record& record : records) {
    if (record.kind != kind_of(kind) || nth-- > 0) continue;
    Event event = *from_record(record);
    how(event);
    record = to_record(event);
    return;
  }
  FAIL("no such event " << kind);
}

struct Breach {
  const char* kind;
  int nth;
  std::function<void(Event&)> change;
  const char* complaint;
};

TEST_CASE("one change breaks a law and is named", "[core]") {
  Story story;
  tell(story);
  const std::vector<Record> records = records_of(story);
  const std::vector<Breach> breaches = {
      {"MessageReceived", 2, [](Event& e) { e.set_time(1); }, "time lies before"},
      {"ChunkReceived", 2, [](Event& e) { e.set_prev(0); }, "the chunk before it is"},
      {"ChunkReceived", 3, [](Event& e) { e.set_prev(e.seq() - 1); }, "the chunk before it is 0"},
      {"ChunkReceived", 2, [](Event& e) { e.set_cause(1); }, "its attempt began with"},
      {"ChunkReceived", 4, [](Event& e) { e.mutable_chunk_received()->set_attempt(2); },
       "belongs to attempt 2, and attempt 3 is under way"},
      {"ChunkReceived", 1, [](Event& e) { e.mutable_chunk_received()->set_turn(1); },
       "belongs to turn 1, which is not open"},
      {"ChunkReceived", 0, [](Event& e) { e.set_session(2); }, "never opened"},
      {"SessionOpened", 0, [](Event& e) { e.set_session(2); }, "never opened"},
      {"TurnRetried", 0, [](Event& e) { e.set_prev(e.prev() - 1); }, "the event before it in"},
      {"TurnRetried", 0, [](Event& e) { e.mutable_turn_retried()->set_attempt(7); },
       "belongs to attempt 6"},
      {"TurnRetried", 1, [](Event& e) { e.mutable_turn_retried()->set_last_chunk(2); },
       "last chunk is"},
      {"TurnCompleted", 0, [](Event& e) { e.mutable_turn_completed()->set_turn(1); },
       "which is not open"},
      {"TurnCompleted", 0, [](Event& e) { e.mutable_turn_completed()->set_last_chunk(0); },
       "last chunk is"},
      {"AttemptFailed", 0, [](Event& e) { e.mutable_attempt_failed()->set_attempt(9); },
       "belongs to attempt 9"},
      {"TurnStarted", 0, [](Event& e) { e.mutable_turn_started()->set_answers(0, e.seq() + 9); },
       "which came later"},
      {"NoticeIssued", 0, [](Event& e) { e.mutable_notice_issued()->set_answers(e.seq()); },
       "which came later"},
      {"ReplyPosted", 0, [](Event& e) { e.mutable_reply_posted()->set_source(1); },
       "no turn or notice"},
      {"ReplyPosted", 0, [](Event& e) { e.mutable_reply_posted()->set_source(0); },
       "no turn or notice"},
      {"ReplyEdited", 0, [](Event& e) { e.mutable_reply_edited()->set_source(e.seq()); },
       "no turn or notice"},
      {"SettingsLoaded", 0, [](Event& e) { e.set_prev(1); }, "belongs to no session"},
  };
  for (const Breach& breach : breaches) {
    std::vector<Record> changed = records;
    change(changed, breach.kind, breach.nth, breach.change);
    INFO(breach.kind << " " << breach.nth << " " << broken(changed));
    CHECK(broken(changed).find(breach.complaint) != std::string::npos);
  }
}

TEST_CASE("a turn ends once, and nothing belongs to it afterwards", "[core]") {
  Story story;
  story.say("hello");
  const OpenTurn turn = story.turn();
  const Seq chunk = story.chunk(turn, "one");
  const Seq end = story.complete(turn, "one");
  std::vector<Record> records = records_of(story);
  REQUIRE(broken(records) == "");
  const Seq next = records.size() + 1;
  Event late;
  SECTION("a second end") {
    late = *from_record(records[end - 1]);
    late.set_prev(end);
  }
  SECTION("a chunk") { late = *from_record(records[chunk - 1]); }
  SECTION("a retry") {
    late.mutable_turn_retried()->set_turn(turn.seq());
    late.mutable_turn_retried()->set_attempt(2);
    late.set_session(turn.session());
    late.set_prev(end);
  }
  SECTION("a tool call") {
    late.mutable_tool_requested()->set_turn(turn.seq());
    late.set_session(turn.session());
    late.set_prev(end);
  }
  late.set_seq(next);
  late.set_time(to_milliseconds(story.now));
  records.push_back(to_record(late));
  CHECK(broken(records).starts_with(std::to_string(next) + ": it belongs to turn"));
}

TEST_CASE("a turn begins only when none is open", "[core]") {
  Story story;
  const Seq seq = story.say("hello");
  std::vector<Record> records = records_of(story);
  Event second = *from_record(records.back());
  REQUIRE(second.has_turn_started());
  second.set_prev(second.seq());
  second.set_seq(second.seq() + 1);
  records.push_back(to_record(second));
  CHECK(broken(records).find("begins while turn " + std::to_string(seq + 1) + " is open") !=
        std::string::npos);
}

TEST_CASE("an event of a kind from tomorrow breaks no law of today", "[core]") {
  Story story;
  tell(story);
  std::vector<Record> records = records_of(story);
  records.push_back(records.back());
  Record& later = records.back();
  ++later.seq;
  later.kind = 250;
  later.prev = later.session == 0 ? 0 : later.seq - 1;
  later.clear = "\xff\xff";
  CHECK(broken(records) == "");
  later.session = later.seq;  // it opens a session of its own kind, behind another
  later.prev = 4;
  CHECK(broken(records) == "");
}

TEST_CASE("each restore raises the epoch", "[core]") {
  Story story;
  std::vector<Record> records = records_of(story);
  const auto restore = [&records](std::uint64_t epoch) {
    Event restored;
    restored.set_seq(records.size() + 1);
    restored.set_time(to_milliseconds(records.back().time));
    restored.mutable_journal_restored()->set_epoch(epoch);
    records.push_back(to_record(restored));
  };
  restore(2);
  restore(5);
  CHECK(broken(records) == "");
  Laws laws;
  laws.begin(1);
  CHECK(laws.epoch() == 1);
  std::string complaint;
  for (const Record& record : records) REQUIRE(laws.judge(view_of(record), complaint));
  CHECK(laws.epoch() == 5);
  laws.begin(2);
  CHECK(laws.epoch() == 0);
  restore(5);
  CHECK(broken(records) == std::to_string(records.size()) + ": it begins epoch 5 after epoch 5");
}

TEST_CASE("a body that does not parse is named", "[core]") {
  Story story;
  tell(story);
  for (const std::string_view kind : {"ChunkReceived", "TurnStarted", "ReplyPosted"}) {
    std::vector<Record> records = records_of(story);
    const auto found = std::find_if(records.begin(), records.end(), [&](const Record& record) {
      return record.kind == kind_of(kind);
    });
    found->clear = "\xff\xff";
    CHECK(broken(records) == std::to_string(found->seq) + ": its body does not parse");
  }
}

TEST_CASE("the laws give what dedupe, refs and snapshots must hold", "[core]") {
  Story story;
  Fact fact;
  MessageReceived* body = fact.mutable_message_received();
  body->set_place("telegram:1");
  body->set_source("telegram:9");
  body->set_external_id("77");
  const Seq refused = story.gateway->record(fact, story.now);
  story.say("hello");
  Laws laws;
  std::vector<ExternalId> externals;
  const std::vector<Record> records = records_of(story);
  std::string complaint;
  for (const Record& record : records) {
    REQUIRE(laws.judge(view_of(record), complaint));
    const ExternalId external = laws.external(view_of(record));
    if (!external.id.empty()) externals.push_back(external);
  }
  CHECK(externals == std::vector<ExternalId>{{"telegram:9", "77", refused}});
  const SessionRow* row = story.gateway->directory().at(kPlace);
  CHECK(laws.refs() == std::vector<Ref>{{kPlace, row->id(), row->head()}});

  const Directory& directory = story.gateway->directory();
  Snapshot snapshot{"directory", 0, Gateway::kSnapshotVersion, directory.seq(),
                    directory.save().SerializeAsString()};
  CHECK(laws.judge(snapshot) == "");
  snapshot.seq = 3;
  CHECK(laws.judge(snapshot).find("it says that it is of event 3") == 0);
  snapshot.state = "\xff";
  CHECK(laws.judge(snapshot) == "its state does not parse");
  snapshot.version = 99;
  CHECK(laws.judge(snapshot) == "");
}

}  // namespace daybook::laws_test
