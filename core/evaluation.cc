#include "core/evaluation.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/context.h"
#include "core/directory.h"
#include "core/layout.h"
#include "core/parts.h"
#include "core/policy.h"
#include "core/relevance.h"
#include "core/tokens.h"
#include "core/usage.h"

namespace daybook {

namespace {

using Positions = std::unordered_map<Seq, int>;
// Words of entries do not change between one turn and the next.
class Remembered final : public History {
 public:
  explicit Remembered(History& history) : history_(history) {}

  std::optional<Event> event(Seq seq) override { return history_.event(seq); }
  std::optional<Event> clear_event(Seq seq) override { return history_.clear_event(seq); }
  Result<std::vector<Event>> chain(Seq head, Seq until) override {
    return history_.chain(head, until);
  }
  std::string text(Seq seq) override {
    const auto [found, added] = texts_.try_emplace(seq);
    if (added) found->second = history_.text(seq);
    return found->second;
  }
  std::string told(Seq seq) override { return history_.told(seq); }
  Digest told_sha256(Seq seq) override { return history_.told_sha256(seq); }
  std::unordered_map<Seq, Marks>* marks_memo() override { return &marks_; }

 private:
  History& history_;
  std::unordered_map<Seq, std::string> texts_;
  std::unordered_map<Seq, Marks> marks_;
};

// A turn of the branch that is judged, by positions of its entries there.
struct Judged {
  Seq turn = 0;
  int first = 0;  // what it answers
  int end = 0;    // one past its answer
};

// By seq: what was erased since then has moved the positions.
struct Need {
  Seq entry = 0;
  std::string mark;

  friend auto operator<=>(const Need&, const Need&) = default;
};

Positions positions_in(const SessionState& state) {
  Positions positions;
  for (int position = 0; position < state.entries_size(); ++position) {
    positions[state.entries(position).seq()] = position;
  }
  return positions;
}

int position_of(const Positions& positions, Seq seq) {
  const auto found = positions.find(seq);
  return found == positions.end() ? -1 : found->second;
}

// The turns whose questions are on the branch, of each question the newest. `chain` is newest
// first.
std::vector<Judged> turns_of(const std::vector<Event>& chain, const Positions& positions) {
  std::map<int, Judged> turns;  // by question
  for (const Event& event : chain) {
    const TurnStarted& started = event.turn_started();
    if (!event.has_turn_started() || started.kind() != ANSWER || started.answers().empty())
      continue;
    const int first = position_of(positions, started.answers(0));
    const int last = position_of(positions, started.answers(started.answers_size() - 1));
    if (first >= 0 && last >= 0) turns.try_emplace(last, Judged{event.seq(), first, 0});
  }
  std::vector<Judged> asked;
  for (const auto& [last, turn] : turns) {
    if (!asked.empty()) asked.back().end = turn.first;
    asked.push_back(turn);
  }
  if (!asked.empty()) asked.back().end = static_cast<int>(positions.size());
  return asked;
}

// Which entry each entry replies to, by position.
std::unordered_map<int, int> replies_of(const std::vector<Event>& chain,
                                        const Positions& positions) {
  std::unordered_map<Seq, int> answers;  // by turn
  std::unordered_map<std::int64_t, int> on_screen;
  for (const Event& event : chain) {
    const int position = position_of(positions, event.seq());
    if (position >= 0 && ends_turn(event)) answers[ended_turn(event)] = position;
    const std::int64_t message = event.has_message_edited() ? event.message_edited().message_id()
                                                            : event.message_received().message_id();
    if (position >= 0 && message != 0) on_screen.try_emplace(message, position);
  }
  for (const Event& event : chain) {
    if (!event.has_reply_posted()) continue;
    const auto answer = answers.find(event.reply_posted().source());
    if (answer != answers.end()) {
      on_screen.try_emplace(event.reply_posted().message_id(), answer->second);
    }
  }
  std::unordered_map<int, int> replies;
  for (const Event& event : chain) {
    const auto meant = on_screen.find(event.message_received().reply_to());
    const int position = position_of(positions, event.seq());
    if (position >= 0 && meant != on_screen.end() && event.message_received().reply_to() != 0) {
      replies[position] = meant->second;
    }
  }
  return replies;
}

// Who said what first.
class Mentions {
 public:
  Mentions(const SessionState& state, History& history) : state_(state) {
    for (int position = 0; position < state.entries_size(); ++position) {
      const Marks& marks =
          marks_.emplace_back(marks_of(history.text(state.entries(position).seq())));
      for (const std::string& mark : marks.references) references_.try_emplace(mark, position);
      for (const std::string& mark : marks.numbers) numbers_.try_emplace(mark, position);
      for (const std::string& mark : marks.names) {
        names_.try_emplace(mark, position);
        words_.try_emplace(mark, position);
      }
      for (const std::string& mark : marks.openers) words_.try_emplace(mark, position);
    }
  }

  // Adds what the entry says that was first said before `end`.
  void add_needs(int position, int end, std::set<Need>* needs) const {
    const Marks& marks = marks_[static_cast<std::size_t>(position)];
    add_first(marks.references, references_, end, needs);
    add_first(marks.numbers, numbers_, end, needs);
    add_first(marks.names, words_, end, needs);
    add_first(marks.openers, names_, end, needs);
  }

 private:
  using First = std::unordered_map<std::string, int>;

  void add_first(const std::vector<std::string>& marks, const First& first, int end,
                 std::set<Need>* needs) const {
    for (const std::string& mark : marks) {
      const auto found = first.find(mark);
      if (found == first.end() || found->second >= end) continue;
      needs->insert({state_.entries(found->second).seq(), mark});
    }
  }

  const SessionState& state_;
  std::vector<Marks> marks_;  // by position
  First references_;
  First numbers_;
  First names_;  // surely names
  First words_;  // names, or what a sentence began with
};

// What a turn and those behind it need of what was said before it.
std::set<Need> demand_of(const SessionState& state, const std::vector<Judged>& turns,
                         std::size_t index, int lookahead, const Mentions& mentions,
                         const std::unordered_map<int, int>& replies) {
  const std::size_t last = std::min(index + static_cast<std::size_t>(lookahead), turns.size() - 1);
  const int before = turns[index].first;
  std::set<Need> needs;
  for (int position = before; position < turns[last].end; ++position) {
    mentions.add_needs(position, before, &needs);
    const auto meant = replies.find(position);
    if (meant == replies.end() || meant->second >= before) continue;
    needs.insert({state.entries(meant->second).seq(), ""});
  }
  return needs;
}

// The limits that a turn would have had. One of older rules recorded no more than its window.
void limit(TurnStarted* turn, const std::string& policy, std::uint32_t budget) {
  if (turn->rules() == 0) {
    turn->set_rules(kRulesVersion);
    if (turn->window_tokens() == 0) turn->set_window_tokens(Window().window_tokens);
    turn->set_calibration(1'000);
    set_policy_limits(SettingsLoaded(), turn);
    turn->set_budget(limit_of(*turn).tokens);
  }
  const bool by_limit = turn->budget() == limit_of(*turn).tokens;
  turn->set_policy(policy);
  if (by_limit) turn->set_budget(limit_of(*turn).tokens);
  if (budget != 0) turn->set_budget(budget);
  turn->clear_overflow_keep_last();
  turn->clear_reused_tokens();
}

// How many of these are left out when only so many tokens may be spent on them.
std::uint64_t oracle_faults(std::vector<std::uint64_t> costs, std::uint64_t tokens) {
  std::sort(costs.begin(), costs.end());
  std::uint64_t faults = costs.size();
  for (const std::uint64_t cost : costs) {
    if (cost > tokens) break;
    tokens -= cost;
    --faults;
  }
  return faults;
}

// The conversation as it would have gone under one policy.
class Rerun {
 public:
  Rerun(std::string policy, const EvaluationOptions& options, const CatalogueLoaded& prices,
        History& history)
      : options_(options), prices_(prices), history_(history) {
    run_.policy = std::move(policy);
  }

  // `asked` with its needs: the turn that this event starts; null: none that is on the branch.
  // `faults` is null where it was judged elsewhere: then it only leads to those that follow.
  void apply(Event event, const Judged* asked, const std::set<Need>& needs,
             std::vector<Fault>* faults) {
    if (!event.has_turn_started() || event.turn_started().kind() != ANSWER) {
      session_.apply(event);
      return;
    }
    TurnStarted* turn = event.mutable_turn_started();
    turn->set_anew(anew_);
    session_.apply(event);
    if (asked == nullptr) return;
    limit(turn, run_.policy, options_.budget);
    const bool fits = plan_prompt(session_.state(), turn, history_);
    if (faults != nullptr) judge(*turn, asked->turn, fits, needs, faults);
    if (!fits) return;
    anew_ = turn->anew();
    if (faults != nullptr) count(*turn);
    before_ = *turn;
  }

  [[nodiscard]] const PolicyRun& run() const { return run_; }

 private:
  void judge(const TurnStarted& turn, Seq seq, bool fits, const std::set<Need>& needs,
             std::vector<Fault>* faults) {
    const SessionState& state = session_.state();
    const std::vector<bool> taken = positions_of(state, turn.taken());
    const std::vector<Seq> summaries = fits ? summaries_by_position(turn) : std::vector<Seq>();
    std::uint64_t spent = estimate_tokens(history_.text(system_event(turn))) + kAnswerTokens;
    std::vector<std::uint64_t> costs;
    std::uint64_t missed = 0;
    for (int position = 0; position < state.entries_size(); ++position) {
      const Entry& entry = state.entries(position);
      const std::uint64_t cost = std::uint64_t{entry.tokens()} + kMessageTokens;
      const auto& own = turn.answers();
      if (std::find(own.begin(), own.end(), entry.seq()) != own.end()) spent += cost;
      const auto need = needs.lower_bound({entry.seq(), ""});
      if (need == needs.end() || need->entry != entry.seq()) continue;
      const bool kept = fits && taken[static_cast<std::size_t>(position)];
      const auto untold = std::find_if(need, needs.end(), [&](const Need& one) {
        return one.entry != entry.seq() || !fits ||
               !told(summaries[static_cast<std::size_t>(position)], one);
      });
      if (!kept && (untold == needs.end() || untold->entry != entry.seq())) continue;
      costs.push_back(cost);
      if (kept) continue;
      ++missed;
      faults->push_back({run_.policy, seq, entry.seq(), untold->mark});
    }
    ++run_.turns;
    run_.needs += costs.size();
    run_.faults += missed;
    const std::uint64_t tokens = fits ? turn.tokens() : estimated_budget(turn);
    const std::uint64_t oracle = oracle_faults(std::move(costs), tokens - std::min(tokens, spent));
    run_.oracle_faults += std::min(oracle, missed);
    if (!fits) ++run_.refused;
  }

  // Of every entry the summary that stands for it, 0: none does.
  [[nodiscard]] std::vector<Seq> summaries_by_position(const TurnStarted& turn) const {
    const SessionState& state = session_.state();
    std::vector<Seq> summaries(static_cast<std::size_t>(state.entries_size()));
    const int covered = turn.summary() == 0 ? 0 : position_after(state, state.summary_last());
    std::fill(summaries.begin(), summaries.begin() + covered, state.summary_text());
    for (const ToldPart& part : told_parts(state, turn)) {
      std::fill(summaries.begin() + part.begin, summaries.begin() + part.end, part.text);
    }
    return summaries;
  }

  // Whether the summary says it.
  bool told(Seq summary, const Need& need) {
    if (need.mark.empty() || summary == 0) return false;
    const auto [found, added] = summaries_.try_emplace(summary);
    if (added) found->second = marks_of(history_.text(summary));
    const auto says = [&](const std::vector<std::string>& marks) {
      return std::binary_search(marks.begin(), marks.end(), need.mark);
    };
    const Marks& marks = found->second;
    return says(marks.references) || says(marks.names) || says(marks.openers) ||
           says(marks.numbers);
  }

  void count(const TurnStarted& turn) {
    const std::vector<bool> taken = positions_of(session_.state(), turn.taken());
    run_.kept += static_cast<std::uint64_t>(std::count(taken.begin(), taken.end(), true));
    run_.tokens += turn.tokens();
    if (before_) {
      run_.reused_tokens += reused_tokens(session_.state(), turn, *before_, history_);
    }
    const std::uint64_t tokens = std::uint64_t{turn.tokens()} * turn.calibration() / 1'000;
    const CallFacts facts{turn.provider(), turn.model(), static_cast<std::uint32_t>(tokens), 0};
    const Spent spent = spent_by(facts, Usage(), prices_, true);
    run_.nanodollars += spent.nanodollars();
    run_.unpriced_turns += spent.unpriced_calls;
  }

  const EvaluationOptions& options_;
  const CatalogueLoaded& prices_;
  History& history_;
  Session session_;
  std::optional<TurnStarted> before_;
  Seq anew_ = 0;
  std::map<Seq, Marks> summaries_;
  PolicyRun run_;
};

}  // namespace

void PolicyRun::add(const PolicyRun& other) {
  turns += other.turns;
  refused += other.refused;
  kept += other.kept;
  tokens += other.tokens;
  reused_tokens += other.reused_tokens;
  needs += other.needs;
  faults += other.faults;
  oracle_faults += other.oracle_faults;
  nanodollars += other.nanodollars;
  unpriced_turns += other.unpriced_turns;
}

void Evaluation::add(const Evaluation& other) {
  runs.resize(other.runs.size());
  for (std::size_t index = 0; index < runs.size(); ++index) {
    runs[index].policy = other.runs[index].policy;
    runs[index].add(other.runs[index]);
  }
  faults.insert(faults.end(), other.faults.begin(), other.faults.end());
  judged.insert(other.judged.begin(), other.judged.end());
}

Result<Evaluation> evaluate(const Session& session, Seq head, const EvaluationOptions& options,
                            const CatalogueLoaded& prices, History& history) {
  const Result<std::vector<Event>> chain = history.chain(head, 0);
  if (!chain) return chain.error();
  Remembered remembered(history);
  const SessionState& state = session.state();
  const Positions positions = positions_in(state);
  const std::vector<Judged> turns = turns_of(*chain, positions);
  const std::unordered_map<int, int> replies = replies_of(*chain, positions);
  const Mentions mentions(state, remembered);
  std::unordered_map<Seq, std::size_t> by_seq;
  for (std::size_t index = 0; index < turns.size(); ++index) by_seq[turns[index].turn] = index;
  std::vector<Rerun> reruns;
  for (const std::string& policy : options.policies) {
    reruns.emplace_back(policy, options, prices, remembered);
  }
  Evaluation evaluation;
  for (auto event = chain->rbegin(); event != chain->rend(); ++event) {
    const auto found = by_seq.find(event->seq());
    const Judged* asked = found == by_seq.end() ? nullptr : &turns[found->second];
    std::set<Need> needs;
    if (asked != nullptr) {
      needs = demand_of(state, turns, found->second, options.lookahead, mentions, replies);
    }
    const bool counts = asked != nullptr && !options.judged.contains(asked->turn);
    if (counts) evaluation.judged.insert(asked->turn);
    for (Rerun& rerun : reruns) {
      rerun.apply(*event, asked, needs, counts ? &evaluation.faults : nullptr);
    }
  }
  for (const Rerun& rerun : reruns) evaluation.runs.push_back(rerun.run());
  return evaluation;
}

std::uint64_t tokens_under(const std::string& policy, const SessionState& state, TurnStarted turn,
                           History& history) {
  limit(&turn, policy, 0);
  plan_prompt(state, &turn, history);
  return std::uint64_t{turn.tokens()} * std::max(turn.calibration(), 1U) / 1'000;
}

bool is_dominated(const PolicyRun& run, const PolicyRun& other) {
  // Of two that sent different amounts, the share. The products take more than 64 bits.
  const auto product = [](std::uint64_t one, std::uint64_t two) {
    return static_cast<long double>(one) *
           static_cast<long double>(std::max<std::uint64_t>(two, 1));
  };
  const long double reuse = product(run.reused_tokens, other.tokens);
  const long double other_reuse = product(other.reused_tokens, run.tokens);
  const bool as_good = other.tokens <= run.tokens && other.faults <= run.faults &&
                       other.oracle_gap() <= run.oracle_gap() && other.refused <= run.refused &&
                       other_reuse >= reuse;
  const bool better = other.tokens < run.tokens || other.faults < run.faults ||
                      other.oracle_gap() < run.oracle_gap() || other.refused < run.refused ||
                      other_reuse > reuse;
  return as_good && better;
}

std::vector<bool> pareto_frontier(const std::vector<PolicyRun>& runs) {
  std::vector<bool> frontier;
  for (const PolicyRun& run : runs) {
    frontier.push_back(std::none_of(runs.begin(), runs.end(), [&](const PolicyRun& other) {
      return is_dominated(run, other);
    }));
  }
  return frontier;
}

const PolicyRun* recommended(const std::vector<PolicyRun>& runs, const std::string& in_use) {
  const auto used = std::find_if(runs.begin(), runs.end(),
                                 [&](const PolicyRun& run) { return run.policy == in_use; });
  if (used == runs.end()) return nullptr;
  const PolicyRun* best = nullptr;
  for (const PolicyRun& run : runs) {
    if (!is_dominated(*used, run)) continue;
    const bool better =
        best == nullptr || std::tie(run.faults, run.tokens) < std::tie(best->faults, best->tokens);
    if (better) best = &run;
  }
  return best;
}

}  // namespace daybook
