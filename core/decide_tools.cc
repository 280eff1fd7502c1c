// The tool loop: an answer asks for tools, each request is allowed or refused, and when all of them
// are settled the model is asked again, in the same turn.
//
// Law: a request is allowed only if its turn offered the tool, the settings still do, its arguments
// can be read and the turn has steps left. What is refused is told to the model in words. A turn
// ends: when its steps are used up the model may use no tool any more and has to answer.
#include <algorithm>
#include <utility>

#include "core/context.h"
#include "core/decide.h"
#include "core/decide_conversation.h"
#include "core/policy.h"
#include "core/steps.h"
#include "core/tokens.h"
#include "core/tools.h"

namespace daybook {

namespace {

std::uint32_t steps_max(const State& state) {
  const std::uint32_t chosen = state.directory.settings().max_steps();
  return chosen == 0 ? kMaxSteps : chosen;
}

bool names(const google::protobuf::RepeatedPtrField<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

struct Refusal {
  ToolRefused::Reason reason = ToolRefused::REASON_UNSPECIFIED;
  std::string why;  // for the model
};

// What speaks against this request; nothing: it may run.
std::optional<Refusal> refusal_of(const State& state, const OpenTurn& open, const TurnStarted& turn,
                                  const Event& request) {
  const ToolRequested& asked = request.tool_requested();
  if (static_cast<std::uint32_t>(open.steps_size()) > steps_max(state)) {
    return Refusal{ToolRefused::STEPS, "Not run: this turn has used up its " +
                                           std::to_string(steps_max(state)) +
                                           " steps. Answer now with what you have."};
  }
  const ToolDefinition* tool = find_tool(asked.tool());
  if (tool == nullptr || !names(turn.tools(), asked.tool())) {
    return Refusal{ToolRefused::UNKNOWN, "There is no such tool. There is: " +
                                             tool_list({turn.tools().begin(), turn.tools().end()}) +
                                             "."};
  }
  if (!names(state.directory.settings().tools(), asked.tool())) {
    return Refusal{ToolRefused::FORBIDDEN, "Not run: the settings do not allow it any more."};
  }
  if (asked.cut()) {
    return Refusal{ToolRefused::ARGUMENTS, "The arguments are longer than " +
                                               std::to_string(kToolArgumentsBytesMax) + " bytes."};
  }
  std::string trouble = arguments_trouble(*tool, request.content().arguments());
  if (!trouble.empty()) return Refusal{ToolRefused::ARGUMENTS, std::move(trouble)};
  return std::nullopt;
}

Event refused(const Event& request, const Refusal& refusal, std::uint32_t rules) {
  Event event;
  event.set_session(request.session());
  ToolRefused* body = event.mutable_tool_refused();
  body->set_turn(request.tool_requested().turn());
  body->set_call_id(request.tool_requested().call_id());
  body->set_request(request.seq());
  body->set_reason(refusal.reason);
  body->set_tokens(estimate_tokens(refusal.why, rules));
  event.mutable_content()->set_text(refusal.why);
  return event;
}

Event attempted(const Event& request) {
  Event event;
  event.set_session(request.session());
  event.mutable_tool_attempted()->set_turn(request.tool_requested().turn());
  event.mutable_tool_attempted()->set_call_id(request.tool_requested().call_id());
  event.mutable_tool_attempted()->set_request(request.seq());
  return event;
}

// Its prompt with what the steps add to it.
void tell_steps(const OpenTurn& open, TurnStarted* prompt) {
  const std::uint32_t before = prompt->step_tokens();
  prompt->set_step_tokens(tokens_of_steps(open, *prompt));
  prompt->set_tokens(prompt->tokens() - before + prompt->step_tokens());
}

bool fits(const TurnStarted& prompt) { return prompt.tokens() <= estimated_budget(prompt); }

// Leaves out results, the oldest first, but none of the last step while less of the conversation
// would help, too. False: there is no room for what was asked.
bool make_room(const State& state, const Session& session, TurnStarted* prompt) {
  const OpenTurn& open = session.state().open();
  const std::uint32_t earlier = results_of_steps(open, open.steps_size() - 1);
  while (!fits(*prompt) && prompt->results_left_out() < earlier) {
    prompt->set_results_left_out(prompt->results_left_out() + 1);
    tell_steps(open, prompt);
  }
  if (fits(*prompt) || plan_prompt(session.state(), prompt, state.history)) return true;
  prompt->set_results_left_out(results_of_steps(open, open.steps_size()));
  return plan_prompt(session.state(), prompt, state.history);
}

Decisions start_step(const State& state, const Session& session) {
  const OpenTurn& open = session.state().open();
  const std::optional<Event> recorded = state.history.clear_event(open.prompt());
  if (!recorded) return {};
  if (const std::string stop = budget_stop(state, open); !stop.empty()) {
    return {turn_abandoned(state, open, {},
                           "\u26A0 Given up: before the model was asked once more, with what its "
                           "tools found, " +
                               stop)};
  }
  const auto steps = static_cast<std::uint32_t>(open.steps_size());
  Event event;
  event.set_session(open.session());
  StepStarted* body = event.mutable_step_started();
  body->set_turn(open.seq());
  body->set_attempt(open.attempt() + 1);
  body->set_step(steps + 1);
  TurnStarted* prompt = body->mutable_prompt();
  *prompt = prompt_record(*recorded);
  const std::uint32_t before = prompt->tokens();
  prompt->set_steps(steps);
  tell_steps(open, prompt);
  prompt->set_tools_closed(steps > steps_max(state));
  Decisions decisions;
  if (!fits(*prompt)) {
    AttemptFailed failed;
    failed.set_error(OVERFLOW);
    if (!make_room(state, session, prompt)) return {steps_too_long(state, open, failed, {})};
    record_prompt(state, session, session.state(), prompt, &decisions);
  } else {
    prompt->set_reused_tokens(before);
    const DigestedPrompt digested = digest_prompt(session.state(), *prompt, state.history);
    prompt->set_sha256(std::string(view(digested.sha256)));
  }
  decisions.push_back(std::move(event));
  return decisions;
}

}  // namespace

Decisions decide_step_completed(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr || !session->state().open().using_tools()) return {};
  const OpenTurn& open = session->state().open();
  const std::optional<Event> turn = state.history.clear_event(open.prompt());
  if (!turn) return {};
  Decisions decisions;
  for (const ToolCallRow& call : open.steps().rbegin()->calls()) {
    const std::optional<Event> request = state.history.event(call.request());
    if (!request) continue;
    const std::optional<Refusal> refusal = refusal_of(state, open, prompt_record(*turn), *request);
    decisions.push_back(refusal ? refused(*request, *refusal, state.directory.rules())
                                : attempted(*request));
  }
  return decisions;
}

Decisions decide_tool_settled(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr || !session->state().open().using_tools()) return {};
  if (!all_settled(session->state().open())) return {};
  Decisions cut = cut_between_steps(state, *session);
  return cut.empty() ? start_step(state, *session) : cut;
}

Decisions settle_interrupted_tools(const State& state, const Session& session) {
  const OpenTurn& open = session.state().open();
  Decisions decisions;
  for (const ToolCallRow& call : open.steps().rbegin()->calls()) {
    if (call.settled() != 0) continue;
    const std::string text =
        "It is not known what came of this: the gateway stopped while it ran. It was not run "
        "again.";
    Event event;
    event.set_session(open.session());
    ToolReturned* body = event.mutable_tool_returned();
    body->set_turn(open.seq());
    body->set_call_id(call.call_id());
    body->set_request(call.request());
    body->set_failed(true);
    body->set_unknown(true);
    body->set_tokens(estimate_tokens(text, state.directory.rules()));
    event.mutable_content()->set_text(text);
    decisions.push_back(std::move(event));
  }
  return decisions;
}

}  // namespace daybook
