// The family of a session: the conversation it began as, and everything that was forked from it,
// directly or not.
#pragma once

#include <vector>

#include "tools/journal_view.h"

namespace daybook {

struct Relative {
  SessionId session = 0;
  SessionId parent = 0;  // 0: it was opened, not forked
  Seq at = 0;            // the event of the parent's chain behind which it begins
  std::size_t depth = 0;
  bool last_child = true;
};

// From the root down, each parent before its forks, forks by where they begin; those that there
// were at event `upto`. Costs one pass over the headers of the journal.
Result<std::vector<Relative>> family_of(JournalView& view, SessionId session, Seq upto);

}  // namespace daybook
