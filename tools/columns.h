// Two texts side by side, each folded at words to its half of the line.
//
// A code point counts as one place: East Asian wide letters need two, so lines of them run on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace daybook {

// Lines of at most so many code points. A longer word is broken.
std::vector<std::string> folded_lines(std::string_view text, std::size_t width);

// Lines of both, `width` places altogether, a bar between; the shorter one ends in blanks.
std::vector<std::string> side_by_side(std::string_view left, std::string_view right,
                                      std::size_t width);

// Places of a line on the terminal that stdout is; otherwise 100.
std::size_t line_width();

}  // namespace daybook
