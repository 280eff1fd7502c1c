#include "core/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace daybook {
namespace {

constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 64;

constexpr auto kBase64Digits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 64; ++i) {
    digits[static_cast<unsigned char>(kBase64Alphabet[i])] = i;
  }
  return digits;
}();

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t index = 0; index < 3; ++index) {
      group <<= 8;
      if (index < count) group |= static_cast<unsigned char>(bytes[at + index]);
    }
    for (std::size_t index = 0; index < 4; ++index) {
      out += index <= count ? kBase64Alphabet[(group >> (18 - 6 * index)) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::size_t count = 4;
    if (at + 4 == text.size()) {
      while (count > 2 && text[at + count - 1] == '=') --count;
    }
    std::uint32_t group = 0;
    for (std::size_t index = 0; index < 4; ++index) {
      const std::uint8_t digit =
          index < count ? kBase64Digits[static_cast<unsigned char>(text[at + index])] : 0;
      if (digit == kNoDigit) return std::nullopt;
      group = group << 6 | digit;
    }
    const std::uint32_t unused = count == 4 ? 0 : count == 3 ? group & 0xFF : group & 0xFFFF;
    if (unused != 0) return std::nullopt;
    for (std::size_t index = 0; index + 1 < count; ++index) {
      out += static_cast<char>(group >> (16 - 8 * index) & 0xFF);
    }
  }
  return out;
}

}  // namespace daybook
