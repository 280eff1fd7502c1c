// SHA-256 against the published vectors, and the processor's way against the portable one.
#include "core/sha256.h"

#include <mbedtls/sha256.h>
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <string>

namespace daybook::sha256_test {

std::string hex_of(std::string_view bytes) {
  const Digest digest = sha256(bytes);
  return hex(view(digest));
}

std::string hex_of_hmac(std::string_view key, std::string_view bytes) {
  const Digest digest = hmac_sha256(key, bytes);
  return hex(view(digest));
}

TEST_CASE("published SHA-256 vectors hold", "[core]") {
  CHECK(hex_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex_of(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("published HMAC-SHA-256 vectors hold", "[core]") {  // RFC 4231, cases 1, 2, 3 and 6
  CHECK(hex_of_hmac(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex_of_hmac("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex_of_hmac(std::string(20, '\xaa'), std::string(50, '\xdd')) ==
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK(hex_of_hmac(std::string(131, '\xaa'),
                    "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("every length hashes as mbedTLS hashes it", "[core]") {
  std::string bytes;
  for (int length = 0; length <= 300; ++length) {
    Digest expected;
    REQUIRE(mbedtls_sha256_ret(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                               expected.data(), 0) == 0);
    REQUIRE(sha256(bytes) == expected);
    bytes += static_cast<char>(length * 37 + 11);
  }
}

TEST_CASE("the processor's way and the portable way agree on any state and blocks", "[core]") {
  if (!sha256_is_accelerated()) {
    WARN("this processor has no SHA instructions: only the portable way runs here");
    return;
  }
  REQUIRE(rc::check([] {
    Sha256State one;
    for (std::uint32_t& word : one) word = *rc::gen::arbitrary<std::uint32_t>();
    Sha256State other = one;
    const auto count = *rc::gen::inRange<std::size_t>(0, 6);
    const auto blocks = *rc::gen::container<std::vector<std::uint8_t>>(
        count * 64, rc::gen::arbitrary<std::uint8_t>());
    sha256_ways::compress_accelerated(one, blocks.data(), count);
    const Sha256State before = other;
    sha256_ways::compress_portable(other, blocks.data(), count);
    RC_ASSERT(one == other);
    Sha256State first = before;
    Sha256State second = one;
    // Cut anywhere: what lies behind a row is as good as in it.
    const auto fronts = *rc::gen::inRange<std::size_t>(0, count + 1);
    const Sha256Blocks cut{blocks.data(), fronts, blocks.data() + fronts * 64};
    sha256_ways::compress_both(first, {blocks.data(), count, nullptr}, second, cut, count);
    RC_ASSERT(first == one);
    sha256_ways::compress_accelerated(one, blocks.data(), count);
    RC_ASSERT(second == one);
  }));
}

TEST_CASE("pieces hash as the whole does, however they are cut", "[core]") {
  REQUIRE(rc::check([](const std::vector<std::string>& pieces) {
    Sha256 hash;
    HmacSha256 code("key");
    std::string whole;
    for (const std::string& piece : pieces) {
      hash.update(piece);
      code.update(piece);
      whole += piece;
    }
    RC_ASSERT(hash.finish() == sha256(whole));
    RC_ASSERT(code.finish() == hmac_sha256("key", whole));
  }));
}

TEST_CASE("two hashes side by side are two hashes", "[core]") {
  TwinSha256 twin;
  REQUIRE(rc::check(
      [&twin](const std::string& head, const std::string& tail, const std::string& other) {
        const auto digests = twin.finish(Sha256(), {head, tail}, Sha256(), {other});
        RC_ASSERT(digests[0] == sha256(head + tail));
        RC_ASSERT(digests[1] == sha256(other));
        const auto whole = twin.finish(Sha256(), {other}, Sha256(), {head});
        RC_ASSERT(whole[0] == sha256(other));
        RC_ASSERT(whole[1] == sha256(head));
        const auto codes = HmacSha256("key").finish_both(twin, {head, tail}, {other});
        RC_ASSERT(codes[0] == hmac_sha256("key", head + tail));
        RC_ASSERT(codes[1] == hmac_sha256("key", other));
      }));
  for (std::size_t length = 0; length <= 300; ++length) {
    const std::string bytes(length, 'x');
    const std::string other(300 - length, 'y');
    const auto digests = twin.finish(Sha256(), {bytes}, Sha256(), {other});
    REQUIRE(digests[0] == sha256(bytes));
    REQUIRE(digests[1] == sha256(other));
  }
}

TEST_CASE("three hashes side by side are three hashes", "[core]") {
  REQUIRE(rc::check([](std::uint8_t first) {
    // Of as many blocks, wherever in them they end.
    const auto blocks = *rc::gen::inRange<std::size_t>(1, 6);
    std::array<std::string, 3> messages;
    std::array<std::string_view, 3> views;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const std::size_t shortest = blocks == 1 ? 16 : 64 * blocks - 72;
      const auto length = *rc::gen::inRange<std::size_t>(shortest, 64 * blocks - 8);
      for (std::size_t at = 0; at < length; ++at) {
        messages[i] += static_cast<char>(first + 7 * i + 3 * at);
      }
      REQUIRE(sha256_blocks(length) == blocks);
      views[i] = messages[i];
    }
    const std::array<Digest, 3> digests = sha256_of_three(views);
    for (std::size_t i = 0; i < messages.size(); ++i) RC_ASSERT(digests[i] == sha256(messages[i]));
  }));
  for (std::size_t length = 16; length <= 300; ++length) {
    const std::string bytes(length, 'x');
    const std::array<Digest, 3> digests = sha256_of_three({bytes, bytes, bytes});
    for (const Digest& digest : digests) REQUIRE(digest == sha256(bytes));
  }
}

TEST_CASE("hex writes two lower-case digits a byte", "[core]") {
  CHECK(hex(std::string_view("\x00\x0f\xa5\xff", 4)) == "000fa5ff");
}

}  // namespace daybook::sha256_test
