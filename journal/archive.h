// Moving what is rarely read out of data.mdb: chunks of answers that are over, whose text stands in
// the event that ended them as well.
//
// A chunk is moved only if data.mdb keeps another record that is locked with the same key, the one
// that ended its attempt: so keys can be destroyed while a segment is out of reach.
//
// Law: nothing is deleted. A segment that holds the very bytes is synced and read again, then a
// data.mdb without them is made beside the present one, verified, and takes its place by one
// rename; whatever dies on the way, the journal is whole. History stays: reads go through.
// Rejected: deleting in place; whoever reads meanwhile would miss records.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"
#include "core/types.h"
#include "journal/verify.h"

namespace daybook {

struct ArchiveOptions {
  std::string directory;  // of the journal; no daemon runs on it
  std::string into;       // of the segments; made when it is not there
  Seq upto = 0;           // chunks of events up to here; all of their turns are over
  VerifyProgress progress = {};
};

struct Archived {
  std::uint64_t chunks = 0;  // moved now
  std::string path;          // the segment; empty: there was nothing to move
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;  // of data.mdb
};

// kBusy: a daemon holds the journal.
Result<Archived> archive(const ArchiveOptions& options);

}  // namespace daybook
