// `daybook eval`: what other policies would have kept of recorded conversations, at what price, and
// what later turns turned out to need of what they left out.
#include <algorithm>

#include "core/evaluation.h"
#include "core/money.h"
#include "core/notation.h"
#include "core/policy.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/progress.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr std::size_t kMissedBytesShown = 60;

struct EvalOptions {
  std::vector<std::string> sessions;  // empty: all
  std::string policies = "full,window,legacy,reset,incremental";
  EvaluationOptions evaluation;
  bool faults = false;
  bool recommend = false;
};

Result<std::vector<std::string>> policies_in(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    std::string name = list.substr(at, end - at);
    at = end + 1;
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (!is_policy(name)) {
      std::string sentence = "--policies: there is no policy '" + name + "'; there are";
      for (const PolicyRow& row : policies()) {
        sentence += sentence.ends_with("are") ? " " : ", ";
        sentence += row.name;
      }
      return Error{sentence + ".", ExitCode::kUsage};
    }
    names.push_back(std::move(name));
  }
  return names;
}

Result<std::vector<SessionId>> sessions_in(JournalView& view, const EvalOptions& options) {
  std::vector<SessionId> ids;
  for (const std::string& name : options.sessions) {
    const Result<SessionId> id = view.find_session(name);
    if (!id) return id.error();
    ids.push_back(*id);
  }
  if (!options.sessions.empty()) return ids;
  for (const auto& [id, row] : view.gateway().directory().sessions()) ids.push_back(id);
  return ids;
}

std::string usual_policy(const Directory& directory) {
  const std::string& usual = directory.settings().policy();
  return usual.empty() ? std::string(kDefaultPolicy) : usual;
}

std::string money_of(const PolicyRun& run) {
  const std::uint64_t asked = run.turns - run.refused;
  if (asked > 0 && run.unpriced_turns == asked) return "?";
  return money_text(run.nanodollars) + (run.unpriced_turns > 0 ? " + ?" : "");
}

void print_runs(const Tool& tool, const std::vector<PolicyRun>& runs) {
  const std::vector<bool> frontier = pareto_frontier(runs);
  print_line(bold(tool, left("policy", 14) + right("refused", 8) + right("messages", 12) +
                            right("tokens", 14) + right("faults", 9) + right("gap", 7) +
                            right("reused", 8) + right("money", 12)));
  for (std::size_t index = 0; index < runs.size(); ++index) {
    const PolicyRun& run = runs[index];
    print_line(left(run.policy + (frontier[index] ? " *" : ""), 14) +
               right(count_text(run.refused), 8) + right(count_text(run.kept), 12) +
               right(count_text(run.tokens), 14) + right(count_text(run.faults), 9) +
               right(count_text(run.oracle_gap()), 7) +
               right(share_text(run.reused_tokens, run.tokens), 8) + right(money_of(run), 12));
  }
}

void print_json_runs(const std::vector<PolicyRun>& runs, const PolicyRun* best, bool recommend) {
  const std::vector<bool> frontier = pareto_frontier(runs);
  for (std::size_t index = 0; index < runs.size(); ++index) {
    const PolicyRun& run = runs[index];
    print_json({{"policy", run.policy},
                {"turns", run.turns},
                {"refused", run.refused},
                {"messages", run.kept},
                {"tokens", run.tokens},
                {"reused_tokens", run.reused_tokens},
                {"needs", run.needs},
                {"faults", run.faults},
                {"oracle_gap", run.oracle_gap()},
                {"nanodollars", run.nanodollars},
                {"unpriced_turns", run.unpriced_turns},
                {"frontier", static_cast<bool>(frontier[index])}});
  }
  if (!recommend) return;
  JsonLine line = {{"recommended", nullptr}};
  if (best != nullptr) line["recommended"] = best->policy;
  print_json(line);
}

void print_faults(const Tool& tool, JournalView& view, const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) {
    if (tool.json) {
      print_json({{"policy", fault.policy},
                  {"turn", fault.turn},
                  {"missed", fault.entry},
                  {"mark", fault.mark}});
      continue;
    }
    const std::string why = fault.mark.empty() ? "a reply to it" : "\"" + fault.mark + "\"";
    print_line(terminal_text("turn " + std::to_string(fault.turn) + ", " + fault.policy +
                             ": without " + std::to_string(fault.entry) + " " +
                             escaped(view.gateway().text(fault.entry), kMissedBytesShown) +
                             ", needed for " + why));
  }
}

void print_recommendation(const PolicyRun* best, const std::string& in_use) {
  if (best == nullptr) {
    print_line("No policy here is as good as " + in_use +
               " in everything and better in something: keep it, or choose among those marked *.");
    return;
  }
  print_line("Recommended: " + best->policy + ". It is as good as " + in_use +
             " in everything and better in something: set agent.policy, or /policy in a chat.");
}

Result<Evaluation> evaluate_all(JournalView& view, EvalOptions& options) {
  const auto ids = sessions_in(view, options);
  if (!ids) return ids.error();
  Gateway& gateway = view.gateway();
  Evaluation all;
  Progress progress("evaluating", ids->size());
  std::uint64_t done = 0;
  for (const SessionId id : *ids) {
    const auto session = view.session(id);
    if (!session) return session.error();
    const Seq head = gateway.directory().sessions().at(id).head();
    auto one =
        evaluate(*session, head, options.evaluation, gateway.directory().catalogue(), gateway);
    if (!one) return one.error();
    options.evaluation.judged.insert(one->judged.begin(), one->judged.end());
    all.add(*one);
    progress.reached(++done);
  }
  return all;
}

void print_table(const Tool& tool, const EvalOptions& options, const Evaluation& evaluation) {
  print_runs(tool, evaluation.runs);
  print_line("");
  print_line(count_text(evaluation.runs[0].turns, "turn") + ", each with the " +
             count_text(static_cast<std::uint64_t>(options.evaluation.lookahead)) +
             " after it. A fault is an earlier message that they refer to and");
  print_line("the prompt lacks; gap: those that somebody who knew would have kept in as many");
  print_line("tokens. *: no other policy here is as good in everything and better in something.");
}

Result<void> run_eval(const Tool& tool, EvalOptions& options) {
  auto policies = policies_in(options.policies);
  if (!policies) return policies.error();
  options.evaluation.policies = *std::move(policies);
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  const std::string in_use = usual_policy((*view)->gateway().directory());
  std::vector<std::string>& names = options.evaluation.policies;
  const bool compared = std::find(names.begin(), names.end(), in_use) != names.end();
  if (options.recommend && !compared) names.push_back(in_use);
  const auto evaluation = evaluate_all(**view, options);
  if (!evaluation) return evaluation.error();
  if (evaluation->runs.empty() || evaluation->runs[0].turns == 0) {
    return Error{"nothing was answered there yet: there is no turn to evaluate", ExitCode::kUsage};
  }
  if (options.faults) print_faults(tool, **view, evaluation->faults);
  const PolicyRun* best = recommended(evaluation->runs, in_use);
  if (tool.json) {
    print_json_runs(evaluation->runs, best, options.recommend);
    return {};
  }
  print_table(tool, options, *evaluation);
  if (options.recommend) print_recommendation(best, in_use);
  return {};
}

}  // namespace

void add_eval(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "eval", Group::kRead, "what other policies would have kept, missed and cost",
               "daybook eval telegram:12345 --policies window,incremental; "
               "daybook eval --budget 8000 --recommend");
  const auto options = std::make_shared<EvalOptions>();  // lives as long as the callback
  verb->add_option("session", options->sessions,
                   "numbers, places, or their beginnings; without any: all");
  verb->add_option("--policies", options->policies, "names with commas between them")
      ->capture_default_str();
  verb->add_option("--lookahead", options->evaluation.lookahead,
                   "turns after the one asked whose needs count")
      ->check(CLI::Range(0, 1'000))
      ->capture_default_str();
  verb->add_option("--budget", options->evaluation.budget,
                   "tokens a prompt may come to; without it: what each turn had")
      ->check(CLI::Range(1, 1'000'000'000));
  verb->add_flag("--faults", options->faults, "each fault first: turn, what it lacked, and why");
  verb->add_flag("--recommend", options->recommend,
                 "whether one is better in everything than the policy of the settings, "
                 "which is judged along");
  verb->add_flag("--json", tool.json, "one JSON object a line");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_eval(tool, *options); }; });
}

}  // namespace daybook
