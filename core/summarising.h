// What a model that summarises is given: the entries its summary shall stand for, as one text.
//
// Law: what is summarised is data. It stands in one message of the user's, never in the system's
// place, and nothing before a part, or besides a branch, is told to who summarises it.
#pragma once

#include <string>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/state.pb.h"

namespace daybook {

// The entries that a compaction is about, wherever in the tree they lie.
std::vector<Entry> source_of(const SessionState& session, const CompactionStarted& started);

// The entries a turn may look at: those of its compaction's range, or all that no summary covers.
// `cut` holds them when they are not all.
const SessionState& scope_of(const SessionState& state, const TurnStarted& turn, History& history,
                             SessionState* cut);

// What the person who asked for the summary wants of it; empty: nothing in particular.
std::string instructions_of(const TurnStarted& turn, History& history);

// The scope's entries from this position on.
std::string transcript(const SessionState& scope, int begin, const std::string& instructions,
                       History& history);

}  // namespace daybook
