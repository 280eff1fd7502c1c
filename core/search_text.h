// Looking for words in text: `SearchQuery` holds what is looked for, a text is matched as a whole.
//
//   ship invoice      both words, anywhere, in any order, also within longer words
//   "ship invoice"    the two in a row, whatever blanks lie between them
//
// Law: case is folded as core/case_fold.h says and a run of blanks is one; nothing else is. The
// same query and text give the same answer for ever: decide() uses it. Nothing is indexed, so that
// what is erased cannot be found.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

// A place in the text as it was given.
struct SearchHit {
  std::size_t offset = 0;
  std::size_t bytes = 0;

  friend bool operator==(const SearchHit&, const SearchHit&) = default;
};

class SearchQuery {
 public:
  static constexpr std::size_t kTermsMax = 16;

  // nullopt: there is nothing to look for in it. Terms beyond kTermsMax are left out.
  static std::optional<SearchQuery> parse(std::string_view text);

  // `scratch` is overwritten; give the same one again to allocate once.
  [[nodiscard]] bool matches(std::string_view text, std::string& scratch) const;
  // Every occurrence of every term, in order; where two overlap, the first.
  [[nodiscard]] std::vector<SearchHit> hits(std::string_view text) const;

 private:
  std::vector<std::string> terms_;  // folded
};

// A piece of the text around the first hit, on one line, with the hits inside it.
struct Snippet {
  std::string text;  // blanks are single spaces; "…" where something was left out
  std::vector<SearchHit> hits;
};
// At most about `bytes_max` bytes, cut between code points.
Snippet snippet_of(std::string_view text, const SearchQuery& query, std::size_t bytes_max);

}  // namespace daybook
