// Replaying a journal from nothing: every recorded fact is given to a fresh gateway, which decides
// again; what it appends is compared with what was recorded, and its folds with the snapshots.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/gateway.h"
#include "core/log.h"
#include "core/result.h"
#include "tools/replay_log.h"

namespace daybook {

struct ReplayReport {
  Seq events = 0;
  Seq facts = 0;
  Seq decisions = 0;
  Seq snapshots = 0;       // compared
  Seq skipped = 0;         // of kinds that this version does not know
  Seq erased = 0;          // decisions taken as recorded: what they followed from is erased
  std::string divergence;  // empty: identical
};

// Replays events 1..until (0: all). An Error when the journal cannot be read. `progress`, if any,
// hears now and then how far it is.
Result<ReplayReport> replay_check(Log& journal, Seq until,
                                  const std::function<void(Seq)>& progress = {});

// Folds the events up to each stored snapshot from nothing and compares, where that can be done.
// The sentence names the first that differs; empty: none does. `progress` hears how far the fold
// has come.
Result<std::string> snapshot_drift(Log& journal, const std::function<void(Seq)>& progress);

// The state as it was after event `until` (0: the end): a gateway that has folded exactly that far,
// from nothing. `progress` hears how far the fold has come.
struct PastState {
  std::unique_ptr<Log> log;
  std::unique_ptr<Gateway> gateway;
};
Result<PastState> state_at(Log& journal, Seq until, const std::function<void(Seq)>& progress = {});

}  // namespace daybook
