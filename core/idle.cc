#include "core/idle.h"

#include <algorithm>
#include <utility>

namespace daybook {

void IdleWatch::on_event(const Event& event) {
  if (event.has_settings_loaded()) next_ = Time{};
  const Duration after{directory_.settings().idle()};
  const bool spoken = ends_turn(event) || event.has_leaf_moved();
  if (!spoken || after <= Duration::zero()) return;
  const Time silent = from_milliseconds(event.time()) + after;
  next_ = std::min(next_, silent);
  later_ = std::min(later_, silent);
}

std::optional<Due> IdleWatch::due(const Moment& moment) {
  taking_in_ = moment.taking_in;
  const Duration after{directory_.settings().idle()};
  if (after <= Duration::zero()) {
    next_ = kNever;
    return std::nullopt;
  }
  if (!began_) began_ = moment.now;
  next_ = std::max(next_, *began_ + patience_);
  if (!moment.taking_in || moment.now < next_) return std::nullopt;
  if (looked_at_ == 0) later_ = kNever;
  const auto& rows = directory_.sessions();
  for (auto one = rows.upper_bound(looked_at_); one != rows.end(); ++one) {
    const auto& [id, row] = *one;
    if (row.said() == 0 || row.open_turn() != 0) continue;
    const Time silent = from_milliseconds(row.said()) + after;
    if (silent > moment.now) {
      later_ = std::min(later_, silent);
      continue;
    }
    if (std::exchange(told_[id], row.said()) == row.said()) continue;
    looked_at_ = id;
    next_ = Time{};  // others may be due too
    Fact fact;
    fact.set_session(id);
    fact.mutable_deadline_passed()->set_of(row.head());
    fact.mutable_deadline_passed()->set_what("idle");
    return fact;
  }
  looked_at_ = 0;
  next_ = later_;
  return std::nullopt;
}

}  // namespace daybook
