// Replay: a fresh gateway given the recorded facts decides the same, or the difference is named.
#include "tools/replay.h"

#include <catch2/catch.hpp>

#include "core/codec.h"
#include "journal/memory_log.h"
#include "tools/replay_log.h"

namespace daybook::tool_replay_test {

constexpr Time kNow = from_milliseconds(1'700'000'000'000);

struct Nobody final : Transport {
  void start(Call) override {}
  void cancel(CallId) override {}
  std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
};

// Records a small talk: settings, two messages, one answer.
void talk(MemoryLog& log) {
  Nobody nobody;
  auto gateway = Gateway::open(log);
  REQUIRE(gateway.has_value());
  (*gateway)->connect({}, nobody);
  const auto record = [&](Event fact) {
    const Seq seq = (*gateway)->record(std::move(fact), kNow);
    (*gateway)->flush();
    log.commit_all();
    (*gateway)->turn(kNow);
    return seq;
  };
  Event started;
  started.mutable_gateway_started()->set_rules(kRulesVersion);
  started.mutable_gateway_started()->set_entropy("0123456789abcdef");
  record(started);
  Event settings;
  settings.mutable_settings_loaded()->set_model("echo");
  settings.mutable_settings_loaded()->set_max_history_messages(50);
  settings.mutable_settings_loaded()->set_context_window_percent(80);
  settings.mutable_settings_loaded()->set_model_chosen(true);
  settings.mutable_settings_loaded()->set_attempts_max(3);
  ProviderRow& row = *settings.mutable_settings_loaded()->add_providers();
  row.set_name("echo");
  row.set_kind("echo");
  row.set_usable(true);
  record(settings);
  for (const std::string text : {"hello", "and again"}) {
    Event message;
    message.mutable_message_received()->set_place("console:local");
    message.mutable_message_received()->set_source("console");
    message.mutable_content()->set_text(text);
    record(message);
  }
  REQUIRE((*gateway)->work().calls.open().size() == 1);
  const Seq turn = (*gateway)->work().calls.open().begin()->first;
  Event answer;
  answer.mutable_turn_completed()->set_turn(turn);
  answer.mutable_turn_completed()->set_attempt(1);
  answer.mutable_turn_completed()->set_finish(STOP);
  answer.mutable_content()->set_text("hello to you");
  REQUIRE(record(answer) != 0);
  (*gateway)->stop("test", kNow);
  log.commit_all();
  (*gateway)->turn(kNow);
  log.commit_all();
}

// The same journal with one event changed.
void copy_changed(MemoryLog& from, MemoryLog& into, Seq changed) {
  Batch batch;
  for (Seq seq = 1; seq <= from.last(); ++seq) {
    Record record = **from.get(seq);
    if (seq == changed) {
      Event event = *from_record(record);
      event.mutable_content()->set_text("something else");
      record = to_record(event);
    }
    batch.records.push_back(record);
  }
  into.append(std::move(batch));
  into.commit_all();
  into.take_durable();
}

TEST_CASE("decisions made again are the recorded ones", "[replay]") {
  MemoryLog log;
  talk(log);
  const auto report = replay_check(log, 0);
  REQUIRE(report.has_value());
  CHECK(report->divergence == "");
  CHECK(report->events == log.last());
  CHECK(report->facts == 6);
  CHECK(report->decisions == report->events - 6);
  CHECK(report->snapshots == 2);
  for (Seq until = 1; until <= log.last(); ++until) {
    const auto part = replay_check(log, until);
    REQUIRE(part.has_value());
    CHECK(part->divergence == "");
  }
}

TEST_CASE("events of a kind from tomorrow are skipped and counted", "[replay]") {
  MemoryLog log;
  talk(log);
  MemoryLog later;
  Batch batch;
  const Seq first = log.last() - 1;
  for (Seq seq = 1; seq <= log.last(); ++seq) {
    Record record = **log.get(seq);
    // The end of the journal, whose facts nothing else follows from.
    if (seq > first) record.kind = 250;
    batch.records.push_back(record);
  }
  later.append(std::move(batch));
  later.commit_all();
  later.take_durable();
  const auto report = replay_check(later, 0);
  REQUIRE(report.has_value());
  CHECK(report->divergence == "");
  CHECK(report->skipped == 1);
  CHECK(report->events == log.last());
}

TEST_CASE("a decision that would be another one today is named with both lines", "[replay]") {
  MemoryLog log;
  talk(log);
  Seq decision = 0;
  for (Seq seq = 1; seq <= log.last(); ++seq) {
    if (from_record(**log.get(seq))->has_turn_started()) decision = seq;
  }
  REQUIRE(decision != 0);
  MemoryLog changed;
  copy_changed(log, changed, decision);
  const auto report = replay_check(changed, 0);
  REQUIRE(report.has_value());
  CHECK(report->divergence.find("event " + std::to_string(decision) + " ") == 0);
  CHECK(report->divergence.find("\n  then ") != std::string::npos);
  CHECK(report->divergence.find("\n  now  ") != std::string::npos);
}

TEST_CASE("a replaying log shows nothing of the future", "[replay]") {
  MemoryLog log;
  talk(log);
  ReplayLog replayed(log);
  CHECK_FALSE(replayed.get(1)->has_value());
  Batch batch;
  batch.records.push_back(**log.get(1));
  replayed.append(std::move(batch));
  CHECK(replayed.get(1)->has_value());
  CHECK_FALSE(replayed.get(2)->has_value());
  CHECK_FALSE(replayed.divergence().has_value());
  CHECK(replayed.take_durable().durable.size() == 1);
}

TEST_CASE("the state at an event is the fold up to it, from nothing", "[replay]") {
  MemoryLog log;
  talk(log);
  DirectoryState wrong;
  wrong.set_owner(77);
  Batch batch;
  batch.snapshots.push_back(
      {"directory", 0, Gateway::kSnapshotVersion, 2, wrong.SerializeAsString()});
  log.append(std::move(batch));
  const auto early = state_at(log, 2);
  REQUIRE(early.has_value());
  CHECK(early->gateway->directory().seq() == 2);
  CHECK(early->gateway->directory().sessions().empty());
  Seq heard = 0;
  const auto late = state_at(log, 0, [&heard](Seq seq) { heard = seq; });
  REQUIRE(late.has_value());
  CHECK(heard == log.last());
  CHECK(late->gateway->directory().owner() == 0);
  CHECK(late->gateway->directory().sessions().size() == 1);
}

}  // namespace daybook::tool_replay_test
