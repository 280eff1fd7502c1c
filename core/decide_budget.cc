// Budgets: said once when a day's is nearly spent, and when it is; until the day ends nothing more
// is asked on its account. And /usage.
//
// Law: what stops a turn is what was spent and the budget in force, never that something was said
// about it; so a budget that is raised lets the next message through.
#include <utility>

#include "core/codec.h"
#include "core/decide.h"
#include "core/money.h"
#include "core/notation.h"
#include "core/spending.h"
#include "core/tokens.h"
#include "core/usage.h"

namespace daybook {

namespace {

constexpr std::uint64_t kNearPercent = 80;

struct Budget {
  std::string whose;
  std::uint64_t limit = 0;  // nanodollars a day; 0: none
};

// Those that count for what this user does there.
std::vector<Budget> budgets_of(const State& state, std::string_view place, std::int64_t user) {
  const SettingsLoaded& settings = state.directory.settings();
  std::vector<Budget> budgets;
  if (settings.budget_nanodollars() != 0) {
    budgets.push_back({std::string(kEverybody), settings.budget_nanodollars()});
  }
  if (settings.user_budget_nanodollars() != 0 && user != 0) {
    budgets.push_back({account_of(place, user), settings.user_budget_nanodollars()});
  }
  return budgets;
}

std::uint64_t nanodollars(const SpentSum& sum) {
  return sum.said_nanodollars() + sum.computed_nanodollars();
}

std::string unpriced_text(const SpentSum& sum) {
  if (sum.unpriced_calls() == 0) return {};
  return ", and " + std::to_string(sum.unpriced_calls()) +
         (sum.unpriced_calls() == 1 ? " call" : " calls") + " whose price nobody knows";
}

// "today's budget for all"
std::string name_of(const Budget& budget) {
  return "today's budget for " + (budget.whose == kEverybody ? "all" : budget.whose);
}

// "today's budget for all, $1.00 ($1.02 spent)"
std::string budget_text(const Budget& budget, const SpentSum& today) {
  return name_of(budget) + ", " + money_text(budget.limit) + " (" + money_text(nanodollars(today)) +
         " spent" + unpriced_text(today) + ")";
}

// A private chat has its user's id; elsewhere others read along, whom the sums do not concern.
bool reads_alone(std::string_view place, const std::string& account) {
  return place == account || place.starts_with(account + "/");
}

std::string told_text(const std::string& budget, bool spent) {
  if (!spent) return "Four fifths are spent of " + budget + ".";
  return "⚠ Spent: " + budget + ". Until 00:00 UTC no model is asked for it.";
}

template <typename Body>
void fill(const State& state, const Budget& budget, const SpentSum& today, Body* body) {
  body->set_whose(budget.whose);
  body->set_day(day_of(state.now));
  body->set_limit_nanodollars(budget.limit);
  body->set_spent_nanodollars(nanodollars(today));
  body->set_unpriced_calls(today.unpriced_calls());
}

// Told where it was spent, and to the owner where it is everybody's or nothing is left.
void tell(const State& state, const Session* session, const Budget& budget, bool spent,
          const SpentSum& today, Decisions* decisions) {
  const std::string owner = state.directory.owner_place();
  const bool own = session != nullptr && budget.whose != kEverybody;
  std::string text = told_text(budget_text(budget, today), spent);
  if (own) {
    const bool alone = reads_alone(session->state().place(), budget.whose);
    decisions->push_back(
        notice(*session, nullptr, alone ? text : told_text(name_of(budget), spent), "budget"));
  }
  const bool at_owners = session != nullptr && session->state().place() == owner;
  if ((own && at_owners) || (own && !spent)) return;
  if (!owner.empty()) {
    decisions->push_back(notice_at(state, owner, std::move(text), "budget"));
  } else if (session != nullptr && !own) {
    // Nobody owns it yet, and guests may read this.
    const std::string plain = spent ? "⚠ Today's budget for all is spent: until 00:00 UTC no "
                                      "model is asked."
                                    : "Four fifths of today's budget for all are spent.";
    decisions->push_back(notice(*session, nullptr, plain, "budget"));
  }
}

void say(const State& state, const Session* session, const Budget& budget, Decisions* decisions) {
  const SpentSum today = state.directory.spending().today(budget.whose, state.now);
  const AccountRow* row = state.directory.spending().row(budget.whose);
  const std::int64_t day = day_of(state.now);
  const std::uint64_t sum = nanodollars(today);
  if (row == nullptr || sum * 100 < budget.limit * kNearPercent) return;
  const bool spent_said = row->spent_day() == day && row->spent_limit() == budget.limit;
  const bool neared_said = row->neared_day() == day && row->neared_limit() == budget.limit;
  Event event;
  if (sum >= budget.limit && !spent_said) {
    fill(state, budget, today, event.mutable_budget_spent());
    decisions->push_back(std::move(event));
    tell(state, session, budget, true, today, decisions);
  } else if (sum < budget.limit && !neared_said && !spent_said) {
    fill(state, budget, today, event.mutable_budget_neared());
    decisions->push_back(std::move(event));
    tell(state, session, budget, false, today, decisions);
  }
}

std::string spent_line(const SpentSum& sum) {
  if (sum.calls() == 0) return "nothing";
  std::string text = std::to_string(sum.calls()) + (sum.calls() == 1 ? " call, " : " calls, ") +
                     std::to_string(sum.prompt_tokens()) + " tokens in, " +
                     std::to_string(sum.output_tokens()) + " out, ";
  const bool priced = sum.unpriced_calls() < sum.calls();
  text += priced ? money_text(nanodollars(sum)) + unpriced_text(sum)
                 : std::string("whose price nobody knows");
  if (sum.estimated_tokens() > 0) {
    text += "; " + std::to_string(sum.estimated_tokens()) + " of the tokens by our estimate";
  }
  return text;
}

std::string reuse_line(const SpentSum& sum) {
  if (sum.planned_tokens() == 0) return {};
  return "\nPrompts began like the one before: " +
         std::to_string(sum.reused_tokens() * 100 / sum.planned_tokens()) + " % of their tokens";
}

std::string account_lines(const State& state, const std::string& name, std::string_view account) {
  const Spending& spending = state.directory.spending();
  return "\n" + name + " today: " + spent_line(spending.today(account, state.now)) + "\n" + name +
         " this month: " + spent_line(spending.month(account, state.now));
}

// Everybody and every model, for whoever pays.
std::string owner_lines(const State& state) {
  std::string text = account_lines(state, "All", kEverybody);
  for (const auto& [name, row] : state.directory.spending().rows()) {
    if (!name.starts_with(kModelAccount)) continue;
    const SpentSum month = state.directory.spending().month(name, state.now);
    if (month.calls() > 0)
      text += "\n  " + name.substr(kModelAccount.size()) + ": " + spent_line(month);
  }
  return text;
}

// What the attempt under way comes to that no event has ended yet.
std::uint64_t cost_by_now(const State& state, const OpenTurn& turn) {
  const SessionRow* row = state.directory.session(turn.session());
  const bool charged = row == nullptr || !row->has_open_call() || row->open_call().counted();
  if (charged || turn.last_chunk() == 0) return 0;
  const OpenCall& call = row->open_call();
  CallFacts facts{call.provider(), call.model(), call.prompt_tokens(), 0};
  for (const std::string& streamed : {text_so_far(turn.last_chunk(), state.history),
                                      unseen_so_far(turn.last_chunk(), state.history)}) {
    facts.output_tokens += estimate_tokens(streamed, state.directory.rules());
  }
  return spent_by(facts, Usage(), state.directory.catalogue(), false).nanodollars();
}

std::string stop_at(const State& state, std::string_view place, std::int64_t user,
                    std::uint64_t by_now) {
  for (const Budget& budget : budgets_of(state, place, user)) {
    SpentSum today = state.directory.spending().today(budget.whose, state.now);
    today.set_computed_nanodollars(today.computed_nanodollars() + by_now);
    if (nanodollars(today) < budget.limit) continue;
    const Time until = beginning_of(day_of(state.now) + 1);
    // What all spent is for the owner to know: /usage tells.
    return (reads_alone(place, budget.whose) ? budget_text(budget, today) : name_of(budget)) +
           " is spent. It begins anew at " + time_text(until).substr(0, 16) + " UTC.";
  }
  return {};
}

}  // namespace

std::string budget_stop(const State& state, std::string_view place, std::int64_t user) {
  return stop_at(state, place, user, 0);
}

std::string budget_stop(const State& state, const OpenTurn& turn) {
  const std::optional<Event> recorded = state.history.clear_event(turn.seq());
  const std::int64_t user = recorded ? recorded->turn_started().user() : 0;
  return stop_at(state, turn.place(), user, cost_by_now(state, turn));
}

Decisions decide_spent(const State& state, const Event& event) {
  const SettingsLoaded& settings = state.directory.settings();
  const bool limited =
      settings.budget_nanodollars() != 0 || settings.user_budget_nanodollars() != 0;
  if (!limited || !call_end(event)) return {};
  const std::optional<Event> recorded = state.history.clear_event(turn_of(event));
  if (!recorded) return {};
  const TurnStarted& turn = recorded->turn_started();
  Decisions decisions;
  for (const Budget& budget : budgets_of(state, turn.place(), turn.user())) {
    say(state, state.session(event.session()), budget, &decisions);
  }
  return decisions;
}

Decisions answer_usage(const State& state, const Session& session, const Event& message) {
  const SessionRow* row = state.directory.session(session.state().id());
  const MessageReceived& asked = message.message_received();
  const std::string account = account_of(asked.place(), asked.user());
  std::string text = account_lines(state, asked.user() == 0 ? "This machine" : "You", account);
  text = asked.group() ? text.substr(1)
                       : "This chat: " + spent_line(row->spent()) + reuse_line(row->spent()) + text;
  // What others cost is nobody's business in a group, or where a guest reads along.
  const bool all = owner_asks_alone(state, message);
  if (all) text += owner_lines(state);
  for (const Budget& budget : budgets_of(state, asked.place(), asked.user())) {
    const SpentSum today = state.directory.spending().today(budget.whose, state.now);
    if (budget.whose == kEverybody && !all) continue;
    text += "\nBudget: " + budget_text(budget, today);
  }
  return {notice(session, &message, text + "\nDays and months are those of UTC.", "usage")};
}

}  // namespace daybook
