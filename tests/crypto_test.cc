// The cipher against the vectors of its standards, and what a key is derived from.
#include "journal/crypto.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <string>

#include "core/sha256.h"

namespace daybook::crypto_test {

using crypto::Cipher;
using crypto::Key;
using crypto::Salt;

std::string bytes_of(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

Key key_of(std::string_view digits) { return Key(bytes_of(digits)); }

std::string applied(const Cipher& cipher, Seq seq, std::string bytes, std::uint64_t block = 0) {
  cipher.apply(seq, bytes.data(), bytes.size(), block);
  return bytes;
}

TEST_CASE("AES-256 gives what FIPS 197 C.3 says", "[journal]") {
  const Cipher cipher(key_of("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  // A stream over zeros is the encrypted counter block itself.
  const std::string stream =
      applied(cipher, 0x0011223344556677, std::string(16, '\0'), 0x8899aabbccddeeff);
  CHECK(hex(stream) == "8ea2b7ca516745bfeafc49904b496089");
}

TEST_CASE("counter mode gives what SP 800-38A F.5.5 and F.5.6 say", "[journal]") {
  const Cipher cipher(key_of("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"));
  const std::string plain = bytes_of(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  const std::string locked = bytes_of(
      "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
      "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6");
  constexpr Seq kSeq = 0xf0f1f2f3f4f5f6f7;
  constexpr std::uint64_t kBlock = 0xf8f9fafbfcfdfeff;
  CHECK(hex(applied(cipher, kSeq, plain, kBlock)) == hex(locked));
  CHECK(hex(applied(cipher, kSeq, locked, kBlock)) == hex(plain));
  // Any beginning of it, and any whole block on its own.
  for (std::size_t size = 0; size <= plain.size(); ++size) {
    CHECK(applied(cipher, kSeq, plain.substr(0, size), kBlock) == locked.substr(0, size));
  }
  CHECK(applied(cipher, kSeq, plain.substr(16, 16), kBlock + 1) == locked.substr(16, 16));
}

TEST_CASE("both ways to make the stream give the same bytes", "[journal]") {
  if (!Cipher::accelerated()) return;
  REQUIRE(rc::check([] {
    const Cipher cipher(Key(*rc::gen::container<std::string>(32, rc::gen::arbitrary<char>())));
    const auto seq = *rc::gen::arbitrary<Seq>();
    const auto block = *rc::gen::arbitrary<std::uint64_t>();
    const std::size_t size = *rc::gen::inRange(0, 300);
    std::string one = *rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
    std::string other = one;
    cipher.apply_accelerated(seq, one.data(), size, block);
    cipher.apply_portable(seq, other.data(), size, block);
    // The carry of mbedTLS's counter goes into the seq; no event is that long.
    RC_PRE(block <= UINT64_MAX - size);
    RC_ASSERT(one == other);
  }));
}

TEST_CASE("derived keys depend on everything they are made of", "[journal]") {
  const Key session = Key(std::string(32, 's'));
  const Key wrapped = Key(std::string(32, 'w'));
  const Salt salt{1, 2, 3};
  const std::string data = std::string(crypto::unwrapped(session, 7, wrapped).reveal());
  // Golden: written journals depend on it.
  CHECK(hex(data) == "324e10384f7208bece5ce81b36a5baedae492683958a20c9a78645a02c57a610");
  CHECK(hex(crypto::working_key(Key(data), salt).reveal()) ==
        "442edc2dd6aefdfc82dfee4b4d53fe7038c7367e0f8060bb8df1823eec6af6e1");
  CHECK(crypto::unwrapped(session, 7, Key(data)).reveal() == wrapped.reveal());
  CHECK(crypto::unwrapped(session, 8, wrapped).reveal() != data);
  CHECK(crypto::unwrapped(wrapped, 7, wrapped).reveal() != data);
  CHECK(crypto::working_key(Key(data), salt).reveal() !=
        crypto::working_key(Key(data), Salt{1, 2, 4}).reveal());
  CHECK(crypto::working_key(session, salt).reveal() != crypto::working_key(wrapped, salt).reveal());
}

TEST_CASE("random keys and salts differ", "[journal]") {
  CHECK(Key::random().reveal() != Key::random().reveal());
  CHECK(crypto::random_salt() != crypto::random_salt());
}

TEST_CASE("what is locked comes back, and two events never share a stream", "[journal]") {
  REQUIRE(rc::check([](const std::string& words) {
    const Cipher cipher(Key::random());
    const auto seq = *rc::gen::inRange<Seq>(1, Seq{1} << 40);
    const std::string locked = applied(cipher, seq, words);
    RC_ASSERT(applied(cipher, seq, locked) == words);
    if (words.size() >= 16) RC_ASSERT(applied(cipher, seq + 1, words) != locked);
  }));
}

}  // namespace daybook::crypto_test
