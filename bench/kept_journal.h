// One long journal for all benchmarks that need one and do not write to it.
//
// DAYBOOK_BENCH_EVENTS: how many events (1,000,000). DAYBOOK_BENCH_JOURNAL: a directory to keep it
// in, and to find it in the next time.
#pragma once

#include <string>

#include "bench/typical.h"
#include "tests/world/process.h"

namespace daybook::bench {

class KeptJournal {
 public:
  KeptJournal();
  KeptJournal(const KeptJournal&) = delete;
  KeptJournal& operator=(const KeptJournal&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Seq events() const { return events_; }
  [[nodiscard]] const Filled& filled() const { return filled_; }
  // A copy that is synced: else somebody's first commit would write it all to the disk.
  void copy_to(const std::string& place) const;

 private:
  world::TemporaryDirectory temporary_;
  std::string path_;
  Seq events_;
  Filled filled_;
};

// Made when it is first asked for.
const KeptJournal& kept_journal();

}  // namespace daybook::bench
