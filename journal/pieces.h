// A scan by several threads at once, for questions whose answers can be put together afterwards.
//
// The records are cut into pieces of kPieceEvents; those of one piece come in order on one thread,
// pieces in any order. Rejected: one thread that reads and others that judge; handing records over
// costs more than reading them.
#pragma once

#include <functional>

#include <memory>

#include "journal/reading.h"

namespace daybook {

inline constexpr Seq kPieceEvents = 16'384;

constexpr std::size_t pieces_of(Seq first, Seq last) {
  return first > last ? 0 : static_cast<std::size_t>((last - first) / kPieceEvents + 1);
}

struct PieceVisitor {
  // Called by several threads, for one piece by one of them. The record is reused.
  std::function<void(std::size_t piece, const Record&)> visit;
  // By one thread at a time.
  std::function<void(std::size_t pieces_done)> progress;
};

// What every thread reads with: keys of its own, for a ring unlocks for one thread at a time.
// Null: only what is in clear has words.
using KeyMaker = std::function<Result<std::unique_ptr<KeyRing>>()>;

// The first Error ends all threads.
Result<void> scan_pieces(store::Environment& environment, const KeyMaker& keys, Seq first, Seq last,
                         const KindSet& kinds, unsigned threads, const PieceVisitor& visitor);

}  // namespace daybook
