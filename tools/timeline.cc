#include "tools/timeline.h"

#include <algorithm>
#include <utility>

#include "core/codec.h"
#include "core/directory.h"
#include "core/health.h"
#include "tools/figures.h"

namespace daybook {
namespace {

Time time_of(const Event& event) { return from_milliseconds(event.time()); }

Duration median_of(std::vector<Duration> pauses) {
  if (pauses.empty()) return Duration(0);
  const auto middle = pauses.begin() + static_cast<std::ptrdiff_t>(pauses.size() / 2);
  std::nth_element(pauses.begin(), middle, pauses.end());
  return *middle;
}

}  // namespace

std::string failure_text(ErrorClass error, std::int32_t status, std::int64_t retry_after) {
  std::string text = error == ERROR_CLASS_UNSPECIFIED ? "restart" : ErrorClass_Name(error);
  if (status > 0) text += ", HTTP " + std::to_string(status);
  if (retry_after > 0) text += ", asked for " + duration_text(Duration(retry_after));
  if (retry_after == kNotToday) text += ", said not today";
  if (retry_after == kNotThisRequest) text += ", said not to ask again";
  return text;
}

Timeline::Timeline(Event subject, const Event* message)
    : subject_(std::move(subject)),
      began_(time_of(message == nullptr ? subject_ : *message)),
      ended_(began_) {}

void Timeline::apply(const Event& event, Time before) {
  const bool its_own = event.seq() == subject_.seq() || subject_of(event) == subject_.seq();
  const bool queued = event.seq() < subject_.seq();
  if (queued && (ends_turn(event) || event.has_gateway_started())) waited_for_.push_back(event);
  if (!queued && event.has_gateway_started()) restart(event, before);
  if (!its_own) return;
  ended_ = std::max(ended_, time_of(event));
  if (is_turn()) apply_to_turn(event);
  apply_to_screen(event);
}

void Timeline::restart(const Event& event, Time before) {
  restarts_.push_back(event);
  if (end_.seq() == 0 && is_turn()) end_attempt(event, before);
  if (!event.gateway_started().recovery()) return;
  for (Part& one : parts_) {
    if (std::exchange(one.pending, false)) ++one.ambiguous;
  }
}

void Timeline::apply_to_turn(const Event& event) {
  if (event.has_turn_started() || event.has_turn_retried() || event.has_step_started()) {
    begin_attempt(event);
  } else if (event.has_chunk_received()) {
    add_chunk(event);
  } else if (event.has_attempt_failed() || event.has_step_completed() || ends_turn(event)) {
    if (ends_turn(event)) end_ = event;
    end_attempt(event, time_of(event));
  }
}

void Timeline::begin_attempt(const Event& event) {
  Attempt attempt;
  attempt.seq = event.seq();
  attempt.from = time_of(event);
  if (event.has_turn_retried()) {
    attempt.number = event.turn_retried().attempt();
    attempt.from = std::max(attempt.from, from_milliseconds(event.turn_retried().not_before()));
  }
  if (event.has_step_started()) {
    attempt.number = event.step_started().attempt();
    attempt.step = event.step_started().step();
  } else if (!attempts_.empty()) {
    attempt.step = attempts_.back().step;
  }
  attempts_.push_back(std::move(attempt));
  pauses_.clear();
}

void Timeline::add_chunk(const Event& event) {
  Attempt& attempt = attempts_.back();
  const Time now = time_of(event);
  if (attempt.chunks++ == 0) {
    attempt.first_chunk = event.seq();
    attempt.first_chunk_at = now;
  } else {
    pauses_.push_back(now - attempt.last_chunk_at);
    if (pauses_.back() > attempt.gaps.longest) {
      attempt.gaps.longest = pauses_.back();
      attempt.gaps.before = event.seq();
    }
  }
  attempt.last_chunk = event.seq();
  attempt.last_chunk_at = now;
}

void Timeline::end_attempt(const Event& event, Time until) {
  Attempt& attempt = attempts_.back();
  if (attempt.end != 0) return;
  attempt.end = event.seq();
  attempt.ended_by = kind_name(event);
  attempt.until = until;
  attempt.gaps.count = pauses_.size();
  attempt.gaps.median = median_of(pauses_);
  if (!event.has_attempt_failed()) return;
  attempt.error = event.attempt_failed().error();
  attempt.status = event.attempt_failed().status();
  attempt.retry_after = event.attempt_failed().retry_after();
  attempt.detail = event.content().detail();
}

Part& Timeline::part(std::uint32_t index) {
  while (parts_.size() <= index) parts_.emplace_back();
  return parts_[index];
}

void Timeline::apply_to_screen(const Event& event) {
  const auto show = [&](Part& one, std::uint32_t characters) {
    one.characters = characters;
    one.last_shown = time_of(event);
    if (one.first_shown == Time()) one.first_shown = one.last_shown;
  };
  if (event.has_post_attempted()) {
    Part& one = part(event.post_attempted().part());
    ++one.posts;
    one.pending = true;
  } else if (event.has_reply_posted()) {
    Part& one = part(event.reply_posted().part());
    one.message_ids.push_back(event.reply_posted().message_id());
    one.pending = false;
    show(one, event.reply_posted().characters());
  } else if (event.has_reply_edited()) {
    Part& one = part(event.reply_edited().part());
    ++one.edits;
    one.gone = event.reply_edited().gone();
    show(one, event.reply_edited().characters());
  } else if (event.has_delivery_delayed()) {
    Part& one = part(event.delivery_delayed().part());
    if (event.delivery_delayed().ambiguous()) ++one.ambiguous;
    if (event.delivery_delayed().post()) one.pending = false;
    troubles_.push_back(event);
  } else if (event.has_delivery_failed()) {
    Part& one = part(event.delivery_failed().part());
    one.failed = true;
    one.pending = false;
    troubles_.push_back(event);
  }
}

// ---- where the time went

void Timeline::span(std::string what, std::string why, Time until) {
  // A pause that a turn did not live to the end of ends with it.
  until = std::min(until, ended_);
  const Duration length = std::max(until - reached_, Duration(0));
  if (length > Duration(0)) spans_.push_back({std::move(what), std::move(why), length});
  reached_ = std::max(reached_, until);
}

void Timeline::span_queue() {
  std::string why;
  for (const Event& event : waited_for_) {
    why += why.empty() ? "behind " : ", then ";
    why += event.has_gateway_started() ? std::string("a restart")
                                       : "turn " + std::to_string(ended_turn(event));
    why += " (" + kind_name(event) + " " + std::to_string(event.seq()) + ")";
  }
  span("in the queue", std::move(why), time_of(subject_));
}

void Timeline::span_attempt(std::size_t index) {
  const Attempt& attempt = attempts_[index];
  const std::string number = std::to_string(attempt.number);
  const Time until = attempt.end == 0 ? ended_ : attempt.until;
  if (index > 0) {
    const Attempt& last = attempts_[index - 1];
    const bool died = last.ended_by == "GatewayStarted";
    const auto restart = std::find_if(restarts_.begin(), restarts_.end(),
                                      [&](const Event& one) { return one.seq() == last.end; });
    if (died && restart != restarts_.end()) {
      span("the gateway was down", "GatewayStarted " + std::to_string(last.end), time_of(*restart));
    } else {
      const bool used = last.ended_by == "StepCompleted";
      if (used) span("tools were used", "StepCompleted " + std::to_string(last.end), attempt.from);
      span("pause before attempt " + number,
           failure_text(last.error, last.status, last.retry_after), std::min(attempt.from, until));
    }
  }
  const bool failed = attempt.ended_by == "AttemptFailed" || attempt.ended_by == "GatewayStarted";
  const std::string which = attempts_.size() > 1 ? ", attempt " + number : std::string();
  const std::string end =
      failed ? attempt.ended_by + " " + std::to_string(attempt.end) : std::string();
  if (attempt.chunks == 0) {
    span(failed ? "no answer" + which : "the whole answer at once" + which, end, until);
    return;
  }
  span("to the first token" + which, "ChunkReceived " + std::to_string(attempt.first_chunk),
       attempt.first_chunk_at);
  span("the answer came" + which,
       failed ? "broke off: " + end : count_text(attempt.chunks, "chunk"), until);
}

void Timeline::span_screen() {
  std::string why;
  for (const Event& trouble : troubles_) {
    const DeliveryDelayed& delayed = trouble.delivery_delayed();
    if (trouble.has_delivery_delayed() && time_of(trouble) >= reached_) {
      why += (why.empty() ? "" : "; ") + std::string("delayed in ") + std::to_string(trouble.seq());
      if (delayed.status() > 0) why += ", HTTP " + std::to_string(delayed.status());
      if (delayed.ambiguous()) why += ", ambiguous";
    }
  }
  span(settled_ ? "until all was shown" : "still being shown", std::move(why), ended_);
}

void Timeline::finish(bool settled) {
  settled_ = settled;
  reached_ = began_;
  if (is_turn()) {
    span_queue();
  } else {
    span("until the notice was issued", {}, time_of(subject_));
  }
  for (std::size_t index = 0; index < attempts_.size(); ++index) span_attempt(index);
  span_screen();
}

}  // namespace daybook
