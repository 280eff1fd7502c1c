// A secret is shown by reveal() alone and leaves nothing behind where it was.
#include "core/secret.h"

#include <catch2/catch.hpp>
#include <concepts>
#include <ostream>
#include <utility>

namespace daybook::secret_test {

template <typename T>
concept Printable = requires(std::ostream& stream, const T& value) {
  stream << value;
};

TEST_CASE("a secret can be neither printed nor compared", "[core]") {
  STATIC_REQUIRE(Printable<std::string>);
  STATIC_REQUIRE_FALSE(Printable<Secret>);
  STATIC_REQUIRE_FALSE(std::equality_comparable<Secret>);
  STATIC_REQUIRE_FALSE(std::convertible_to<Secret, std::string>);
  STATIC_REQUIRE_FALSE(std::convertible_to<std::string, Secret>);
}

TEST_CASE("a secret is revealed as it was given", "[core]") {
  CHECK(Secret().empty());
  CHECK(Secret("short").reveal() == "short");
  const Secret secret(std::string(200, 'k'));
  const Secret copy = secret;
  CHECK(copy.reveal() == secret.reveal());
}

TEST_CASE("what was moved from holds nothing, not even its bytes", "[core]") {
  for (const std::size_t length : {std::size_t{5}, std::size_t{200}}) {
    Secret from(std::string(length, 'k'));
    const char* const bytes = from.reveal().data();
    Secret to = std::move(from);
    CHECK(to.reveal() == std::string(length, 'k'));
    CHECK(from.empty());  // NOLINT(bugprone-use-after-move): the law is about this
    CHECK(from.reveal().data() == bytes);
    CHECK(bytes[0] == '\0');
    CHECK(bytes[length - 1] == '\0');
    Secret other("else");
    other = std::move(to);
    CHECK(other.reveal() == std::string(length, 'k'));
    CHECK(to.empty());  // NOLINT(bugprone-use-after-move)
  }
}

}  // namespace daybook::secret_test
