// Money as people read it. The journal counts in nanodollars: a token may cost less than a
// millionth of a dollar.
#pragma once

#include <cstdint>
#include <string>

namespace daybook {

inline constexpr std::uint64_t kNanodollars = 1'000'000'000;  // of a dollar

// "$12.34", "$0.001204"; what is less than a ten-millionth of a dollar is "$0".
std::string money_text(std::uint64_t nanodollars);

}  // namespace daybook
