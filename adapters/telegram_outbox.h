// What we do in chats: posts, edits, deletions, "typing", answers to buttons. Carries out what
// core/delivery.h says is owed.
//
// Law: one delivery per chat at a time, beside which "typing" alone may still be under way; at most
// kCallsPerSecond over all chats; none to a chat before the time that Telegram named. Every call
// that carries an answer ends in exactly one fact; "typing" and button answers end in none. What is
// kept here (back-off, pacing, who waits) may be lost without harm: what is owed stands in the
// journal.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/telegram_api.h"
#include "adapters/telegram_codec.h"
#include "core/settings.h"
#include "core/work.h"

namespace daybook::telegram {

inline constexpr std::size_t kCallsPerSecond = 28;  // Telegram takes about 30 over all chats
inline constexpr Duration kTypingEvery{4'500};      // the sign lasts 5 s
inline constexpr Duration kRetryPauseMin{1'000};
inline constexpr Duration kRetryPauseMax{30'000};
inline constexpr Duration kAmbiguousPause{
    3'000};  // before a post that may be on the screen is repeated
inline constexpr std::size_t kLimitedPlacesGlobal =
    3;  // so many limited at once mean that the whole bot is
inline constexpr Duration kGlobalHoldMax{60'000};
inline constexpr std::size_t kPlacesKept = 1'024;
inline constexpr std::size_t kButtonsWaitingMax = 256;

class Outbox {
 public:
  // References must outlive the outbox.
  Outbox(Api& api, const Work& work, const Settings& settings);

  std::optional<Due> due(const Moment& moment);
  void on_event(const Event& event);

  [[nodiscard]] bool owns(CallId call) const { return sent_.contains(call); }
  // The call has ended; `result` is what a kDone brought.
  std::optional<Fact> finished(CallId call, Outcome outcome, const JsonValue& result, Time now);

  // A button was pressed: say so to the client once its event is durable.
  void answer_button(std::string callback_id);

  [[nodiscard]] Time wake_at(Time now) const;
  // A delivery is on its way.
  [[nodiscard]] bool sending() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] bool idle_by(Time until) const;

 private:
  struct Place {
    CallId call = 0;  // a delivery on its way
    CallId typing = 0;
    Time limited_until{};  // by a 429
    Time typed_at{};
    std::uint32_t failures = 0;  // in a row
  };
  struct Sent {
    enum class What { kDelivery, kTyping, kButton };
    What what = What::kDelivery;
    std::string place;
    DeliveryAction action;
  };
  struct Attempt {
    Seq source = 0;
    std::uint32_t part = 0;
    std::uint32_t attempt = 0;

    friend bool operator==(const Attempt&, const Attempt&) = default;
  };

  std::optional<Due> due_delivery(const Moment& moment);
  std::optional<Due> due_button(const Moment& moment);
  std::optional<Due> due_typing(const Moment& moment);
  Due carry_out(DeliveryAction action, Time now);
  [[nodiscard]] HttpCall call_for(const DeliveryAction& action, const Chat& chat) const;
  Due start(HttpCall call, Sent sent, Time now);
  [[nodiscard]] std::optional<Fact> moved(const DeliveryAction& action,
                                          const Outcome& outcome) const;
  Fact settle(const DeliveryAction& action, const Outcome& outcome, Place& place, Time now);
  void limit(const std::string& name, Place& place, Duration pause, Time now);

  void note_message(const Event& event);
  void note_answered(const Event& event);
  [[nodiscard]] std::vector<std::string> silent_places() const;

  [[nodiscard]] ChannelRules rules(bool hurry) const;
  [[nodiscard]] bool paced_out(Time now) const;
  [[nodiscard]] bool held(std::string_view name, Time now) const;
  [[nodiscard]] bool owed_elsewhere() const;
  [[nodiscard]] bool maybe_shown(const DeliveryAction& action) const;
  void forget_quiet_places(Time now);

  Api& api_;
  const Work& work_;
  ChannelRules rules_;
  std::map<std::string, Place, std::less<>> places_;
  std::map<CallId, Sent> sent_;
  std::map<std::string, Attempt, std::less<>> attempts_;  // facts handed out and not yet heard of
  std::set<Seq> without_reply_;   // sources whose message to reply to is gone
  std::set<Seq> without_thread_;  // sources whose topic is gone
  // The newest message that came while a turn of its session ran, until it is answered.
  struct Waiting {
    Seq message = 0;
    std::string place;
  };
  std::map<SessionId, Waiting> waiting_;
  std::deque<std::string> buttons_;
  std::deque<Time> recent_;  // the last kCallsPerSecond calls
  Time global_hold_{};
};

}  // namespace daybook::telegram
