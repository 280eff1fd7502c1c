// What was said in one session, found by words: for /search in a chat and for the models' tool.
//
// Law: the finds are a function of the session's own chain up to an event, so they are the same on
// every replay. Bounded twice, by events read and by finds: a chat that grew for years must not
// hold up the others. Commands, notices and what tools returned are not searched, or every search
// would find the last one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/ports.h"
#include "core/search_text.h"
#include "core/types.h"

namespace daybook {

inline constexpr int kSearchedEvents = 4'000;  // of the chain, chunks not counted
inline constexpr std::size_t kSearchHitsMax = 10;

struct SearchFind {
  Seq seq = 0;
  std::string line;  // "41 2026-02-03 04:05 you: ... the words around the hit ..."
};

struct SearchedChain {
  std::vector<SearchFind> finds;  // newest first
  bool whole = true;              // the chain was read to its beginning
};

// From the event `newest` of the session's chain back. What `hidden` holds of is no find.
SearchedChain search_chain(const SearchQuery& query, Seq newest, History& history,
                           const std::function<bool(Seq)>& hidden = {});

}  // namespace daybook
