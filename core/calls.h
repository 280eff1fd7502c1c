// For providers: which turns want a call, which attempt of each is current, and from when. A fold
// over committed events: after a restart the same fold asks for the same calls, so there is no
// queue of calls to keep.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

class Calls {
 public:
  static Calls restore(const WorkState& state);
  void save(WorkState* state) const;

  void apply(const Event& event);

  // The oldest open turn of this provider whose current attempt may start now and for which `busy`
  // is false. One that uses tools (core/steps.h) waits for them.
  [[nodiscard]] const OpenTurn* due(std::string_view provider, Time now,
                                    const std::function<bool(Seq turn)>& busy) const;

  [[nodiscard]] Time wake_at(std::string_view provider,
                             const std::function<bool(Seq turn)>& busy) const;

  // This attempt is the one whose answer counts.
  [[nodiscard]] bool current(Seq turn, std::uint32_t attempt) const;

  [[nodiscard]] const std::map<Seq, OpenTurn>& open() const { return open_; }

 private:
  std::map<Seq, OpenTurn> open_;  // by seq of TurnStarted
};

}  // namespace daybook
