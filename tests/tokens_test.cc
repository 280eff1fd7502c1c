// Estimates of tokens: what each class of letters costs, and what older rules said.
#include "core/tokens.h"

#include <catch2/catch.hpp>
#include <string>

#include "core/directory.h"
#include "core/letters.h"
#include "tests/events.h"

namespace daybook::tokens_test {

TEST_CASE("a short word is a token, a long one more, and a blank between words none", "[tokens]") {
  CHECK(estimate_tokens("") == 0);
  CHECK(estimate_tokens("a") == 1);
  CHECK(estimate_tokens("internal") == 1);
  CHECK(estimate_tokens("one two three") == 3);
  CHECK(estimate_tokens("internationalisation") == 3);
  CHECK(estimate_tokens("camelCaseName") == 4);  // 1.83 and two inner capitals
}

TEST_CASE("Claude's newer models are believed to cut finer, before they have reported anything",
          "[tokens]") {
  const Directory nobody;
  for (const char* model :
       {"anthropic/claude-opus-4.7", "claude-opus-4-7", "claude-opus-4-8-20260801",
        "anthropic/claude-opus-5", "anthropic/claude-sonnet-5.5:free", "claude-sonnet-5",
        "anthropic/claude-fable-5.2", "~anthropic/claude-opus-latest", "claude-sonnet-10"}) {
    INFO(model);
    CHECK(nobody.calibration("p", model) == 1'350);
  }
  for (const char* model :
       {"anthropic/claude-opus-4.6", "claude-opus-4-20250514", "anthropic/claude-sonnet-4.6",
        "claude-sonnet-4-5", "anthropic/claude-haiku-5.5", "claude-3-opus-20240229",
        "claude-3-5-sonnet", "openai/gpt-4o", "claude-", "claude-opusculum-9"}) {
    INFO(model);
    CHECK(nobody.calibration("p", model) == 1'000);
  }
}

TEST_CASE("what a model reports moves what was believed of it at first", "[tokens]") {
  Directory directory;
  Event started = testing::turn_started(testing::at(1, 1, 1), "console:local", 1);
  started.mutable_turn_started()->set_model("claude-opus-5");
  started.mutable_turn_started()->set_rules(3);
  started.mutable_turn_started()->set_tokens(1'000);
  directory.apply(started);
  Event completed = testing::turn_completed(testing::at(2, 2, 1), 1, "well");
  completed.mutable_turn_completed()->mutable_usage()->set_prompt_tokens(1'550);
  directory.apply(completed);
  CHECK(directory.calibration("p", "claude-opus-5") == 1'400);
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
