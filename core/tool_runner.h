// Runs the tools that may run: asks of every committed ToolAttempted without an outcome to be one,
// by a fact. Not an adapter of the outside world, but asked like one, after the attempt is durable.
//
// Law: an attempt is run once, by the process that recorded it. After a restart the attempts left
// open are settled by GatewayStarted, before anything is due here; none is run again.
#pragma once

#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "core/ports.h"
#include "core/sessions.h"
#include "core/work.h"

namespace daybook {

class ToolRunner final : public Adapter {
 public:
  // Must outlive it.
  ToolRunner(const Work& work, History& history, const Sessions& sessions)
      : work_(work), history_(history), sessions_(sessions) {}

  [[nodiscard]] std::string_view name() const override { return "tools"; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  [[nodiscard]] Time wake_at(Time now) const override { return next() == 0 ? kNever : now; }
  [[nodiscard]] bool idle() const override { return started_.empty(); }

 private:
  // The request to run next; 0: none.
  [[nodiscard]] Seq next() const;
  [[nodiscard]] Fact run(Seq request);

  const Work& work_;
  History& history_;
  const Sessions& sessions_;
  bool ran_ = false;       // in this round: a search reads much, and others wait
  std::set<Seq> started_;  // requests whose outcome is on its way to the disk
};

}  // namespace daybook
