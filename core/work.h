// The committed position: everything the outside world is still owed. The only state an adapter can
// reach, so that nothing leaves the process on account of an event that is not durable. After a
// restart it is folded again from a snapshot and the tail: recovery is not a mode.
#pragma once

#include <map>
#include <vector>

#include "core/calls.h"
#include "core/delivery.h"
#include "core/offsets.h"

namespace daybook {

struct Work {
  Seq seq = 0;  // the last event folded in
  Deliveries deliveries;
  Calls calls;
  Offsets offsets;
  std::vector<Seq> erasures;  // SessionErased whose keys are not known to be destroyed
  // Sessions whose late messages wait, and until when: core/late.h.
  std::map<SessionId, Time> held;

  static Work restore(const WorkState& state, History& history);
  [[nodiscard]] WorkState save() const;
  // Events at or before `seq` are ignored.
  void apply(const Event& event);
  // A chunk of an answer under way, after events that came later. Deliveries::read_growing() reads
  // its words.
  void apply_skipped(const Event& chunk);
};

}  // namespace daybook
