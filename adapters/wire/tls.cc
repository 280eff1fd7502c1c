// mbedTLS reads and writes through two callbacks over strings. The verify callback is also how a
// resumed handshake is told from a full one: resumption shows no certificate.
#include "adapters/wire/tls.h"

#include <arpa/inet.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/check.h"

namespace daybook::tls {
namespace {

constexpr std::array<int, 7> kSuites = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                        MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                                        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                                        MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                                        MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                                        MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                                        0};
constexpr std::array<int, 4> kHashes = {MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512,
                                        MBEDTLS_MD_NONE};
constexpr std::size_t kHostBytesMax = 253;

struct Complaint {
  std::uint32_t flag;
  std::string_view sentence;
};
// The most telling first: an expired certificate of an unknown issuer is told as expired.
constexpr std::array<Complaint, 12> kComplaints = {{
    {MBEDTLS_X509_BADCERT_EXPIRED, "its certificate has expired"},
    {MBEDTLS_X509_BADCERT_FUTURE,
     "its certificate is not valid yet; check that this machine's clock is right"},
    {MBEDTLS_X509_BADCERT_REVOKED, "its certificate was revoked"},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH, "its certificate was made out to another name"},
    {MBEDTLS_X509_BADCERT_BAD_KEY, "a key in its certificate chain is too weak"},
    {MBEDTLS_X509_BADCERT_BAD_MD, "its certificate chain is signed with a hash that is broken"},
    {MBEDTLS_X509_BADCERT_BAD_PK, "its certificate chain is signed in a way that is not accepted"},
    {MBEDTLS_X509_BADCERT_KEY_USAGE, "its certificate is not for this use"},
    {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "its certificate is not for servers"},
    {MBEDTLS_X509_BADCERT_NS_CERT_TYPE, "its certificate is not for servers"},
    {MBEDTLS_X509_BADCERT_MISSING, "it showed no certificate"},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED,
     "its certificate comes from an issuer that is not in the bundle; if that is your own "
     "authority, set tls.ca_file"},
}};

std::string complaint(std::uint32_t flags) {
  for (const Complaint& entry : kComplaints) {
    if ((flags & entry.flag) != 0) return std::string(entry.sentence);
  }
  return "its certificate was not accepted";
}

std::string code_text(int code) {
  std::array<char, 160> text{};
  mbedtls_strerror(code, text.data(), text.size());
  return text.data();
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

struct Context::Parts {
  Parts() {
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&authorities);
    mbedtls_ssl_config_init(&config);
  }
  ~Parts() {
    mbedtls_ssl_config_free(&config);
    mbedtls_x509_crt_free(&authorities);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  void configure();
  Result<void> load();
  // By handshakes that wait for a certificate or judge one; the last to go takes the authorities
  // along.
  Result<void> hold();
  void release();

  Bundle bundle;
  std::string bundle_name;
  std::size_t holders = 0;
  mbedtls_entropy_context entropy{};
  mbedtls_ctr_drbg_context random{};
  mbedtls_x509_crt authorities{};
  mbedtls_ssl_config config{};
  std::array<const char*, 2> protocols = {"http/1.1", nullptr};
};

void Context::Parts::configure() {
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&config, &authorities, nullptr);
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
  mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_max_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_ciphersuites(&config, kSuites.data());
  mbedtls_ssl_conf_sig_hashes(&config, kHashes.data());
  mbedtls_ssl_conf_cert_profile(&config, &mbedtls_x509_crt_profile_next);
  mbedtls_ssl_conf_renegotiation(&config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
  mbedtls_ssl_conf_session_tickets(&config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
  mbedtls_ssl_conf_alpn_protocols(&config, protocols.data());
}

Context::Context(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Context::~Context() = default;

Result<void> Context::Parts::load() {
  auto pem = bundle();
  if (!pem) return pem.error();
  // The terminating NUL counts: it tells mbedTLS that this is PEM. A positive code is the number of
  // certificates it could not read, which a system's bundle may have.
  const auto* bytes = reinterpret_cast<const unsigned char*>(pem->c_str());
  const int parsed =
      pem->empty() ? -1 : mbedtls_x509_crt_parse(&authorities, bytes, pem->size() + 1);
  if (parsed < 0 || authorities.version == 0) {
    return Error{"no certificate could be read from " + bundle_name +
                     "; install the package ca-certificates or set tls.ca_file",
                 ExitCode::kSettings};
  }
  return {};
}

Result<void> Context::Parts::hold() {
  if (authorities.version == 0) {
    if (const auto loaded = load(); !loaded) return loaded.error();
  }
  ++holders;
  return {};
}

void Context::Parts::release() {
  CHECK(holders > 0, "TLS: authorities were released that nobody held");
  if (--holders > 0) return;
  mbedtls_x509_crt_free(&authorities);
  mbedtls_x509_crt_init(&authorities);
}

Result<std::unique_ptr<Context>> Context::create(Bundle bundle, std::string_view bundle_name) {
  auto parts = std::make_unique<Parts>();
  parts->bundle = std::move(bundle);
  parts->bundle_name = bundle_name;
  if (const auto loaded = parts->load(); !loaded) return loaded.error();
  constexpr std::string_view kPurpose = "daybook tls client";
  int code = mbedtls_ctr_drbg_seed(&parts->random, mbedtls_entropy_func, &parts->entropy,
                                   reinterpret_cast<const unsigned char*>(kPurpose.data()),
                                   kPurpose.size());
  if (code == 0) {
    code = mbedtls_ssl_config_defaults(&parts->config, MBEDTLS_SSL_IS_CLIENT,
                                       MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  }
  if (code != 0) return Error{"TLS could not be set up: " + code_text(code), ExitCode::kInternal};
  parts->configure();
  return std::make_unique<Context>(std::move(parts));
}

struct Session::Parts {
  Parts() { mbedtls_ssl_session_init(&raw); }
  ~Parts() { mbedtls_ssl_session_free(&raw); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  mbedtls_ssl_session raw{};
};

Session::Session(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Session::~Session() = default;

struct Client::Parts {
  explicit Parts(Context::Parts& shared) : context(shared) { mbedtls_ssl_init(&ssl); }
  ~Parts() {
    if (judging) context.release();
    mbedtls_ssl_free(&ssl);
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  int set_up();
  void handshake();
  // From true to false the authorities are at hand.
  Result<void> judge(bool begins);
  void read(std::string* plaintext);
  void fail(int code);

  static int verify(void* context, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags);
  static int send(void* context, const unsigned char* bytes, std::size_t size);
  static int receive(void* context, unsigned char* bytes, std::size_t size);

  Context::Parts& context;
  mbedtls_ssl_context ssl{};
  bool judging = false;
  std::string host;
  std::string_view input;
  std::string output;
  State state = State::kHandshaking;
  std::string error;
  std::uint32_t flags = 0;
  bool certificate_seen = false;
};

int Client::Parts::set_up() {
  const int code = mbedtls_ssl_setup(&ssl, &context.config);
  if (code != 0) return code;
  mbedtls_ssl_set_bio(&ssl, this, send, receive, nullptr);
  mbedtls_ssl_set_verify(&ssl, verify, this);
  return mbedtls_ssl_set_hostname(&ssl, host.c_str());
}

// A name only in the subject's common name does not count, as in every browser.
int Client::Parts::verify(void* context, mbedtls_x509_crt* certificate, int depth,
                          std::uint32_t* flags) {
  static_cast<Parts*>(context)->certificate_seen = true;
  const bool named = (certificate->ext_types & MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) != 0;
  if (depth == 0 && !named) *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
  return 0;
}

int Client::Parts::send(void* context, const unsigned char* bytes, std::size_t size) {
  static_cast<Parts*>(context)->output.append(reinterpret_cast<const char*>(bytes), size);
  return static_cast<int>(size);
}

int Client::Parts::receive(void* context, unsigned char* bytes, std::size_t size) {
  auto* parts = static_cast<Parts*>(context);
  if (parts->input.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
  const std::size_t taken = std::min(size, parts->input.size());
  std::memcpy(bytes, parts->input.data(), taken);
  parts->input.remove_prefix(taken);
  return static_cast<int>(taken);
}

void Client::Parts::fail(int code) {
  state = State::kFailed;
  flags = code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED ? mbedtls_ssl_get_verify_result(&ssl) : 0;
  error = "no safe connection to " + host + ": ";
  error += flags != 0 ? complaint(flags) : code_text(code);
}

Result<void> Client::Parts::judge(bool begins) {
  if (begins == judging) return {};
  if (begins) {
    if (const auto held = context.hold(); !held) return held.error();
  } else {
    context.release();
  }
  judging = begins;
  return {};
}

// mbedtls_ssl_handshake() step by step: a server's certificate is read and judged in one of them.
void Client::Parts::handshake() {
  int code = 0;
  while (code == 0 && ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER) {
    if (const auto ready = judge(ssl.state == MBEDTLS_SSL_SERVER_CERTIFICATE); !ready) {
      state = State::kFailed;
      error = ready.error().message;
      return;
    }
    code = mbedtls_ssl_handshake_step(&ssl);
  }
  if (code == 0) {
    state = State::kOpen;
  } else if (code != MBEDTLS_ERR_SSL_WANT_READ && code != MBEDTLS_ERR_SSL_WANT_WRITE) {
    fail(code);
  }
}

void Client::Parts::read(std::string* plaintext) {
  std::array<unsigned char, 16384> buffer;
  while (state == State::kOpen) {
    const int code = mbedtls_ssl_read(&ssl, buffer.data(), buffer.size());
    if (code > 0) {
      const auto size = static_cast<std::size_t>(code);
      plaintext->append(reinterpret_cast<const char*>(buffer.data()), size);
    } else if (code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
      state = State::kClosed;
    } else if (code == MBEDTLS_ERR_SSL_WANT_READ) {
      return;
    } else {
      fail(code);
    }
  }
}

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::start(Context& context, const std::string& host,
                                              const Session* resume) {
  if (host.empty() || host.size() > kHostBytesMax) {
    return Error{"TLS needs the name of the host it speaks to", ExitCode::kSettings};
  }
  if (is_address(host)) {
    return Error{"https to the address " + host +
                     " cannot be verified; use the name in the server's certificate",
                 ExitCode::kSettings};
  }
  auto parts = std::make_unique<Parts>(*context.parts_);
  parts->host = host;
  int code = parts->set_up();
  if (code == 0 && resume != nullptr) {
    code = mbedtls_ssl_set_session(&parts->ssl, &resume->parts_->raw);
  }
  if (code != 0) return Error{"TLS could not begin: " + code_text(code), ExitCode::kInternal};
  parts->handshake();
  return std::make_unique<Client>(std::move(parts));
}

Client::State Client::feed(std::string_view ciphertext, std::string* plaintext) {
  parts_->input = ciphertext;
  if (parts_->state == State::kHandshaking) parts_->handshake();
  if (parts_->state == State::kOpen) parts_->read(plaintext);
  parts_->input = {};
  return parts_->state;
}

void Client::write(std::string_view plaintext) {
  CHECK(parts_->state == State::kOpen, "TLS: plaintext was written before the handshake was done");
  while (!plaintext.empty() && parts_->state == State::kOpen) {
    const int code = mbedtls_ssl_write(
        &parts_->ssl, reinterpret_cast<const unsigned char*>(plaintext.data()), plaintext.size());
    if (code < 0) {
      parts_->fail(code);
    } else {
      plaintext.remove_prefix(static_cast<std::size_t>(code));
    }
  }
}

void Client::close() {
  if (parts_->state == State::kOpen) mbedtls_ssl_close_notify(&parts_->ssl);
  if (parts_->state != State::kFailed) parts_->state = State::kClosed;
}

std::string Client::take_output() { return std::exchange(parts_->output, {}); }
Client::State Client::state() const { return parts_->state; }
const std::string& Client::error() const { return parts_->error; }
std::uint32_t Client::verify_flags() const { return parts_->flags; }
bool Client::resumed() const { return parts_->state == State::kOpen && !parts_->certificate_seen; }

std::unique_ptr<Session> Client::session() const {
  auto parts = std::make_unique<Session::Parts>();
  if (mbedtls_ssl_get_session(&parts_->ssl, &parts->raw) != 0) return nullptr;
  const bool resumable = parts->raw.ticket_len > 0 || parts->raw.id_len > 0;
  if (!resumable) return nullptr;
  return std::make_unique<Session>(std::move(parts));
}

}  // namespace daybook::tls
