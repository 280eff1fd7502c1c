// Base64 against the vectors of RFC 4648 §10, and there and back for any bytes.
#include "core/base64.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

namespace daybook::base64_test {

TEST_CASE("the vectors of RFC 4648", "[core]") {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
}

TEST_CASE("any bytes come back", "[core]") {
  rc::prop("there and back",
           [](const std::string& bytes) { RC_ASSERT(from_base64(base64(bytes)) == bytes); });
}

TEST_CASE("what base64 would not have written is refused", "[core]") {
  for (const char* text :
       {"Zg=", "Zg", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9-", "=Zg=", "Z=g="}) {
    INFO(text);
    CHECK_FALSE(from_base64(text));
  }
}

}  // namespace daybook::base64_test
