#include "core/steps.h"

#include <algorithm>

#include "core/codec.h"
#include "core/tokens.h"

namespace daybook {

namespace {

ToolCallRow* call_of(OpenTurn* open, Seq request) {
  if (!open->using_tools() || open->steps().empty()) return nullptr;
  for (ToolCallRow& call : *open->mutable_steps()->rbegin()->mutable_calls()) {
    if (call.request() == request) return &call;
  }
  return nullptr;
}

void request_tool(OpenTurn* open, const Event& event) {
  ToolCallRow* call = open->add_requested();
  call->set_request(event.seq());
  call->set_call_id(event.tool_requested().call_id());
  call->set_tokens(event.tool_requested().tokens());
}

void complete_step(OpenTurn* open, const Event& event) {
  StepRow* step = open->add_steps();
  step->set_seq(event.seq());
  step->set_tokens(event.step_completed().tokens());
  step->mutable_calls()->Swap(open->mutable_requested());
  open->clear_requested();
  open->set_using_tools(true);
}

void settle_call(OpenTurn* open, Seq request, Seq settled, std::uint32_t tokens) {
  ToolCallRow* call = call_of(open, request);
  if (call == nullptr || call->settled() != 0) return;
  call->set_settled(settled);
  call->set_tokens(call->tokens() + tokens);
  call->set_result_tokens(tokens);
}

void start_step(OpenTurn* open, const Event& event) {
  open->set_attempt(event.step_started().attempt());
  open->set_first_attempt(event.step_started().attempt());
  open->set_attempt_seq(event.seq());
  open->set_prompt(event.seq());
  open->set_last_chunk(0);
  open->clear_not_before();
  open->clear_said();
  open->clear_using_tools();
}

}  // namespace

bool is_step(const Event& event) {
  return event.has_tool_requested() || event.has_step_completed() || event.has_tool_attempted() ||
         event.has_tool_returned() || event.has_tool_refused() || event.has_step_started();
}

void apply_step(OpenTurn* open, const Event& event) {
  if (open->seq() == 0 || turn_of(event) != open->seq()) return;
  if (event.has_tool_requested()) {
    request_tool(open, event);
  } else if (event.has_step_completed()) {
    complete_step(open, event);
  } else if (event.has_tool_attempted()) {
    ToolCallRow* call = call_of(open, event.tool_attempted().request());
    if (call != nullptr) call->set_attempted(true);
  } else if (event.has_tool_returned()) {
    settle_call(open, event.tool_returned().request(), event.seq(), event.tool_returned().tokens());
  } else if (event.has_tool_refused()) {
    settle_call(open, event.tool_refused().request(), event.seq(), event.tool_refused().tokens());
  } else if (event.has_step_started()) {
    start_step(open, event);
  } else if (event.has_turn_retried()) {
    open->clear_requested();
  }
}

const ToolCallRow* find_call(const OpenTurn& open, Seq request) {
  if (!open.using_tools() || open.steps().empty()) return nullptr;
  const auto& calls = open.steps().rbegin()->calls();
  const auto found = std::find_if(calls.begin(), calls.end(), [request](const ToolCallRow& call) {
    return call.request() == request;
  });
  return found == calls.end() ? nullptr : &*found;
}

bool all_settled(const OpenTurn& open) {
  if (open.steps().empty()) return true;
  const auto& calls = open.steps().rbegin()->calls();
  return std::all_of(calls.begin(), calls.end(),
                     [](const ToolCallRow& call) { return call.settled() != 0; });
}

std::uint32_t results_of_steps(const OpenTurn& open, int steps) {
  int results = 0;
  for (int index = 0; index < std::min(steps, open.steps_size()); ++index) {
    results += open.steps(index).calls_size();
  }
  return static_cast<std::uint32_t>(results);
}

std::uint32_t tokens_of_steps(const OpenTurn& open, const TurnStarted& prompt) {
  const std::uint32_t left_out_tokens = estimate_tokens(kLeftOutText, prompt.rules());
  const int steps = std::min(static_cast<int>(prompt.steps()), open.steps_size());
  std::uint64_t tokens = 0;
  std::uint32_t result = 0;
  for (int index = 0; index < steps; ++index) {
    const StepRow& step = open.steps(index);
    tokens += std::uint64_t{step.tokens()} + kMessageTokens;
    // A request, and the message that holds its result.
    for (const ToolCallRow& call : step.calls()) {
      tokens += std::uint64_t{call.tokens()} + kMessageTokens;
      if (result++ < prompt.results_left_out()) {
        tokens = tokens - call.result_tokens() + left_out_tokens;
      }
    }
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(tokens, UINT32_MAX));
}

bool step_superseded(const OpenTurn& open, const Event& fact) {
  const auto late = [&](std::uint32_t attempt) {
    return open.using_tools() || attempt != open.attempt();
  };
  const auto unwanted = [&](Seq request) {
    const ToolCallRow* call = find_call(open, request);
    return call == nullptr || !call->attempted() || call->settled() != 0;
  };
  if (turn_of(fact) != open.seq()) return true;
  if (fact.has_tool_requested()) return late(fact.tool_requested().attempt());
  if (fact.has_step_completed()) return late(fact.step_completed().attempt());
  if (fact.has_tool_returned()) return unwanted(fact.tool_returned().request());
  if (fact.has_tool_refused()) return unwanted(fact.tool_refused().request());
  return false;
}

void complete_step_fact(Event* fact, std::uint32_t rules) {
  if (fact->content().erased()) return;
  const std::uint32_t tokens = estimate_tokens(fact->content().text(), rules);
  if (fact->has_step_completed()) {
    fact->mutable_step_completed()->set_tokens(tokens);
  } else if (fact->has_tool_returned()) {
    fact->mutable_tool_returned()->set_tokens(tokens);
  } else if (fact->has_tool_refused()) {
    fact->mutable_tool_refused()->set_tokens(tokens);
  } else if (fact->has_tool_requested()) {
    const std::string words = fact->tool_requested().tool() + " " + fact->content().arguments();
    fact->mutable_tool_requested()->set_tokens(estimate_tokens(words, rules));
  }
}

}  // namespace daybook
