// Full text over a journal: what people wrote and models answered, found by reading it all. There
// is no index, so that nothing keeps words that were erased.
//
// Chunks are skipped by kind, for the event that ends a turn holds the whole text; commands and
// notices are left out. Costs one pass over the headers and the words of what is searched, shared
// by all processors.
#pragma once

#include <functional>
#include <vector>

#include "core/search_text.h"
#include "tools/journal_view.h"

namespace daybook {

struct SearchScope {
  Seq first = 1;
  Seq last = 0;
  SessionId session = 0;  // 0: all
  unsigned threads = 1;
};

// In the order of the journal. `progress` hears how many events have been looked at.
Result<std::vector<Event>> search_journal(LmdbReader& log, const SearchQuery& query,
                                          const SearchScope& scope,
                                          const std::function<void(Seq)>& progress);

}  // namespace daybook
