// Folding a letter's case: pairs of many scripts, and laws over every code point.
#include "core/case_fold.h"

#include <catch2/catch.hpp>

namespace daybook::case_fold_test {

TEST_CASE("upper and lower case of many scripts fold to one", "[core]") {
  const std::pair<char32_t, char32_t> pairs[] = {
      {U'A', U'a'},      {U'Z', U'z'},           {U'Ä', U'ä'},
      {U'Ø', U'ø'},      {U'Ÿ', U'ÿ'},           {U'Ł', U'ł'},
      {U'Σ', U'σ'},      {U'ς', U'σ'},           {U'Ж', U'ж'},
      {U'Ё', U'ё'},      {U'Ա', U'ա'},           {U'Ⴀ', U'ⴀ'},
      {U'Ế', U'ế'},      {U'ẞ', U'ß'},           {U'Ａ', U'ａ'},
      {U'\x212A', U'k'}, {U'Ⅷ', U'ⅷ'},           {U'Ⓐ', U'ⓐ'},
      {U'Ⱥ', U'ⱥ'},      {U'\xAB70', U'\x13A0'}, {U'\x10400', U'\x10428'},
      {U'ǅ', U'ǆ'},      {U'ſ', U's'},           {U'Ǆ', U'ǆ'},
  };
  for (const auto& [upper, lower] : pairs) {
    INFO(static_cast<std::uint32_t>(upper));
    CHECK(fold_case(upper) == fold_case(lower));
  }
}

TEST_CASE("what has no case stays", "[core]") {
  for (const char32_t letter : {U'ß', U'中', U'あ', U'א', U'ा', U'5', U'_', U'é', U'😀', U'İ'}) {
    INFO(static_cast<std::uint32_t>(letter));
    CHECK(fold_case(letter) == letter);
  }
}

TEST_CASE("folding twice is folding once, and 1,454 letters change", "[core]") {
  int changed = 0;
  for (char32_t letter = 0; letter <= 0x10FFFF; ++letter) {
    const char32_t folded = fold_case(letter);
    if (fold_case(folded) != folded) FAIL("not at rest: " << static_cast<std::uint32_t>(letter));
    changed += folded != letter ? 1 : 0;
  }
  CHECK(changed == 1'428 + 26);
}

}  // namespace daybook::case_fold_test
