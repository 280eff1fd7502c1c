// Who is asked: the model that is wanted, or one of its fallbacks; and what is believed of each.
//
// agent.route = "fixed" asks the first that nothing stands in the way of. "learned" compares what
// each achieved so far at this kind of task. A belief is a Beta distribution: successes and
// failures, of which older ones may weigh less with every outcome. Its score is its mean less so
// many deviations: who is little known is not believed to be good. A fallback is asked before the
// first of them only where it scores higher by a margin.
//
// Now and then the first is asked all the same, by a hash of the session's newest event: beliefs
// change by outcomes alone, so one that failed early would never show that it works again.
// Fallbacks need no such trial: they are asked whenever the first one fails. Rejected: to draw from
// the beliefs; it hands turns to a fallback while nothing is wrong with the model that was chosen.
//
// Law: a route is a function of the journal, reckoned in whole numbers; it is recorded with its
// turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/events.pb.h"
#include "core/model.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

// A message of more tokens than this is a long one.
inline constexpr std::uint32_t kShortTokens = 200;

// "summary", "answer/short" or "answer/long".
std::string task_of(TurnKind kind, std::uint32_t message_tokens);

// What settings begin with, and what is in force.
const RouteTuning& usual_route_tuning();
const RouteTuning& route_tuning_of(const SettingsLoaded& settings);

class Beliefs {
 public:
  void restore(BeliefRow row) { rows_[row.key()] = std::move(row); }
  void save(DirectoryState* state) const;

  // The outcome, if this event is one, of a call that `call` describes. A call of no task teaches
  // nothing.
  void apply(const Event& event, const OpenCall& call, const RouteTuning& tuning);

  // One of no outcomes is as good as bad.
  [[nodiscard]] BeliefRow belief(const std::string& model, const std::string& task,
                                 const RouteTuning& tuning) const;

 private:
  std::map<std::string, BeliefRow> rows_;
};

ModelChance chance_of(const ResolvedModel& model, const BeliefRow& belief,
                      const RouteTuning& tuning);

// Which of these is believed best: the first, unless one scores higher by the margin.
std::size_t best_of(const std::vector<ModelChance>& chances, const RouteTuning& tuning);

// Whether it is time to try the first again, when the session's newest event is `seq`.
bool tries_again(Seq seq, const RouteTuning& tuning);

// Lines for a person: who was not asked and why, how each scored. Empty: nobody else was
// considered.
std::vector<std::string> route_lines(const Route& route);

}  // namespace daybook
