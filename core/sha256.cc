// SHA-256 by the processor's own instructions where there are any, by mbedTLS elsewhere.
//
// Law: both ways give the same bits for every input. Rejected: mbedTLS alone; release 2.28 has no
// SHA-NI and takes five times as long, which the seals would feel.
#include "core/sha256.h"

#include <mbedtls/sha256.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace daybook {
namespace {

constexpr std::size_t kSha256BlockBytes = 64;

constexpr Sha256State kSha256Start = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

#if defined(__x86_64__)
alignas(16) constexpr std::array<std::uint32_t, 64> kSha256Round = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

bool processor_has_sha() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return false;
  const bool shuffles = (c & bit_SSSE3) != 0 && (c & bit_SSE4_1) != 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  return shuffles && (b & bit_SHA) != 0;
}
#endif

}  // namespace

bool sha256_is_accelerated() {
#if defined(__x86_64__)
  // Asked once: under a hypervisor cpuid costs microseconds.
  static const bool kAnswer = processor_has_sha();
  return kAnswer;
#else
  return false;
#endif
}

namespace sha256_ways {

void compress_portable(Sha256State& state, const std::uint8_t* blocks, std::size_t count) {
  mbedtls_sha256_context context;
  mbedtls_sha256_init(&context);
  std::copy(state.begin(), state.end(), std::begin(context.state));
  for (std::size_t i = 0; i < count; ++i) {
    const int failure = mbedtls_internal_sha256_process(&context, blocks + i * kSha256BlockBytes);
    CHECK(failure == 0, "hashing in software cannot fail");
  }
  std::copy(std::begin(context.state), std::end(context.state), state.begin());
  mbedtls_sha256_free(&context);
}

#if defined(__x86_64__)
namespace {

#define DAYBOOK_SHA __attribute__((target("sha,sse4.1,ssse3"), always_inline)) inline

// One message on its way: the instructions want its eight words as ABEF and CDGH.
struct Lane {
  __m128i abef;
  __m128i cdgh;
  __m128i words[4];  // of the block

  DAYBOOK_SHA void begin(const Sha256State& state) {
    const auto* from = reinterpret_cast<const __m128i*>(state.data());
    const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(from), 0xb1);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(from + 1), 0x1b);
    abef = _mm_alignr_epi8(cdab, efgh, 8);
    cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  }

  DAYBOOK_SHA void end(Sha256State& state) const {
    auto* into = reinterpret_cast<__m128i*>(state.data());
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128(into, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128(into + 1, _mm_alignr_epi8(dchg, feba, 8));
  }

  // As the bytes of a digest.
  DAYBOOK_SHA void end(Digest& digest) const {
    const __m128i byte_swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    auto* into = reinterpret_cast<__m128i*>(digest.data());
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128(into, _mm_shuffle_epi8(_mm_blend_epi16(feba, dchg, 0xf0), byte_swap));
    _mm_storeu_si128(into + 1, _mm_shuffle_epi8(_mm_alignr_epi8(dchg, feba, 8), byte_swap));
  }

  DAYBOOK_SHA void load(const std::uint8_t* block) {
    const __m128i byte_swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const auto* input = reinterpret_cast<const __m128i*>(block);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      words[i] = _mm_shuffle_epi8(_mm_loadu_si128(input + i), byte_swap);
    }
  }

  // The i-th four rounds of sixteen.
  DAYBOOK_SHA void mix(std::size_t i) {
    const auto* constant = reinterpret_cast<const __m128i*>(kSha256Round.data() + 4 * i);
    const __m128i keyed = _mm_add_epi32(words[i & 3], _mm_load_si128(constant));
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0e));
    if (i >= 12) return;
    const __m128i last = words[(i + 3) & 3];
    const __m128i middle = _mm_alignr_epi8(last, words[(i + 2) & 3], 4);
    const __m128i first = _mm_sha256msg1_epu32(words[i & 3], words[(i + 1) & 3]);
    words[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(first, middle), last);
  }

  DAYBOOK_SHA void add(const Lane& before) {
    abef = _mm_add_epi32(abef, before.abef);
    cdgh = _mm_add_epi32(cdgh, before.cdgh);
  }
};

}  // namespace

__attribute__((target("sse4.1,ssse3"))) void swap_words(const Sha256State& state, Digest& into) {
  const __m128i byte_swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  const auto* from = reinterpret_cast<const __m128i*>(state.data());
  auto* to = reinterpret_cast<__m128i*>(into.data());
  _mm_storeu_si128(to, _mm_shuffle_epi8(_mm_loadu_si128(from), byte_swap));
  _mm_storeu_si128(to + 1, _mm_shuffle_epi8(_mm_loadu_si128(from + 1), byte_swap));
}

__attribute__((target("sha,sse4.1,ssse3"))) void compress_accelerated(Sha256State& state,
                                                                      const std::uint8_t* blocks,
                                                                      std::size_t count) {
  Lane lane;
  lane.begin(state);
  for (; count > 0; --count, blocks += kSha256BlockBytes) {
    const Lane before = lane;
    lane.load(blocks);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) lane.mix(i);
    lane.add(before);
  }
  lane.end(state);
}

__attribute__((target("sha,sse4.1,ssse3"))) void compress_both(Sha256State& first,
                                                               const Sha256Blocks& first_blocks,
                                                               Sha256State& second,
                                                               const Sha256Blocks& second_blocks,
                                                               std::size_t count) {
  Lane one;
  Lane other;
  one.begin(first);
  other.begin(second);
  for (std::size_t at = 0; at < count; ++at) {
    const Lane one_before = one;
    const Lane other_before = other;
    one.load(first_blocks.at(at));
    other.load(second_blocks.at(at));
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) {
      one.mix(i);
      other.mix(i);
    }
    one.add(one_before);
    other.add(other_before);
  }
  one.end(first);
  other.end(second);
}

namespace {

// From byte n on, sixteen bytes of the first table shift so many bytes by n and fill with zeros,
// and those of the second are the mark behind what is left of them.
constexpr std::size_t kShiftBytes = 80;
constexpr auto kShift = [] {
  std::array<std::uint8_t, kShiftBytes> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<std::uint8_t>(i < 16 ? i : 0x80);
  }
  return table;
}();
constexpr auto kMark = [] {
  std::array<std::uint8_t, kShiftBytes> table{};
  table[16] = 0x80;
  return table;
}();

DAYBOOK_SHA __m128i load_quarter(const void* bytes) {
  return _mm_loadu_si128(static_cast<const __m128i*>(bytes));
}

// What a message ends with, one block or two: the bytes behind its last whole block, the mark,
// zeros, its length in bits. No jump depends on the length: it would be guessed wrong every other
// time.
struct MessageEnd {
  alignas(16) std::array<std::uint8_t, 128> bytes;

  DAYBOOK_SHA void lay_out(std::string_view message) {
    const std::size_t rest = message.size() % kSha256BlockBytes;
    const char* const last = message.data() + message.size() - 16;
    const char* from = message.data() + message.size() - rest;
    auto* const into = reinterpret_cast<__m128i*>(bytes.data());
    const auto bits = static_cast<long long>(__builtin_bswap64(message.size() * 8));
    const __m128i length = _mm_set_epi64x(bits, 0);
    const __m128i length_here = _mm_set_epi64x(rest < 56 ? bits : 0, 0);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i, from += 16) {
      const char* const inside = std::min(from, last);
      const std::ptrdiff_t behind = from - inside;
      __m128i quarter =
          _mm_shuffle_epi8(load_quarter(inside), load_quarter(kShift.data() + behind));
      quarter = _mm_or_si128(quarter, load_quarter(kMark.data() + behind));
      _mm_store_si128(into + i, i < 3 ? quarter : _mm_or_si128(quarter, length_here));
      _mm_store_si128(into + 4 + i, i < 3 ? _mm_setzero_si128() : length);
    }
  }
};

}  // namespace

__attribute__((target("sha,sse4.1,ssse3"))) std::array<Digest, 3> hash_three(
    const std::array<std::string_view, 3>& messages) {
  MessageEnd ends[3];
  Sha256Blocks blocks[3];
  Lane lanes[3];
#pragma GCC unroll 3
  for (std::size_t i = 0; i < 3; ++i) {
    ends[i].lay_out(messages[i]);
    blocks[i] = {reinterpret_cast<const std::uint8_t*>(messages[i].data()),
                 messages[i].size() / kSha256BlockBytes, ends[i].bytes.data()};
    lanes[i].begin(kSha256Start);
  }
  const std::size_t count = sha256_blocks(messages[0].size());
  for (std::size_t at = 0; at < count; ++at) {
    const Lane before[3] = {lanes[0], lanes[1], lanes[2]};
#pragma GCC unroll 3
    for (std::size_t i = 0; i < 3; ++i) lanes[i].load(blocks[i].at(at));
#pragma GCC unroll 16
    for (std::size_t round = 0; round < 16; ++round) {
#pragma GCC unroll 3
      for (Lane& lane : lanes) lane.mix(round);
    }
#pragma GCC unroll 3
    for (std::size_t i = 0; i < 3; ++i) lanes[i].add(before[i]);
  }
  std::array<Digest, 3> digests;
#pragma GCC unroll 3
  for (std::size_t i = 0; i < 3; ++i) lanes[i].end(digests[i]);
  return digests;
}
#else
std::array<Digest, 3> hash_three(const std::array<std::string_view, 3>&) {
  CHECK(false, "this processor has no SHA instructions");
}

void compress_accelerated(Sha256State&, const std::uint8_t*, std::size_t) {
  CHECK(false, "this processor has no SHA instructions");
}

void swap_words(const Sha256State&, Digest&) {
  CHECK(false, "this processor has no SHA instructions");
}

void compress_both(Sha256State&, const Sha256Blocks&, Sha256State&, const Sha256Blocks&,
                   std::size_t) {
  CHECK(false, "this processor has no SHA instructions");
}
#endif

}  // namespace sha256_ways

namespace {

void compress_blocks(Sha256State& state, const std::uint8_t* blocks, std::size_t count) {
  if (sha256_is_accelerated()) {
    sha256_ways::compress_accelerated(state, blocks, count);
  } else {
    sha256_ways::compress_portable(state, blocks, count);
  }
}

void store_big_endian(std::uint64_t number, std::uint8_t* into) {
  for (int i = 0; i < 8; ++i) into[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
}

Digest digest_of(const Sha256State& state) {
  Digest digest;
  if (sha256_is_accelerated()) {
    sha256_ways::swap_words(state, digest);
    return digest;
  }
  std::size_t at = 0;
  // Spelled out: so it becomes one swapping store a word.
  for (const std::uint32_t word : state) {
    digest[at] = static_cast<std::uint8_t>(word >> 24);
    digest[at + 1] = static_cast<std::uint8_t>(word >> 16);
    digest[at + 2] = static_cast<std::uint8_t>(word >> 8);
    digest[at + 3] = static_cast<std::uint8_t>(word);
    at += sizeof word;
  }
  return digest;
}

// Of a block, low bytes first.
using Quarter = std::uint64_t __attribute__((vector_size(16)));
constexpr std::size_t kQuarterBytes = sizeof(Quarter);
static_assert(std::endian::native == std::endian::little);

// The last `count` bytes of a message, fewer than sixteen, and the mark behind them.
Quarter last_quarter(std::string_view message, std::size_t count) {
  __extension__ using Wide = unsigned __int128;
  Wide wide = 0;
  if (message.size() >= kQuarterBytes && count > 0) {
    std::memcpy(&wide, message.data() + message.size() - kQuarterBytes, kQuarterBytes);
    wide >>= 8 * (kQuarterBytes - count);
  } else if (count > 0) {
    std::memcpy(&wide, message.data() + message.size() - count, count);
  }
  wide |= Wide{0x80} << (8 * count);
  return Quarter{static_cast<std::uint64_t>(wide), static_cast<std::uint64_t>(wide >> 64)};
}

}  // namespace

Sha256::Sha256() : state_(kSha256Start) {}

void Sha256::update(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t left = bytes.size();
  const std::size_t held = bytes_ % kSha256BlockBytes;
  bytes_ += left;
  if (held > 0) {
    const std::size_t taken = std::min(left, kSha256BlockBytes - held);
    std::copy_n(data, taken, buffer_.begin() + static_cast<std::ptrdiff_t>(held));
    data += taken;
    left -= taken;
    if (held + taken < kSha256BlockBytes) return;
    compress_blocks(state_, buffer_.data(), 1);
  }
  const std::size_t blocks = left / kSha256BlockBytes;
  if (blocks > 0) compress_blocks(state_, data, blocks);
  data += blocks * kSha256BlockBytes;
  std::copy_n(data, left % kSha256BlockBytes, buffer_.begin());
}

Digest Sha256::finish() {
  const std::size_t held = bytes_ % kSha256BlockBytes;
  std::array<std::uint8_t, 2 * kSha256BlockBytes> tail{};
  std::copy_n(buffer_.begin(), held, tail.begin());
  tail[held] = 0x80;
  const std::size_t tail_bytes = held < 56 ? kSha256BlockBytes : 2 * kSha256BlockBytes;
  store_big_endian(bytes_ * 8, tail.data() + tail_bytes - sizeof bytes_);
  compress_blocks(state_, tail.data(), tail_bytes / kSha256BlockBytes);
  return digest_of(state_);
}

void TwinSha256::Lane::lay_out(const Sha256& hash, Pieces pieces) {
  CHECK(hash.bytes_ % kSha256BlockBytes == 0, "twins begin at a block");
  state = hash.state_;
  std::string_view message = pieces.size() == 1 ? *pieces.begin() : std::string_view();
  if (pieces.size() > 1) {
    joined.clear();
    for (const std::string_view piece : pieces) joined.append(piece);
    message = joined;
  }
  blocks = {reinterpret_cast<const std::uint8_t*>(message.data()),
            message.size() / kSha256BlockBytes, end.data()};
  const std::string_view rest = message.substr(blocks.fronts * kSha256BlockBytes);
  const std::size_t end_bytes = rest.size() < 56 ? kSha256BlockBytes : 2 * kSha256BlockBytes;
  count = blocks.fronts + end_bytes / kSha256BlockBytes;
  // In the pieces in which it is read again: what spans two stores has to wait for both.
  const std::size_t length_at = end_bytes - kQuarterBytes;
  const std::uint64_t length = __builtin_bswap64((hash.bytes_ + message.size()) * 8);
  std::size_t at = 0;
  for (; at + kQuarterBytes <= rest.size(); at += kQuarterBytes) {
    std::memcpy(end.data() + at, rest.data() + at, kQuarterBytes);
  }
  Quarter last = last_quarter(message, rest.size() - at);
  for (; at < length_at; at += kQuarterBytes, last = Quarter{}) {
    std::memcpy(end.data() + at, &last, kQuarterBytes);
  }
  last[1] |= length;
  std::memcpy(end.data() + at, &last, kQuarterBytes);
}

void TwinSha256::Lane::compress_from(std::size_t first) {
  if (first < blocks.fronts) compress_blocks(state, blocks.at(first), blocks.fronts - first);
  first = std::max(first, blocks.fronts);
  if (first < count) compress_blocks(state, blocks.at(first), count - first);
}

std::array<Digest, 2> TwinSha256::finish(const Sha256& first, Pieces first_pieces,
                                         const Sha256& second, Pieces second_pieces) {
  lanes_[0].lay_out(first, first_pieces);
  lanes_[1].lay_out(second, second_pieces);
  std::size_t both = 0;
  if (sha256_is_accelerated()) {
    both = std::min(lanes_[0].count, lanes_[1].count);
    sha256_ways::compress_both(lanes_[0].state, lanes_[0].blocks, lanes_[1].state, lanes_[1].blocks,
                               both);
  }
  for (Lane& lane : lanes_) lane.compress_from(both);
  return {digest_of(lanes_[0].state), digest_of(lanes_[1].state)};
}

Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::array<Digest, 3> sha256_of_three(const std::array<std::string_view, 3>& messages) {
  for (const std::string_view message : messages) {
    CHECK(
        message.size() >= 16 && sha256_blocks(message.size()) == sha256_blocks(messages[0].size()),
        "three side by side are of as many blocks");
  }
  if (sha256_is_accelerated()) return sha256_ways::hash_three(messages);
  return {sha256(messages[0]), sha256(messages[1]), sha256(messages[2])};
}

HmacSha256::HmacSha256(std::string_view key) {
  std::array<char, kSha256BlockBytes> block{};
  if (key.size() > block.size()) {
    const Digest shortened = sha256(key);
    const std::string_view bytes = view(shortened);
    std::copy(bytes.begin(), bytes.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (char& byte : block) byte = static_cast<char>(byte ^ 0x36);
  inner_.update({block.data(), block.size()});
  for (char& byte : block) byte = static_cast<char>(byte ^ 0x36 ^ 0x5c);
  outer_.update({block.data(), block.size()});
}

Digest HmacSha256::finish() {
  const Digest inner = inner_.finish();
  outer_.update(view(inner));
  return outer_.finish();
}

std::array<Digest, 2> HmacSha256::finish_both(TwinSha256& twin, TwinSha256::Pieces first,
                                              TwinSha256::Pieces second) const {
  const std::array<Digest, 2> inner = twin.finish(inner_, first, inner_, second);
  return twin.finish(outer_, {view(inner[0])}, outer_, {view(inner[1])});
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  HmacSha256 code(key);
  code.update(bytes);
  return code.finish();
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    text += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    text += kDigits[static_cast<std::uint8_t>(byte) & 15];
  }
  return text;
}

}  // namespace daybook
