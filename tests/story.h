// A gateway over the journal's twin in memory, with nothing but the test around it: say something,
// let a provider's facts come, crash, and read what was recorded. Commits happen when told.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "core/access.h"
#include "core/codec.h"
#include "core/gateway.h"
#include "core/settings.h"
#include "journal/memory_log.h"

namespace daybook::testing {

class Story {
 public:
  explicit Story(const GatewayLimits& chosen = {}, std::uint32_t rules_in_force = kRulesVersion)
      : limits(chosen), rules(rules_in_force) {
    open();
    Event started;
    started.mutable_gateway_started()->set_recovery(true);
    started.mutable_gateway_started()->set_entropy("0123456789abcdef");
    started.mutable_gateway_started()->set_rules(rules);
    gateway->record(std::move(started), now);
    gateway->record(settings(), now);
    commit();
  }

  // Echo alone, chosen on purpose, unless a test changes it before recording it again.
  static Fact settings() {
    Fact fact;
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_model("echo");
    body->set_model_chosen(true);
    body->set_max_history_messages(50);
    body->set_context_window_percent(80);
    body->set_attempts_max(3);
    ProviderRow* echo = body->add_providers();
    echo->set_name("echo");
    echo->set_kind("echo");
    echo->set_usable(true);
    fact.mutable_content()->set_text("Be brief.");
    return fact;
  }

  void open() {
    Result<std::unique_ptr<Gateway>> opened = Gateway::open(log, limits);
    REQUIRE(opened);
    gateway = *std::move(opened);
  }

  void commit() {
    gateway->flush();
    log.commit_all();
    absorb();
  }

  // The process dies: what is not durable is gone. Comes back and says so.
  void crash() {
    log.crash();
    open();
    Event started;
    started.mutable_gateway_started()->set_recovery(true);
    started.mutable_gateway_started()->set_entropy("fedcba9876543210");
    started.mutable_gateway_started()->set_rules(rules);
    gateway->record(std::move(started), now);
    commit();
  }

  Seq say(const std::string& text, const std::string& place = "console:local",
          std::int64_t user = 0) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(place);
    body->set_source(std::string(channel_of(place)));
    body->set_user(user);
    if (text.starts_with("/")) {
      const std::size_t space = text.find(' ');
      body->set_command(text.substr(1, space - 1));
      if (space != text.npos) fact.mutable_content()->set_arguments(text.substr(space + 1));
    }
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  // The open turn of the place; fails the test when there is none.
  OpenTurn turn(const std::string& place = "console:local") {
    const SessionRow* row = gateway->directory().at(place);
    REQUIRE(row != nullptr);
    const Session* session = gateway->session(row->id());
    REQUIRE(session->busy());
    return session->state().open();
  }

  Seq chunk(const OpenTurn& turn, const std::string& text) {
    Fact fact;
    fact.mutable_chunk_received()->set_turn(turn.seq());
    fact.mutable_chunk_received()->set_attempt(turn.attempt());
    fact.set_cause(turn.attempt_seq());
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  Seq complete(const OpenTurn& turn, const std::string& text) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(turn.seq());
    fact.mutable_turn_completed()->set_attempt(turn.attempt());
    fact.mutable_turn_completed()->set_finish(STOP);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  Seq fail(const OpenTurn& turn, ErrorClass error, const std::string& text = "",
           std::int64_t retry_after = 0) {
    Fact fact;
    fact.mutable_attempt_failed()->set_turn(turn.seq());
    fact.mutable_attempt_failed()->set_attempt(turn.attempt());
    fact.mutable_attempt_failed()->set_error(error);
    fact.mutable_attempt_failed()->set_retry_after(retry_after);
    fact.mutable_content()->set_text(text);
    fact.mutable_content()->set_detail("plain words");
    return gateway->record(std::move(fact), now);
  }

  // "MessageReceived TurnStarted ..." after `seq`, in flight or durable.
  std::string kinds_after(Seq seq) {
    std::string kinds;
    for (Seq next = seq + 1;; ++next) {
      const std::optional<Event> event = gateway->event(next);
      if (!event) return kinds;
      kinds += (kinds.empty() ? "" : " ") + kind_name(*event);
    }
  }

  // A process that starts here, from the events alone, knows the same.
  void check_refold(const std::string& place = "console:local") {
    commit();
    const auto known = [&] {
      const SessionRow* row = gateway->directory().at(place);
      return std::vector<std::string>{gateway->directory().save().SerializeAsString(),
                                      gateway->work().save().SerializeAsString(),
                                      gateway->session(row->id())->state().SerializeAsString()};
    };
    const std::vector<std::string> before = known();
    log.forget_snapshots();
    open();
    CHECK(known() == before);
  }

  Event event(Seq seq) {
    const std::optional<Event> found = gateway->event(seq);
    REQUIRE(found);
    return *found;
  }

  // The newest event of this kind.
  Event last(std::string_view kind) {
    Seq newest = log.last();
    while (gateway->event(newest + 1)) ++newest;
    for (Seq seq = newest; seq > 0; --seq) {
      const std::optional<Event> found = gateway->event(seq);
      if (found && kind_name(*found) == kind) return *found;
    }
    FAIL("no event " << kind);
    return {};
  }

  GatewayLimits limits;
  std::uint32_t rules;
  MemoryLog log;
  std::unique_ptr<Gateway> gateway;
  Time now = from_milliseconds(1'000'000);

 private:
  void absorb() {
    struct Nothing : Transport {
      void start(Call) override {}
      void cancel(CallId) override {}
      std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
    };
    Nothing nothing;
    gateway->connect({}, nothing);
    gateway->turn(now);
  }
};

}  // namespace daybook::testing
