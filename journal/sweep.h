// The whole chain, walked in ranges by several threads, its events judged in order.
//
// Law: what it answers does not depend on the number of threads. A range ends at a stored seal, so
// each vouches for itself (journal/chain.h), and their events are judged in order by whoever has
// finished the next one. So memory is a few ranges a thread, and the first damage is the first.
// Rejected: one thread that judges while the others hash; it idles on few processors. Waiting for
// the turn with a finished range: to sleep and to be woken takes as long as a tenth of one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/log.h"
#include "journal/chain.h"
#include "journal/store.h"

namespace daybook {

inline constexpr unsigned kSweepJobsMax = 64;

struct SweepOptions {
  std::string seal_key;
  Reading::Seal from;  // trusted
  std::vector<ChainWalk::Checkpoint> checkpoints;
  unsigned jobs = 1;
  Seq range_events = 4'096;  // at least: a range ends with a commit
  // Hears every event that is vouched for, in order, without its words but with what locks them:
  // the first `count` of the block; never from two threads at a time. What it complains of first
  // ends the sweep.
  std::function<std::optional<ChainWalk::Damage>(const ClearBlock& block, std::size_t count)> judge;
  std::function<void(Seq covered)> progress;
  // Events are read from there, each leaf judged before it is, as long as nobody writes. Pages that
  // long values lie on are taken into use. Null: events are read through LMDB.
  const PageFile* file = nullptr;
  PageFile::Events* pages = nullptr;
};

struct Swept {
  Seq covered = 0;  // every event up to here is sound
  std::uint64_t seals = 0;
  std::optional<ChainWalk::Damage> damage;  // the first
  // Somebody wrote, so `pages` are old: what lies behind `reached` is still to be walked.
  bool outrun = false;
  Reading::Seal reached;
};

Swept sweep(store::Environment& environment, const SweepOptions& options);

}  // namespace daybook
