// What was spent on whose account, today and this month: what budgets and /usage go by.
//
// An account is everybody's ("all"), a person's ("telegram:77"), this machine's ("local"), or a
// model's ("model openai:gpt-4o"). Days and months are those of UTC. A fold over clear events, the
// same sums as core/usage.h finds by reading the journal, but kept: an erasure takes words and
// leaves what they cost. Law: nothing is guessed; a call whose price nobody knows counts as one.
// Rejected: a row for every day; `daybook usage --by day` reads them from the journal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "core/types.h"
#include "core/usage.h"

namespace daybook {

inline constexpr std::string_view kEverybody = "all";
inline constexpr std::string_view kModelAccount = "model ";
inline constexpr std::string_view kLocalAccount = "local";

// A person's account, or that of whoever sits at this machine.
std::string account_of(std::string_view place, std::int64_t user);

// Days since the epoch, UTC; and the moment one begins.
std::int64_t day_of(Time time);
Time beginning_of(std::int64_t day);

Spent spent_of(const SpentSum& sum);

class Spending {
 public:
  void restore(AccountRow row) { rows_[row.name()] = std::move(row); }
  void save(DirectoryState* state) const;

  // An event of a session: `row` keeps what its open turn's call is about, and its own sum.
  void apply(const Event& event, const CatalogueLoaded& prices, SessionRow* row);
  // BudgetNeared and BudgetSpent: something was said.
  void note(const Event& event);

  [[nodiscard]] SpentSum today(std::string_view account, Time now) const;
  [[nodiscard]] SpentSum month(std::string_view account, Time now) const;
  // Null: nothing was ever spent on it.
  [[nodiscard]] const AccountRow* row(std::string_view account) const;
  [[nodiscard]] const std::map<std::string, AccountRow, std::less<>>& rows() const { return rows_; }

 private:
  void begin(const Event& event, const TurnStarted& started, SessionRow* row);
  void charge(const Event& event, const SpentSum& sum, SessionRow* row);
  AccountRow& account(const std::string& name, Time now);

  std::map<std::string, AccountRow, std::less<>> rows_;
};

}  // namespace daybook
