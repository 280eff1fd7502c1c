// mbedTLS computes the key schedule; the stream of several blocks is made side by side where the
// processor has instructions for it, since each block alone waits for 14 rounds.
#include "journal/crypto.h"

#include <mbedtls/aes.h>
#include <mbedtls/platform_util.h>
#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/check.h"
#include "core/sha256.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace daybook::crypto {
namespace {

constexpr std::string_view kWrapPurpose = "daybook wrap 1";
constexpr std::string_view kContentPurpose = "daybook content 1";
constexpr unsigned kKeyBits = 256;

using Block = std::array<unsigned char, 16>;

template <std::size_t kBytes>
std::array<std::uint8_t, kBytes> random_array() {
  std::array<std::uint8_t, kBytes> bytes;
  const int failed = ::getentropy(bytes.data(), bytes.size());
  CHECK(failed == 0, "a running system gives random bytes; without them nothing stays secret");
  return bytes;
}

Block counter_block(Seq seq, std::uint64_t number) {
  Block block;
  for (std::size_t i = 0; i < 8; ++i) {
    block[i] = static_cast<unsigned char>(seq >> (56 - 8 * i));
    block[8 + i] = static_cast<unsigned char>(number >> (56 - 8 * i));
  }
  return block;
}

// Eight at a time: the compiler does not do it for us with -O2.
void xor_onto(char* bytes, const char* stream, std::size_t size) {
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= size; i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::uint64_t key = 0;
    std::memcpy(&word, bytes + i, sizeof word);
    std::memcpy(&key, stream + i, sizeof key);
    word ^= key;
    std::memcpy(bytes + i, &word, sizeof word);
  }
  for (; i < size; ++i) bytes[i] = static_cast<char>(bytes[i] ^ stream[i]);
}

std::string_view view_of(const Salt& salt) {
  return {reinterpret_cast<const char*>(salt.data()), salt.size()};
}

}  // namespace

Key::Key(std::string_view bytes) {
  CHECK(bytes.size() == kKeyBytes, "a key has 32 bytes");
  std::memcpy(bytes_.data(), bytes.data(), kKeyBytes);
}

void wipe(std::string& bytes) { mbedtls_platform_zeroize(bytes.data(), bytes.size()); }

Key::~Key() { mbedtls_platform_zeroize(bytes_.data(), bytes_.size()); }

Key Key::random() {
  Key key;
  key.bytes_ = random_array<kKeyBytes>();
  return key;
}

Salt random_salt() { return random_array<kSaltBytes>(); }

Key unwrapped(const Key& session_key, KeyId id, const Key& wrapped) {
  HmacSha256 code(session_key.reveal());
  code.update(kWrapPurpose);
  char number[sizeof id];
  std::memcpy(number, &id, sizeof id);
  code.update({number, sizeof number});
  Digest pad = code.finish();
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    pad[i] = static_cast<std::uint8_t>(pad[i] ^ static_cast<std::uint8_t>(wrapped.reveal()[i]));
  }
  Key key(view(pad));
  mbedtls_platform_zeroize(pad.data(), pad.size());
  return key;
}

Key working_key(const Key& data_key, const Salt& run_salt) {
  HmacSha256 code(data_key.reveal());
  code.update(view_of(run_salt));
  code.update(kContentPurpose);
  Digest digest = code.finish();
  Key key(view(digest));
  mbedtls_platform_zeroize(digest.data(), digest.size());
  return key;
}

Cipher::Cipher(const Key& key) : context_(std::make_unique<mbedtls_aes_context>()) {
  mbedtls_aes_init(context_.get());
  const auto* bytes = reinterpret_cast<const unsigned char*>(key.reveal().data());
  CHECK(mbedtls_aes_setkey_enc(context_.get(), bytes, kKeyBits) == 0, "AES takes 256 bits");
}

Cipher::~Cipher() { mbedtls_aes_free(context_.get()); }

void Cipher::apply(Seq seq, char* bytes, std::size_t size, std::uint64_t first_block) const {
  if (accelerated()) {
    apply_accelerated(seq, bytes, size, first_block);
  } else {
    apply_portable(seq, bytes, size, first_block);
  }
}

void Cipher::apply_portable(Seq seq, char* bytes, std::size_t size,
                            std::uint64_t first_block) const {
  Block counter = counter_block(seq, first_block);
  Block stream;
  std::size_t offset = 0;
  auto* data = reinterpret_cast<unsigned char*>(bytes);
  const int failed = mbedtls_aes_crypt_ctr(context_.get(), size, &offset, counter.data(),
                                           stream.data(), data, data);
  CHECK(failed == 0, "counter mode takes any length");
}

#if defined(__x86_64__)

bool Cipher::accelerated() {
  static const bool kAnswer = [] {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_AES) != 0;
  }();
  return kAnswer;
}

// mbedTLS keeps the round keys in the standard's order, as the instructions want them. Blocks that
// nobody needs are made and thrown away: beside the first they cost nothing.
__attribute__((target("aes"))) void Cipher::apply_accelerated(Seq seq, char* bytes,
                                                              std::size_t size,
                                                              std::uint64_t first_block) const {
  constexpr std::size_t kLanes = 4;
  constexpr int kRounds = 14;
  const auto* round_keys = reinterpret_cast<const __m128i*>(context_->rk);
  const auto high = static_cast<long long>(__builtin_bswap64(seq));
  __m128i stream[kLanes];
  for (std::size_t at = 0; at < size; at += sizeof stream, first_block += kLanes) {
    const __m128i whitening = _mm_loadu_si128(round_keys);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kLanes; ++i) {
      const auto low = static_cast<long long>(__builtin_bswap64(first_block + i));
      stream[i] = _mm_xor_si128(_mm_set_epi64x(low, high), whitening);
    }
    for (int round = 1; round < kRounds; ++round) {
      const __m128i key = _mm_loadu_si128(round_keys + round);
#pragma GCC unroll 4
      for (__m128i& block : stream) block = _mm_aesenc_si128(block, key);
    }
    const __m128i key = _mm_loadu_si128(round_keys + kRounds);
#pragma GCC unroll 4
    for (__m128i& block : stream) block = _mm_aesenclast_si128(block, key);
    xor_onto(bytes + at, reinterpret_cast<const char*>(stream), std::min(size - at, sizeof stream));
  }
}

#else

bool Cipher::accelerated() { return false; }

void Cipher::apply_accelerated(Seq seq, char* bytes, std::size_t size,
                               std::uint64_t first_block) const {
  apply_portable(seq, bytes, size, first_block);
}

#endif

}  // namespace daybook::crypto
