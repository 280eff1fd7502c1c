#include "core/open_turn.h"

#include <algorithm>

namespace daybook {

std::string model_name(const std::string& provider, const std::string& model) {
  return provider + ":" + model;
}

OpenTurn opened_turn(const Event& event) {
  const TurnStarted& started = event.turn_started();
  OpenTurn turn;
  turn.set_seq(event.seq());
  turn.set_kind(started.kind());
  turn.set_attempt(1);
  turn.set_attempt_seq(event.seq());
  turn.set_model(started.model());
  turn.set_provider(started.provider());
  turn.set_place(started.place());
  turn.set_compaction(started.compaction());
  turn.set_session(event.session());
  turn.set_prompt(event.seq());
  *turn.mutable_answers() = started.answers();
  turn.set_first_attempt(1);
  turn.set_restarts(started.restarts());
  turn.set_continues(started.continues());
  turn.set_wanted(started.route().wanted());
  // It has nobody to stand in, and waits out the pause that it asked for.
  const bool alone = started.route().task().empty();
  for (const PassedModel& passed : started.route().passed()) {
    if (alone && passed.why() == PassedModel::RESTS) turn.set_not_before(passed.until());
  }
  return turn;
}

void retry_open_turn(OpenTurn* turn, const Event& event) {
  const TurnRetried& retried = event.turn_retried();
  turn->set_attempt(retried.attempt());
  turn->set_attempt_seq(event.seq());
  turn->set_not_before(retried.not_before());
  turn->set_last_chunk(0);
  if (retried.tokens() > 0) turn->set_said(event.seq());
  const auto spend_no_attempt = [turn] {
    turn->set_first_attempt(std::max(turn->first_attempt(), 1U) + 1);
  };
  if (retried.error() == ERROR_CLASS_UNSPECIFIED) {
    // Nobody failed; how often that may happen is counted apart.
    turn->set_restarts(turn->restarts() + 1);
    spend_no_attempt();
  }
  if (!retried.has_prompt()) return;
  turn->set_prompt(event.seq());
  const TurnStarted& anew = retried.prompt();
  if (anew.model() == turn->model() && anew.provider() == turn->provider()) {
    // Made shorter, as often as there is a shorter one; attempts are for what may pass.
    if (retried.error() == OVERFLOW) spend_no_attempt();
    return;
  }
  turn->set_model(anew.model());
  turn->set_provider(anew.provider());
  turn->set_first_attempt(retried.attempt());
  turn->set_wanted(anew.route().wanted());
}

std::uint32_t attempts_of_model(const OpenTurn& turn) {
  return turn.attempt() + 1 - std::max(turn.first_attempt(), 1U);
}

}  // namespace daybook
