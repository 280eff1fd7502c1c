// The exchange happens inside due(), where no call of the old adapter is half handled.
#include "tools/slot.h"

#include <utility>

namespace daybook {

bool Slot::exchangeable(const Moment& moment) const {
  return next_ != nullptr && moment.settled && current_->idle();
}

std::optional<Due> Slot::due(const Moment& moment) {
  if (exchangeable(moment)) {
    current_ = std::move(next_);
    ++generation_;
    cancelled_.merge(running_);
    running_.clear();
  }
  if (!cancelled_.empty()) return Cancel{cancelled_.extract(cancelled_.begin()).value()};
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
  if (!cancelled_.empty() || (next_ != nullptr && current_->idle())) return now;
  return current_->wake_at(now);
}

}  // namespace daybook
