// When to ask for updates, and how long to wait after trouble.
//
// One poll at a time, and none while the last batch is on its way to the disk.
#include "adapters/telegram_poll.h"

#include <algorithm>

namespace daybook::telegram {

Poll::Poll(Api& api, const Work& work, Warn warn)
    : api_(api), work_(work), warn_(std::move(warn)) {}

std::optional<std::int64_t> Poll::offset(Time now) const {
  const auto last = work_.offsets.last(api_.source());
  const bool fresh = batch_ && now - batch_->time <= kOffsetAgeMax;
  if (fresh && batch_->before == last) return batch_->last_update_id + 1;
  if (!last || last->update_id <= 0) return std::nullopt;
  if (now - last->time > kOffsetAgeMax) return std::nullopt;
  return last->update_id + 1;
}

// What the journal should know before the next poll about the ones before it.
std::optional<Fact> Poll::asked_or_gap(Time now) {
  const Time recorded = work_.offsets.asked(api_.source()).value_or(Time{});
  Fact fact;
  if (nothing_at_ > recorded + kAskedEvery) {
    fact.mutable_updates_asked()->set_source(api_.source());
    return fact;
  }
  const Time asked = std::max(recorded, nothing_at_);
  if (asked == Time{} || now - asked <= kUpdatesKept || asked == gap_since_) return std::nullopt;
  gap_since_ = asked;
  fact.mutable_updates_gap()->set_source(api_.source());
  fact.mutable_updates_gap()->set_last_asked(to_milliseconds(asked));
  return fact;
}

std::optional<Due> Poll::due(const Moment& moment) {
  if (call_ != 0) {
    if (moment.taking_in) return std::nullopt;
    return Cancel{std::exchange(call_, 0)};
  }
  if (!moment.settled || !moment.taking_in || moment.now < not_before_) return std::nullopt;
  if (auto fact = asked_or_gap(moment.now)) return *std::move(fact);
  HttpCall call = api_.request("getUpdates", get_updates_body(offset(moment.now), limit_));
  call.pool = "telegram poll";
  call.repeatable = true;
  call.deadlines.first_byte = kPollFirstByte;
  call_ = api_.next_call();
  started_ = moment.now;
  return Call{call_, std::move(call)};
}

void Poll::pause(Duration least, Time now) { not_before_ = std::max(not_before_, now + least); }

std::vector<ReadUpdate> Poll::finished(const Outcome& outcome, const JsonValue& updates,
                                       const std::vector<std::string_view>& raw, const Self& self,
                                       Time now) {
  call_ = 0;
  if (outcome.kind == Outcome::Kind::kLimited) {
    pause(std::max(outcome.retry_after, kPollPauseMin), now);
    return {};
  }
  if (outcome.kind == Outcome::Kind::kConflict) {
    ++conflicts_;
    pause(back_off(conflicts_, kConflictPauseMin, kPollPauseMax), now);
    // Our own poll from before a restart may still hang there: the first conflict means nothing
    // yet.
    if (conflicts_ == 2)
      warn_("Telegram lets another poll or a webhook take the updates: " + outcome.detail);
    return {};
  }
  if (outcome.kind != Outcome::Kind::kDone) {
    ++failures_;
    pause(with_jitter(back_off(failures_, kPollPauseMin, kPollPauseMax), failures_), now);
    if (failures_ == 3) {
      warn_("Telegram cannot be polled, trying on: " + outcome.detail +
            "; check the network and telegram.api_root");
    }
    return {};
  }
  std::vector<ReadUpdate> read;
  const auto elements = updates.elements();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string_view text = raw.size() == elements.size() ? raw[i] : std::string_view();
    if (auto update = read_update(elements[i], text, self)) read.push_back(std::move(*update));
  }
  if (read.empty() && !elements.empty()) {
    return unreadable("they carry no update_id", {}, self, now);
  }
  failures_ = 0;
  alone_failures_ = 0;
  conflicts_ = 0;
  ask_for_more();
  if (read.empty()) {
    nothing_at_ = now;
    // A server that does not wait must not be asked in a circle.
    not_before_ = std::max(not_before_, started_ + kPollPauseMin);
    return read;
  }
  remember(read.back().update_id, now);
  return read;
}

// A server that gives the same batch again must not be asked in a circle either.
void Poll::remember(std::int64_t last_update_id, Time now) {
  if (batch_ && batch_->last_update_id == last_update_id) pause(kPollPauseMin, now);
  batch_ = Batch{work_.offsets.last(api_.source()), last_update_id, now};
}

// Those behind an update that could not be read may be many, and another one among them.
void Poll::ask_for_more() { limit_ = std::min(2 * limit_, kPollLimit); }

std::vector<ReadUpdate> Poll::unreadable(std::string_view why, std::string_view body,
                                         const Self& self, Time now) {
  call_ = 0;
  ++failures_;
  if (limit_ == 1) ++alone_failures_;
  const auto id = alone_failures_ >= kAloneFailuresMax ? find_update_id(body) : std::nullopt;
  if (id) {
    warn_("Telegram's update " + std::to_string(*id) + " cannot be read and is passed over");
    failures_ = 0;
    alone_failures_ = 0;
    ask_for_more();
    pause(kPollPauseMin, now);
    remember(*id, now);
    std::vector<ReadUpdate> read;
    read.push_back(unreadable_update(*id, self));
    return read;
  }
  // One update may be what cannot be read, and everybody waits behind it: it is found soon. Where
  // no number is found it is asked for until Telegram drops it, ever more slowly: an offset that
  // was guessed could confirm what nobody has read.
  limit_ = 1;
  const std::uint32_t lasting = failures_ - std::min(failures_, kAloneFailuresMax);
  const Duration wait = back_off(lasting, kPollPauseMin, kPollPauseMax);
  pause(lasting > 0 ? with_jitter(wait, failures_) : wait, now);
  if (failures_ == 3) warn_("Telegram's updates cannot be read: " + std::string(why));
  return {};
}

Time Poll::wake_at(Time now) const {
  return call_ == 0 && not_before_ > now ? not_before_ : kNever;
}

}  // namespace daybook::telegram
