#include "core/tokens.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/letters.h"

namespace daybook {

namespace {

// Hundredths of a token.
using Hundredths = std::uint64_t;

constexpr std::size_t kPlainWordLetters = 8;
constexpr Hundredths kLettersOfLongWord = 6;
constexpr Hundredths kInnerCapital = 60;
constexpr std::size_t kDigitsOfToken = 3;
constexpr Hundredths kWideBlank = 60;
constexpr Hundredths kSign = 62;
constexpr Hundredths kUnknownLetter = 100;

// Reported by a model for 1,000 of ours.
constexpr std::uint32_t kAsEstimated = 1'000;
constexpr std::uint32_t kCutFiner = 1'350;

struct FinerFamily {
  std::string_view name;
  std::uint32_t since;  // as version_of() has it
};
constexpr auto kFinerFamilies =
    std::to_array<FinerFamily>({{"fable", 0}, {"opus", 407}, {"sonnet", 500}});

// Up to and including `last`, from where the row before it ends.
struct LetterClass {
  char32_t last;
  Hundredths cost;
};
constexpr auto kLetterClasses = std::to_array<LetterClass>({
    {0x024F, 45},   // Latin with accents
    {0x052F, 29},   // Greek, Cyrillic
    {0x08FF, 37},   // Armenian, Hebrew, Arabic
    {0x10FF, 36},   // Indic, Thai, Georgian
    {0x11FF, 85},   // single parts of Hangul
    {0x1FFF, 36},   // Ethiopic, Khmer, ...
    {0x2E7F, 100},  // signs
    {0x9FFF, 85},   // Chinese, Japanese
    {0xABFF, 100},
    {0xD7AF, 65},  // Hangul
    {0xF8FF, 100},
    {0xFAFF, 85},
    {0xFEFF, 100},
    {0xFFEF, 85},  // the same in full width
    {0x1EFFF, 100},
    {0x10FFFF, 170},  // emoji
});

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_lower(c) || is_upper(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

Hundredths cost_of_word(std::string_view word) {
  Hundredths cost = 100;
  if (word.size() > kPlainWordLetters) {
    cost += (word.size() - kPlainWordLetters) * 100 / kLettersOfLongWord;
  }
  for (std::size_t at = 1; at < word.size(); ++at) {
    if (is_lower(word[at - 1]) && is_upper(word[at])) cost += kInnerCapital;
  }
  return cost;
}

Hundredths cost_of_blanks(std::string_view blanks) {
  const bool joins_a_word = blanks.size() == 1 && blanks[0] != '\n';
  return joins_a_word ? 0 : kWideBlank;
}

Hundredths cost_of_letter(char32_t letter) {
  for (const LetterClass& row : kLetterClasses) {
    if (letter <= row.last) return row.cost;
  }
  return kUnknownLetter;
}

// The longest run at the front for which `belongs` holds.
template <typename Belongs>
std::string_view run_of(std::string_view text, Belongs belongs) {
  const auto end = std::find_if_not(text.begin(), text.end(), belongs);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

std::uint32_t tokens_by_class(std::string_view text) {
  Hundredths sum = 0;
  while (!text.empty()) {
    std::string_view run = text.substr(0, 1);
    if (is_letter(text[0])) {
      run = run_of(text, is_letter);
      sum += cost_of_word(run);
    } else if (is_digit(text[0])) {
      run = run_of(text, is_digit);
      sum += 100 * ((run.size() + kDigitsOfToken - 1) / kDigitsOfToken);
    } else if (is_space(text[0])) {
      run = run_of(text, is_space);
      sum += cost_of_blanks(run);
    } else if (static_cast<unsigned char>(text[0]) < 0x80) {
      sum += kSign;
    } else {
      const Letter letter = letter_at(text);
      run = text.substr(0, letter.bytes);
      sum += letter.bytes == 1 ? kUnknownLetter : cost_of_letter(letter.value);
    }
    text.remove_prefix(run.size());
  }
  const Hundredths tokens = (sum + 99) / 100;
  return static_cast<std::uint32_t>(
      std::min<Hundredths>(tokens, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t tokens_by_bytes(std::string_view text) {
  std::uint64_t quarters = 0;
  for (const char byte : text) quarters += static_cast<unsigned char>(byte) < 0x80 ? 1 : 2;
  return static_cast<std::uint32_t>((quarters + 3) / 4);
}

// 407 of "-4-7" and "-4.7:free", 400 of "-4-20250514"; 0: it names none, as the newest does.
std::uint32_t version_of(std::string_view text) {
  std::uint32_t version = 0;
  for (const std::uint32_t weight : {100U, 1U}) {
    if (!text.starts_with('-') && !text.starts_with('.')) break;
    text.remove_prefix(1);
    const std::string_view digits = run_of(text, is_digit);
    if (digits.size() > 2) break;  // a date
    std::uint32_t number = 0;
    for (const char digit : digits) number = number * 10 + static_cast<std::uint32_t>(digit - '0');
    version += weight * number;
    text.remove_prefix(digits.size());
  }
  return version;
}

}  // namespace

std::uint32_t estimate_tokens(std::string_view text, std::uint32_t rules) {
  if (rules < 3) return tokens_by_bytes(text);
  if (text.empty()) return 0;
  return std::max(tokens_by_class(text), 1U);
}

std::uint32_t first_calibration(std::string_view model) {
  constexpr std::string_view kVendor = "claude-";
  const std::size_t begin = model.find(kVendor);
  if (begin == model.npos) return kAsEstimated;
  model.remove_prefix(begin + kVendor.size());
  const std::string_view name = run_of(model, is_letter);
  model.remove_prefix(name.size());
  const std::uint32_t version = version_of(model);
  for (const FinerFamily& family : kFinerFamilies) {
    const bool newer = version == 0 || version >= family.since;
    if (family.name == name && newer) return kCutFiner;
  }
  return kAsEstimated;
}

}  // namespace daybook
