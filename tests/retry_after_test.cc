// How long a peer asks us to wait.
#include "adapters/retry_after.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

namespace daybook::retry_after_test {

// 2026-11-20 10:00:00 UTC.
constexpr std::int64_t kTen = 1'795'168'800'000;

TEST_CASE("the three spellings of an HTTP date name one instant", "[retry_after]") {
  for (const auto* text : {"Fri, 20 Nov 2026 10:00:00 GMT", "Friday, 20-Nov-26 10:00:00 GMT",
                           "Fri Nov 20 10:00:00 2026"}) {
    INFO(text);
    REQUIRE(parse_http_date(text) == from_milliseconds(kTen));
  }
  REQUIRE(parse_http_date("Sun Nov  6 08:49:37 1994") == from_milliseconds(784'111'777'000));
  REQUIRE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == from_milliseconds(784'111'777'000));
}

TEST_CASE("what is no HTTP date is refused", "[retry_after]") {
  for (const auto* text : {"", " ", "Fri", "Fri,", "Fri, 20 Nov 2026", "Fri, 20 Nov 2026 10:00:00",
                           "Fri, 20 Nov 2026 10:00:00 CET", "Fri, 31 Feb 2026 10:00:00 GMT",
                           "Fri, 20 Nov 2026 24:00:00 GMT", "Fri, 20 Nov 2026 10:60:00 GMT",
                           "Fri, 2O Nov 2026 10:00:00 GMT", "Fri Nov 20 10:00:00 2026 GMT",
                           "Fri, 20-Nov-2026 10:00:00 GMT", "20 Nov 2026 10:00:00 GMT"}) {
    INFO(text);
    REQUIRE_FALSE(parse_http_date(text).has_value());
  }
}

TEST_CASE("a date counts from the peer's own clock when it tells it", "[retry_after]") {
  const Time now = from_milliseconds(kTen - 900'000);
  const auto* at = "Fri, 20 Nov 2026 10:00:00 GMT";
  REQUIRE(parse_retry_after(at, "Fri, 20 Nov 2026 09:59:30 GMT", now) == Duration(30'000));
  REQUIRE(parse_retry_after(at, "", now) == Duration(900'000));
  REQUIRE(parse_retry_after(at, "nonsense", now) == Duration(900'000));
  REQUIRE(parse_retry_after(at, "Fri, 20 Nov 2026 10:00:30 GMT", now) == Duration(0));
}

TEST_CASE("seconds are clamped to an hour and never negative", "[retry_after]") {
  const Time now{};
  const auto wait = [&](std::string_view text) { return parse_retry_after(text, "", now); };
  REQUIRE(wait("0") == Duration(0));
  REQUIRE(wait(" 120 ") == Duration(120'000));
  REQUIRE(wait("1.5") == Duration(1'500));
  REQUIRE(wait("-5") == Duration(0));
  REQUIRE(wait("1" + std::string(30, '0')) == kRetryWaitMax);
  REQUIRE(wait("3601") == kRetryWaitMax);
  REQUIRE(wait("Fri, 20 Nov 9999 10:00:00 GMT") == kRetryWaitMax);
  for (const auto* text : {"", "soon", "12x", "1e3", "--1", "0x10", "+3"}) {
    INFO(text);
    REQUIRE_FALSE(wait(text).has_value());
  }
}

TEST_CASE("when a limit begins anew is a moment or a pause, of a day at most", "[retry_after]") {
  const Time now = from_milliseconds(kTen);
  const auto reset = [&](std::string_view text) { return parse_reset(text, now); };
  CHECK(reset("1795169400000") == Duration(600'000));
  CHECK(reset(" 1795169400 ") == Duration(600'000));
  CHECK(reset("600") == Duration(600'000));
  CHECK(reset("1795168000000") == Duration(0));
  CHECK(reset("1" + std::string(30, '0')) == kResetWaitMax);
  for (const auto* text : {"", "soon", "6m0s", "-5", "1.5"}) CHECK_FALSE(reset(text).has_value());
}

TEST_CASE("milliseconds come before seconds", "[retry_after]") {
  const Time now{};
  REQUIRE(retry_after({{"retry-after", "9"}, {"retry-after-ms", "250"}}, now) == Duration(250));
  REQUIRE(retry_after({{"retry-after", "9"}, {"retry-after-ms", "x"}}, now) == Duration(9'000));
  REQUIRE(retry_after({{"retry-after-ms", "1" + std::string(30, '0')}}, now) == kRetryWaitMax);
  REQUIRE_FALSE(retry_after({{"server", "x"}}, now).has_value());
}

TEST_CASE("durations are read in the spellings of Google and Go", "[retry_after]") {
  REQUIRE(parse_duration("34s") == Duration(34'000));
  REQUIRE(parse_duration("34.074824224s") == Duration(34'074));
  REQUIRE(parse_duration("512ms") == Duration(512));
  REQUIRE(parse_duration("6m0s") == Duration(360'000));
  REQUIRE(parse_duration("1h2m3s") == Duration(3'723'000));
  REQUIRE(parse_duration("-3s") == Duration(0));
  REQUIRE(parse_duration("1" + std::string(30, '0') + "h").value() > kRetryWaitMax);
  for (const auto* text : {"", "s", "34", "34 s", ".5s", "3x", "-"}) {
    INFO(text);
    REQUIRE_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("whatever the headers hold, a wait is between nothing and an hour", "[retry_after]") {
  REQUIRE(rc::check("waits are in bounds", [](const std::string& seconds, const std::string& date,
                                              const std::string& milliseconds) {
    const auto wait = retry_after(
        {{"retry-after", seconds}, {"date", date}, {"retry-after-ms", milliseconds}}, Time{});
    RC_ASSERT((!wait || (*wait >= Duration(0) && *wait <= kRetryWaitMax)));
  }));
  REQUIRE(rc::check("digits of any length", [](bool negative) {
    const auto digits = *rc::gen::container<std::string>(rc::gen::inRange('0', ':'));
    const auto wait = parse_retry_after((negative ? "-" : "") + digits, "", Time{});
    RC_ASSERT(wait.has_value() == !digits.empty());
    RC_ASSERT((!wait || (*wait >= Duration(0) && *wait <= kRetryWaitMax)));
  }));
  REQUIRE(rc::check("letters of a date in any order", [] {
    const auto letters = rc::gen::elementOf(std::string("FriNov 20:,-16GMT0123456789"));
    const auto text = *rc::gen::container<std::string>(letters);
    const auto wait = parse_retry_after(text, "", Time{});
    RC_ASSERT((!wait || (*wait >= Duration(0) && *wait <= kRetryWaitMax)));
  }));
}

}  // namespace daybook::retry_after_test
