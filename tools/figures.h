// Numbers as people read them: counts, bytes, durations, shares; money is core/money.h. --json has
// them as they are.
#pragma once

#include <cstdint>
#include <string>

#include "core/types.h"

namespace daybook {

// "1,204,000"
std::string count_text(std::uint64_t count);
// "1 turn", "2 turns", "1,204 turns"
std::string count_text(std::uint64_t count, const std::string& noun);
// "812 B", "12.3 KiB", "4.0 GiB"
std::string bytes_text(std::uint64_t bytes);
// "28 ms", "9.214 s", "12 min 03 s", "3 h 05 min", "2 d 03 h"
std::string duration_text(Duration duration);
// "45 %"; of nothing it is nothing.
std::string share_text(std::uint64_t part, std::uint64_t whole);

// `text` with spaces before or after it until it is `width` bytes long.
std::string right(std::string text, std::size_t width);
std::string left(std::string text, std::size_t width);

}  // namespace daybook
