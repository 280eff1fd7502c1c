// SHA-256 (FIPS 180-4) and HMAC over it (RFC 2104). SHA-NI where the processor has it, mbedTLS
// elsewhere; both are tested equal. Used for prompts and codes here, for seals by the journal, so
// it is chosen for speed once and asked for by everyone.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace daybook {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  // Once; the object is spent afterwards.
  Digest finish();

 private:
  void compress(const std::uint8_t* blocks, std::size_t count);

  std::array<std::uint32_t, 8> state_;
  std::array<std::uint8_t, 64> buffer_{};
  std::uint64_t bytes_ = 0;
};

Digest sha256(std::string_view bytes);
Digest hmac_sha256(std::string_view key, std::string_view bytes);

// View of a digest's bytes, valid while it lives.
inline std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
std::string hex(std::string_view bytes);

// True when this processor's SHA extensions are used.
bool sha256_is_accelerated();

}  // namespace daybook
