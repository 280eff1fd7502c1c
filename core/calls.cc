#include "core/calls.h"

#include <algorithm>

#include "core/codec.h"
#include "core/open_turn.h"
#include "core/steps.h"

namespace daybook {

Calls Calls::restore(const WorkState& state) {
  Calls calls;
  for (const OpenTurn& turn : state.turns()) calls.open_[turn.seq()] = turn;
  return calls;
}

void Calls::save(WorkState* state) const {
  for (const auto& [seq, turn] : open_) *state->add_turns() = turn;
}

void Calls::apply(const Event& event) {
  if (event.has_turn_started()) {
    open_[event.seq()] = opened_turn(event);
  } else if (event.has_turn_retried()) {
    const auto found = open_.find(event.turn_retried().turn());
    if (found == open_.end()) return;
    retry_open_turn(&found->second, event);
    apply_step(&found->second, event);
  } else if (is_step(event)) {
    const auto found = open_.find(turn_of(event));
    if (found != open_.end()) apply_step(&found->second, event);
  } else if (event.has_turn_completed()) {
    open_.erase(event.turn_completed().turn());
  } else if (event.has_turn_failed()) {
    open_.erase(event.turn_failed().turn());
  } else if (event.has_turn_cancelled()) {
    open_.erase(event.turn_cancelled().turn());
  } else if (event.has_turn_abandoned()) {
    open_.erase(event.turn_abandoned().turn());
  }
}

const OpenTurn* Calls::due(std::string_view provider, Time now,
                           const std::function<bool(Seq turn)>& busy) const {
  for (const auto& [seq, turn] : open_) {
    const bool now_or_before = turn.not_before() <= to_milliseconds(now);
    if (turn.provider() == provider && !turn.using_tools() && now_or_before && !busy(seq)) {
      return &turn;
    }
  }
  return nullptr;
}

Time Calls::wake_at(std::string_view provider, const std::function<bool(Seq turn)>& busy) const {
  Time earliest = kNever;
  for (const auto& [seq, turn] : open_) {
    if (turn.provider() == provider && !turn.using_tools() && !busy(seq)) {
      earliest = std::min(earliest, from_milliseconds(turn.not_before()));
    }
  }
  return earliest;
}

bool Calls::current(Seq turn, std::uint32_t attempt) const {
  const auto found = open_.find(turn);
  return found != open_.end() && found->second.attempt() == attempt;
}

}  // namespace daybook
