// Drives one provider adapter by hand: commits its turns, hands it bytes and gathers its facts. It
// stands where the gateway and the transport would stand, with nothing between.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/provider.h"

namespace daybook::provider_driver {

class FixedPrompts final : public Prompts {
 public:
  Prompt value;
  std::optional<Error> error;

  Result<Prompt> prompt(Seq /*turn*/) override {
    if (error) return *error;
    return value;
  }
};

// What came of one attempt.
struct Outcome {
  std::vector<Fact> facts;
  std::string text;       // of the chunks
  std::string reasoning;  // of the chunks
  std::optional<Fact> end;

  [[nodiscard]] bool completed() const { return end && end->has_turn_completed(); }
  [[nodiscard]] const AttemptFailed& failed() const { return end->attempt_failed(); }
};

inline ProviderSettings settings_for(std::string name, std::string kind, std::string base_url) {
  ProviderSettings settings;
  settings.name = std::move(name);
  settings.kind = std::move(kind);
  settings.base_url = std::move(base_url);
  settings.api_key = Secret("sk-canary-0123456789");
  return settings;
}

class Driver {
 public:
  explicit Driver(const ProviderSettings& settings)
      : name_(settings.name), adapter(make_provider(settings, work, prompts)) {
    prompts.value.system = "Be brief.";
    prompts.value.messages = {{Entry::USER, "Hello there"}};
    prompts.value.model = "some-model";
  }

  // Folds it in and shows it, as a commit does.
  Seq commit(Event event) {
    event.set_seq(++seq_);
    work.calls.apply(event);
    adapter->on_event(event);
    return seq_;
  }
  Seq start_turn(TurnKind kind = ANSWER) {
    Event event;
    event.set_session(7);
    event.mutable_turn_started()->set_provider(name_);
    event.mutable_turn_started()->set_kind(kind);
    return commit(std::move(event));
  }
  Seq retry(Seq turn, std::uint32_t attempt) {
    Event event;
    event.mutable_turn_retried()->set_turn(turn);
    event.mutable_turn_retried()->set_attempt(attempt);
    return commit(std::move(event));
  }
  Seq cancel(Seq turn) {
    Event event;
    event.mutable_turn_cancelled()->set_turn(turn);
    return commit(std::move(event));
  }

  std::optional<Due> due() { return adapter->due(Moment{now, true, taking_in}); }
  // The next call to start; calls given up on the way are forgotten, as a transport would.
  std::optional<Call> due_call() {
    auto next = due();
    while (next && std::holds_alternative<Cancel>(*next)) next = due();
    if (!next || !std::holds_alternative<Call>(*next)) return std::nullopt;
    return std::get<Call>(std::move(*next));
  }
  std::vector<Fact> reply(CallId call, Reply reply) {
    return adapter->on_reply(call, std::move(reply), now);
  }

  // One turn from its start to its end: head, body in pieces of `piece` bytes, last reply.
  Outcome answer(ReplyHead head, std::string_view body, std::size_t piece = SIZE_MAX,
                 Reply last = ReplyEnd{}) {
    start_turn();
    const auto call = due_call();
    DAYBOOK_CHECK(call.has_value(), "an open turn is due");
    Outcome outcome;
    gather(outcome, reply(call->id, std::move(head)));
    while (!body.empty()) {
      gather(outcome, reply(call->id, ReplyBody{std::string(body.substr(0, piece))}));
      body.remove_prefix(std::min(piece, body.size()));
    }
    gather(outcome, reply(call->id, std::move(last)));
    return outcome;
  }
  Outcome stream(std::string_view body, std::size_t piece = SIZE_MAX, Reply last = ReplyEnd{}) {
    return answer({200, {{"content-type", "text/event-stream; charset=utf-8"}}}, body, piece,
                  std::move(last));
  }
  Outcome status(int code, std::string_view body, HeaderList headers = {}) {
    return answer({code, std::move(headers)}, body);
  }

  static void gather(Outcome& outcome, std::vector<Fact> facts) {
    for (Fact& fact : facts) {
      if (fact.has_chunk_received()) {
        const bool reasoning = fact.chunk_received().kind() == REASONING;
        (reasoning ? outcome.reasoning : outcome.text) += fact.content().text();
      } else {
        DAYBOOK_CHECK(!outcome.end, "an attempt ends once");
        outcome.end = fact;
      }
      outcome.facts.push_back(std::move(fact));
    }
  }

  Work work;
  FixedPrompts prompts;
  Time now = from_milliseconds(1'795'219'200'000);
  bool taking_in = true;

 private:
  std::string name_;
  Seq seq_ = 0;

 public:
  std::unique_ptr<Adapter> adapter;
};

// The facts of an outcome without what differs between two turns of one driver.
inline std::vector<std::string> essence(const Outcome& outcome) {
  std::vector<std::string> bytes;
  for (Fact fact : outcome.facts) {
    fact.clear_cause();
    if (fact.has_chunk_received()) fact.mutable_chunk_received()->clear_turn();
    if (fact.has_turn_completed()) fact.mutable_turn_completed()->clear_turn();
    if (fact.has_attempt_failed()) fact.mutable_attempt_failed()->clear_turn();
    bytes.push_back(fact.SerializeAsString());
  }
  return bytes;
}

}  // namespace daybook::provider_driver
