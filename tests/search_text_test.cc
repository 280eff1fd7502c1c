// What a search query finds in a text, and the piece of it that is shown.
#include "core/search_text.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "core/case_fold.h"

namespace daybook::search_text_test {

bool found(std::string_view query, std::string_view text) {
  const auto parsed = SearchQuery::parse(query);
  REQUIRE(parsed);
  std::string scratch;
  return parsed->matches(text, scratch);
}

std::vector<std::string> hit_words(std::string_view query, std::string_view text) {
  std::vector<std::string> words;
  const auto parsed = SearchQuery::parse(query);
  REQUIRE(parsed);
  for (const SearchHit& hit : parsed->hits(text)) {
    words.emplace_back(text.substr(hit.offset, hit.bytes));
  }
  return words;
}

TEST_CASE("several words must all be there, in any order", "[search]") {
  CHECK(found("ship invoice", "The invoice will ship on Monday"));
  CHECK_FALSE(found("ship invoice", "It will ship on Monday"));
  CHECK(found("voic", "an invoice"));
}

TEST_CASE("quotes make a phrase, whatever blanks lie between its words", "[search]") {
  CHECK(found("\"next week\"", "Next\n   week, then"));
  CHECK_FALSE(found("\"next week\"", "week next"));
  CHECK(found("\"next week", "not before next  week"));
  CHECK(found("a\"b c\"d", "d b c a"));
}

TEST_CASE("case does not matter, in any script; accents do", "[search]") {
  CHECK(found("STRASSE", "strasse"));
  CHECK(found("ÜBER", "darüber"));
  CHECK(found("привет", "ПРИВЕТ, мир"));
  CHECK(found("ὀδυσσεύσ", "Ὀδυσσεύς"));
  CHECK(found("東京", "明日は東京へ"));
  CHECK_FALSE(found("uber", "über"));
  CHECK_FALSE(found("strasse", "Straße"));
}

TEST_CASE("nothing to look for is no query", "[search]") {
  for (const char* text : {"", "  ", "\"\"", "\" \n \""}) CHECK_FALSE(SearchQuery::parse(text));
}

TEST_CASE("a hit is told in the text's own bytes, though folding changes lengths", "[search]") {
  CHECK(hit_words("ⱥx", "aȺX b") == std::vector<std::string>{"ȺX"});
  CHECK(hit_words("k", "\xE2\x84\xAA k") == std::vector<std::string>{"\xE2\x84\xAA", "k"});
  CHECK(hit_words("\"a b\"", "x   a \n b") == std::vector<std::string>{"a \n b"});
  CHECK(hit_words("b", "a    b") == std::vector<std::string>{"b"});
  CHECK(hit_words("ana", "banana") == std::vector<std::string>{"ana"});
  CHECK(hit_words("ban nana", "banana") == std::vector<std::string>{"ban"});
}

TEST_CASE("a snippet is one line around the first hit, with the hits in it", "[search]") {
  const auto query = SearchQuery::parse("invoice");
  const std::string text =
      std::string(300, 'x') + " before the\n\nInvoice  and after " + std::string(300, 'y');
  const Snippet snippet = snippet_of(text, *query, 60);
  CHECK(snippet.text.starts_with("…"));
  CHECK(snippet.text.ends_with("…"));
  CHECK(snippet.text.find("before the Invoice and after") != std::string::npos);
  REQUIRE(snippet.hits.size() == 1);
  CHECK(snippet.text.substr(snippet.hits[0].offset, snippet.hits[0].bytes) == "Invoice");
  CHECK(snippet_of("an Invoice", *query, 60).text == "an Invoice");
}

TEST_CASE("hits lie in the text, in order, whatever the text is", "[search]") {
  rc::prop("hits are ordered and inside", [](const std::vector<std::uint16_t>& letters) {
    std::string text;
    for (const std::uint16_t letter : letters) {
      const char* const pieces[] = {"a", "A", "Ⱥ", "ⱥ", " ", "\n", "\xC3", "ß", "\xE2\x84\xAA",
                                    "中"};
      text += pieces[letter % 10];
    }
    for (const char* wanted : {"a", "\"a a\"", "ⱥ", "k a", "中ß"}) {
      const auto query = SearchQuery::parse(wanted);
      std::size_t end = 0;
      for (const SearchHit& hit : query->hits(text)) {
        RC_ASSERT(hit.offset >= end);
        RC_ASSERT(hit.bytes > 0u);
        end = hit.offset + hit.bytes;
        RC_ASSERT(end <= text.size());
      }
      const Snippet snippet = snippet_of(text, *query, 20);
      for (const SearchHit& hit : snippet.hits) {
        RC_ASSERT(hit.offset + hit.bytes <= snippet.text.size());
      }
    }
  });
}

}  // namespace daybook::search_text_test
