// The audit accounts for everything in every simulated world, and for nothing that is not there.
#include "tools/audit.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/codec.h"
#include "core/directory.h"
#include "core/erasure.h"
#include "tests/sim/simulation.h"
#include "tests/telling.h"

namespace daybook::audit_test {

using testing::Telling;

struct Heard final : AuditReader {
  void on_handled(const Handled& one) override { handled.push_back(one); }
  void on_ambiguous(const AmbiguousPost& one) override { ambiguous.push_back(one); }
  void on_gap(const Event& gap) override { gaps.push_back(gap); }
  void on_crash(const Event& started) override { crashes.push_back(started); }

  [[nodiscard]] const Handled& of(Seq seq) const {
    for (const Handled& one : handled) {
      if (one.seq == seq) return one;
    }
    FAIL("nothing was said of event " << seq);
    return handled.front();
  }

  std::vector<Handled> handled;
  std::vector<AmbiguousPost> ambiguous;
  std::vector<Event> gaps;
  std::vector<Event> crashes;
};

struct Audited {
  Heard heard;
  AuditSum sum;
};

// Of the first `count` events, as the verb feeds them.
Audited audited(const std::vector<Event>& events, bool running = false, Time now = Time(),
                std::size_t count = SIZE_MAX, Time since = Time(),
                Seq until = std::numeric_limits<Seq>::max()) {
  Audited result;
  Audit audit(since, result.heard, until);
  Directory directory;
  const KindSet kinds = Audit::kinds();
  for (std::size_t i = 0; i < std::min(count, events.size()); ++i) {
    const Record record = to_record(events[i]);
    directory.apply(events[i]);
    if (!kinds.test(record.kind)) continue;
    audit.apply(Audit::worded().test(record.kind) ? *from_record(record)
                                                  : *clear_from_record(record));
  }
  Audit::End end;
  end.running = running;
  end.now = now;
  end.open_turn = [&](SessionId session) {
    const SessionRow* row = directory.session(session);
    return row == nullptr ? Seq{0} : row->open_turn();
  };
  result.sum = audit.finish(end);
  return result;
}

std::vector<Event> events_of(Telling& told) {
  std::vector<Event> events;
  for (Seq seq = 1; seq <= told.log.last(); ++seq) events.push_back(told.event(seq));
  return events;
}

std::uint64_t inbound_of(const std::vector<Event>& events, std::size_t count) {
  std::uint64_t inbound = 0;
  for (std::size_t i = 0; i < std::min(count, events.size()); ++i) {
    const Event& event = events[i];
    inbound += event.has_message_received() || event.has_message_refused() ||
                       event.has_message_edited() || event.has_button_pressed() ||
                       event.place_moved().update_id() != 0
                   ? 1
                   : 0;
  }
  return inbound;
}

TEST_CASE("in every simulated world everything is accounted for", "[audit]") {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    INFO("seed " << seed);
    sim::Simulation simulation(seed);
    const sim::Report report = simulation.run();
    const std::vector<Event> events = simulation.journal();
    const Audited all = audited(events);
    CHECK(all.sum.unaccounted == 0);
    CHECK(all.sum.open == 0);
    CHECK(all.sum.messages == inbound_of(events, events.size()));
    CHECK(all.sum.ambiguous == report.ambiguous);
    CHECK(all.heard.ambiguous.size() == report.ambiguous);
    std::uint64_t settled = 0;
    for (const auto& [kind, count] : all.sum.outcomes) settled += count;
    CHECK(settled == all.sum.messages);
    std::uint64_t starts = 0;
    for (const Event& event : events) starts += event.has_gateway_started() ? 1 : 0;
    CHECK(all.sum.crashes == starts - 1);
    for (const Handled& one : all.heard.handled) {
      INFO(one.kind << " " << one.seq);
      if (one.outcome == "TurnCompleted") CHECK((!one.message_ids.empty() || one.given_up));
    }
  }
}

// A decision is in the commit of its fact, at its time: no journal ends between the two.
bool decided(const std::vector<Event>& events, const Event& event) {
  return event.cause() != 0 && events[event.cause() - 1].time() == event.time();
}

TEST_CASE("wherever a journal ends, each message is settled, open or unaccounted for", "[audit]") {
  sim::Simulation simulation(7);
  simulation.run();
  const std::vector<Event> events = simulation.journal();
  for (std::size_t count = 1; count <= events.size(); count += 7) {
    while (count < events.size() && decided(events, events[count])) ++count;
    INFO("after " << count);
    const Audited up = audited(events, true, from_milliseconds(events[count - 1].time()), count);
    CHECK(up.sum.messages == inbound_of(events, count));
    CHECK(up.sum.unaccounted == 0);
    const Audited down = audited(events, false, Time(), count);
    CHECK(down.sum.unaccounted == up.sum.open);
    CHECK(down.sum.open == 0);
  }
}

TEST_CASE("an answer names its turn, model, money and messages", "[audit]") {
  Telling told;
  const Seq message = told.write("Tell me.", 501);
  const Seq turn = told.running().seq();
  told.pass(900);
  const Seq end = told.answer("Well.", 31, 7);
  told.pass(100);
  told.post(turn, "Well.", 502);
  const Audited all = audited(events_of(told));
  CHECK(all.sum.unaccounted == 0);
  const Handled& one = all.heard.of(message);
  CHECK(one.outcome == "TurnCompleted");
  CHECK(one.by == end);
  CHECK(one.turn == turn);
  CHECK(one.model == "gpt-4o-mini");
  CHECK(one.provider == "openai");
  CHECK(one.spent.prompt_tokens == 31);
  CHECK(one.message_ids == std::vector<std::int64_t>{502});
  CHECK(one.until - one.time == Duration(1'000));
  CHECK(all.sum.spent == one.spent);
}

TEST_CASE("an answer that was not shown whole is unaccounted for once the gateway is down",
          "[audit]") {
  Telling told;
  const Seq message = told.write("Tell me.", 501);
  const Seq turn = told.running().seq();
  told.chunk(told.running(), "Well");
  told.commit();
  told.post(turn, "Well", 502);
  const Seq end = told.answer("Well.");
  const Time soon = told.now + Duration(1'000);
  const Time late = told.now + kAuditPatience + Duration(1);
  const std::vector<Event> events = events_of(told);
  CHECK(audited(events, true, soon).sum.open == 1);
  CHECK(audited(events, true, soon).sum.unaccounted == 0);
  CHECK(audited(events, true, late).sum.unaccounted == 1);
  const Audited down = audited(events, false, soon);
  CHECK(down.sum.unaccounted == 1);
  CHECK(down.heard.of(message).open ==
        "TurnCompleted " + std::to_string(end) + " is not shown whole; the gateway is down");
  told.edited(turn, "Well.");
  CHECK(audited(events_of(told)).sum.unaccounted == 0);
}

TEST_CASE("an answer that could not be shown is accounted for, and said to be unseen", "[audit]") {
  Telling told;
  const Seq message = told.write("Tell me.", 501);
  const Seq turn = told.running().seq();
  told.answer("Well.");
  told.attempt_post(turn);
  Fact failed;
  failed.mutable_delivery_failed()->set_source(turn);
  failed.mutable_delivery_failed()->set_status(403);
  told.record(std::move(failed));
  const Audited all = audited(events_of(told));
  CHECK(all.sum.unaccounted == 0);
  CHECK(all.sum.given_up == 1);
  CHECK(all.heard.of(message).given_up);
}

TEST_CASE("a message whose turn ended nowhere is never accounted for", "[audit]") {
  Telling told;
  const Seq message = told.write("Tell me.", 501);
  const Seq first = told.running().seq();
  const Seq end = told.answer("Well.");
  told.post(first, "Well.", 502);
  told.write("More.", 503);
  std::vector<Event> events = events_of(told);
  std::erase_if(events, [&](const Event& event) { return event.seq() == end; });
  const Audited all = audited(events, true, told.now);
  CHECK(all.heard.of(message).unaccounted);
  CHECK(all.heard.of(message).open == "turn " + std::to_string(first) + " has ended nowhere");
}

TEST_CASE("a message that nothing followed from is never accounted for", "[audit]") {
  Telling told;
  const Seq message = told.write("Tell me.", 501);
  std::vector<Event> events = events_of(told);
  events.pop_back();  // its TurnStarted
  const Audited all = audited(events, true, told.now);
  CHECK(all.sum.unaccounted == 1);
  CHECK(all.heard.of(message).open == "nothing followed from it");
}

TEST_CASE("a notice that nobody asked for is judged like an answer", "[audit]") {
  Telling told;
  told.write("Let me in.", 501, 99);
  const std::vector<Event> events = events_of(told);
  const Audited all = audited(events);
  CHECK(all.sum.outcomes.at("MessageRefused") == 1);
  CHECK(all.sum.messages == 1);
  CHECK(all.sum.unaccounted == 1);
  CHECK(all.heard.handled.back().kind == "NoticeIssued");
}

TEST_CASE("commands are settled by what they led to", "[audit]") {
  Telling told;
  const Seq asked = told.write("Tell me.", 501);
  const Seq turn = told.running().seq();
  const Seq waits = told.write("More.", 502);
  const Seq status = told.write("/status", 503);
  told.show_notice(504);
  const Seq reset = told.write("/reset", 505);
  told.show_notice(506);
  told.post(turn, "(stopped)", 507);
  const Seq again = told.write("Again.", 508);
  const Seq second = told.running().seq();
  const Seq stop = told.write("/stop", 509);
  told.post(second, "(stopped)", 510);
  const Audited all = audited(events_of(told));
  CHECK(all.sum.unaccounted == 0);
  CHECK(all.heard.of(asked).outcome == "TurnCancelled");
  CHECK(all.heard.of(waits).outcome == "QueueCleared");
  CHECK(all.heard.of(status).outcome == "NoticeIssued");
  CHECK(all.heard.of(reset).outcome == "NoticeIssued");
  CHECK(all.heard.of(again).outcome == "TurnCancelled");
  CHECK(all.heard.of(stop).outcome == "TurnCancelled");
}

TEST_CASE("what waits again after an edit is accounted for by the turn that answers it",
          "[audit]") {
  Telling told;
  told.write("/set queue collect", 500);
  told.show_notice(501);
  told.write("Tell me.", 502);
  const Seq first = told.running().seq();
  const Seq one = told.write("One.", 503);
  const Seq two = told.write("Two.", 504);
  told.post(first, "Well.", 505);
  told.answer("Well.");
  const Seq joint = told.running().seq();
  REQUIRE(told.running().answers_size() == 2);
  Fact fact;
  fact.mutable_message_edited()->set_place(Telling::kChat);
  fact.mutable_message_edited()->set_source("telegram:1");
  fact.mutable_message_edited()->set_user(Telling::kUser);
  fact.mutable_message_edited()->set_message_id(503);
  fact.mutable_content()->set_text("Not one.");
  const Seq edit = told.record(std::move(fact));
  told.post(joint, "(stopped)", 506);
  const Seq again = told.running().seq();
  CHECK(again != joint);
  told.post(again, "Both.", 507);
  told.answer("Both.");
  const Audited all = audited(events_of(told));
  CHECK(all.sum.unaccounted == 0);
  CHECK(all.sum.open == 0);
  CHECK(all.heard.of(one).outcome == "MessageReplaced");
  for (const Seq message : {edit, two}) {
    CHECK(all.heard.of(message).outcome == "TurnCompleted");
    CHECK(all.heard.of(message).turn == again);
  }
}

// "One." and "Two." are being answered together.
struct Joint : Telling {
  explicit Joint(const std::string& recovery = {}) {
    Fact settings = telegram_settings("openai:gpt-4o-mini");
    settings.mutable_settings_loaded()->set_recovery(recovery);
    settings.mutable_settings_loaded()->set_queue_mode("collect");
    record(std::move(settings));
    write("Tell me.", 502);
    one = write("One.", 503);
    two = write("Two.", 504);
    post(running().seq(), "Well.", 505);
    answer("Well.");
    REQUIRE(running().answers_size() == 2);
  }
  void end() {
    post(running().seq(), "Both.", 507);
    answer("Both.");
  }
  Seq one = 0;
  Seq two = 0;
};

TEST_CASE("messages answered together are accounted for together when their answer goes on",
          "[audit]") {
  Joint told("continue");
  told.chunk(told.running(), "Half of it ");
  told.commit();
  told.crash();
  told.end();
  const Audited all = audited(events_of(told));
  for (const Seq message : {told.one, told.two}) {
    CHECK(all.heard.of(message).outcome == "TurnCompleted");
    CHECK_FALSE(all.heard.of(message).unaccounted);
  }
}

TEST_CASE("messages that are kept since nobody is asked are accounted for", "[audit]") {
  Telling told;
  Fact rows = Telling::telegram_settings("openai:gpt-4o-mini");
  rows.mutable_settings_loaded()->set_queue_mode("collect");
  told.record(std::move(rows));
  told.write("Tell me.", 501);
  const Seq one = told.write("More.", 502);
  const Seq two = told.write("And more.", 503);
  told.fail_attempt(AUTH, 401, 0, "");
  told.show_notice(504);
  const Audited all = audited(events_of(told));
  for (const Seq message : {one, two}) {
    CHECK(all.heard.of(message).outcome == "NoticeIssued");
    CHECK_FALSE(all.heard.of(message).unaccounted);
  }
}

void forget(Telling& told, Seq message) {
  const SessionRow* row = told.gateway->directory().at(Telling::kChat);
  const auto erased = plan_erasure(*row, {.subject = message}, *told.gateway);
  REQUIRE(erased);
  Fact fact;
  fact.set_session(row->id());
  *fact.mutable_session_erased() = *erased;
  told.record(std::move(fact));
}

TEST_CASE("a message that is forgotten while it waits is accounted for by that", "[audit]") {
  Telling told;
  told.write("Tell me.", 502);
  const Seq waits = told.write("And this.", 503);
  forget(told, waits);
  const Audited all = audited(events_of(told));
  CHECK(all.heard.of(waits).outcome == "SessionErased");
  CHECK_FALSE(all.heard.of(waits).unaccounted);
}

TEST_CASE("one of several that is forgotten while they are answered is accounted for", "[audit]") {
  Joint told;
  forget(told, told.one);
  told.end();
  const Audited all = audited(events_of(told));
  CHECK(all.heard.of(told.one).outcome == "TurnCancelled");
  CHECK_FALSE(all.heard.of(told.one).unaccounted);
  CHECK(all.heard.of(told.two).outcome == "TurnCompleted");
}

TEST_CASE("a late message that is edited while it is answered is accounted for by its next turn",
          "[audit]") {
  Telling told;
  Fact settings = Telling::telegram_settings("openai:gpt-4o-mini");
  settings.mutable_settings_loaded()->set_stale_after(60'000);
  told.record(std::move(settings));
  const auto write_late = [&](const std::string& text, std::int64_t message_id) {
    Fact fact;
    fact.mutable_message_received()->set_place(Telling::kChat);
    fact.mutable_message_received()->set_source("telegram:1");
    fact.mutable_message_received()->set_user(Telling::kUser);
    fact.mutable_message_received()->set_message_id(message_id);
    fact.mutable_message_received()->set_date(Telling::kBegan / 1'000 - 3'600);
    fact.mutable_content()->set_text(text);
    return told.record(std::move(fact));
  };
  const auto gather = [&] {
    told.pass(10'000);
    Fact passed;
    passed.set_session(told.gateway->directory().at(Telling::kChat)->id());
    passed.mutable_deadline_passed()->set_what("gathered");
    told.record(std::move(passed));
  };
  const Seq one = write_late("One.", 503);
  const Seq two = write_late("Two.", 504);
  gather();
  REQUIRE(told.running().answers_size() == 2);
  Fact fact;
  fact.mutable_message_edited()->set_place(Telling::kChat);
  fact.mutable_message_edited()->set_source("telegram:1");
  fact.mutable_message_edited()->set_user(Telling::kUser);
  fact.mutable_message_edited()->set_message_id(503);
  fact.mutable_content()->set_text("Not one.");
  const Seq edit = told.record(std::move(fact));
  gather();
  const Seq again = told.running().seq();
  told.post(again, "Both.", 507);
  told.answer("Both.");
  const Audited all = audited(events_of(told));
  CHECK(all.heard.of(one).outcome == "MessageReplaced");
  for (const Seq message : {edit, two}) {
    CHECK(all.heard.of(message).outcome == "TurnCompleted");
    CHECK(all.heard.of(message).turn == again);
  }
}

TEST_CASE("from a time on, what came before is neither told nor counted", "[audit]") {
  Telling told;
  told.write("Tell me.", 501);
  told.post(told.running().seq(), "Well.", 502);
  told.answer("Well.");
  told.pass(10'000);
  const Time since = told.now;
  told.crash();
  const Seq later = told.write("More.", 503);
  const Seq turn = told.running().seq();
  told.attempt_post(turn);
  told.delayed(turn, 0, 100, true, true);
  told.post(turn, "Well.", 504);
  told.answer("Well.", 10, 1);
  const std::vector<Event> events = events_of(told);
  const Audited all = audited(events, false, Time(), SIZE_MAX, since);
  CHECK(all.sum.messages == 1);
  CHECK(all.heard.handled.size() == 1);
  CHECK(all.heard.of(later).ambiguous == 1);
  CHECK(all.sum.ambiguous == 1);
  CHECK(all.sum.crashes == 1);
  CHECK(all.sum.spent.computed_nanodollars > 0);
}

TEST_CASE("what one event ends is told of in the order of the journal", "[audit]") {
  Telling told;
  told.write("One.", 502);
  const Seq waits = told.write("Two.", 503);
  const Seq command = told.write("/help", 504);  // answered while the other still waits
  told.answer("Yes.");
  told.answer("Yes, too.");
  Fact restored;
  restored.mutable_journal_restored()->set_epoch(2);
  restored.mutable_journal_restored()->set_upto(told.log.last());
  told.record(std::move(restored));
  const Audited all = audited(events_of(told));
  CHECK(all.heard.of(waits).outcome == "TurnCompleted");
  CHECK(all.heard.of(command).outcome == "NoticeIssued");
  CHECK(std::ranges::is_sorted(all.heard.handled, {}, &Handled::seq));
}

TEST_CASE("an audit up to a moment tells what became later of what had come by then", "[audit]") {
  Telling told;
  const Seq first = told.write("one", 501);
  const Seq turn = told.running().seq();
  told.answer("two");
  told.post(turn, "two", 502);
  told.write("three", 503);
  const Audited all = audited(events_of(told), false, Time(), SIZE_MAX, Time(), first);
  REQUIRE(all.heard.handled.size() == 1);
  CHECK(all.heard.handled[0].seq == first);
  CHECK(all.heard.handled[0].outcome == "TurnCompleted");
  CHECK(all.sum.messages == 1);
  CHECK(all.sum.unaccounted == 0);
  CHECK(audited(events_of(told)).sum.unaccounted == 1);
}

}  // namespace daybook::audit_test
