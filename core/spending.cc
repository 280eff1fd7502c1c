#include "core/spending.h"

#include <chrono>
#include <utility>

#include "core/directory.h"
#include "core/open_turn.h"

namespace daybook {

namespace {

using Days = std::chrono::days;

SpentSum sum_of(const Spent& spent) {
  SpentSum sum;
  sum.set_calls(spent.calls);
  sum.set_reported_calls(spent.reported_calls);
  sum.set_prompt_tokens(spent.prompt_tokens);
  sum.set_cached_tokens(spent.cached_tokens);
  sum.set_output_tokens(spent.output_tokens);
  sum.set_reasoning_tokens(spent.reasoning_tokens);
  sum.set_estimated_tokens(spent.estimated_tokens);
  sum.set_said_nanodollars(spent.said_nanodollars);
  sum.set_computed_nanodollars(spent.computed_nanodollars);
  sum.set_unpriced_calls(spent.unpriced_calls);
  return sum;
}

void add(SpentSum* sum, const SpentSum& more) {
  Spent spent = spent_of(*sum);
  spent.add(spent_of(more));
  SpentSum result = sum_of(spent);
  result.set_planned_tokens(sum->planned_tokens() + more.planned_tokens());
  result.set_reused_tokens(sum->reused_tokens() + more.reused_tokens());
  *sum = result;
}

bool same_month(std::int64_t one, std::int64_t other) {
  const auto month = [](std::int64_t day) {
    const std::chrono::year_month_day date{std::chrono::sys_days(Days(day))};
    return std::pair(date.year(), date.month());
  };
  return month(one) == month(other);
}

}  // namespace

std::string account_of(std::string_view place, std::int64_t user) {
  if (user == 0) return std::string(kLocalAccount);
  return std::string(channel_of(place)) + ":" + std::to_string(user);
}

std::int64_t day_of(Time time) { return std::chrono::floor<Days>(time).time_since_epoch().count(); }

Time beginning_of(std::int64_t day) { return Time(std::chrono::sys_days(Days(day))); }

Spent spent_of(const SpentSum& sum) {
  Spent spent;
  spent.calls = sum.calls();
  spent.reported_calls = sum.reported_calls();
  spent.prompt_tokens = sum.prompt_tokens();
  spent.cached_tokens = sum.cached_tokens();
  spent.output_tokens = sum.output_tokens();
  spent.reasoning_tokens = sum.reasoning_tokens();
  spent.estimated_tokens = sum.estimated_tokens();
  spent.said_nanodollars = sum.said_nanodollars();
  spent.computed_nanodollars = sum.computed_nanodollars();
  spent.unpriced_calls = sum.unpriced_calls();
  return spent;
}

void Spending::save(DirectoryState* state) const {
  for (const auto& [name, row] : rows_) *state->add_accounts() = row;
}

void Spending::apply(const Event& event, const CatalogueLoaded& prices, SessionRow* row) {
  if (event.has_turn_started()) {
    begin(event, event.turn_started(), row);
    return;
  }
  if (const auto end = call_end(event); end && row->has_open_call()) {
    OpenCall* call = row->mutable_open_call();
    const bool counts = end->completed || (end->began() && !call->counted());
    if (counts) {
      const CallFacts facts{call->provider(), call->model(), call->prompt_tokens(), end->tokens};
      charge(event, sum_of(spent_by(facts, end->usage, prices, false)), row);
      call->set_counted(true);
    }
  }
  if (event.has_step_started()) {
    row->mutable_open_call()->set_counted(false);
    begin(event, event.step_started().prompt(), row);
  }
  if (event.has_turn_retried()) {
    row->mutable_open_call()->set_counted(false);
    if (event.turn_retried().has_prompt()) begin(event, event.turn_retried().prompt(), row);
  }
  if (ends_turn(event)) row->clear_open_call();
}

void Spending::begin(const Event& event, const TurnStarted& started, SessionRow* row) {
  OpenCall* call = row->mutable_open_call();
  call->set_provider(started.provider());
  call->set_model(started.model());
  call->set_prompt_tokens(started.tokens());
  call->set_user(started.user());
  call->set_counted(false);
  call->set_task(started.route().task());
  if (started.rules() == 0) return;
  SpentSum planned;
  planned.set_planned_tokens(started.tokens());
  planned.set_reused_tokens(started.reused_tokens());
  charge(event, planned, row);
}

void Spending::charge(const Event& event, const SpentSum& sum, SessionRow* row) {
  const OpenCall& call = row->open_call();
  const std::string model = std::string(kModelAccount) + model_name(call.provider(), call.model());
  for (const std::string& name :
       {std::string(kEverybody), account_of(row->place(), call.user()), model}) {
    AccountRow& account = this->account(name, from_milliseconds(event.time()));
    add(account.mutable_today(), sum);
    add(account.mutable_month(), sum);
  }
  add(row->mutable_spent(), sum);
}

// The row, as of this day.
AccountRow& Spending::account(const std::string& name, Time now) {
  AccountRow& row = rows_[name];
  const std::int64_t day = day_of(now);
  if (row.name().empty() || !same_month(row.day(), day)) row.clear_month();
  if (row.name().empty() || row.day() != day) row.clear_today();
  row.set_name(name);
  row.set_day(day);
  return row;
}

void Spending::note(const Event& event) {
  if (event.has_budget_neared()) {
    AccountRow& row = account(event.budget_neared().whose(), from_milliseconds(event.time()));
    row.set_neared_day(event.budget_neared().day());
    row.set_neared_limit(event.budget_neared().limit_nanodollars());
  } else if (event.has_budget_spent()) {
    AccountRow& row = account(event.budget_spent().whose(), from_milliseconds(event.time()));
    row.set_spent_day(event.budget_spent().day());
    row.set_spent_limit(event.budget_spent().limit_nanodollars());
  }
}

SpentSum Spending::today(std::string_view account, Time now) const {
  const AccountRow* row = this->row(account);
  return row != nullptr && row->day() == day_of(now) ? row->today() : SpentSum();
}

SpentSum Spending::month(std::string_view account, Time now) const {
  const AccountRow* row = this->row(account);
  return row != nullptr && same_month(row->day(), day_of(now)) ? row->month() : SpentSum();
}

const AccountRow* Spending::row(std::string_view account) const {
  const auto found = rows_.find(account);
  return found == rows_.end() ? nullptr : &found->second;
}

}  // namespace daybook
