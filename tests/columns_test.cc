// Two texts side by side.
#include "tools/columns.h"

#include <catch2/catch.hpp>

namespace daybook::columns_test {

using Lines = std::vector<std::string>;

TEST_CASE("lines fold at blanks, and words that are too long are broken", "[tools]") {
  CHECK(folded_lines("one two three", 7) == Lines{"one two", "three"});
  CHECK(folded_lines("one two three", 8) == Lines{"one two", "three"});
  CHECK(folded_lines("abcdefgh ij", 3) == Lines{"abc", "def", "gh", "ij"});
  CHECK(folded_lines("a\n\nb", 3) == Lines{"a", "", "b"});
  CHECK(folded_lines("", 3) == Lines{""});
}

TEST_CASE("a letter counts as one place, however many bytes it has", "[tools]") {
  CHECK(folded_lines("приве́т мир", 7) == Lines{"приве́т", "мир"});
  CHECK(folded_lines("äöüäöü", 3) == Lines{"äöü", "äöü"});
}

TEST_CASE("the shorter text ends in blanks, and no line does", "[tools]") {
  const Lines lines = side_by_side("left text that goes on and on", "right", 43);
  CHECK(lines == Lines{"left text that goes  | right", "on and on            |"});
  CHECK(side_by_side("ü", "x", 43) == Lines{"ü                    | x"});
}

}  // namespace daybook::columns_test
