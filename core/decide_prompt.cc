// How the prompt of a turn is made and recorded: what its policy takes, what that leaves out, and
// the digest of it all.
#include <algorithm>
#include <utility>

#include "core/context.h"
#include "core/decide.h"
#include "core/policy.h"

namespace daybook {

namespace {

// Whether the open turn's last prompt left out the same: that is recorded already.
bool left_out_already(const State& state, const Session& session, const TurnStarted& turn) {
  if (!session.busy()) return false;
  const std::optional<Event> recorded = state.history.clear_event(session.state().open().prompt());
  if (!recorded) return false;
  const auto& before = prompt_record(*recorded).dropped();
  return std::equal(before.begin(), before.end(), turn.dropped().begin(), turn.dropped().end(),
                    [](const Range& one, const Range& other) {
                      return one.first() == other.first() && one.last() == other.last();
                    });
}

// What was left out becomes an event of its own before the one that leaves it out.
void add_truncated(SessionId session, const Selection& selection, Decisions* decisions) {
  if (selection.messages_dropped == 0) return;
  Event truncated;
  truncated.set_session(session);
  ContextTruncated* body = truncated.mutable_context_truncated();
  body->mutable_dropped()->Assign(selection.dropped.begin(), selection.dropped.end());
  body->set_messages(selection.messages_dropped);
  body->set_tokens(selection.tokens_dropped);
  body->set_rule(selection.rule);
  decisions->push_back(std::move(truncated));
}

}  // namespace

std::optional<Event> last_prompt(const State& state, const Session& session) {
  if (session.state().last_prompt() == 0) return std::nullopt;
  std::optional<Event> event = state.history.clear_event(session.state().last_prompt());
  if (event && prompt_record(*event).rules() == 0) event.reset();
  return event;
}

void record_prompt(const State& state, const Session& session, const SessionState& ahead,
                   TurnStarted* turn, Decisions* decisions) {
  if (const std::optional<Event> before = last_prompt(state, session)) {
    turn->set_reused_tokens(reused_tokens(ahead, *turn, prompt_record(*before), state.history));
  }
  const DigestedPrompt prompt = digest_prompt(ahead, *turn, state.history);
  turn->set_sha256(std::string(view(prompt.sha256)));
  if (left_out_already(state, session, *turn)) return;
  add_truncated(session.state().id(), prompt.selection, decisions);
}

void record_summary_prompt(const State& state, const Session& session, TurnStarted* turn) {
  const DigestedPrompt prompt = digest_prompt(session.state(), *turn, state.history);
  const Selection& selection = prompt.selection;
  turn->mutable_taken()->Assign(selection.taken.begin(), selection.taken.end());
  turn->mutable_dropped()->Assign(selection.dropped.begin(), selection.dropped.end());
  turn->set_tokens(selection.tokens);
  turn->set_sha256(std::string(view(prompt.sha256)));
}

namespace {

// Another policy would leave something out, but never what is asked, nor what is pinned.
bool window_fits(const State& state, const SessionState& ahead, TurnStarted turn) {
  turn.set_policy("window");
  return plan_prompt(ahead, &turn, state.history);
}

Error too_long(const Session& session, const TurnStarted& turn, bool window_would_fit) {
  std::string text = "⚠ Nothing was sent: this would take about " + std::to_string(turn.tokens()) +
                     " tokens, and the policy " + turn.policy() + " has room for " +
                     std::to_string(estimated_budget(turn)) + ". ";
  if (turn.policy() == "full" && window_would_fit) {
    text += "/compact, /policy window or /reset helps.";
  } else {
    text += "A shorter message helps";
    text += session.state().pinned().empty()
                ? "."
                : ", or fewer pins: /pin lists them, /unpin takes one off.";
  }
  return Error{std::move(text), ExitCode::kUsage};
}

// The summary that is told before the entries; a part has none before it.
Seq built_on(const State& state, const Session& session, const TurnStarted& turn) {
  const std::optional<Event> started =
      turn.kind() == SUMMARY ? state.history.clear_event(turn.compaction()) : std::nullopt;
  const bool part = started && started->compaction_started().granularity() != WHOLE;
  return part ? 0 : session.state().summary();
}

}  // namespace

Result<Decisions> with_choice(const State& state, const Session& session, Event event) {
  Session ahead = session;
  // The turn's own messages are entries of its prompt: fold the turn as if it were recorded.
  event.set_seq(session.state().seq() + 1);
  event.mutable_turn_started()->set_anew(session.state().anew());
  ahead.apply(event);
  event.clear_seq();
  TurnStarted* turn = event.mutable_turn_started();
  if (!plan_prompt(ahead.state(), turn, state.history)) {
    return too_long(session, *turn, window_fits(state, ahead.state(), *turn));
  }
  Decisions decisions;
  record_prompt(state, session, ahead.state(), turn, &decisions);
  decisions.push_back(std::move(event));
  return decisions;
}

Decisions with_prompt(const State& state, const Session& session, Event event) {
  Session ahead = session;
  // The turn's own messages are entries of its prompt: fold the turn as if it were recorded.
  event.set_seq(session.state().seq() + 1);
  ahead.apply(event);
  event.clear_seq();
  TurnStarted* turn = event.mutable_turn_started();
  const DigestedPrompt prompt = digest_prompt(ahead.state(), *turn, state.history);
  const Selection& selection = prompt.selection;
  turn->mutable_taken()->Assign(selection.taken.begin(), selection.taken.end());
  turn->mutable_dropped()->Assign(selection.dropped.begin(), selection.dropped.end());
  turn->set_summary(built_on(state, session, *turn));
  turn->set_tokens(selection.tokens);
  turn->set_sha256(std::string(view(prompt.sha256)));
  Decisions decisions;
  add_truncated(event.session(), selection, &decisions);
  decisions.push_back(std::move(event));
  return decisions;
}

}  // namespace daybook
