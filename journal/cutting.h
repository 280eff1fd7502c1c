// A journal that is put back only up to some event: what lies behind it, taken out of a draft.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/types.h"
#include "journal/store.h"

namespace daybook {

// Removes all behind `upto`, which ends a commit. What is archived is written back first, since a
// history that is cut may end inside it; `format` is the journal's with nothing archived.
Result<void> cut_behind(store::Environment& environment, std::uint32_t format, Seq upto);

}  // namespace daybook
