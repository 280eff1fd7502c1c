// Which providers are better not asked just now, and with which key: a provider has one.
//
// A provider that asked for a pause has it; one whose key was not accepted or has no funds left
// rests until settings are loaded again or a while is over; a quota of one model is that model's
// trouble alone; one that failed kBrokenAfter times in a row is broken: who can ask another does so
// for a time, then one turn finds out. With another key or another address it is another one.
// Whoever says no has answered, so what was wrong before is over, but for
// a key or funds, which a request that is wrong says nothing of. A fold over clear events, so a
// restart changes nothing. Law: time is the events' own, and the moment one asks about.
// Rejected: events of their own for opening and closing; they would say again what the failures
// say.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

inline constexpr std::uint32_t kBrokenAfter = 5;
// How long a broken one is left alone; twice as long each time that it fails again after that.
inline constexpr Duration kBrokenFor{30'000};
inline constexpr Duration kBrokenForMax{960'000};
// Of one that limits our rate and does not say for how long; twice as long each time.
inline constexpr Duration kRateRest{5'000};
inline constexpr Duration kRateRestMax{300'000};
// Of a key that was not accepted, and of an account without funds.
inline constexpr Duration kKeyRest{600'000};
inline constexpr Duration kFundsRest{3'600'000};
inline constexpr Duration kAskedRestMax{86'400'000};

// What a failed attempt says in place of a pause: for today, or that it need not be tried again.
inline constexpr std::int64_t kNotToday = -1;
inline constexpr std::int64_t kNotThisRequest = -2;

class Health {
 public:
  void restore(HealthRow row);
  void save(DirectoryState* state) const;

  // `provider` and `model`: whom the event's turn was asking before the event.
  // `rules`: of the gateway that wrote it.
  void apply(const Event& event, const std::string& provider, const std::string& model = {},
             std::uint32_t rules = 3);
  // It is another one now.
  void forget(const std::string& provider);

  // Why it is better not asked at this moment, or this model of it, which is not named; nothing: it
  // may be.
  [[nodiscard]] std::optional<PassedModel> obstacle(const std::string& provider, Time now,
                                                    const std::string& model = {}) const;
  // What is known of it, or of this model of it alone. Null: nothing is wrong.
  [[nodiscard]] const HealthRow* row(const std::string& provider,
                                     const std::string& model = {}) const;
  // By "provider", or "provider:model" where it is about that model alone.
  [[nodiscard]] const std::map<std::string, HealthRow>& rows() const { return rows_; }

 private:
  struct Asked {
    const std::string& provider;
    const std::string& model;
  };

  [[nodiscard]] std::vector<HealthRow*> rows_of(const Asked& asked);
  void answer(const Event& event, const Asked& asked);
  void say_no(const Event& event, const Asked& asked);
  void fail(const Event& event, const Asked& asked, std::uint32_t rules);
  void try_out(const Asked& asked, Seq turn);
  void let_go(Seq turn);

  std::map<std::string, HealthRow> rows_;
};

// Trouble that the next one who asks this provider is likely to have, too.
bool is_providers_trouble(ErrorClass error);
// It goes on until somebody does something about it.
bool needs_somebody(ErrorClass error);
// No money is missing: what may be asked in a day was.
bool is_quota(const AttemptFailed& failed);

// "12:03:04 UTC", with its date where that is not today's.
std::string clock_text(Time time, Time now);
// "rests until 12:03:04 UTC", for guests.
std::string obstacle_text(const PassedModel& passed);
// "rests until 12:03:04 UTC (RATE, event 41)", for whoever can look that up.
std::string obstacle_text(const PassedModel& passed, ErrorClass error);

}  // namespace daybook
