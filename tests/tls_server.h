// A TLS server in memory for tests, on the library's own server side: bytes in, bytes out. It can
// be made old-fashioned, and counts who came back with a ticket.
#pragma once

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace daybook::tls_server {

struct Choices {
  int minor_version_max = MBEDTLS_SSL_MINOR_VERSION_3;
  std::vector<int> suites = {};  // empty: the library's
  bool tickets = true;
};

// Certificate, key, ticket key: outlives its connections, which may live in several threads.
class Identity {
 public:
  Identity(const std::string& chain_file, const std::string& key_file, Choices choices = {})
      : choices_(std::move(choices)) {
    mbedtls_entropy_init(&entropy_);
    mbedtls_ctr_drbg_init(&random_);
    mbedtls_x509_crt_init(&chain_);
    mbedtls_pk_init(&key_);
    mbedtls_ssl_config_init(&config_);
    mbedtls_ssl_ticket_init(&tickets_);
    must(mbedtls_ctr_drbg_seed(&random_, mbedtls_entropy_func, &entropy_, nullptr, 0));
    must(mbedtls_x509_crt_parse_file(&chain_, chain_file.c_str()));
    must(mbedtls_pk_parse_keyfile(&key_, key_file.c_str(), nullptr));
    must(mbedtls_ssl_config_defaults(&config_, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&config_, mbedtls_ctr_drbg_random, &random_);
    must(mbedtls_ssl_conf_own_cert(&config_, &chain_, &key_));
    mbedtls_ssl_conf_max_version(&config_, MBEDTLS_SSL_MAJOR_VERSION_3, choices_.minor_version_max);
    if (!choices_.suites.empty()) {
      choices_.suites.push_back(0);
      mbedtls_ssl_conf_ciphersuites(&config_, choices_.suites.data());
    }
    if (choices_.tickets) {
      must(mbedtls_ssl_ticket_setup(&tickets_, mbedtls_ctr_drbg_random, &random_,
                                    MBEDTLS_CIPHER_AES_256_GCM, 3600));
      mbedtls_ssl_conf_session_tickets_cb(&config_, write_ticket, read_ticket, this);
    }
  }
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;
  ~Identity() {
    mbedtls_ssl_ticket_free(&tickets_);
    mbedtls_ssl_config_free(&config_);
    mbedtls_pk_free(&key_);
    mbedtls_x509_crt_free(&chain_);
    mbedtls_ctr_drbg_free(&random_);
    mbedtls_entropy_free(&entropy_);
  }
  [[nodiscard]] const mbedtls_ssl_config* config() const { return &config_; }
  // Tickets that were taken: handshakes resumed.
  [[nodiscard]] int resumed() const { return resumed_; }
  // Held through a step of a handshake: the library caches points in the key as it signs.
  [[nodiscard]] std::unique_lock<std::mutex> signing() const { return std::unique_lock(mutex_); }

 private:
  static int write_ticket(void* self, const mbedtls_ssl_session* session, unsigned char* start,
                          const unsigned char* end, std::size_t* size, std::uint32_t* lifetime) {
    auto* tickets = &static_cast<Identity*>(self)->tickets_;
    return mbedtls_ssl_ticket_write(tickets, session, start, end, size, lifetime);
  }
  static int read_ticket(void* self, mbedtls_ssl_session* session, unsigned char* bytes,
                         std::size_t size) {
    auto* identity = static_cast<Identity*>(self);
    const int code = mbedtls_ssl_ticket_parse(&identity->tickets_, session, bytes, size);
    if (code == 0) ++identity->resumed_;
    return code;
  }
  static void must(int code) {
    if (code < 0) throw std::runtime_error("test server: mbedTLS error " + std::to_string(code));
  }

  Choices choices_;
  mbedtls_entropy_context entropy_{};
  mbedtls_ctr_drbg_context random_{};
  mbedtls_x509_crt chain_{};
  mbedtls_pk_context key_{};
  mbedtls_ssl_config config_{};
  mbedtls_ssl_ticket_context tickets_{};
  std::atomic<int> resumed_ = 0;
  mutable std::mutex mutex_;
};

class Connection {
 public:
  explicit Connection(const Identity& identity) : identity_(identity) {
    mbedtls_ssl_init(&ssl_);
    if (mbedtls_ssl_setup(&ssl_, identity.config()) != 0) throw std::runtime_error("ssl_setup");
    mbedtls_ssl_set_bio(&ssl_, this, send, receive, nullptr);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { mbedtls_ssl_free(&ssl_); }

  // Takes ciphertext; what it said is in plaintext, what to answer in take_output().
  void feed(std::string_view ciphertext) {
    input_ += ciphertext;
    if (!open_ && !failed_) {
      const auto alone = identity_.signing();
      const int code = mbedtls_ssl_handshake(&ssl_);
      open_ = code == 0;
      failed_ = code != 0 && code != MBEDTLS_ERR_SSL_WANT_READ;
    }
    unsigned char buffer[4096];
    while (open_) {
      const int code = mbedtls_ssl_read(&ssl_, buffer, sizeof buffer);
      if (code <= 0) {
        closed_ = code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
        break;
      }
      plaintext.append(reinterpret_cast<char*>(buffer), static_cast<std::size_t>(code));
    }
  }
  void write(std::string_view bytes) {
    mbedtls_ssl_write(&ssl_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  void close() { mbedtls_ssl_close_notify(&ssl_); }
  std::string take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool closed() const { return closed_; }

  std::string plaintext;

 private:
  static int send(void* context, const unsigned char* bytes, std::size_t size) {
    static_cast<Connection*>(context)->output_.append(reinterpret_cast<const char*>(bytes), size);
    return static_cast<int>(size);
  }
  static int receive(void* context, unsigned char* bytes, std::size_t size) {
    auto* self = static_cast<Connection*>(context);
    if (self->input_.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
    const std::size_t taken = std::min(size, self->input_.size());
    std::memcpy(bytes, self->input_.data(), taken);
    self->input_.erase(0, taken);
    return static_cast<int>(taken);
  }

  const Identity& identity_;
  mbedtls_ssl_context ssl_{};
  std::string input_;
  std::string output_;
  bool open_ = false;
  bool failed_ = false;
  bool closed_ = false;
};

}  // namespace daybook::tls_server
