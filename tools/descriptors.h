// How many files, sockets and pipes a process may hold open at once.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace daybook {

// The gateway's own files, a connection to each provider and channel, and as many clients as its
// control socket takes.
inline constexpr std::uint64_t kDaemonDescriptorsMin = 128;
inline constexpr std::uint64_t kToolDescriptorsMin = 32;

// Lifts the soft limit (RLIMIT_NOFILE, getrlimit(2)) as far as the hard one lets it, up to a few
// thousand. kSettings when `program` may still open fewer than `least`: better refused at once than
// half alive.
Result<void> claim_descriptors(std::string_view program, std::uint64_t least);

}  // namespace daybook
