// Who is asked: the model that is wanted, or one of its fallbacks; and what is believed of each.
//
// agent.route = "fixed" asks the first that nothing stands in the way of. "learned" draws for each
// from what it achieved so far at this kind of task and asks the highest. A belief is a Beta
// distribution: successes and failures, of which older ones weigh less with every outcome. What is
// drawn is its mean and, by a hash of the session's newest event, as many deviations as a normal
// distribution would give: near enough to the Beta's own, and the same on every machine. Law: a
// route is a function of the journal; it is recorded with its turn.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/events.pb.h"
#include "core/model.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

// What beliefs begin with: as if it had succeeded once and failed once. In thousandths.
inline constexpr std::uint32_t kPriorOutcomes = 1'000;
// Of what was believed, so much is left when one more outcome is known.
inline constexpr std::uint32_t kRemembered = 980;
// A message of more tokens than this is a long one.
inline constexpr std::uint32_t kShortTokens = 200;

// "summary", "answer/short" or "answer/long".
std::string task_of(TurnKind kind, std::uint32_t message_tokens);

class Beliefs {
 public:
  void restore(BeliefRow row) { rows_[row.key()] = std::move(row); }
  void save(DirectoryState* state) const;

  // The outcome, if this event is one, of a call that `call` describes. A call of no task teaches
  // nothing.
  void apply(const Event& event, const OpenCall& call);

  // One of no outcomes is not known to be good or bad.
  [[nodiscard]] BeliefRow belief(const std::string& model, const std::string& task) const;

 private:
  std::map<std::string, BeliefRow> rows_;
};

// What is drawn for this model when the session's newest event is `seq`.
ModelChance chance_of(const ResolvedModel& model, const BeliefRow& belief, Seq seq);

// Lines for a person: who was not asked and why, what was drawn. Empty: nobody else was considered.
std::vector<std::string> route_lines(const Route& route);

}  // namespace daybook
