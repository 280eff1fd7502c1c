// Waiting times, read by hand: every number is taken digit by digit with a ceiling, because a peer
// may send 10^30 and a library would answer with an error, infinity or undefined behaviour. Dates
// are checked against the calendar.
#include "adapters/retry_after.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace daybook {
namespace {

constexpr std::int64_t kYearMilliseconds = 366LL * 24 * 3600 * 1000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes digits off the front; at most `ceiling`. Absent if there are none.
std::optional<std::int64_t> take_number(std::string_view& text, std::int64_t ceiling) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::int64_t number = 0;
  while (!text.empty() && is_digit(text.front())) {
    number = std::min(ceiling, number * 10 + (text.front() - '0'));
    text.remove_prefix(1);
  }
  return number;
}

// "12", "12.5" in thousandths; digits beyond the third place are dropped.
std::optional<std::int64_t> take_thousandths(std::string_view& text) {
  const auto whole = take_number(text, kYearMilliseconds / 1000);
  if (!whole) return std::nullopt;
  std::int64_t thousandths = 0;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    for (std::int64_t weight = 100; !text.empty() && is_digit(text.front()); weight /= 10) {
      thousandths += weight * (text.front() - '0');
      text.remove_prefix(1);
    }
  }
  return *whole * 1000 + thousandths;
}

bool take_text(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// Exactly `digits` digits; asctime pads its day with a blank.
std::optional<int> take_field(std::string_view& text, std::size_t digits, bool padded = false) {
  if (text.size() < digits) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const bool pad = padded && i == 0 && text[i] == ' ';
    if (!pad && !is_digit(text[i])) return std::nullopt;
    number = number * 10 + (pad ? 0 : text[i] - '0');
  }
  text.remove_prefix(digits);
  return number;
}

std::optional<int> take_month(std::string_view& text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (take_text(text, kMonths[i])) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

struct Clock {
  std::optional<int> hour, minute, second;
};

bool take_clock(std::string_view& text, Clock& clock) {
  clock.hour = take_field(text, 2);
  if (!clock.hour || !take_text(text, ":")) return false;
  clock.minute = take_field(text, 2);
  if (!clock.minute || !take_text(text, ":")) return false;
  clock.second = take_field(text, 2);
  return clock.second && *clock.hour < 24 && *clock.minute < 60 && *clock.second <= 60;
}

std::optional<Time> time_of(std::optional<int> year, std::optional<int> month,
                            std::optional<int> day, const Clock& clock) {
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(*clock.hour) +
         std::chrono::minutes(*clock.minute) + std::chrono::seconds(*clock.second);
}

// "Fri, 20 Nov 2026 10:00:00 GMT", or with dashes and two digits of year. After the comma.
std::optional<Time> parse_day_first(std::string_view text) {
  const auto day = take_field(text, 2);
  const bool dashed = take_text(text, "-");
  if (!dashed && !take_text(text, " ")) return std::nullopt;
  const auto month = take_month(text);
  if (!take_text(text, dashed ? "-" : " ")) return std::nullopt;
  auto year = take_field(text, dashed ? 2 : 4);
  if (dashed && year) year = *year + (*year < 70 ? 2000 : 1900);
  Clock clock;
  if (!take_text(text, " ") || !take_clock(text, clock) || text != " GMT") return std::nullopt;
  return time_of(year, month, day, clock);
}

// "Fri Nov 20 10:00:00 2026", after the day's name.
std::optional<Time> parse_asctime(std::string_view text) {
  const auto month = take_month(text);
  if (!take_text(text, " ")) return std::nullopt;
  const auto day = take_field(text, 2, true);
  Clock clock;
  if (!take_text(text, " ") || !take_clock(text, clock)) return std::nullopt;
  if (!take_text(text, " ")) return std::nullopt;
  const auto year = take_field(text, 4);
  return text.empty() ? time_of(year, month, day, clock) : std::nullopt;
}

Duration clamped(Duration wait) { return std::clamp(wait, Duration(0), kRetryWaitMax); }

// A plain count with an optional sign and fraction, in thousandths of its unit.
std::optional<std::int64_t> parse_count(std::string_view text) {
  const bool negative = take_text(text, "-");
  const auto count = take_thousandths(text);
  if (!count || !text.empty()) return std::nullopt;
  return negative ? 0 : *count;
}

}  // namespace

std::string_view header_value(const HeaderList& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<Time> parse_http_date(std::string_view text) {
  text = trimmed(text);
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos || blank < 3) return std::nullopt;
  const bool comma = text[blank - 1] == ',';
  text.remove_prefix(blank + 1);
  return comma ? parse_day_first(text) : parse_asctime(text);
}

std::optional<Duration> parse_duration(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('-'))
    return parse_duration(text.substr(1)) ? std::optional(Duration(0)) : std::nullopt;
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto thousandths = take_thousandths(text);
    if (!thousandths) return std::nullopt;
    std::int64_t milliseconds = *thousandths;
    if (take_text(text, "ms")) {
      milliseconds /= 1000;
    } else if (take_text(text, "h")) {
      milliseconds *= 3600;
    } else if (take_text(text, "m")) {
      milliseconds *= 60;
    } else if (!take_text(text, "s")) {
      return std::nullopt;
    }
    total = std::min(kYearMilliseconds, total + std::min(kYearMilliseconds, milliseconds));
  }
  return Duration(total);
}

std::optional<Duration> parse_retry_after(std::string_view value, std::string_view date, Time now) {
  value = trimmed(value);
  if (const auto count = parse_count(value)) return clamped(Duration(*count));
  const auto until = parse_http_date(value);
  if (!until) return std::nullopt;
  return clamped(*until - parse_http_date(date).value_or(now));
}

std::optional<Duration> parse_reset(std::string_view value, Time now) {
  constexpr std::int64_t kMilliseconds = 100'000'000'000;  // fewer are before 1974
  constexpr std::int64_t kSeconds = 1'000'000'000;         // fewer are before 2002
  value = trimmed(value);
  const auto number = take_number(value, INT64_MAX / 16);
  if (!number || !value.empty()) return std::nullopt;
  std::int64_t wait = *number;
  if (*number < kMilliseconds) wait *= 1'000;
  if (*number >= kSeconds) wait -= to_milliseconds(now);
  return std::clamp(Duration(wait), Duration(0), kResetWaitMax);
}

std::optional<Duration> retry_after(const HeaderList& headers, Time now) {
  if (const auto count = parse_count(trimmed(header_value(headers, "retry-after-ms")))) {
    return clamped(Duration(*count / 1000));
  }
  const std::string_view value = header_value(headers, "retry-after");
  if (value.empty()) return std::nullopt;
  return parse_retry_after(value, header_value(headers, "date"), now);
}

}  // namespace daybook
