// SIGBUS means that the journal's file ends before its pages do, or that the medium failed under
// the map: nothing can be read any more.
//
// Law: one line to stderr and _exit(74); no unwinding, the journal makes dying cheap.
#pragma once

#include "core/result.h"

namespace daybook {

// For the whole process. Call once, from main.
Result<void> exit_on_sigbus();

}  // namespace daybook
