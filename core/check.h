// CHECK: a condition that our own code guarantees. On in every build; the journal makes dying
// cheap, guessing is what costs. Never for what the outside world or a person may get wrong: that
// is a Result or an event.
#pragma once

namespace daybook {

// Writes one line "check failed: <why> (<file>:<line>)" to stderr and aborts.
[[noreturn]] void check_failed(const char* why, const char* file, int line);

}  // namespace daybook

// In headers write DAYBOOK_CHECK: test files see Catch2's CHECK under the short name.
#define DAYBOOK_CHECK(condition, why) \
  ((condition) ? static_cast<void>(0) : ::daybook::check_failed((why), __FILE__, __LINE__))

#ifndef CHECK
#define CHECK(condition, why) DAYBOOK_CHECK(condition, why)
#endif
