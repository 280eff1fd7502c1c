// All events of one session, found by walking its chain: nothing else of the journal is read.
//
// A fork's chain goes on into its parent, so what was said there before is part of it. Chunks hang
// off the events that end an attempt, each pointing to the one before it.
#pragma once

#include <limits>
#include <vector>

#include "tools/journal_view.h"

namespace daybook {

// All there is.
inline constexpr Seq kToTheEnd = std::numeric_limits<Seq>::max();

// The chain up to event `upto`, oldest first, without words. The journal may be read on meanwhile.
Result<std::vector<Event>> chain_of(JournalView& view, SessionId session, Seq upto);

// The chunks before and including `last_chunk`, oldest first.
std::vector<Seq> chunks_before(Seq last_chunk, History& history);

// Every event of the session up to `upto`, chunks included, ascending.
Result<std::vector<Seq>> events_of(JournalView& view, SessionId session, Seq upto = kToTheEnd);

}  // namespace daybook
