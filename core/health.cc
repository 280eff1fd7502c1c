#include "core/health.h"

#include <algorithm>
#include <utility>

#include "core/directory.h"
#include "core/notation.h"

namespace daybook {

namespace {

Duration doubled(Duration base, std::uint32_t times, Duration most) {
  return std::min(base * (std::int64_t{1} << std::min(times, 16U)), most);
}

// How long a provider rests after this; nothing: it need not.
Duration rest_after(const AttemptFailed& failed, std::uint32_t failures) {
  const ErrorClass error = failed.error();
  if (failed.retry_after() > 0) return std::min(Duration(failed.retry_after()), kAskedRestMax);
  if (error == FUNDS || failed.retry_after() == kNotToday) return kFundsRest;
  if (needs_somebody(error)) return kKeyRest;
  if (error == RATE) return doubled(kRateRest, failures - 1, kRateRestMax);
  if (failures < kBrokenAfter) return Duration(0);
  return doubled(kBrokenFor, failures - kBrokenAfter, kBrokenForMax);
}

bool broken(const HealthRow& row) {
  return row.failures() >= kBrokenAfter || needs_somebody(row.error());
}

}  // namespace

bool is_providers_trouble(ErrorClass error) {
  return error == RATE || error == OVERLOAD || error == NETWORK || error == TRUNCATED ||
         error == STALLED || error == PEER || needs_somebody(error);
}

bool needs_somebody(ErrorClass error) { return error == AUTH || error == FUNDS || error == UNSAFE; }

void Health::save(DirectoryState* state) const {
  for (const auto& [provider, row] : rows_) *state->add_health() = row;
}

void Health::apply(const Event& event, const std::string& provider) {
  if (event.has_settings_loaded()) {
    // Whoever loads settings may have mended them.
    std::erase_if(rows_, [](const auto& one) { return needs_somebody(one.second.error()); });
  } else if (event.has_turn_started()) {
    try_out(event.turn_started().provider(), event.seq());
  } else if (event.has_turn_retried()) {
    const TurnRetried& retried = event.turn_retried();
    const std::string& next = retried.has_prompt() ? retried.prompt().provider() : provider;
    if (next != provider) let_go(retried.turn());
    try_out(next, retried.turn());
  } else if (event.has_attempt_failed()) {
    fail(event, provider);
  } else if (event.has_step_completed()) {
    rows_.erase(provider);
  } else if (ends_turn(event)) {
    if (event.has_turn_completed()) answer(event, provider);
    let_go(ended_turn(event));
  }
}

// It works. A pause that it asked for holds all the same: this answer began before.
void Health::answer(const Event& event, const std::string& provider) {
  const auto found = rows_.find(provider);
  if (found == rows_.end()) return;
  if (found->second.asked_for() && event.time() < found->second.until()) {
    found->second.set_failures(0);
    found->second.set_trial(0);
    return;
  }
  rows_.erase(found);
}

// It answered, if only to say no. A model that would not say this has read it; a request may have
// been found wrong before anybody looked at its key, or at the funds behind it.
void Health::say_no(const Event& event, const std::string& provider) {
  const ErrorClass error = event.attempt_failed().error();
  const auto found = rows_.find(provider);
  if (found == rows_.end()) return;
  const bool answered = error == REFUSED || error == REQUEST || error == OVERFLOW;
  if (answered && (error == REFUSED || !needs_somebody(found->second.error()))) {
    answer(event, provider);
  } else {
    found->second.set_trial(0);
  }
}

void Health::fail(const Event& event, const std::string& provider) {
  if (provider.empty()) return;
  const AttemptFailed& failed = event.attempt_failed();
  if (!is_providers_trouble(failed.error())) {
    say_no(event, provider);
    return;
  }
  HealthRow& row = rows_[provider];
  row.set_provider(provider);
  // Where somebody has to mend it, another count begins: that is told.
  const bool turns = needs_somebody(failed.error()) && failed.error() != row.error();
  row.set_failures(turns ? 1 : row.failures() + 1);
  row.set_error(failed.error());
  row.set_event(event.seq());
  row.set_trial(0);
  const Duration rest = rest_after(failed, row.failures());
  const bool asked = failed.retry_after() > 0 || failed.retry_after() == kNotToday;
  row.set_asked_for(asked || failed.error() == RATE);
  if (rest > Duration(0)) row.set_until(event.time() + rest.count());
}

void Health::try_out(const std::string& provider, Seq turn) {
  const auto found = rows_.find(provider);
  if (found == rows_.end() || !broken(found->second) || found->second.trial() != 0) return;
  found->second.set_trial(turn);
}

void Health::let_go(Seq turn) {
  for (auto& [provider, row] : rows_) {
    if (row.trial() == turn) row.set_trial(0);
  }
}

std::optional<PassedModel> Health::obstacle(const std::string& provider, Time now) const {
  const HealthRow* row = this->row(provider);
  if (row == nullptr) return std::nullopt;
  const bool resting = to_milliseconds(now) < row->until();
  const bool tried = broken(*row) && row->trial() != 0;
  if (!resting && !tried) return std::nullopt;
  PassedModel passed;
  passed.set_provider(provider);
  passed.set_why(row->asked_for() && resting ? PassedModel::RESTS : PassedModel::BROKEN);
  passed.set_event(row->event());
  if (resting) passed.set_until(row->until());
  return passed;
}

const HealthRow* Health::row(const std::string& provider) const {
  const auto found = rows_.find(provider);
  return found == rows_.end() ? nullptr : &found->second;
}

std::string obstacle_text(const PassedModel& passed) {
  std::string text = passed.why() == PassedModel::RESTS ? "rests" : "is left alone";
  if (passed.until() != 0) {
    text += " until " + time_text(from_milliseconds(passed.until())).substr(11, 8) + " UTC";
  } else {
    text += " while another answer finds out whether it works";
  }
  return text;
}

std::string obstacle_text(const PassedModel& passed, ErrorClass error) {
  return obstacle_text(passed) + " (" + ErrorClass_Name(error) + ", event " +
         std::to_string(passed.event()) + ")";
}

}  // namespace daybook
