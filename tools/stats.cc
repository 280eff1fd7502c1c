#include "tools/stats.h"

#include <chrono>

#include "core/codec.h"
#include "core/directory.h"
#include "core/notation.h"
#include "journal/record.h"

namespace daybook {
namespace {

// How far apart, as percent of what was reported.
std::uint64_t percent_apart(std::uint64_t estimated, std::uint64_t reported) {
  const std::uint64_t apart = estimated > reported ? estimated - reported : reported - estimated;
  return apart * 100 / reported;
}

std::uint64_t said_tokens(const TurnCompleted& completed) {
  return completed.earlier_bytes() == 0 ? completed.tokens() : completed.said_tokens();
}

std::uint64_t said_tokens(const StepCompleted& completed) { return completed.tokens(); }

}  // namespace

// A TurnCompleted or a StepCompleted.
template <typename Completed>
void Stats::compare(const Completed& completed) {
  const auto asked = open_.find(completed.turn());
  const Usage& usage = completed.usage();
  if (asked == open_.end() || !usage.reported() || usage.prompt_tokens() == 0) return;
  Estimate& estimate = estimates_[asked->second.model];
  ++estimate.answers;
  estimate.prompt_estimated += asked->second.tokens;
  estimate.prompt_reported += usage.prompt_tokens();
  estimate.output_estimated += said_tokens(completed);
  if (usage.output_tokens() > usage.reasoning_tokens()) {
    estimate.output_reported += usage.output_tokens() - usage.reasoning_tokens();
  }
  estimate.prompt_error.add(percent_apart(asked->second.tokens, usage.prompt_tokens()));
  estimate.corrected_error.add(percent_apart(asked->second.corrected, usage.prompt_tokens()));
}

Result<void> Stats::add(const Record& record) {
  const std::uint64_t bytes = record::stored_bytes(record);
  all_.add(bytes);
  kinds_[record.kind].add(bytes);
  if (record.session != 0) talk_.add(bytes);
  const std::int64_t day =
      std::chrono::floor<std::chrono::days>(record.time).time_since_epoch().count();
  if (today_ == nullptr || day != today_number_) {
    today_number_ = day;
    today_ = &days_[time_text(record.time).substr(0, 10)];
  }
  today_->add(bytes);
  const bool ends = record.kind >= Event::kTurnCompleted && record.kind <= Event::kTurnAbandoned;
  const bool asks = record.kind == Event::kTurnStarted || record.kind == Event::kTurnRetried ||
                    record.kind == Event::kStepStarted;
  const bool steps = record.kind == Event::kStepCompleted;
  if (!asks && !ends && !steps) return {};
  auto event = clear_from_record(record);
  if (!event) return event.error();
  if (event->has_turn_started()) ask(record.seq, event->turn_started());
  if (event->turn_retried().has_prompt()) {
    ask(event->turn_retried().turn(), event->turn_retried().prompt());
  }
  if (event->has_step_started()) ask(event->step_started().turn(), event->step_started().prompt());
  if (event->has_step_completed()) compare(event->step_completed());
  if (event->has_turn_completed()) compare(event->turn_completed());
  if (ends_turn(*event)) open_.erase(ended_turn(*event));
  return {};
}

void Stats::ask(Seq turn, const TurnStarted& started) {
  const std::uint64_t tokens = started.tokens();
  const std::uint64_t believed = started.rules() == 0 ? 1'000 : started.calibration();
  open_[turn] = {started.model() + " of " + started.provider(), tokens, tokens * believed / 1'000};
}

}  // namespace daybook
