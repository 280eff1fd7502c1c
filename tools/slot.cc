// The exchange happens inside due(), where no call of the old adapter is half handled.
#include "tools/slot.h"

#include <utility>

namespace daybook {

bool Slot::exchangeable() const {
  if (next_ == nullptr || !settled_) return false;
  return at_rest_ ? at_rest_(*current_) : current_->idle();
}

std::optional<Due> Slot::due(const Moment& moment) {
  settled_ = moment.settled;
  if (exchangeable()) {
    current_ = std::move(next_);
    ++generation_;
    cancelled_.merge(running_);
    running_.clear();
  }
  if (!cancelled_.empty()) return Cancel{cancelled_.extract(cancelled_.begin()).value()};
  if (next_ != nullptr && at_rest_) return std::nullopt;
  return ask_current(moment);
}

std::optional<Due> Slot::ask_current(Moment moment) {
  moment.taking_in = moment.taking_in && next_ == nullptr;
  const CallId base = generation_ << kGenerationShift;
  auto due = current_->due(moment);
  if (!due.has_value()) return due;
  if (auto* call = std::get_if<Call>(&*due)) {
    CHECK(call->id <= kLocalMask, "an adapter counts its calls from 1");
    CHECK(!std::holds_alternative<WriteCall>(call->what), "streams are never exchanged");
    call->id |= base;
    running_.insert(call->id);
  } else if (auto* cancel = std::get_if<Cancel>(&*due)) {
    cancel->id |= base;
    running_.erase(cancel->id);
  }
  return due;
}

std::vector<Fact> Slot::on_reply(CallId call, Reply reply, Time now) {
  // A reply that was on its way when its adapter was exchanged.
  if (call >> kGenerationShift != generation_) return {};
  const bool over =
      std::holds_alternative<ReplyEnd>(reply) || std::holds_alternative<ReplyFailed>(reply);
  if (over) running_.erase(call);
  return current_->on_reply(call & kLocalMask, std::move(reply), now);
}

Time Slot::wake_at(Time now) const {
  if (!cancelled_.empty() || exchangeable()) return now;
  if (next_ != nullptr && at_rest_) return kNever;
  return current_->wake_at(now);
}

}  // namespace daybook
