#include "core/money.h"

#include <array>
#include <cstdio>

namespace daybook {

namespace {

std::string dollars(const char* format, std::uint64_t nanodollars) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format,
                static_cast<double>(nanodollars) / static_cast<double>(kNanodollars));
  return text.data();
}

}  // namespace

std::string money_text(std::uint64_t nanodollars) {
  if (nanodollars >= kNanodollars) return dollars("$%.2f", nanodollars);
  if (nanodollars < 100) return "$0";
  return dollars(nanodollars < 1'000 ? "$%.7f" : "$%.6f", nanodollars);
}

}  // namespace daybook
