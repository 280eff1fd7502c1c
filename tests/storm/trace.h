// What was done to the files, in order, and how far the journal's user had been told it had got.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/types.h"
#include "tests/storm/seam.h"

namespace daybook::storm {

// What the journal's user knows.
struct Standing {
  bool opened = false;  // the journal has been open once
  Seq issued = 0;       // no commit had begun of an event beyond this one
  Seq durable = 0;      // reported
};

struct Step {
  Call call;
  Standing standing;  // before it
};

class Recorder : public Plan {
 public:
  using Plan::Plan;

  void carried_out(const Call& call) override {
    // What the locks hold means nothing once the processes that held them are gone.
    const bool lock = call.path.ends_with("/lock.mdb") || call.path.ends_with("/daemon.lock");
    using Kind = Call::Kind;
    if (lock && (call.kind == Kind::kWrite || call.kind == Kind::kTruncate)) return;
    if (call.kind == Kind::kOpen || call.kind == Kind::kRead) return;
    const std::lock_guard lock_guard(mutex_);
    trace_.push_back({call, standing_});
  }
  // The disk has no room and its user knows. False: nothing will get better.
  virtual bool heal() { return false; }

  void note_opened() {
    const std::lock_guard lock(mutex_);
    standing_.opened = true;
  }
  void note_issued(Seq last) {
    const std::lock_guard lock(mutex_);
    standing_.issued = std::max(standing_.issued, last);
  }
  void note_durable(Seq last) {
    const std::lock_guard lock(mutex_);
    standing_.durable = last;
  }

  // Once nothing is written any more.
  [[nodiscard]] const std::vector<Step>& trace() const { return trace_; }
  [[nodiscard]] const Standing& standing() const { return standing_; }
  // Zeros were written behind the journal's last page; none of LMDB's is all zeros.
  [[nodiscard]] bool went_ahead() const {
    return std::ranges::any_of(trace_, [](const Step& step) {
      const Call& call = step.call;
      return call.kind == Call::Kind::kWrite && call.path == "/journal/data.mdb" &&
             call.bytes.find_first_not_of('\0') == std::string::npos;
    });
  }

 private:
  std::mutex mutex_;
  Standing standing_;
  std::vector<Step> trace_;
};

}  // namespace daybook::storm
