// A Story in which models may use tools: asking for them, letting them run, and what it all folds
// to.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/tool_runner.h"
#include "core/tools.h"
#include "tests/story.h"

namespace daybook::testing {

class StepStory : public Story {
 public:
  explicit StepStory(std::uint32_t max_steps = 8) {
    gateway->record(with_tools(max_steps), now);
    commit();
  }

  static Fact with_tools(std::uint32_t max_steps, bool allowed = true) {
    Fact fact = settings();
    if (allowed) fact.mutable_settings_loaded()->add_tools(std::string(kJournalSearch));
    fact.mutable_settings_loaded()->set_max_steps(max_steps);
    return fact;
  }

  const SessionState& state() {
    return gateway->session(gateway->directory().at("console:local")->id())->state();
  }

  Seq request(const OpenTurn& open, const std::string& id, const std::string& tool,
              const std::string& arguments, bool cut = false) {
    Fact fact;
    ToolRequested* body = fact.mutable_tool_requested();
    body->set_turn(open.seq());
    body->set_attempt(open.attempt());
    body->set_call_id(id);
    body->set_tool(tool);
    body->set_cut(cut);
    fact.mutable_content()->set_arguments(arguments);
    return gateway->record(std::move(fact), now);
  }

  Seq complete_step(const OpenTurn& open, const std::string& text = "") {
    Fact fact;
    StepCompleted* body = fact.mutable_step_completed();
    body->set_turn(open.seq());
    body->set_attempt(open.attempt());
    body->set_finish(TOOL_CALLS);
    body->mutable_usage()->set_reported(true);
    body->mutable_usage()->set_prompt_tokens(10);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  // The model looks for something. Returns the StepCompleted.
  Seq look_for(const std::string& words, const std::string& said = "") {
    const OpenTurn open = turn();
    request(open, "call_1", std::string(kJournalSearch), search_arguments(words));
    return complete_step(open, said);
  }

  Seq give_back(Seq request, std::string result) {
    return gateway->record(tool_outcome(event(request), std::move(result), {}), now);
  }

  // What is due runs, until nothing is.
  void run_tools() {
    ToolRunner runner(gateway->work(), *gateway, gateway->sessions());
    gateway->connect({&runner}, nothing_);
    for (int round = 0; round < 4; ++round) {
      gateway->turn(now);
      log.commit_all();
    }
    gateway->turn(now);
    gateway->connect({}, nothing_);
    reopen();
  }

  // Without a word of it: nobody died.
  void reopen() { open(); }

 private:
  struct Nothing : Transport {
    void start(Call) override {}
    void cancel(CallId) override {}
    std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
  };
  Nothing nothing_;
};

}  // namespace daybook::testing
