#include "core/relevance.h"

#include <algorithm>
#include <array>

#include "core/case_fold.h"
#include "core/letters.h"

namespace daybook {

namespace {

struct Quotes {
  std::string_view opening;
  std::string_view closing;
};
constexpr auto kQuotes = std::to_array<Quotes>({
    {"\"", "\""},
    {"`", "`"},
    {"\u201c", "\u201d"},
    {"\u201e", "\u201c"},
    {"\u00ab", "\u00bb"},
});

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool ends_sentence(char c) { return c == '.' || c == '!' || c == '?' || c == ':' || c == '\n'; }

std::string folded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Letter letter = letter_at(text);
    std::array<char, 4> bytes{};
    const char* end = put_letter(bytes.data(), fold_case(letter.value));
    out.append(bytes.data(), static_cast<std::size_t>(end - bytes.data()));
    text.remove_prefix(letter.bytes);
  }
  return out;
}

void add_mark(std::vector<std::string>* marks, std::string_view word, std::size_t bytes_min) {
  if (word.size() >= bytes_min && word.size() <= Marks::kWordBytesMax) {
    marks->push_back(folded(word));
  }
}

// Without the punctuation around it.
std::string_view bare(std::string_view word) {
  constexpr std::string_view kAround = ".,;:!?()[]{}<>\"'`*_~";
  const std::size_t first = word.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  return word.substr(first, word.find_last_not_of(kAround) - first + 1);
}

bool is_capitalised(std::string_view word) {
  const Letter letter = letter_at(word);
  return fold_case(letter.value) != letter.value;
}

void add_word(std::string_view word, bool opens, Marks* marks) {
  const auto digits = std::count_if(word.begin(), word.end(), is_digit);
  const bool letters = std::any_of(word.begin(), word.end(), is_letter);
  const bool address = word.find('/') != std::string_view::npos || word.starts_with("www.");
  if (address || word[0] == '@' || word[0] == '#' || (digits > 0 && letters)) {
    add_mark(&marks->references, word, address ? 4 : 3);
  } else if (digits >= 2) {
    add_mark(&marks->numbers, word, 2);
  } else if (letters && is_capitalised(word)) {
    add_mark(opens ? &marks->openers : &marks->names, word, 2);
  }
}

void add_words(std::string_view text, Marks* marks) {
  bool opens = true;
  while (!text.empty()) {
    const auto blank = std::find_if(text.begin(), text.end(), is_blank);
    const std::string_view token = text.substr(0, static_cast<std::size_t>(blank - text.begin()));
    if (const std::string_view word = bare(token); !word.empty()) add_word(word, opens, marks);
    if (!token.empty()) opens = ends_sentence(token.back());
    if (blank != text.end() && *blank == '\n') opens = true;
    text.remove_prefix(std::min(token.size() + 1, text.size()));
  }
}

void add_quoted(std::string_view text, const Quotes& quotes, Marks* marks) {
  for (std::size_t at = text.find(quotes.opening); at != std::string_view::npos;
       at = text.find(quotes.opening, at)) {
    at += quotes.opening.size();
    const std::size_t end = text.find(quotes.closing, at);
    if (end == std::string_view::npos) return;
    add_mark(&marks->references, text.substr(at, end - at), 2);
    at = end + quotes.closing.size();
  }
}

void sort_marks(std::vector<std::string>* marks) {
  std::sort(marks->begin(), marks->end());
  marks->erase(std::unique(marks->begin(), marks->end()), marks->end());
}

std::int64_t common(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  std::int64_t count = 0;
  for (auto mine = one.begin(), theirs = other.begin();
       mine != one.end() && theirs != other.end();) {
    const int order = mine->compare(*theirs);
    if (order == 0) ++count;
    if (order <= 0) ++mine;
    if (order >= 0) ++theirs;
  }
  return count;
}

}  // namespace

Marks marks_of(std::string_view text) {
  text = text.substr(0, Marks::kTextBytesMax);
  Marks marks;
  add_words(text, &marks);
  for (const Quotes& quotes : kQuotes) add_quoted(text, quotes, &marks);
  for (auto* kind : {&marks.references, &marks.names, &marks.openers, &marks.numbers}) {
    sort_marks(kind);
  }
  return marks;
}

std::int64_t common_hundredths(const Marks& one, const Marks& other, const MarkWeights& weights) {
  const std::int64_t names = common(one.names, other.names) + common(one.names, other.openers) +
                             common(one.openers, other.names);
  return weights.reference * common(one.references, other.references) +
         weights.number * common(one.numbers, other.numbers) + weights.name * names;
}

}  // namespace daybook
