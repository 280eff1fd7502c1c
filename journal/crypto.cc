// mbedTLS does AES, with the processor's own instructions where it has them.
#include "journal/crypto.h"

#include <mbedtls/aes.h>
#include <mbedtls/platform_util.h>
#include <sys/random.h>

#include <cstring>
#include <string>

#include "core/check.h"
#include "core/sha256.h"

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

std::string_view view_of(const Salt& salt) {
  return {reinterpret_cast<const char*>(salt.data()), salt.size()};
}

}  // namespace

Key::Key(std::string_view bytes) {
  CHECK(bytes.size() == kKeyBytes, "a key has 32 bytes");
  std::memcpy(bytes_.data(), bytes.data(), kKeyBytes);
}

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
  Block counter = counter_block(seq, first_block);
  Block stream;
  std::size_t offset = 0;
  auto* data = reinterpret_cast<unsigned char*>(bytes);
  const int failed = mbedtls_aes_crypt_ctr(context_.get(), size, &offset, counter.data(),
                                           stream.data(), data, data);
  CHECK(failed == 0, "counter mode takes any length");
}

}  // namespace daybook::crypto
