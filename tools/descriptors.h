// How many files, sockets and pipes a process may hold open at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.h"
#include "core/types.h"

namespace daybook {

// The gateway's own files, a connection to each provider and channel, and as many clients as its
// control socket takes.
inline constexpr std::uint64_t kDaemonDescriptorsMin = 128;
inline constexpr std::uint64_t kToolDescriptorsMin = 32;

// Lifts the soft limit (RLIMIT_NOFILE, getrlimit(2)) as far as the hard one lets it, up to a few
// thousand. kSettings when `program` may still open fewer than `least`: better refused at once than
// half alive.
Result<void> claim_descriptors(std::string_view program, std::uint64_t least);

// Notices that no further descriptor can be had, and when one can be had again.
class DescriptorWatch {
 public:
  static constexpr Duration kEvery{1'000};

  // True: none is left from now on; false: there is one again; nullopt: as before, or looked at
  // less than kEvery ago.
  std::optional<bool> look(Time now);
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  // When look() should be asked though nothing happens.
  [[nodiscard]] Time wake_at() const { return exhausted_ ? next_ : kNever; }

 private:
  Time next_{};
  bool exhausted_ = false;
};

}  // namespace daybook
