// `daybook usage`: tokens and money, by whom or what, also as another price table would have it.
#include <algorithm>
#include <map>

#include "core/money.h"
#include "core/notation.h"
#include "core/usage.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/prices.h"
#include "tools/spent_text.h"
#include "tools/tool.h"

namespace daybook {
namespace {

struct UsageOptions {
  std::string by = "model";
  std::string since;
  std::string until;
  std::string prices;
  bool print_prices = false;
};

struct Row {
  JsonLine key;
  Spent spent;
};
using Rows = std::map<std::string, Row>;

KindSet kinds_needed() {
  KindSet kinds;
  for (const int kind :
       {Event::kCatalogueLoaded, Event::kMessageReceived, Event::kMessageEdited, Event::kLeafMoved,
        Event::kTurnStarted, Event::kTurnCompleted, Event::kAttemptFailed, Event::kTurnRetried,
        Event::kTurnFailed, Event::kTurnCancelled, Event::kTurnAbandoned, Event::kCompactionStarted,
        Event::kCompactionFailed, Event::kNoticeIssued, Event::kSessionReset, Event::kStepCompleted,
        Event::kStepStarted}) {
    kinds.set(static_cast<std::size_t>(kind));
  }
  return kinds;
}

std::string name_of(const std::string& by, const UsageFold::Call& call) {
  if (by == "model") return call.facts.model + " of " + call.facts.provider;
  if (by == "session") return std::to_string(call.session) + " at " + call.place;
  if (by == "day") return time_text(call.time).substr(0, 10);
  return call.user == 0 ? std::string("this machine") : "user " + std::to_string(call.user);
}

JsonLine key_of(const std::string& by, const UsageFold::Call& call) {
  if (by == "model") return {{"model", call.facts.model}, {"provider", call.facts.provider}};
  if (by == "session") return {{"session", call.session}, {"place", call.place}};
  if (by == "day") return {{"day", time_text(call.time).substr(0, 10)}};
  return {{"user", call.user}};
}

Result<Rows> fold_usage(JournalView& view, const UsageOptions& options, UsageFold* fold) {
  Time since{};
  if (!options.since.empty()) {
    auto parsed = parse_since(options.since, wall_clock());
    if (!parsed) return parsed.error();
    since = *parsed;
  }
  Rows rows;
  // Of what was cut short the words are counted where nobody reported tokens.
  const KindSet worded = KindSet().set(Event::kAttemptFailed).set(Event::kTurnRetried);
  const auto last = until_of(view, options.until);
  if (!last) return last.error();
  Progress progress("adding up", *last);
  auto folded = view.fold(1, *last, kinds_needed(), worded, &progress, [&](const Event& event) {
    const auto call = fold->apply(event);
    if (!call || call->time < since) return;
    Row& row = rows[name_of(options.by, *call)];
    row.key = key_of(options.by, *call);
    row.spent.add(call->spent);
  });
  if (!folded) return folded.error();
  return rows;
}

void print_row(std::size_t width, const std::string& name, const Spent& spent) {
  const bool unknown = spent.unpriced_calls > 0;
  std::string money =
      unknown && spent.unpriced_calls == spent.calls ? "?" : money_text(spent.nanodollars());
  if (unknown && spent.unpriced_calls < spent.calls) money += " + ?";
  print_line(terminal_text(left(name, width) + right(count_text(spent.calls), 8) +
                           right(count_text(spent.prompt_tokens), 14) +
                           right(count_text(spent.cached_tokens), 12) +
                           right(count_text(spent.output_tokens), 12) +
                           right(count_text(spent.reasoning_tokens), 12) + right(money, 14)));
}

// Which figures were reported, and which are ours.
void print_origin(const Spent& sum, bool recomputed) {
  const std::uint64_t silent = sum.calls - sum.reported_calls;
  if (silent > 0) {
    print_line(count_text(sum.estimated_tokens, "token") + " of " + count_text(silent, "call") +
               " are our estimate: nobody reported them.");
  }
  if (recomputed) {
    print_line("All money is computed from the given prices.");
  } else if (sum.calls > 0) {
    print_line(money_text(sum.said_nanodollars) + " as the providers said, " +
               money_text(sum.computed_nanodollars) + " from the catalogue in force at the time.");
  }
  if (sum.unpriced_calls > 0) {
    print_line(count_text(sum.unpriced_calls, "call") +
               " of models that no row has a price for: --prices FILE gives one.");
  }
}

void print_rows(const Tool& tool, const UsageOptions& options, const Rows& rows) {
  Spent sum;
  std::size_t width = 12;
  for (const auto& [name, row] : rows) {
    sum.add(row.spent);
    width = std::max(width, name.size() + 2);
  }
  if (tool.json) {
    for (const auto& [name, row] : rows) {
      JsonLine line = row.key;
      line.update(spent_json(row.spent));
      print_json(line);
    }
    JsonLine line = {{"sum", options.by}};
    line.update(spent_json(sum));
    print_json(line);
    return;
  }
  print_line(bold(tool, left(options.by, width) + right("calls", 8) + right("tokens in", 14) +
                            right("cached", 12) + right("out", 12) + right("reasoning", 12) +
                            right("money", 14)));
  for (const auto& [name, row] : rows) print_row(width, name, row.spent);
  print_row(width, "sum", sum);
  print_line("");
  print_origin(sum, !options.prices.empty());
}

Result<void> run_usage(const Tool& tool, const UsageOptions& options) {
  std::optional<CatalogueLoaded> prices;
  if (!options.prices.empty()) {
    auto read = read_prices(options.prices);
    if (!read) return read.error();
    prices = *std::move(read);
  }
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  if (options.print_prices) {
    print(prices_text((*view)->gateway().directory().catalogue()));
    return {};
  }
  UsageFold fold(std::move(prices));
  auto rows = fold_usage(**view, options, &fold);
  if (!rows) return rows.error();
  print_rows(tool, options, *rows);
  return {};
}

}  // namespace

void add_usage(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "usage", Group::kRead, "tokens and money",
                            "daybook usage --by day --since 30d; "
                            "daybook usage --print-prices > prices; daybook usage --prices prices");
  const auto options = std::make_shared<UsageOptions>();  // lives as long as the callback
  verb->add_option("--by", options->by, "model, session, user or day")
      ->check(CLI::IsMember({"model", "session", "user", "day"}));
  verb->add_option("--since", options->since, "only from this time on: 2026-02-03, 10m, 2h, 30d");
  verb->add_option("--until", options->until, std::string("only up to ") + kMomentHelp);
  verb->add_option("--prices", options->prices,
                   "compute all money anew from this table: one id=MODEL input_nanodollars=N "
                   "output_nanodollars=N a line, per token");
  verb->add_flag("--print-prices", options->print_prices, "print the table now in force, to edit");
  verb->add_flag("--json", tool.json, "one JSON object a line, the sum last");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_usage(tool, *options); }; });
}

}  // namespace daybook
