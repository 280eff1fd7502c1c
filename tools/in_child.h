// Work that may kill whoever does it, in a process of its own.
//
// LMDB trusts the pages it maps, and a map dies with its disk: what reads a damaged journal may be
// ended by a signal. Law: whoever asked lives on and learns how it ended. The child writes no core,
// because that would hold words and keys.
#pragma once

#include <functional>

#include "core/result.h"

namespace daybook {

struct ChildEnd {
  int signal = 0;                 // that ended it; 0: it ended by itself
  ExitCode code = ExitCode::kOk;  // then
};

// Only while no other thread runs. What is printed before and in the child is flushed.
Result<ChildEnd> run_in_child(const std::function<ExitCode()>& work);

}  // namespace daybook
