// No secret leaves, whatever its spelling, and ordinary words stay.
#include "tools/redactor.h"

#include <catch2/catch.hpp>

namespace daybook::redactor_test {

constexpr std::string_view kToken = "123456789:AAH-canary_canary_canary_canary_12";
constexpr std::string_view kKey = "canary/key+with=odd\"letters";

Redactor redactor() { return Redactor({Secret(std::string(kToken)), Secret(std::string(kKey))}); }

TEST_CASE("a secret in force leaves in none of its spellings", "[redactor]") {
  const Redactor hide = redactor();
  CHECK(hide.clean("POST /bot" + std::string(kToken) + "/getMe") == "POST /bot[secret]/getMe");
  CHECK(hide.clean("key=" + std::string(kKey) + ".") == "key=[secret].");
  CHECK(hide.clean("q=canary%2Fkey%2Bwith%3Dodd%22letters&x") == "q=[secret]&x");
  CHECK(hide.clean("\"canary/key+with=odd\\\"letters\"") == "\"[secret]\"");
  CHECK(hide.clean("Y2FuYXJ5L2tleSt3aXRoPW9kZCJsZXR0ZXJz") == "[secret]");
}

TEST_CASE("what looks like a token, a key or a bearer header leaves hidden", "[redactor]") {
  const Redactor hide;
  CHECK(hide.clean("a 987654321:ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 b") == "a [secret] b");
  CHECK(hide.clean("x sk-or-v1-0123456789abcdef y") == "x [secret] y");
  CHECK(hide.clean("Authorization: Bearer abc.def-123") == "Authorization: Bearer [secret]");
  CHECK(hide.clean("authorization: BEARER abc1") == "authorization: BEARER [secret]");
  CHECK(hide.clean("key=AIza0123456789abcdefghijABCDEFGHIJ-_345&x") == "key=[secret]&x");
}

TEST_CASE("near misses stay", "[redactor]") {
  const Redactor hide = redactor();
  for (const std::string text :
       {"12:34:56 ask-me", "123456789:short", "sk-1", "Bearer", "task-ab", "forbearer x1",
        "the bearer of news", "AIza-short", "xAIza0123456789abcdefghijABCDEFGHIJ-_345"}) {
    CHECK(hide.clean(text) == text);
  }
}

TEST_CASE("short secrets do not blank out ordinary words", "[redactor]") {
  const Redactor hide({Secret("a")});
  CHECK(hide.clean("a banana") == "a banana");
}

}  // namespace daybook::redactor_test
