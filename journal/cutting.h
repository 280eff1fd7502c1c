// Where two histories of one journal part, and what lies behind an event taken out of a draft.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/types.h"
#include "journal/store.h"

namespace daybook {

// Removes all behind `upto`, which ends a commit. What is archived is written back first, since a
// history that is cut may end inside it; `format` is the journal's with nothing archived.
Result<void> cut_behind(store::Environment& environment, std::uint32_t format, Seq upto);

// The newest event up to which both have one chain: seals that are equal vouch for all before.
Result<Seq> common_upto(store::Environment& one, store::Environment& other);

}  // namespace daybook
