// SHA-256 (FIPS 180-4) and HMAC over it (RFC 2104). SHA-NI where the processor has it, mbedTLS
// elsewhere; both are tested equal. Chosen at run time: one binary serves every x86-64 and others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace daybook {

using Digest = std::array<std::uint8_t, 32>;
using Sha256State = std::array<std::uint32_t, 8>;

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  // Once; the object is spent afterwards.
  Digest finish();

 private:
  friend class TwinSha256;

  Sha256State state_;
  std::array<std::uint8_t, 64> buffer_{};
  std::uint64_t bytes_ = 0;
};

// The blocks of a message: the first `fronts` lie in a row, the others behind `back`.
struct Sha256Blocks {
  const std::uint8_t* front = nullptr;
  std::size_t fronts = 0;
  const std::uint8_t* back = nullptr;

  [[nodiscard]] const std::uint8_t* at(std::size_t index) const {
    return index < fronts ? front + 64 * index : back + 64 * (index - fronts);
  }
};

// Two messages side by side: within one, each SHA instruction waits for the one before it, between
// two none does (measured: 1.9 times as fast as one after the other). A message of one piece is
// read where it lies, all but what its last block shares with SHA-256's own bytes.
class TwinSha256 {
 public:
  using Pieces = std::initializer_list<std::string_view>;

  // What each would finish() with after its pieces. Both must stand at the end of a block.
  std::array<Digest, 2> finish(const Sha256& first, Pieces first_pieces, const Sha256& second,
                               Pieces second_pieces);

 private:
  // A message to its end, padded, and the state it goes into.
  struct Lane {
    Sha256State state{};
    Sha256Blocks blocks;
    std::size_t count = 0;  // of them
    std::string joined;     // of several pieces
    alignas(16) std::array<std::uint8_t, 128> end{};

    void lay_out(const Sha256& hash, Pieces pieces);
    // The blocks from `first` on, alone.
    void compress_from(std::size_t first);
  };

  Lane lanes_[2];
};

Digest sha256(std::string_view bytes);
// The same of three messages of as many blocks each, of 16 bytes or more: side by side they take
// what their instructions take to issue (measured: three fifths of one after the other).
std::array<Digest, 3> sha256_of_three(const std::array<std::string_view, 3>& messages);
// That SHA-256 makes of so many bytes.
constexpr std::size_t sha256_blocks(std::size_t bytes) { return (bytes + 8) / 64 + 1; }
Digest hmac_sha256(std::string_view key, std::string_view bytes);

// HMAC in pieces: the key may be short or long, the pieces are simply joined.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  void update(std::string_view bytes) { inner_.update(bytes); }
  // Once; the object is spent afterwards.
  Digest finish();
  // The codes of two messages under this key, which has taken in nothing yet and stays as it is.
  std::array<Digest, 2> finish_both(TwinSha256& twin, TwinSha256::Pieces first,
                                    TwinSha256::Pieces second) const;

 private:
  Sha256 inner_;
  Sha256 outer_;
};

// View of a digest's bytes, valid while it lives.
inline std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
// Lower case, two digits a byte.
std::string hex(std::string_view bytes);

// True when this processor's SHA extensions are used.
bool sha256_is_accelerated();

// The ways to take in `count` blocks of 64 bytes; here so that a test can hold them together.
// The accelerated ones may be called only where sha256_is_accelerated().
namespace sha256_ways {
void compress_portable(Sha256State& state, const std::uint8_t* blocks, std::size_t count);
void compress_accelerated(Sha256State& state, const std::uint8_t* blocks, std::size_t count);
// A state's words as the bytes of a digest.
void swap_words(const Sha256State& state, Digest& into);
void compress_both(Sha256State& first, const Sha256Blocks& first_blocks, Sha256State& second,
                   const Sha256Blocks& second_blocks, std::size_t count);
std::array<Digest, 3> hash_three(const std::array<std::string_view, 3>& messages);
}  // namespace sha256_ways

}  // namespace daybook
