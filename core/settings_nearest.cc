// "Did you mean": optimal string alignment distance (Damerau-Levenshtein without overlapping
// swaps), upper and lower case alike, bounded so that only what looks like a slip of the fingers is
// offered.
#include <algorithm>
#include <array>

#include "core/settings.h"

namespace daybook {
namespace {

constexpr std::size_t kNearWordBytesMax = 64;  // longer ones are no typing errors

char lower_letter(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A third of the longer word, at least one and at most three slips.
std::size_t slips_allowed(std::string_view left, std::string_view right) {
  return std::clamp<std::size_t>(std::max(left.size(), right.size()) / 3, 1, 3);
}

std::size_t slips_between(std::string_view left, std::string_view right) {
  using Row = std::array<std::size_t, kNearWordBytesMax + 1>;
  std::array<Row, 3> rows{};  // the one before the last, the last, this one
  for (std::size_t j = 0; j <= right.size(); ++j) rows[1][j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    rows[2][0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const char here = lower_letter(left[i - 1]);
      const char there = lower_letter(right[j - 1]);
      rows[2][j] = std::min({rows[1][j] + 1, rows[2][j - 1] + 1, rows[1][j - 1] + (here != there)});
      const bool swapped = i > 1 && j > 1 && here == lower_letter(right[j - 2]) &&
                           lower_letter(left[i - 2]) == there;
      if (swapped) rows[2][j] = std::min(rows[2][j], rows[0][j - 2] + 1);
    }
    rows[0] = rows[1];
    rows[1] = rows[2];
  }
  return rows[1][right.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t best_slips = kNearWordBytesMax;
  if (word.empty() || word.size() > kNearWordBytesMax) return {};
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || candidate.size() > kNearWordBytesMax) continue;
    const std::size_t slips = slips_between(word, candidate);
    if (slips > slips_allowed(word, candidate) || slips >= best_slips) continue;
    // Two letters that are both wrong are another word.
    if (slips >= std::min(word.size(), candidate.size()) && slips > 0) continue;
    best = &candidate;
    best_slips = slips;
  }
  return best == nullptr ? std::string{} : *best;
}

}  // namespace daybook
