// The committed position: everything the outside world is still owed. The only state an adapter can reach.
#pragma once

#include "core/calls.h"
#include "core/delivery.h"
#include "core/offsets.h"

namespace daybook {

struct Work {
  Seq seq = 0;  // the last event folded in
  Deliveries deliveries;
  Calls calls;
  Offsets offsets;

  static Work restore(const WorkState& state, History& history);
  [[nodiscard]] WorkState save() const;
  // Events at or before `seq` are ignored.
  void apply(const Event& event);
};

}  // namespace daybook
