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

class IdleWatch final : public Adapter {
 public:
  // Must outlive it.
  explicit IdleWatch(const Directory& directory) : directory_(directory) {}

  [[nodiscard]] std::string_view name() const override { return "idle"; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  [[nodiscard]] Time wake_at(Time) const override { return taking_in_ ? next_ : kNever; }
  [[nodiscard]] bool idle() const override { return true; }

 private:
  const Directory& directory_;
  bool taking_in_ = true;
  Time next_{};                             // nothing is due before; the first look is at once
  std::map<SessionId, std::int64_t> told_;  // of each, the last word it was told about
};

}  // namespace daybook
