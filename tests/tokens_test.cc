// Estimates of tokens: what each class of letters costs, and what older rules said.
#include "core/tokens.h"

#include <catch2/catch.hpp>
#include <string>

#include "core/letters.h"

namespace daybook::tokens_test {

TEST_CASE("a short word is a token, a long one more, and a blank between words none", "[tokens]") {
  CHECK(estimate_tokens("") == 0);
  CHECK(estimate_tokens("a") == 1);
  CHECK(estimate_tokens("internal") == 1);
  CHECK(estimate_tokens("one two three") == 3);
  CHECK(estimate_tokens("internationalisation") == 3);
  CHECK(estimate_tokens("camelCaseName") == 4);  // 1.83 and two inner capitals
}

TEST_CASE("digits go by threes, signs and wide blanks by parts of a token", "[tokens]") {
  CHECK(estimate_tokens("123") == 1);
  CHECK(estimate_tokens("1234") == 2);
  CHECK(estimate_tokens("!") == 1);
  CHECK(estimate_tokens("!!!") == 2);   // 1.86
  CHECK(estimate_tokens("a  b") == 3);  // 2.6
  CHECK(estimate_tokens("a\nb") == 3);
}

TEST_CASE("letters of every script have their own price", "[tokens]") {
  const auto hundred = [](const std::string& letter) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += letter;
    return estimate_tokens(text);
  };
  CHECK(hundred("\u00e9") == 45);
  CHECK(hundred("\u0436") == 29);
  CHECK(hundred("\u05d0") == 37);
  CHECK(hundred("\u0915") == 36);
  CHECK(hundred("\u1100") == 85);
  CHECK(hundred("\u2014") == 100);
  CHECK(hundred("\u6f22") == 85);
  CHECK(hundred("\uac00") == 65);
  CHECK(hundred("\U0001f600") == 170);
}

TEST_CASE("rules before version 3 count bytes", "[tokens]") {
  for (const std::uint32_t rules : {1U, 2U}) {
    CHECK(estimate_tokens("", rules) == 0);
    CHECK(estimate_tokens("internationalisation", rules) == 5);
    CHECK(estimate_tokens("\u6f22\u6f22", rules) == 3);
  }
}

TEST_CASE("a letter read is the letter that was written", "[tokens]") {
  for (const char32_t letter : {U'a', U'\u00e9', U'\u6f22', U'\U0001f600'}) {
    char bytes[4] = {};
    const char* end = put_letter(bytes, letter);
    const Letter read = letter_at({bytes, static_cast<std::size_t>(end - bytes)});
    CHECK(read.value == letter);
    CHECK(read.bytes == static_cast<std::size_t>(end - bytes));
  }
}

}  // namespace daybook::tokens_test
