// The long poll: when to ask Telegram for updates, with which offset, and what its answers mean.
// Sans-IO.
//
// Law: an offset confirms (and so deletes) everything below it, hence it is the id of a committed
// event plus one, never what memory says was received, never negative (Bot API, getUpdates).
// Batches wait for the journal: the next poll starts only when the facts of the last one are
// durable. Rejected: a webhook; a personal daemon needs no inbound port.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/telegram_api.h"
#include "adapters/telegram_codec.h"
#include "core/work.h"

namespace daybook::telegram {

inline constexpr int kPollLimit = 100;
inline constexpr Duration kPollFirstByte{65'000};  // the server holds a poll for 50 s
inline constexpr Duration kPollPauseMin{1'000};    // between two polls with the same offset
inline constexpr Duration kPollPauseMax{30'000};
inline constexpr Duration kConflictPauseMin{3'000};
inline constexpr Duration kOffsetAgeMax{
    6 * 24 * 3'600'000};  // ids restart at random after a week without updates
inline constexpr Duration kUpdatesKept{24 * 3'600'000};  // by Telegram
// How often polls that bring nothing leave a trace, so that silence can be told from absence.
inline constexpr Duration kAskedEvery{3'600'000};

inline constexpr std::uint32_t kAloneFailuresMax = 3;

using Warn = std::function<void(std::string_view)>;

class Poll {
 public:
  // References must outlive the poll.
  Poll(Api& api, const Work& work, Warn warn);

  std::optional<Due> due(const Moment& moment);

  // The last calls came to nothing; it warns of that itself.
  [[nodiscard]] bool failing() const { return failures_ > 0; }

  [[nodiscard]] bool owns(CallId call) const { return call != 0 && call == call_; }

  // The poll's call has ended. `updates` is the parsed result of a kDone, `raw` the text of each;
  // `malformed` says that a whole answer could not be read. Returns facts in the order of the
  // updates.
  std::vector<ReadUpdate> finished(const Outcome& outcome, const JsonValue& updates,
                                   const std::vector<std::string_view>& raw, const Self& self,
                                   Time now);
  // An answer of a good status that is no Bot API answer, or one that our limits refuse, of which
  // `body` is the beginning: ask for one update at a time, and for more again where that can be
  // read. One that alone cannot be read kAloneFailuresMax times is passed over, if `body` tells its
  // number.
  std::vector<ReadUpdate> unreadable(std::string_view why, std::string_view body, const Self& self,
                                     Time now);

  [[nodiscard]] Time wake_at(Time now) const;

 private:
  [[nodiscard]] std::optional<std::int64_t> offset(Time now) const;
  std::optional<Fact> asked_or_gap(Time now);
  void pause(Duration least, Time now);
  void remember(std::int64_t last_update_id, Time now);
  void ask_for_more();

  Api& api_;
  const Work& work_;
  Warn warn_;
  CallId call_ = 0;
  Time started_{};
  Time not_before_{};
  std::uint32_t failures_ = 0;        // in a row
  std::uint32_t conflicts_ = 0;       // in a row
  std::uint32_t alone_failures_ = 0;  // in a row to read a batch of one
  int limit_ = kPollLimit;
  Time nothing_at_{};  // when a poll last brought nothing
  Time gap_since_{};   // the one told of

  // The last batch that brought anything. If the journal's last update is still the one from before
  // it, the whole batch had been recorded earlier, and its last id is the one to go on from.
  struct Batch {
    std::optional<Offsets::Last> before;
    std::int64_t last_update_id = 0;
    Time time{};
  };
  std::optional<Batch> batch_;
};

}  // namespace daybook::telegram
