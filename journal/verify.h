// Examines a whole journal: the pages of its file, every event, the chain of seals, what is known
// of the chain from elsewhere, what events say of each other, the keys of their words, and the
// small tables.
//
// Law: it finds a changed, missing, reordered or inserted event, a row that the events do not say,
// a key that is missing, and a cut tail as far as the head file or a checkpoint reaches. Reads no
// words. Run it in a child process: the file is judged before LMDB reads it, but a disk that fails
// under it may kill whoever reads; that is an answer too. May run beside a daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/judge.h"
#include "core/log.h"
#include "core/result.h"
#include "journal/files.h"

namespace daybook {

struct Verification {
  std::uint64_t events = 0;  // found sound, from the first one examined on
  std::uint64_t seals = 0;   // the same
  Seq first = 0;             // the first one examined
  Seq sound_upto = 0;        // the last one found sound; 0: none
  Seq first_bad_seq = 0;     // the first event it cannot vouch for; 0 with `what`: not an event
  std::string what;          // empty: all is well
  std::string remedy;        // with `what`: what to do next, whole sentences
  std::vector<std::string> notes;  // whole sentences; nothing is wrong

  [[nodiscard]] bool sound() const { return what.empty(); }
};

// Hears what is being done, and how far it is.
using VerifyProgress =
    std::function<void(std::string_view what, std::uint64_t done, std::uint64_t of)>;

struct VerifyOptions {
  std::string directory;
  std::optional<files::Checkpoint> checkpoint;  // beside the head file
  std::string checkpoint_name;                  // "the checkpoint monday.txt"
  std::string keys;              // the file with the keys of the words; empty: beside data.mdb
  Seq since = 0;                 // begins with the commit of this event; 0: at the beginning
  unsigned jobs = 1;             // threads
  Seq range_events = 4'096;      // what a thread takes at once
  RecordJudge* judge = nullptr;  // null: what events mean is not judged
  // "verifying pages" comes first, then "verifying events".
  VerifyProgress progress = {};
};

// An Error: it could not be examined at all. kUsage: there is no event `since`.
Result<Verification> verify(const VerifyOptions& options);

}  // namespace daybook
