// Zeros behind the last page of data.mdb, where the next commits find their blocks. One that makes
// the file longer has to find new ones, its fdatasync writes the inode, too, and that takes a fifth
// of a commit's time. As many are written as dozens of commits like the last will take, and only
// while one after the other needs new pages: in a chat at rest one in twenty does.
//
// Law: it writes behind the end of the file and nowhere else, between two transactions of the
// thread that has them all, so no page of LMDB's is ever beneath it. It may fail or be cut off at
// any byte: the file is then as long as it is, which LMDB does not look at.
//
// Rejected: fallocate(); its blocks are marked as written one commit after the other, in the same
// inode. A thread of its own, and a sync of the zeros: every commit waits for all that is to be
// written of its file, and its sync makes them durable, though nothing depends on it.
#pragma once

#include <cstdint>

#include "journal/store.h"

namespace daybook {

class Extension {
 public:
  // Commits that are made room for, and how many bytes that may be.
  static constexpr std::uint64_t kCommits = 64;
  static constexpr std::uint64_t kBytesMax = 2u << 20;
  // Of one commit: with more there are too few to share what the zeros cost.
  static constexpr std::uint64_t kGrownBytesMax = kBytesMax / 8;
  // So many commits in a row have needed new pages, the last among them.
  static constexpr int kInARow = 8;

  // Of `environment`, which outlives it.
  explicit Extension(const store::Environment& environment);

  // Writer thread, after a commit. Never beyond the map, nor onto a disk whose room runs low; after
  // a failure never again.
  void extend();

 private:
  [[nodiscard]] bool write_zeros(std::uint64_t from, std::uint64_t upto) const;

  const store::Environment& environment_;
  std::uint64_t used_bytes_;  // as of the last commit
  int in_a_row_ = 0;
  bool failed_ = false;
};

}  // namespace daybook
