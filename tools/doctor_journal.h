// The doctor's look at a journal: its files, then what is in it. Each check is one finding.
//
// Law: nothing is changed, and nothing is repaired by guessing.
#pragma once

#include <string>

#include "tools/finding.h"
#include "tools/journal_view.h"

namespace daybook {

// Owners and permissions, the key and the head, what a crash left behind, the file system, space.
void examine_files(const std::string& directory, const Findings& findings);

// The clock against the newest event.
void examine_clock(Time newest, Time now, const Findings& findings);

// What providers listed long ago.
void examine_lists(const CatalogueLoaded& catalogue, Time now, const Findings& findings);

// The end of the chain, the map's size, and snapshots against a fold from nothing.
void examine_contents(JournalView& view, const Findings& findings);

}  // namespace daybook
