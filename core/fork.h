// A second way on from a moment of a conversation: a new session whose first event points back into
// another's chain. Nothing is copied; what was said before is read where it lies.
//
// Law: the moment lies on the parent's chain, or no chain could be walked back through it; this is
// the one place that makes such a fact, and it looks. What was unfinished then, an open turn or a
// message that waited, stays with the parent.
#pragma once

#include <string_view>

#include "core/directory.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/types.h"

namespace daybook {

// SessionForked, to be recorded. `at` 0: the newest event. A chunk stands for the event its attempt
// began with. An Error names what is wrong: no such session, an event of another one, a place that
// is taken or is none of a terminal's.
Result<Event> session_forked(const Directory& directory, History& history, SessionId parent, Seq at,
                             std::string_view place);

}  // namespace daybook
