// One letter of UTF-8 text, read and written. Text in an event is well-formed, so nothing is
// checked here beyond its end. In the header: whoever reads texts letter by letter does it by the
// megabyte.
#pragma once

#include <cstddef>
#include <string_view>

namespace daybook {

// One code point at the front of well-formed UTF-8; a byte that begins none stands for itself.
struct Letter {
  char32_t value = 0;
  std::size_t bytes = 1;
};

inline Letter letter_at(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  const std::size_t bytes = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes == 1 || bytes > text.size()) return {lead, 1};
  char32_t value = lead & (0xFFU >> (bytes + 1));
  for (std::size_t at = 1; at < bytes; ++at) value = value << 6 | (byte(at) & 0x3FU);
  return {value, bytes};
}

// Writes at most four bytes and returns the end of them.
inline char* put_letter(char* out, char32_t letter) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (letter >> shift & 0x3F)); };
  if (letter < 0x80) {
    *out++ = static_cast<char>(letter);
  } else if (letter < 0x800) {
    *out++ = static_cast<char>(0xC0 | letter >> 6);
    *out++ = tail(0);
  } else if (letter < 0x10000) {
    *out++ = static_cast<char>(0xE0 | letter >> 12);
    *out++ = tail(6);
    *out++ = tail(0);
  } else {
    *out++ = static_cast<char>(0xF0 | letter >> 18);
    *out++ = tail(12);
    *out++ = tail(6);
    *out++ = tail(0);
  }
  return out;
}

}  // namespace daybook
