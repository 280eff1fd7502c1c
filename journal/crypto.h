// The ciphers, here and nowhere else: AES-256 in counter mode (FIPS 197, SP 800-38A 6.5) and the
// keys of a journal's words. FORMAT.md argues the construction.
//
// Law: a counter block is the event's seq and the number of the block within its content, so one
// working key never covers two events with one block; and bytes of keys are wiped when they die.
// Both ways to make the key stream, the processor's own and mbedTLS's, give the same bits.
// Rejected: mbedTLS alone, which makes one block after the other; GCM, whose tag would cost 16
// bytes a chunk for what crc and seals already show.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/types.h"

struct mbedtls_aes_context;

namespace daybook {

using KeyId = std::uint32_t;  // an entry of the key store; 0: none, the words are in clear

namespace crypto {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kSaltBytes = 16;

// 32 secret bytes.
class Key {
 public:
  Key() = default;
  // Exactly kKeyBytes.
  explicit Key(std::string_view bytes);
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();

  // From the system's generator.
  static Key random();

  // Valid while it lives.
  [[nodiscard]] std::string_view reveal() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  std::array<std::uint8_t, kKeyBytes> bytes_{};
};

// Overwrites what may hold keys.
void wipe(std::string& bytes);

using Salt = std::array<std::uint8_t, kSaltBytes>;
Salt random_salt();

// What a store keeps of a data key hides it under its session's key: XOR with HMAC-SHA-256(session
// key, "daybook wrap 1", key id). The same call wraps and unwraps. So 32 random bytes drawn before
// anyone knows whose they will be are, for every session, a data key of its own.
Key unwrapped(const Key& session_key, KeyId id, const Key& wrapped);

// HMAC-SHA-256(data key, run salt, "daybook content 1").
Key working_key(const Key& data_key, const Salt& run_salt);

// A key whose schedule is computed. May be used by several threads.
class Cipher {
 public:
  explicit Cipher(const Key& key);
  ~Cipher();
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  // XORs the key stream of this event onto the bytes, so that the same call locks and unlocks.
  // Counter block: seq in bytes 0-7, the block's number in 8-15, both big-endian.
  void apply(Seq seq, char* bytes, std::size_t size, std::uint64_t first_block = 0) const;

  // What apply() chooses from; here so that a test can hold them together. The first only where
  // accelerated().
  void apply_accelerated(Seq seq, char* bytes, std::size_t size, std::uint64_t first_block) const;
  void apply_portable(Seq seq, char* bytes, std::size_t size, std::uint64_t first_block) const;
  static bool accelerated();

 private:
  std::unique_ptr<mbedtls_aes_context> context_;
};

}  // namespace crypto

// What the words of one event are locked with; nothing: they stay in clear.
struct KeyUse {
  KeyId id = 0;
  const crypto::Cipher* cipher = nullptr;
};

}  // namespace daybook
