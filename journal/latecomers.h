// Readers in other processes that see the journal as it was long ago. LMDB takes back no page that
// one of them may still read, so data.mdb grows for as long as it stays.
//
// Costs a look at at most 126 slots of lock.mdb, no lock and no call of the system.
#pragma once

#include <cstdint>
#include <vector>

#include "journal/store.h"

namespace daybook {

struct Latecomer {
  int process = 0;
  std::uint64_t commits = 0;  // made since what its oldest reader sees

  friend bool operator==(const Latecomer&, const Latecomer&) = default;
};

// Who is further behind is forgotten, or reads something very large.
inline constexpr std::uint64_t kCommitsBehindMax = 1'000;

// Each process once, in the order of their numbers; a killed one too, until its slot is freed.
std::vector<Latecomer> latecomers(store::Environment& environment);

}  // namespace daybook
