// What becomes of answers that were under way when the gateway stopped, when the journal was
// restored, or when the settings no longer name who gives them.
#include <algorithm>
#include <utility>

#include "core/continuing.h"
#include "core/decide_conversation.h"
#include "core/steps.h"

namespace daybook {

namespace {

// By id; as good as State::session() says.
std::vector<const Session*> busy_sessions(const State& state) {
  std::vector<const Session*> busy;
  for (const auto& [id, row] : state.directory.sessions()) {
    if (row.open_turn() == 0) continue;
    const Session* session = state.session(id);
    if (session != nullptr && session->busy()) busy.push_back(session);
  }
  return busy;
}

Decisions decide_interrupted(const State& state, const Session& session) {
  if (Decisions cut = cut_interrupted(state, session); !cut.empty()) return cut;
  const OpenTurn& turn = session.state().open();
  const std::string text = text_so_far(turn.last_chunk(), state.history);
  // Older rules counted every attempt as if a restart had made it.
  const bool counted = state.directory.rules() >= 3;
  const std::uint32_t restarts = counted ? turn.restarts() + 1 : turn.attempt();
  if (restarts >= kRestartAttemptsMax) {
    return {turn_abandoned(state, turn, text,
                           "⚠ Given up: the gateway was restarted " + std::to_string(restarts) +
                               " times while this was being answered." +
                               (counted ? " /retry asks once more." : " Write again to go on."))};
  }
  Decisions cut_off = settle_cut_off(state, session, said_last(turn, text, state.history));
  const std::string stop = budget_stop(state, turn);
  if (cut_off.empty() && counted && !stop.empty()) {
    return {
        turn_abandoned(state, turn, text,
                       "⚠ The gateway was restarted while this was being answered, and " + stop)};
  }
  if (cut_off.empty()) {
    // A pause that the provider asked for goes on.
    const Time paused = counted ? from_milliseconds(turn.not_before()) : state.now;
    return {turn_retried(state, turn, ERROR_CLASS_UNSPECIFIED, std::max(state.now, paused), text)};
  }
  Event abandoned = turn_abandoned(state, turn, text, cut_off.front().content().detail());
  abandoned.mutable_turn_abandoned()->set_restarts(restarts);
  abandoned.mutable_turn_abandoned()->set_goes_on(cut_off.front().turn_abandoned().goes_on());
  cut_off.front() = std::move(abandoned);
  return cut_off;
}

}  // namespace

Decisions decide_restart(const State& state, const Event& event) {
  Decisions decisions;
  if (!event.gateway_started().recovery()) return decisions;
  for (const Session* session : busy_sessions(state)) {
    const bool tools = session->state().open().using_tools();
    Decisions settled =
        tools ? settle_interrupted_tools(state, *session) : decide_interrupted(state, *session);
    for (Event& one : settled) decisions.push_back(std::move(one));
  }
  return decisions;
}

Decisions decide_restored(const State& state, const Event&) {
  Decisions decisions = drop_held(state);
  for (const Session* session : busy_sessions(state)) {
    const OpenTurn& turn = session->state().open();
    Event event =
        turn_abandoned(state, turn, text_so_far(turn.last_chunk(), state.history),
                       "⚠ Given up: this was being answered when the backup was made that "
                       "the journal was restored from.");
    for (const Waiting& waiting : session->state().waiting()) {
      event.mutable_turn_abandoned()->add_waited(waiting.seq());
    }
    decisions.push_back(std::move(event));
  }
  return decisions;
}

Decisions decide_settings(const State& state, const Event& event) {
  Decisions decisions;
  for (const Session* session : busy_sessions(state)) {
    const OpenTurn& turn = session->state().open();
    const auto& providers = event.settings_loaded().providers();
    const bool usable =
        std::any_of(providers.begin(), providers.end(), [&](const ProviderRow& row_of_provider) {
          return row_of_provider.name() == turn.provider() && row_of_provider.usable();
        });
    if (usable) continue;
    AttemptFailed failed;
    failed.set_error(SETTINGS);
    const std::string text = text_so_far(turn.last_chunk(), state.history);
    Decisions again;
    if (budget_stop(state, turn).empty()) {
      again = fall_back(state, *session, failed, event.seq(), text);
    }
    if (again.empty()) {
      again = {turn_failed(state, turn, failed, text, "the settings no longer name it")};
    }
    for (Event& one : again) decisions.push_back(std::move(one));
  }
  return decisions;
}

}  // namespace daybook
