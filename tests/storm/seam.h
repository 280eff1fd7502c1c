// Every call by which this program reads and changes files, seen from below: a symbol of the
// executable wins over libc's, for our own code and for the shared liblmdb alike.
//
// Law: with no Plan in place, and for files that are not below its root, a call goes straight to
// the kernel. With one, calls are seen one at a time, in the order in which they are carried out.
// Rejected: LD_PRELOAD and strace; they need a program of its own for every case, and a case here
// takes less time than a program to start.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "tests/sim/chance.h"

namespace daybook::storm {

struct Call {
  enum class Kind {
    kOpen,  // what is there already
    kRead,
    kCreate,
    kMakeDirectory,
    kWrite,
    kTruncate,
    kSync,
    kRename,
    kUnlink,
    kRemoveDirectory,
  };

  Kind kind = Kind::kOpen;
  std::string path;    // below the plan's root; the root itself is ""
  std::string target;  // of a rename
  std::uint64_t offset = 0;
  std::string bytes;     // of a write
  bool durable = false;  // a write that need not be synced (O_DSYNC)
};

// What becomes of a call.
struct Verdict {
  int error = 0;  // what the caller is told; 0: what the kernel says
  bool carried_out = true;
  std::size_t bytes_max = std::numeric_limits<std::size_t>::max();  // of a write
};

class Plan {
 public:
  // While it is in place getentropy() gives what follows from the seed.
  Plan(std::string root, std::uint64_t seed) : root_(std::move(root)), entropy_(seed) {}
  virtual ~Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  virtual Verdict judge(const Call&) { return {}; }
  // `call.bytes` is as much as was written.
  virtual void carried_out(const Call& call) = 0;
  // What statvfs() shall say; nullopt: the truth.
  virtual std::optional<std::uint64_t> free_bytes() { return std::nullopt; }

  [[nodiscard]] const std::string& root() const { return root_; }
  sim::Chance& entropy() { return entropy_; }

 private:
  const std::string root_;
  sim::Chance entropy_;
};

// One at a time; no other thread may be in a call when it comes and goes.
class InPlace {
 public:
  explicit InPlace(Plan& plan);
  ~InPlace();
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;
};

}  // namespace daybook::storm
