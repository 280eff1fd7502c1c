// Result<T>: a value or the reason there is none, never both, never neither.
#include "core/result.h"

#include <catch2/catch.hpp>

namespace daybook::result_test {

TEST_CASE("a result holds a value or the reason there is none", "[core]") {
  Result<int> good = 7;
  Result<int> bad = Error{"no such file", ExitCode::kInputOutput};
  CHECK(good);
  CHECK(*good == 7);
  CHECK_FALSE(bad);
  CHECK(bad.error().message == "no such file");
}

TEST_CASE("a void result is success unless it carries an error", "[core]") {
  Result<void> good;
  Result<void> bad = Error{"full", ExitCode::kInputOutput};
  CHECK(good);
  CHECK_FALSE(bad);
  CHECK(bad.error().code == ExitCode::kInputOutput);
}

}  // namespace daybook::result_test
