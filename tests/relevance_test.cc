// What two messages have in common.
#include "core/relevance.h"

#include <catch2/catch.hpp>

namespace daybook::relevance_test {

using Words = std::vector<std::string>;

std::int64_t common(std::string_view one, std::string_view other) {
  return common_hundredths(marks_of(one), marks_of(other), MarkWeights());
}

TEST_CASE("addresses, mentions, codes and quoted words are references", "[relevance]") {
  const Marks marks = marks_of(
      "See https://example.org/a, ask @Bob about BK-204 and \"blue boat\" (notes/May.md).");
  CHECK(marks.references ==
        Words{"@bob", "bk-204", "blue boat", "https://example.org/a", "notes/may.md"});
}

TEST_CASE("numbers of two digits count, single ones do not", "[relevance]") {
  CHECK(marks_of("Between 7 and 450 or 12:30.").numbers == Words{"12:30", "450"});
}

TEST_CASE("a capital makes a name, unless a sentence begins there", "[relevance]") {
  const Marks marks = marks_of("Then Anna met \u00d6mer. Later he left");
  CHECK(marks.names == Words{"anna", "\u00f6mer"});
  CHECK(marks.openers == Words{"later", "then"});
}

TEST_CASE("who begins a sentence is a name if the other text says so", "[relevance]") {
  CHECK(common("Anna called.", "I saw Anna") == 250);
  CHECK(common("Anna called.", "Anna left.") == 0);
  CHECK(common("The boat", "The house") == 0);
}

TEST_CASE("references weigh most, then numbers, then names, each once", "[relevance]") {
  CHECK(common("see www.a.org www.a.org", "at www.a.org") == 400);
  CHECK(common("pay 120", "it was 120") == 300);
  CHECK(common("pay 120 to Anna at www.a.org", "ask Anna for 120 at www.a.org") == 950);
  CHECK(common("pay 120", "nothing alike") == 0);
}

TEST_CASE("case does not matter, in no alphabet", "[relevance]") {
  CHECK(common("ask @BOB", "told @bob") == 400);
  CHECK(common("with \u0410\u043d\u043d\u0430", "for \u0410\u041d\u041d\u0410") == 250);
}

TEST_CASE("a text of any length and bytes that are no letters are read", "[relevance]") {
  CHECK(marks_of(std::string(Marks::kTextBytesMax * 2, 'A')).names.empty());
  CHECK(marks_of("\xff\xfe \xc3").numbers.empty());
  CHECK(marks_of("\"never closed").references.empty());
}

TEST_CASE("weights are given, and one of nothing counts nothing", "[relevance]") {
  const Marks one = marks_of("pay 120 to Anna at www.a.org");
  const Marks other = marks_of("ask Anna for 120 at www.a.org");
  CHECK(common_hundredths(one, other, {1, 20, 300}) == 321);
  CHECK(common_hundredths(one, other, {0, 20, 0}) == 20);
}

}  // namespace daybook::relevance_test
