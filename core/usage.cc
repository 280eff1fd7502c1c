#include "core/usage.h"

#include <algorithm>
#include <utility>

#include "core/directory.h"
#include "core/model.h"
#include "core/tokens.h"

namespace daybook {

namespace {

// A variant of a model that a relay gives away.
constexpr std::string_view kFree = ":free";

std::optional<std::uint64_t> computed_price(const CallFacts& call, const Spent& spent,
                                            const CatalogueLoaded& prices) {
  if (call.provider == "echo" || call.model.ends_with(kFree)) return 0;
  const std::optional<ModelRow> row = catalogue_row(call.provider, call.model, prices);
  if (!row || !names_price(*row)) return std::nullopt;
  const bool dear =
      !call.summed && row->long_from_tokens() > 0 && spent.prompt_tokens > row->long_from_tokens();
  const std::uint64_t input = dear && row->has_long_input_nanodollars()
                                  ? row->long_input_nanodollars()
                                  : row->input_nanodollars();
  const std::uint64_t output = dear && row->has_long_output_nanodollars()
                                   ? row->long_output_nanodollars()
                                   : row->output_nanodollars();
  // A dearer tier asks more for these in the same proportion.
  std::uint64_t cached = row->has_cached_nanodollars() ? row->cached_nanodollars() : input;
  if (dear && row->has_cached_nanodollars() && row->input_nanodollars() > 0) {
    cached = cached * input / row->input_nanodollars();
  }
  const std::uint64_t kept = std::min(spent.cached_tokens, spent.prompt_tokens);
  return (spent.prompt_tokens - kept) * input + kept * cached + spent.output_tokens * output;
}

}  // namespace

void Spent::add(const Spent& other) {
  calls += other.calls;
  reported_calls += other.reported_calls;
  prompt_tokens += other.prompt_tokens;
  cached_tokens += other.cached_tokens;
  output_tokens += other.output_tokens;
  reasoning_tokens += other.reasoning_tokens;
  estimated_tokens += other.estimated_tokens;
  said_nanodollars += other.said_nanodollars;
  computed_nanodollars += other.computed_nanodollars;
  unpriced_calls += other.unpriced_calls;
}

Spent spent_by(const CallFacts& call, const Usage& usage, const CatalogueLoaded& prices,
               bool recompute) {
  Spent spent;
  spent.calls = 1;
  if (usage.reported()) {
    spent.reported_calls = 1;
    spent.prompt_tokens = usage.prompt_tokens();
    spent.cached_tokens = usage.cached_tokens();
    spent.output_tokens = usage.output_tokens();
    spent.reasoning_tokens = usage.reasoning_tokens();
  } else {
    spent.prompt_tokens = call.prompt_tokens;
    spent.output_tokens = call.output_tokens;
    spent.estimated_tokens = spent.prompt_tokens + spent.output_tokens;
  }
  if (!recompute && usage.cost_nanodollars() > 0) {
    spent.said_nanodollars = usage.cost_nanodollars();
    return spent;
  }
  const std::optional<std::uint64_t> price = computed_price(call, spent, prices);
  spent.computed_nanodollars = price.value_or(0);
  spent.unpriced_calls = price ? 0 : 1;
  return spent;
}

std::optional<CallEnd> call_end(const Event& event) {
  const auto cut_short = [](const auto& body) {
    return CallEnd{Usage(), body.last_chunk(), body.tokens() + body.unseen_tokens(), false};
  };
  const auto ended = [](const auto& body, const Usage& usage, bool completed) {
    const bool apart = body.earlier_bytes() != 0 || body.said_tokens() != 0;
    return CallEnd{usage, body.last_chunk(), apart ? body.said_tokens() : body.tokens(), completed};
  };
  if (event.has_turn_completed()) {
    return ended(event.turn_completed(), event.turn_completed().usage(), true);
  }
  if (event.has_step_completed()) {
    const StepCompleted& completed = event.step_completed();
    return CallEnd{completed.usage(), completed.last_chunk(), completed.tokens(), true};
  }
  if (event.has_attempt_failed()) {
    CallEnd end = cut_short(event.attempt_failed());
    end.usage = event.attempt_failed().usage();
    return end;
  }
  if (event.has_turn_retried()) return cut_short(event.turn_retried());
  const auto given_up = [&](const auto& body) {
    CallEnd end = ended(body, Usage(), false);
    if (body.kept()) end.tokens = 0;
    end.tokens += body.unseen_tokens();
    return end;
  };
  if (event.has_turn_failed()) return given_up(event.turn_failed());
  if (event.has_turn_cancelled()) return given_up(event.turn_cancelled());
  if (event.has_turn_abandoned()) return given_up(event.turn_abandoned());
  return std::nullopt;
}

void UsageFold::ask(const Event& event) {
  if (event.has_message_received()) {
    if (event.message_received().command() == "stop") return;  // asks no model
    asked_[event.seq()] = {event.session(), event.message_received().user()};
  } else if (event.has_message_edited()) {
    asked_[event.seq()] = {event.session(), event.message_edited().user()};
  } else if (event.leaf_moved().why() == LeafMoved::RETRY) {
    asked_[event.leaf_moved().to()] = {event.session(), settle(event.leaf_moved().answers())};
  } else if (event.has_leaf_moved()) {
    settle(event.leaf_moved().answers());
  } else if (event.has_compaction_started()) {
    const std::int64_t user = settle(event.compaction_started().answers());
    asked_[event.seq()] = {event.session(), user};
  } else if (event.has_compaction_failed()) {
    settle(event.compaction_failed().compaction());
  } else if (event.has_notice_issued()) {
    settle(event.notice_issued().answers());
    for (const Seq message : event.notice_issued().keeps()) settle(message);
  } else if (event.has_queue_cleared()) {
    for (const Seq message : event.queue_cleared().dropped()) settle(message);
  } else if (event.has_session_reset() && !event.session_reset().waits_on()) {
    std::erase_if(asked_, [&](const auto& one) { return one.second.session == event.session(); });
  }
}

std::int64_t UsageFold::settle(Seq asked) {
  const auto found = asked_.find(asked);
  if (found == asked_.end()) return 0;
  const std::int64_t user = found->second.user;
  asked_.erase(found);
  return user;
}

void UsageFold::begin(const Event& event) {
  Open& open = open_[event.seq()];
  open.started = event.turn_started();
  open.session = event.session();
  open.user = settle(open.started.compaction());
  for (const Seq message : open.started.answers()) open.user = settle(message);
  if (open.started.user() != 0) open.user = open.started.user();
}

UsageFold::Call UsageFold::call_of(const Event& event, const Open& open, const Usage& usage,
                                   std::uint32_t tokens) {
  Call call;
  call.turn = subject_of(event);
  call.session = open.session;
  call.place = open.started.place();
  call.user = open.user;
  call.time = from_milliseconds(event.time());
  call.facts = {open.started.provider(), open.started.model(), open.started.tokens(), tokens};
  call.completed = event.has_turn_completed();
  const bool recompute = prices_.has_value();
  call.spent = spent_by(call.facts, usage, recompute ? *prices_ : catalogue_, recompute);
  return call;
}

std::optional<UsageFold::Call> UsageFold::apply(const Event& event) {
  ask(event);
  if (event.has_catalogue_loaded()) catalogue_ = event.catalogue_loaded();
  if (event.has_turn_started()) begin(event);
  const auto found = open_.find(subject_of(event));
  if (found == open_.end()) return std::nullopt;
  Open& open = found->second;
  std::optional<Call> call;
  const std::optional<CallEnd> end = call_end(event);
  if (end && end->began() && (end->completed || !open.counted)) {
    const bool worded = event.has_attempt_failed() || event.has_turn_retried();
    const std::uint32_t tokens =
        worded && end->tokens == 0 ? estimate_tokens(event.content().text()) : end->tokens;
    call = call_of(event, open, end->usage, tokens);
    open.counted = true;
  }
  if (event.has_step_started()) {
    open.counted = false;
    open.started = event.step_started().prompt();
  } else if (event.has_turn_retried()) {
    open.counted = false;
    if (event.turn_retried().has_prompt()) open.started = event.turn_retried().prompt();
  }
  if (ends_turn(event)) open_.erase(found);
  return call;
}

}  // namespace daybook
