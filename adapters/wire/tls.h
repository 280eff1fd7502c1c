// TLS 1.2 as a byte pipe, sans-IO: ciphertext in, plaintext and ciphertext out. mbedTLS does it;
// this file is the only one that knows.
//
// Law: no handshake can begin without a host name, and none succeeds unless the certificate chains
// to the bundle, is in date, and carries that name as a DNS SAN (never only as its common name).
// TLS 1.2 at least, ECDHE with AEAD suites only, no renegotiation. A closed() that the peer did not
// announce by close_notify was a cut, not an end.
// Addresses instead of names are refused: this mbedTLS does not match IP SANs. Revocation is not
// checked: it offers no OCSP. The certificate's dates are compared with the system's clock by
// mbedTLS itself. Rejected: handing mbedTLS the socket, which would hide when a record was sent.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace daybook::tls {

// What every connection shares: trusted authorities, rules, random numbers.
//
// The authorities are in memory only while a server's certificate is judged, for parsed they take
// 0.8 MB. Parsing a system's bundle takes about 5 ms, half of what a full handshake does; a resumed
// one never needs it. So a bundle that was changed holds from the next full handshake on.
class Context {
 public:
  // The trusted certificates in PEM; asked again for each full handshake.
  using Bundle = std::function<Result<std::string>()>;
  struct Parts;  // known to the source file alone
  explicit Context(std::unique_ptr<Parts> parts);
  // Fails if the bundle cannot be read now. `bundle_name`: where it comes from, for errors.
  static Result<std::unique_ptr<Context>> create(Bundle bundle, std::string_view bundle_name);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

 private:
  friend class Client;
  std::unique_ptr<Parts> parts_;
};

// What a server gave to come back with: a later handshake then takes one round trip and no
// certificate. Good for the same origin only. Holds key material; it is wiped when it dies.
class Session {
 public:
  struct Parts;  // known to the source file alone
  explicit Session(std::unique_ptr<Parts> parts);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  friend class Client;
  std::unique_ptr<Parts> parts_;
};

class Client {
 public:
  struct Parts;  // known to the source file alone
  explicit Client(std::unique_ptr<Parts> parts);
  enum class State { kHandshaking, kOpen, kClosed, kFailed };

  // The context must outlive it. `host`: the name to verify and to ask for; an address is an error.
  // `resume` may be null. The first flight is in take_output() at once.
  static Result<std::unique_ptr<Client>> start(Context& context, const std::string& host,
                                               const Session* resume);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Takes all of `ciphertext` and appends what it held to `plaintext`.
  State feed(std::string_view ciphertext, std::string* plaintext);

  // Encrypts all of it at once. Only when open (CHECK).
  void write(std::string_view plaintext);

  // Tells the peer that nothing follows.
  void close();

  // Bytes for the socket since the last call.
  [[nodiscard]] std::string take_output();

  [[nodiscard]] State state() const;
  // For kFailed: a sentence for a person that names the host.
  [[nodiscard]] const std::string& error() const;
  // For kFailed: MBEDTLS_X509_BADCERT_* bits, 0 if it was not the certificate.
  [[nodiscard]] std::uint32_t verify_flags() const;
  // The handshake was an abbreviated one.
  [[nodiscard]] bool resumed() const;
  // When open; null if the server offers no resumption.
  [[nodiscard]] std::unique_ptr<Session> session() const;

 private:
  std::unique_ptr<Parts> parts_;
};

}  // namespace daybook::tls
