// The last words of a broken program: why, where, and an abort that leaves a core dump. Plain stdio
// to stderr, because whatever broke may be the logger or the allocator.
//
// Rejected: throwing; something above would catch it and go on from a state nobody vouched for.
#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace daybook {

void check_failed(const char* why, const char* file, int line) {
  std::fprintf(stderr, "check failed: %s (%s:%d)\n", why, file, line);
  std::abort();
}

}  // namespace daybook
