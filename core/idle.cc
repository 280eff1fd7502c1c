#include "core/idle.h"

#include <algorithm>

namespace daybook {

void IdleWatch::on_event(const Event& event) {
  if (event.has_settings_loaded()) next_ = Time{};
  const Duration after{directory_.settings().idle()};
  const bool spoken = ends_turn(event) || event.has_leaf_moved();
  if (spoken && after > Duration::zero()) {
    next_ = std::min(next_, from_milliseconds(event.time()) + after);
  }
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
  next_ = kNever;
  for (const auto& [id, row] : directory_.sessions()) {
    if (row.said() == 0 || row.open_turn() != 0 || told_[id] == row.said()) continue;
    const Time silent = from_milliseconds(row.said()) + after;
    if (silent > moment.now) {
      next_ = std::min(next_, silent);
      continue;
    }
    told_[id] = row.said();
    next_ = Time{};  // others may be due too
    Fact fact;
    fact.set_session(id);
    fact.mutable_deadline_passed()->set_of(row.head());
    fact.mutable_deadline_passed()->set_what("idle");
    return fact;
  }
  return std::nullopt;
}

}  // namespace daybook
