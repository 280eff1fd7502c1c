// Strings of some bytes, copied and compared without a call, which would take longer than that.
// For loops over many small ones; elsewhere std::string_view says it plainer.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace daybook {

namespace short_bytes {

template <typename Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Of 1 to 2 words: the first and the last one, which may overlap.
template <typename Word>
void copy(char* into, std::string_view bytes) {
  const char* const last = bytes.data() + bytes.size() - sizeof(Word);
  const auto one = load<Word>(bytes.data());
  const auto other = load<Word>(last);
  std::memcpy(into, &one, sizeof one);
  std::memcpy(into + bytes.size() - sizeof other, &other, sizeof other);
}

template <typename Word>
bool equal(const char* one, const char* other, std::size_t size) {
  const std::size_t last = size - sizeof(Word);
  return load<Word>(one) == load<Word>(other) && load<Word>(one + last) == load<Word>(other + last);
}

}  // namespace short_bytes

// `into` has room for them and does not overlap them.
inline void copy_short(char* into, std::string_view bytes) {
  const std::size_t size = bytes.size();
  if (size >= 4 && size <= 8) return short_bytes::copy<std::uint32_t>(into, bytes);
  if (size > 8 && size <= 16) return short_bytes::copy<std::uint64_t>(into, bytes);
  if (size > 0) std::memcpy(into, bytes.data(), size);
}

inline bool equal_short(std::string_view one, std::string_view other) {
  const std::size_t size = one.size();
  if (size != other.size()) return false;
  if (size >= 4 && size <= 8) {
    return short_bytes::equal<std::uint32_t>(one.data(), other.data(), size);
  }
  if (size > 8 && size <= 16) {
    return short_bytes::equal<std::uint64_t>(one.data(), other.data(), size);
  }
  return one == other;
}

}  // namespace daybook
