#include "core/late.h"

#include <algorithm>
#include <string>

namespace daybook {

Time written_at(const Event& message) {
  const std::int64_t date = message.has_message_edited() ? message.message_edited().edit_date()
                                                         : message.message_received().date();
  return from_milliseconds(date > 0 ? date * 1'000 : message.time());
}

std::optional<Duration> lateness(const Event& message, Duration stale_after) {
  const std::int64_t date = message.has_message_edited() ? message.message_edited().edit_date()
                                                         : message.message_received().date();
  if (stale_after <= Duration(0) || date <= 0) return std::nullopt;
  const Duration late(message.time() - date * 1'000);
  if (late <= stale_after) return std::nullopt;
  return late;
}

bool has_late(const SessionState& session) {
  return std::any_of(session.waiting().begin(), session.waiting().end(),
                     [](const Waiting& one) { return one.late(); });
}

bool has_held(const SessionState& session) {
  return std::any_of(session.waiting().begin(), session.waiting().end(),
                     [](const Waiting& one) { return one.late() || one.joins() != 0; });
}

std::string age_text(Duration age) {
  const auto count = [](std::int64_t number, const char* unit) {
    return std::to_string(number) + " " + unit + (number == 1 ? "" : "s");
  };
  constexpr std::int64_t kHourMinutes = 60;
  constexpr std::int64_t kDayMinutes = 24 * kHourMinutes;
  const std::int64_t minutes = age.count() / 60'000;
  if (minutes < 1) return count(age.count() / 1'000, "second");
  if (minutes < 2 * kHourMinutes) return count(minutes, "minute");
  if (minutes < 2 * kDayMinutes) return count(minutes / kHourMinutes, "hour");
  return count(minutes / kDayMinutes, "day");
}

void Gatherer::on_event(const Event& event) {
  if (event.deadline_passed().what() == kGathered) asked_.erase(event.session());
}

std::optional<Due> Gatherer::due(const Moment& moment) {
  taking_in_ = moment.taking_in;
  if (!taking_in_) return std::nullopt;
  for (const auto& [session, until] : work_.held) {
    if (until > moment.now || asked_.contains(session)) continue;
    asked_.insert(session);
    Fact fact;
    fact.set_session(session);
    fact.mutable_deadline_passed()->set_of(session);
    fact.mutable_deadline_passed()->set_what(std::string(kGathered));
    return fact;
  }
  return std::nullopt;
}

Time Gatherer::wake_at(Time now) const {
  Time earliest = kNever;
  for (const auto& [session, until] : work_.held) {
    if (taking_in_ && !asked_.contains(session)) earliest = std::min(earliest, until);
  }
  return earliest == kNever ? kNever : std::max(earliest, now);
}

}  // namespace daybook
