#include "core/checkpoint.h"

#include <algorithm>

#include "core/codec.h"
#include "core/session.h"

namespace daybook {

namespace {

RunCheckpointed::Reason limit_of(const TurnCompleted& completed, const TurnStarted& prompt) {
  if (completed.tokens() == 0) return RunCheckpointed::REASON_UNSPECIFIED;
  if (completed.finish() == LENGTH) return RunCheckpointed::OUTPUT;
  return prompt.tools_closed() ? RunCheckpointed::STEPS : RunCheckpointed::REASON_UNSPECIFIED;
}

// What came of the turn's requests, from its newest event back.
void add_outcomes(Seq newest, History& history, RunCheckpointed* checkpoint) {
  auto* done = checkpoint->mutable_done();
  auto* blockers = checkpoint->mutable_blockers();
  for (Seq seq = newest; seq > checkpoint->turn();) {
    const std::optional<Event> event = history.clear_event(seq);
    if (!event || event->prev() >= seq) break;
    const bool settles = event->has_tool_returned() || event->has_tool_refused();
    if (settles && turn_of(*event) == checkpoint->turn()) {
      const bool succeeded = event->has_tool_returned() && !event->tool_returned().failed();
      (succeeded ? done : blockers)->Add(seq);
    }
    seq = event->prev();
  }
  std::reverse(done->begin(), done->end());
  std::reverse(blockers->begin(), blockers->end());
}

// "journal_search {"query":"boats"}"
std::string action_text(const Event& outcome, History& history) {
  const Seq asked = outcome.has_tool_returned() ? outcome.tool_returned().request()
                                                : outcome.tool_refused().request();
  const std::optional<Event> request = history.event(asked);
  if (!request) return "?";
  std::string text = request->tool_requested().tool();
  const std::string& arguments = request->content().arguments();
  if (arguments.empty()) return text;
  text += " ";
  text += text_prefix(arguments, kActionBytesMax);
  if (arguments.size() > kActionBytesMax) text += "\u2026";
  return text;
}

std::string_view fate_of(const Event& outcome) {
  if (outcome.tool_refused().reason() == ToolRefused::STEPS) return " (not run any more)";
  if (outcome.has_tool_refused()) return " (refused)";
  return outcome.tool_returned().unknown() ? " (interrupted)" : " (failed)";
}

std::string list_text(std::string_view title,
                      const google::protobuf::RepeatedField<std::uint64_t>& outcomes, bool fates,
                      History& history) {
  if (outcomes.empty()) return {};
  std::string text = "\n" + std::string(title) + ":";
  const int skipped = std::max(outcomes.size() - kActionsToldMax, 0);
  if (skipped > 0) text += "\n- (" + std::to_string(skipped) + " earlier ones)";
  for (int index = skipped; index < outcomes.size(); ++index) {
    const std::optional<Event> outcome = history.clear_event(outcomes.Get(index));
    if (!outcome) continue;
    text += "\n- " + action_text(*outcome, history);
    if (fates) text += fate_of(*outcome);
  }
  return text;
}

}  // namespace

std::optional<Event> checkpoint_of(const Event& completed, const Event& turn,
                                   const TurnStarted& prompt, History& history) {
  const TurnStarted& begun = turn.turn_started();
  const RunCheckpointed::Reason reason = limit_of(completed.turn_completed(), prompt);
  if (reason == RunCheckpointed::REASON_UNSPECIFIED || begun.answers().empty()) return std::nullopt;
  Event event;
  event.set_session(completed.session());
  RunCheckpointed* body = event.mutable_run_checkpointed();
  body->set_turn(turn.seq());
  body->set_reason(reason);
  body->set_ended(completed.seq());
  body->set_objective(begun.answers(begun.answers_size() - 1));
  // The last one was told that there are no more.
  body->set_steps(prompt.tools_closed() ? prompt.steps() - 1 : prompt.steps());
  body->set_resumes(begun.resumes());
  add_outcomes(completed.prev(), history, body);
  return event;
}

std::string checkpoint_text(const RunCheckpointed& checkpoint, History& history) {
  return "[You had to give your last message because the steps of this run were used up (" +
         std::to_string(checkpoint.steps()) +
         "). Now you may use tools again: go on towards what was asked." +
         list_text("Done so far, do not do it again", checkpoint.done(), false, history) +
         list_text("What did not work", checkpoint.blockers(), true, history) +
         "\nSay only what is new, it is added to your last message. If nothing is left to do, say "
         "that in one sentence.]";
}

}  // namespace daybook
