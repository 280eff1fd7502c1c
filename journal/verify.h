// Examines a whole journal: every event, the chain of seals, the head, and the small tables.
//
// Law: it finds a changed, missing, reordered or inserted event, and a cut tail as far as the head
// file (or a better checkpoint) reaches. Run it in a child process: LMDB trusts its pages, so
// damage may kill the process that reads them; that is an answer too. May run beside a daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/log.h"
#include "core/result.h"
#include "journal/files.h"

namespace daybook {

struct Verification {
  std::uint64_t events = 0;  // found sound, from the first on
  std::uint64_t seals = 0;
  Seq first_bad_seq = 0;  // the first event it cannot vouch for; 0 with `what`: not an event
  std::string what;       // empty: all is well

  [[nodiscard]] bool sound() const { return what.empty(); }
};

struct VerifyOptions {
  std::string directory;
  std::optional<files::Head> checkpoint;  // instead of the head file
  unsigned jobs = 1;                      // threads
  Seq range_events = 4'096;               // what a thread takes at once
  std::function<void(Seq reached)> progress;
};

// An Error: it could not be examined at all.
Result<Verification> verify(const VerifyOptions& options);

}  // namespace daybook
