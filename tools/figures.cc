#include "tools/figures.h"

#include <array>
#include <cstdio>

namespace daybook {
namespace {

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

// "2 d 03 h": a whole number of the greater unit and what is left in the smaller.
std::string two_units(std::int64_t small, std::int64_t factor, const char* great_name,
                      const char* small_name) {
  return formatted("%lld %s %02lld %s", static_cast<long long>(small / factor), great_name,
                   static_cast<long long>(small % factor), small_name);
}

}  // namespace

std::string count_text(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string count_text(std::uint64_t count, const std::string& noun) {
  return count_text(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return formatted("%.1f %s", value, kUnits[unit]);
}

std::string duration_text(Duration duration) {
  if (duration < Duration(0)) return "-" + duration_text(-duration);
  const std::int64_t milliseconds = duration.count();
  if (milliseconds < 1'000) return std::to_string(milliseconds) + " ms";
  const std::int64_t seconds = milliseconds / 1'000;
  if (seconds < 100) {
    return formatted("%lld.%03lld s", static_cast<long long>(seconds),
                     static_cast<long long>(milliseconds % 1'000));
  }
  const std::int64_t minutes = seconds / 60;
  if (minutes < 100) return two_units(seconds, 60, "min", "s");
  const std::int64_t hours = minutes / 60;
  return hours < 48 ? two_units(minutes, 60, "h", "min") : two_units(hours, 24, "d", "h");
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {};
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return formatted("%.0f %%", share);
}

std::string right(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string left(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace daybook
