// The bytes of a record: golden ones for every version ever written, and no flipped bit unseen.
#include "journal/record.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "journal/layout.h"
#include "tests/journal_forge.h"

namespace daybook::record_test {

using record::Decoder;
using record::Encoded;

Record golden() {
  Record event;
  event.seq = 1'000'000;
  event.time = from_milliseconds(1'700'000'000'123);
  event.kind = 21;
  event.session = 70'000;
  event.cause = 999'999;
  event.prev = 999'744;
  event.clear = "clear";
  event.content = "words";
  return event;
}

// Decodes all parts; nullopt when anything is found wrong.
std::optional<Record> decode(const Encoded& encoded) {
  Decoder decoder;
  Record event;
  for (const Encoded::Part& part : encoded.parts) {
    const auto answer = decoder.feed(part.key, encoded.value(part), event);
    if (answer == Decoder::Answer::kDone) return event;
    if (answer == Decoder::Answer::kDamaged) return std::nullopt;
  }
  return std::nullopt;
}

Encoded encode(const Record& event) {
  Encoded encoded;
  record::encode(event, encoded);
  record::hash_events(encoded);
  return encoded;
}

Record arbitrary_event() {
  Record event;
  event.seq = *rc::gen::inRange<Seq>(1, record::kSeqMax);
  event.time = from_milliseconds(*rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 47));
  event.kind = *rc::gen::arbitrary<std::uint8_t>();
  event.session = *rc::gen::inRange<Seq>(0, record::kSeqMax);
  event.cause = *rc::gen::inRange<Seq>(0, event.seq);
  event.prev = *rc::gen::inRange<Seq>(0, event.seq);
  event.clear = *rc::gen::arbitrary<std::string>();
  event.content = std::string(*rc::gen::inRange<std::size_t>(0, 10'000), 'w');
  return event;
}

TEST_CASE("golden bytes of version 1", "[journal]") {
  const Encoded encoded = encode(golden());
  REQUIRE(encoded.parts.size() == 1);
  CHECK(encoded.parts[0].key == 256'000'000);
  CHECK(hex(encoded.bytes) ==
        "e3c09ff001150070110100007b68e5cf8b010001000000010000000000000000"
        "05636c656172776f726473");
  CHECK(hex(view(encoded.hashes[0])) ==
        "d0b8b7e02b5dc5650c23eb2a21b1b171719b6eae65b52d115372a4312510e29e");
  CHECK(decode(encoded) == golden());
}

TEST_CASE("golden bytes of an encrypted record", "[journal]") {
  // The working key of tests/crypto_test.cc; only key id, checksum and content differ.
  const crypto::Key data =
      crypto::unwrapped(crypto::Key(std::string(32, 's')), 7, crypto::Key(std::string(32, 'w')));
  const crypto::Cipher cipher(crypto::working_key(data, crypto::Salt{1, 2, 3}));
  Encoded encoded;
  record::encode(golden(), encoded, {7, &cipher});
  CHECK(hex(encoded.bytes) ==
        "cb4841d001150070110100007b68e5cf8b010001000000010000000007000000"
        "05636c65617247c5b7362b");
  Decoder decoder;
  Record event;
  REQUIRE(decoder.feed(encoded.parts[0].key, encoded.bytes, event) == Decoder::Answer::kDone);
  CHECK(decoder.key_id() == 7);
  cipher.apply(event.seq, event.content.data(), event.content.size());
  CHECK(event == golden());
}

// The event as the last one of its commit.
Encoded sealed(const Record& event, std::string_view seal) {
  Encoded encoded = encode(event);
  const record::CommitEnd end = record::end_commit(encoded);
  encoded.hashes.back() = end.hash;
  Encoded::Part& last = encoded.parts.back();
  encoded.bytes.replace(last.offset, last.size, end.value + std::string(seal));
  last.size += seal.size();
  return encoded;
}

const std::string kSeal(32, 'S');

TEST_CASE("golden bytes of a record that ends a commit", "[journal]") {
  const Encoded encoded = sealed(golden(), kSeal);
  CHECK(hex(encoded.bytes) ==
        "789d3e0301150470110100007b68e5cf8b010001000000010000000000000000"
        "05636c656172776f726473" +
            hex(kSeal));
  CHECK(hex(view(encoded.hashes[0])) ==
        "2678c0f71280b6eae1da696dbde5132acd54a11eac6285e9004652e723451959");
  CHECK(record::seal_in(encoded.bytes) == kSeal);
  CHECK(decode(encoded) == golden());
}

TEST_CASE("checksum and hash cover all of a sealed value but its seal", "[journal]") {
  for (const std::size_t size : {0, 5, 4'010, 4'011, 9'000}) {
    Record event = golden();
    event.content = std::string(size, 'w');
    const Encoded plain = encode(event);
    const Encoded encoded = sealed(event, kSeal);
    CHECK(encoded.bytes.size() == plain.bytes.size() + record::kSealBytes);
    CHECK(encoded.hashes != plain.hashes);
    CHECK(decode(encoded) == event);
    Sha256 hash;
    for (const Encoded::Part& part : encoded.parts) {
      CHECK(part.size <= record::kValueBytesMax);
      record::hash_part(hash, part.key, record::without_seal(encoded.value(part)));
    }
    CHECK(hash.finish() == encoded.hashes[0]);
    const Encoded::Part& last = encoded.parts.back();
    for (std::size_t bit = last.offset * 8; bit < encoded.bytes.size() * 8; ++bit) {
      Encoded flipped = encoded;
      flipped.bytes[bit / 8] = static_cast<char>(flipped.bytes[bit / 8] ^ (1 << (bit % 8)));
      const bool covered = bit / 8 < encoded.bytes.size() - record::kSealBytes;
      REQUIRE(decode(flipped).has_value() != covered);
      if (!covered) REQUIRE(record::seal_in(flipped.value(last)) != kSeal);
    }
    for (std::size_t cut = 1; cut <= record::kSealBytes; ++cut) {
      Encoded shorter = encoded;
      shorter.parts.back().size -= cut;
      REQUIRE_FALSE(decode(shorter));
    }
  }
}

TEST_CASE("a seal within an event is damage", "[journal]") {
  Record event = golden();
  event.content = std::string(9'000, 'w');
  const Encoded encoded = encode(event);
  std::string key;
  record::append_u64(key, encoded.parts[0].key);
  const std::string part(encoded.value(encoded.parts[0]));
  const std::string value = journal_forge::sealed(key, part, kSeal);
  Decoder decoder;
  CHECK(decoder.feed(encoded.parts[0].key, value) == Decoder::Answer::kDamaged);
  CHECK(decoder.problem() == "a seal lies within it");
}

TEST_CASE("a value of an older version may be as long as one with a seal", "[journal]") {
  const Encoded encoded = encode(golden());
  std::string key;
  record::append_u64(key, encoded.parts[0].key);
  std::string value = encoded.bytes;
  value.resize(record::kValueBytesMax, 'w');
  Decoder decoder;
  CHECK(decoder.feed(encoded.parts[0].key, journal_forge::checked(key, value)) ==
        Decoder::Answer::kDone);
  value += 'w';
  CHECK(decoder.feed(encoded.parts[0].key, journal_forge::checked(key, value)) ==
        Decoder::Answer::kDamaged);
}

TEST_CASE("events hashed side by side have the hashes that each has alone", "[journal]") {
  Encoded encoded;
  for (Seq seq = 1; seq <= 300; ++seq) {
    Record event = golden();
    event.seq = seq;
    event.cause = 0;
    event.prev = 0;
    event.content = std::string(seq % 50 == 0 ? 9'000 : seq * 37 % 4'000, 'w');
    record::encode(event, encoded);
  }
  record::hash_events(encoded);
  REQUIRE(encoded.hashes.size() == 300);
  std::vector<Sha256> alone(300);
  for (const Encoded::Part& part : encoded.parts) {
    record::hash_part(alone[record::seq_of(part.key) - 1], part.key, encoded.value(part));
  }
  for (std::size_t i = 0; i < alone.size(); ++i) CHECK(alone[i].finish() == encoded.hashes[i]);
}

TEST_CASE("a long content is encrypted through all its parts", "[journal]") {
  const crypto::Cipher cipher(crypto::Key::random());
  Record event = golden();
  event.content = std::string(20'000, 'w');
  Encoded encoded;
  record::encode(event, encoded, {9, &cipher});
  CHECK(encoded.bytes.find("wwwwww") == std::string::npos);
  std::optional<Record> decoded = decode(encoded);
  REQUIRE(decoded);
  CHECK(decoded->clear == event.clear);
  cipher.apply(event.seq, decoded->content.data(), decoded->content.size());
  CHECK(*decoded == event);
}

TEST_CASE("published CRC-32C vectors hold", "[journal]") {  // RFC 3720, B.4
  CHECK(record::crc32c("123456789") == 0xe3069283);
  CHECK(record::crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(record::crc32c("6789", record::crc32c("12345")) == 0xe3069283);
}

TEST_CASE("short and long bytes have one CRC, however they are cut", "[journal]") {
  std::string bytes;
  std::uint32_t piecewise = 0;
  for (int i = 0; i < 1'200; ++i) {
    const char byte = static_cast<char>(i * 131 + i / 7);
    bytes.push_back(byte);
    piecewise = record::crc32c(std::string_view(&byte, 1), piecewise);
    REQUIRE(record::crc32c(bytes) == piecewise);
    const std::string_view front = std::string_view(bytes).substr(0, bytes.size() / 3);
    const std::string_view back = std::string_view(bytes).substr(front.size());
    REQUIRE(record::crc32c(back, record::crc32c(front)) == piecewise);
  }
}

TEST_CASE("every event decodes to itself", "[journal]") {
  REQUIRE(rc::check([] {
    const Record event = arbitrary_event();
    RC_ASSERT(decode(encode(event)) == event);
  }));
}

TEST_CASE("every flipped bit of a value or its key is detected", "[journal]") {
  const Encoded encoded = encode(golden());
  for (std::size_t bit = 0; bit < encoded.bytes.size() * 8; ++bit) {
    Encoded flipped = encoded;
    flipped.bytes[bit / 8] = static_cast<char>(flipped.bytes[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE_FALSE(decode(flipped));
  }
  for (int bit = 0; bit < 64; ++bit) {
    Encoded flipped = encoded;
    flipped.parts[0].key ^= std::uint64_t{1} << bit;
    REQUIRE_FALSE(decode(flipped));
  }
  REQUIRE(rc::check([] {
    Encoded flipped = encode(arbitrary_event());
    const auto bit = *rc::gen::inRange<std::size_t>(0, flipped.bytes.size() * 8);
    flipped.bytes[bit / 8] = static_cast<char>(flipped.bytes[bit / 8] ^ (1 << (bit % 8)));
    RC_ASSERT_FALSE(decode(flipped));
  }));
}

TEST_CASE("every shortened value is detected", "[journal]") {
  const Encoded encoded = encode(golden());
  for (std::size_t size = 0; size < encoded.bytes.size(); ++size) {
    Decoder decoder;
    Record event;
    const std::string_view value = std::string_view(encoded.bytes).substr(0, size);
    REQUIRE(decoder.feed(encoded.parts[0].key, value, event) == Decoder::Answer::kDamaged);
  }
}

TEST_CASE("no value is longer than one page takes, a seal behind it", "[journal]") {
  for (const std::size_t size : {4'000, 4'010, 4'011, 8'026, 8'027, 100'000}) {
    Record event = golden();
    event.content = std::string(size, 'w');
    const Encoded encoded = encode(event);
    for (const Encoded::Part& part : encoded.parts) {
      CHECK(part.size + record::kSealBytes <= record::kValueBytesMax);
    }
    CHECK(encoded.parts.size() == (size + 6 + 4'015) / 4'016);
    CHECK(decode(encoded) == event);
  }
}

TEST_CASE("the longest body takes every part and comes back", "[journal]") {
  Record event = golden();
  event.content = std::string(record::kBodyBytesMax - 1 - event.clear.size(), 'w');
  const Encoded encoded = encode(event);
  CHECK(encoded.parts.size() == record::kPartsMax);
  CHECK(decode(encoded) == event);
}

TEST_CASE("a part that is missing, doubled or of another event is detected", "[journal]") {
  Record event = golden();
  event.content = std::string(20'000, 'w');
  const Encoded encoded = encode(event);
  for (std::size_t i = 0; i < encoded.parts.size(); ++i) {
    Encoded missing = encoded;
    missing.parts.erase(missing.parts.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK_FALSE(decode(missing));
    Encoded doubled = encoded;
    doubled.parts.insert(doubled.parts.begin() + static_cast<std::ptrdiff_t>(i), doubled.parts[i]);
    if (i + 1 < encoded.parts.size()) CHECK_FALSE(decode(doubled));
  }
  event.seq += 1;
  const Encoded other = encode(event);
  Decoder decoder;
  Record into;
  REQUIRE(decoder.feed(encoded.parts[0].key, encoded.value(encoded.parts[0]), into) ==
          Decoder::Answer::kMore);
  CHECK(decoder.feed(other.parts[1].key, other.value(other.parts[1]), into) ==
        Decoder::Answer::kDamaged);
}

TEST_CASE("the kind is read without decoding", "[journal]") {
  CHECK(record::kind_of(encode(golden()).bytes) == 21);
  CHECK(record::kind_of("short") == 0);
}

TEST_CASE("golden bytes of the small tables", "[journal]") {
  CHECK(hex(layout::dedupe_key("telegram", "42")) == "495709672498214c5bfe2960b6e53d3d");
  CHECK(hex(layout::snapshot_key("work", 7)) == "776f726b000700000000000000");
  CHECK(hex(layout::snapshot_value({"work", 7, 2, 9, "state"})) ==
        "0bc5d9400200000009000000000000007374617465");
  CHECK(hex(layout::ref_value({"console", 3, 5})) == "03000000000000000500000000000000");
}

TEST_CASE("every flipped bit of a snapshot is detected", "[journal]") {
  const Snapshot snapshot{"work", 7, 2, 9, "state"};
  const std::string key = layout::snapshot_key("work", 7);
  const std::string value = layout::snapshot_value(snapshot);
  CHECK(layout::parse_snapshot(key, value) == snapshot);
  for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
    std::string flipped = value;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE_FALSE(layout::parse_snapshot(key, flipped));
  }
}

TEST_CASE("a seal depends on its key, its predecessor, its place and every hash", "[journal]") {
  const Digest start = layout::first_seal("key", "journal");
  const Digest one = sha256("one");
  const Digest two = sha256("two");
  const Digest seal = layout::next_seal("key", start, 1, {&one, &two});
  CHECK(start != layout::first_seal("key", "other"));
  CHECK(start != layout::first_seal("other", "journal"));
  CHECK(seal != layout::next_seal("other", start, 1, {&one, &two}));
  CHECK(seal != layout::next_seal("key", one, 1, {&one, &two}));
  CHECK(seal != layout::next_seal("key", start, 2, {&one, &two}));
  CHECK(seal != layout::next_seal("key", start, 1, {&two, &one}));
  CHECK(seal != layout::next_seal("key", start, 1, {&one}));

  const std::array<Digest, 2> hashes = {one, two};
  TwinSha256 twin;
  const auto seals = layout::next_seals(HmacSha256("key"), twin, {start, 1, hashes},
                                        {seal, 3, std::span(hashes).first(1)});
  CHECK(seals[0] == seal);
  CHECK(seals[1] == layout::next_seal("key", seal, 3, {&one}));
}

}  // namespace daybook::record_test
