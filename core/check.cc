#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace daybook {

void check_failed(const char* why, const char* file, int line) {
  std::fprintf(stderr, "check failed: %s (%s:%d)\n", why, file, line);
  std::abort();
}

}  // namespace daybook
