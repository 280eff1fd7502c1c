// Accounts: the sums that a fold keeps are those that reading the journal gives, by day and month.
#include "core/spending.h"

#include <catch2/catch.hpp>

#include <map>
#include <utility>

#include "core/money.h"
#include "tests/telling.h"

namespace daybook::spending_test {

using testing::Telling;

constexpr std::int64_t kDay = 86'400'000;

std::uint64_t nanodollars(const SpentSum& sum) { return spent_of(sum).nanodollars(); }

const Spending& spending(Telling& told) { return told.gateway->directory().spending(); }

// Answered in pieces, cut short, tried again, summarised, stopped.
void tell_much(Telling* told) {
  Fact settings = Telling::telegram_settings("openai:gpt-4o-mini");
  settings.mutable_settings_loaded()->add_telegram_allow(78);
  told->record(std::move(settings));
  told->write("Tell me.", 501);
  told->fail_attempt(RATE, 429, 0, "slow down");
  told->chunk(told->running(), "Twelve letter");
  told->fail_attempt(TRUNCATED, 0, 0, "");
  told->chunk(told->running(), "and again");
  told->answer("and again", 1'000, 700);
  told->write("And you?", 502, 78);
  told->chunk(told->running(), "I am cut");
  told->commit();
  told->crash();
  told->answer("I am whole", 50, 3);
  for (int i = 0; i < 3; ++i) {
    told->write("question", 510 + i);
    told->answer("a long answer to a short question", 20, 30);
  }
  told->write("/compact", 520);
  told->answer("they asked", 400, 9);
  told->write("stop this", 521);
  told->chunk(told->running(), "some words");
  told->write("/stop", 522);
}

TEST_CASE("the sums that are kept are those that the journal gives", "[spending]") {
  Telling told;
  tell_much(&told);
  UsageFold fold;
  Spent all;
  std::map<std::string, Spent> accounts;
  for (Seq seq = 1; seq <= told.log.last(); ++seq) {
    const auto call = fold.apply(told.event(seq));
    if (!call) continue;
    all.add(call->spent);
    accounts[account_of(call->place, call->user)].add(call->spent);
  }
  CHECK(all.calls > 8);
  CHECK(spent_of(spending(told).month(kEverybody, told.now)) == all);
  CHECK(spent_of(spending(told).today(kEverybody, told.now)) == all);
  CHECK(accounts.size() == 2);
  for (const auto& [name, spent] : accounts) {
    INFO(name);
    CHECK(spent_of(spending(told).month(name, told.now)) == spent);
  }
  CHECK(spent_of(spending(told).month("model openai:gpt-4o-mini", told.now)) == all);
  const SessionRow* row = told.gateway->directory().at(Telling::kChat);
  CHECK(spent_of(row->spent()) == all);
}

TEST_CASE("what is kept survives a restart, with a snapshot and without", "[spending]") {
  Telling told;
  tell_much(&told);
  told.write("still open", 530);
  told.chunk(told.running(), "half");
  told.commit();
  const std::string known = told.gateway->directory().save().SerializeAsString();
  const bool snapshot = GENERATE(true, false);
  if (snapshot) {
    told.gateway->stop("test", told.now);
    told.commit();
  }
  const DirectoryState before = told.gateway->directory().save();
  if (!snapshot) told.log.forget_snapshots();
  told.open();
  const DirectoryState after = told.gateway->directory().save();
  CHECK(after.SerializeAsString() == before.SerializeAsString());
  CHECK(after.accounts_size() > 0);
  if (!snapshot) CHECK(after.SerializeAsString() == known);
}

TEST_CASE("a day begins at midnight UTC, a month with its first day", "[spending]") {
  Telling told;  // 2026-02-03
  told.write("one", 501);
  told.answer("x", 1'000, 100);
  const std::uint64_t one = nanodollars(spending(told).today(kEverybody, told.now));
  CHECK(one > 0);
  const Time midnight = beginning_of(day_of(told.now) + 1);
  CHECK(nanodollars(spending(told).today(kEverybody, midnight - Duration(1))) == one);
  CHECK(nanodollars(spending(told).today(kEverybody, midnight)) == 0);
  told.pass(kDay);
  told.write("two", 502);
  told.answer("x", 1'000, 100);
  CHECK(nanodollars(spending(told).today(kEverybody, told.now)) == one);
  CHECK(nanodollars(spending(told).month(kEverybody, told.now)) == 2 * one);
  told.pass(26 * kDay);
  CHECK(nanodollars(spending(told).month(kEverybody, told.now)) == 0);
  told.write("three", 503);
  told.answer("x", 1'000, 100);
  CHECK(nanodollars(spending(told).month(kEverybody, told.now)) == one);
  const SessionRow* row = told.gateway->directory().at(Telling::kChat);
  CHECK(nanodollars(row->spent()) == 3 * one);
}

TEST_CASE("an answer that two models began is charged to both", "[spending]") {
  Telling told;
  Fact settings = Telling::telegram_settings("openai:gpt-4o-mini");
  settings.mutable_settings_loaded()->add_fallbacks("openai:gpt-4o");
  told.record(settings);
  told.write("one", 501);
  told.chunk(told.running(), "half");
  told.fail_attempt(TRUNCATED, 0, 600'000, "");
  REQUIRE(told.running().model() == "gpt-4o");
  told.answer("whole", 1'000, 100);
  CHECK(spending(told).month("model openai:gpt-4o-mini", told.now).calls() == 1);
  CHECK(spending(told).month("model openai:gpt-4o", told.now).calls() == 1);
  CHECK(spending(told).month(kEverybody, told.now).calls() == 2);
}

TEST_CASE("an erasure takes words and leaves what they cost", "[spending]") {
  Telling told;
  tell_much(&told);
  const Spent before = spent_of(spending(told).month(kEverybody, told.now));
  const SessionRow* row = told.gateway->directory().at(Telling::kChat);
  Event erased;
  erased.set_session(row->id());
  Range* range = erased.mutable_session_erased()->add_ranges();
  range->set_first(row->id());
  range->set_last(row->head());
  told.record(std::move(erased));
  CHECK(spent_of(spending(told).month(kEverybody, told.now)) == before);
  told.log.forget_snapshots();
  told.open();
  CHECK(spent_of(spending(told).month(kEverybody, told.now)) == before);
}

TEST_CASE("what began like the prompt before is counted", "[spending]") {
  Telling told;
  for (int i = 0; i < 4; ++i) {
    told.write("question " + std::to_string(i), 501 + i);
    told.answer("answer");
  }
  const SessionRow* row = told.gateway->directory().at(Telling::kChat);
  CHECK(row->spent().reused_tokens() > 0);
  CHECK(row->spent().reused_tokens() < row->spent().planned_tokens());
}

TEST_CASE("an account is a person's at a channel, or a machine's", "[spending]") {
  CHECK(account_of("telegram:-100/7", 77) == "telegram:77");
  CHECK(account_of("console:local", 0) == "local");
  CHECK(money_text(2'500'000'000) == "$2.50");
}

}  // namespace daybook::spending_test
