// What two messages of a chat have in common: references (URLs, paths, mentions, quoted words),
// names, numbers. The `incremental` policy packs what has most in common with what was asked last.
//
// Law: a function of the two texts alone, case folded, for ever. Nothing is indexed, and nothing is
// looked up: two people of one name are one, and a language without capital letters has no names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

// Each sorted, without repetition, case folded.
struct Marks {
  static constexpr std::size_t kTextBytesMax = 16u << 10;  // what lies beyond is not looked at
  static constexpr std::size_t kWordBytesMax = 96;         // longer ones are none

  std::vector<std::string> references;
  std::vector<std::string> names;
  // Capitalised because a sentence begins with them, perhaps: names if the other text says so.
  std::vector<std::string> openers;
  std::vector<std::string> numbers;  // of two digits or more
};

Marks marks_of(std::string_view text);

// In hundredths, for each mark that both have.
struct MarkWeights {
  std::uint32_t reference = 400;
  std::uint32_t number = 300;
  std::uint32_t name = 250;
};
std::int64_t common_hundredths(const Marks& one, const Marks& other, const MarkWeights& weights);

}  // namespace daybook
