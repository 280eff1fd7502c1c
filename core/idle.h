// Says when a conversation has been silent for `sessions.idle`: a DeadlinePassed, and decide()
// closes it. Not an adapter of the outside world, but asked like one.
//
// Law: what it says is time alone, and decide() judges it again; so it may read the staged
// directory, and saying it once too often does no harm.
// Rejected: a timer for each conversation; the directory knows when each was last spoken in.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "core/directory.h"
#include "core/ports.h"

namespace daybook {

// For daybookd: longer than a source takes to be asked for what it kept.
inline constexpr Duration kIdlePatience{60'000};

class IdleWatch final : public Adapter {
 public:
  // `directory` must outlive it. It looks for so long after the start for the first time: what was
  // written while nobody was there is recorded before that.
  explicit IdleWatch(const Directory& directory, Duration patience = {})
      : directory_(directory), patience_(patience) {}

  [[nodiscard]] std::string_view name() const override { return "idle"; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  [[nodiscard]] Time wake_at(Time) const override { return taking_in_ ? next_ : kNever; }
  [[nodiscard]] bool idle() const override { return true; }

 private:
  const Directory& directory_;
  const Duration patience_;
  bool taking_in_ = true;
  std::optional<Time> began_;
  Time next_{};                             // nothing is due before
  Time later_ = kNever;                     // by what this look has seen, when the next one is due
  SessionId looked_at_ = 0;                 // where it goes on; 0: a new one begins
  std::map<SessionId, std::int64_t> told_;  // of each, the last word it was told about
};

}  // namespace daybook
