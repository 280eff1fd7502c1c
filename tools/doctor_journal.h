// The doctor's look at a journal: its files, then what is in it. Each check is one finding.
//
// Law: nothing is changed, and nothing is repaired by guessing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/finding.h"
#include "tools/journal_view.h"

namespace daybook {

// Owners and permissions, the key and the head, what a crash left behind, the file system, space.
// Returns the paths of those that are not as they should be.
std::vector<std::string> examine_files(const std::string& directory, const Findings& findings);

// "PATH was cut short: ...", "cannot read PATH: ..."
bool is_about(std::string_view sentence, const std::string& path);

// The clock against the newest event.
void examine_clock(Time newest, Time now, const Findings& findings);

// What providers listed long ago.
void examine_lists(const CatalogueLoaded& catalogue, Time now, const Findings& findings);

// The end of the chain, the map's size, and snapshots against a fold from nothing.
void examine_contents(JournalView& view, const Findings& findings);

}  // namespace daybook
