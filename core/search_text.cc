#include "core/search_text.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/case_fold.h"
#include "core/letters.h"

namespace daybook {
namespace {

constexpr std::string_view kEllipsis = "…";

constexpr bool is_blank(unsigned char byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

// ASCII folded, blanks as spaces; 0 for the bytes of longer sequences.
constexpr auto kFoldedByte = [] {
  std::array<char, 256> table{};
  for (unsigned byte = 0; byte < 0x80; ++byte) {
    const bool upper = byte >= 'A' && byte <= 'Z';
    table[byte] = static_cast<char>(is_blank(static_cast<unsigned char>(byte)) ? ' '
                                    : upper                                    ? byte + 32
                                                                               : byte);
  }
  return table;
}();

// Folds the letter at the front of `text` to `out` and takes it off. A blank after a blank gives
// nothing.
char* fold_one(std::string_view& text, const char* begin, char* out) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) {
    const char folded = kFoldedByte[lead];
    text.remove_prefix(1);
    if (folded == ' ' && out != begin && out[-1] == ' ') return out;
    *out++ = folded;
    return out;
  }
  const Letter letter = letter_at(text);
  if (letter.bytes == 1) {
    *out++ = text[0];
  } else {
    out = put_letter(out, fold_case(letter.value));
  }
  text.remove_prefix(letter.bytes);
  return out;
}

// A folded letter may be longer than it was: two bytes become three.
void fold(std::string_view text, std::string& into) {
  into.resize(text.size() + text.size() / 2 + 4);
  char* const begin = into.data();
  char* out = begin;
  while (!text.empty()) out = fold_one(text, begin, out);
  into.resize(static_cast<std::size_t>(out - begin));
}

bool contains(const std::string& text, const std::string& term) {
  return ::memmem(text.data(), text.size(), term.data(), term.size()) != nullptr;
}

// Where in `text` the folded offsets lie: begin and end of each hit, ascending. What begins is no
// blank, so blanks there are the rest of a run.
std::vector<std::size_t> original_offsets(std::string_view text,
                                          const std::vector<std::size_t>& folded) {
  std::vector<std::size_t> found;
  std::string scratch(text.size() + text.size() / 2 + 4, '\0');
  char* const begin = scratch.data();
  char* out = begin;
  std::string_view rest = text;
  for (const std::size_t wanted : folded) {
    while (!rest.empty() && static_cast<std::size_t>(out - begin) < wanted) {
      out = fold_one(rest, begin, out);
    }
    const bool begins = found.size() % 2 == 0;
    while (begins && !rest.empty() && is_blank(static_cast<unsigned char>(rest[0]))) {
      rest.remove_prefix(1);
    }
    found.push_back(text.size() - rest.size());
  }
  return found;
}

bool begins_letter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

// The nearest beginning of a letter at or before `at`.
std::size_t letter_start(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && !begins_letter(text[at])) --at;
  return std::min(at, text.size());
}

// Of the window: from a word's beginning where one is near.
std::size_t window_start(std::string_view text, std::size_t hit, std::size_t before) {
  if (hit <= before) return 0;
  const std::size_t at = letter_start(text, hit - before);
  for (std::size_t next = at; next < hit; ++next) {
    if (is_blank(static_cast<unsigned char>(text[next]))) return next + 1;
  }
  return at;
}

}  // namespace

std::optional<SearchQuery> SearchQuery::parse(std::string_view text) {
  SearchQuery query;
  std::string term;
  bool quoted = false;
  const auto finish = [&] {
    std::string folded;
    fold(term, folded);
    const std::size_t first = folded.find_first_not_of(' ');
    if (first != std::string::npos && query.terms_.size() < kTermsMax) {
      query.terms_.push_back(folded.substr(first, folded.find_last_not_of(' ') - first + 1));
    }
    term.clear();
  };
  for (const char c : text) {
    if (c == '"') {
      finish();
      quoted = !quoted;
    } else if (!quoted && is_blank(static_cast<unsigned char>(c))) {
      finish();
    } else {
      term += c;
    }
  }
  finish();
  if (query.terms_.empty()) return std::nullopt;
  // The longest first: it is the rarest, as a rule.
  std::stable_sort(
      query.terms_.begin(), query.terms_.end(),
      [](const std::string& one, const std::string& other) { return one.size() > other.size(); });
  return query;
}

bool SearchQuery::matches(std::string_view text, std::string& scratch) const {
  fold(text, scratch);
  return std::all_of(terms_.begin(), terms_.end(),
                     [&](const std::string& term) { return contains(scratch, term); });
}

std::vector<SearchHit> SearchQuery::hits(std::string_view text) const {
  std::string folded;
  fold(text, folded);
  std::vector<SearchHit> found;
  for (const std::string& term : terms_) {
    for (std::size_t at = folded.find(term); at != std::string::npos;
         at = folded.find(term, at + term.size())) {
      found.push_back({at, term.size()});
    }
  }
  std::sort(found.begin(), found.end(), [](const SearchHit& one, const SearchHit& other) {
    return one.offset != other.offset ? one.offset < other.offset : one.bytes > other.bytes;
  });
  std::vector<std::size_t> borders;
  for (const SearchHit& hit : found) {
    if (!borders.empty() && hit.offset < borders.back()) continue;
    borders.push_back(hit.offset);
    borders.push_back(hit.offset + hit.bytes);
  }
  const std::vector<std::size_t> at = original_offsets(text, borders);
  std::vector<SearchHit> hits;
  for (std::size_t i = 0; i + 1 < at.size(); i += 2) hits.push_back({at[i], at[i + 1] - at[i]});
  return hits;
}

Snippet snippet_of(std::string_view text, const SearchQuery& query, std::size_t bytes_max) {
  const std::vector<SearchHit> hits = query.hits(text);
  const std::size_t first = hits.empty() ? 0 : hits.front().offset;
  const std::size_t begin = window_start(text, first, bytes_max / 3);
  const std::size_t end = letter_start(text, std::min(text.size(), begin + bytes_max));
  Snippet snippet;
  if (begin > 0) snippet.text = kEllipsis;
  std::size_t next_hit = 0;
  std::size_t hit_end = 0;
  for (std::size_t at = begin; at < end; ++at) {
    while (next_hit < hits.size() && hits[next_hit].offset < at) ++next_hit;
    if (next_hit < hits.size() && hits[next_hit].offset == at) {
      snippet.hits.push_back({snippet.text.size(), 0});
      hit_end = std::min(end, at + hits[next_hit].bytes);
    }
    const bool blank = is_blank(static_cast<unsigned char>(text[at]));
    const bool doubled = blank && !snippet.text.empty() && snippet.text.back() == ' ';
    if (!doubled) snippet.text += blank ? ' ' : text[at];
    if (at < hit_end) {
      snippet.hits.back().bytes = snippet.text.size() - snippet.hits.back().offset;
    }
  }
  if (end < text.size()) snippet.text += kEllipsis;
  return snippet;
}

}  // namespace daybook
