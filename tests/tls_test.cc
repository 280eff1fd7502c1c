// TLS as a byte pipe against certificates of every wrong sort: which are refused, and for what.
#include "adapters/wire/tls.h"

#include <catch2/catch.hpp>

#include "tests/tls_certificates.h"
#include "tests/tls_server.h"

namespace daybook::tls_test {

using tls::Client;
using tls_certificates::read_file;
using tls_certificates::Workshop;
using Leaf = Workshop::Leaf;

Workshop& workshop() {
  static Workshop made;
  return made;
}

std::unique_ptr<tls::Context> trusting(const std::string& name) {
  auto context =
      tls::Context::create([name] { return read_file(workshop().path(name + ".pem")); }, name);
  REQUIRE(context);
  return std::move(*context);
}

struct Handshake {
  std::unique_ptr<tls_server::Connection> server;
  std::unique_ptr<Client> client;
  std::string received;

  // Carries bytes both ways until nobody has any, `cut` at a time.
  void pump(std::size_t cut = std::string::npos) {
    while (true) {
      const std::string up = client->take_output();
      if (!up.empty()) server->feed(up);
      const std::string down = server->take_output();
      if (up.empty() && down.empty()) return;
      for (std::size_t at = 0; at < down.size(); at += std::min(cut, down.size() - at)) {
        client->feed(std::string_view(down).substr(at, cut), &received);
      }
    }
  }
};

Handshake shake(tls::Context& context, const tls_server::Identity& identity,
                const std::string& host = "localhost", const tls::Session* resume = nullptr) {
  Handshake handshake;
  handshake.server = std::make_unique<tls_server::Connection>(identity);
  auto client = Client::start(context, host, resume);
  REQUIRE(client);
  handshake.client = std::move(*client);
  handshake.pump();
  return handshake;
}

tls_server::Identity identity_of(const std::string& name, tls_server::Choices choices = {}) {
  return {workshop().path(name + ".pem"), workshop().path(name + ".key"), std::move(choices)};
}

// What became of a handshake with this leaf.
struct Verdict {
  Client::State state;
  std::uint32_t flags;
  std::string error;
};
Verdict verdict(const Leaf& leaf, const std::string& host = "localhost") {
  workshop().leaf("leaf", leaf);
  const auto context = trusting("authority");
  const auto identity = identity_of("leaf");
  const Handshake handshake = shake(*context, identity, host);
  return {handshake.client->state(), handshake.client->verify_flags(), handshake.client->error()};
}

TEST_CASE("a good certificate opens a pipe both ways, however the bytes are cut", "[tls]") {
  workshop().leaf("good", {});
  const auto context = trusting("authority");
  const auto identity = identity_of("good");
  const std::size_t cut = GENERATE(std::size_t{1}, std::size_t{7}, std::string::npos);
  Handshake handshake;
  handshake.server = std::make_unique<tls_server::Connection>(identity);
  handshake.client = Client::start(*context, "localhost", nullptr).value();
  handshake.pump(cut);
  REQUIRE(handshake.client->state() == Client::State::kOpen);
  const std::string long_text(50'000, 'x');
  handshake.client->write(long_text);
  handshake.pump(cut);
  CHECK(handshake.server->plaintext == long_text);
  handshake.server->write("answer");
  handshake.pump(cut);
  CHECK(handshake.received == "answer");
  handshake.server->close();
  handshake.pump(cut);
  CHECK(handshake.client->state() == Client::State::kClosed);
}

TEST_CASE("closing tells the peer", "[tls]") {
  workshop().leaf("good", {});
  const auto context = trusting("authority");
  const auto identity = identity_of("good");
  Handshake handshake = shake(*context, identity);
  handshake.client->close();
  handshake.pump();
  CHECK(handshake.server->closed());
}

TEST_CASE("certificates that must pass do", "[tls]") {
  CHECK(verdict({.key = "rsa -pkeyopt rsa_keygen_bits:2048"}).state == Client::State::kOpen);
  CHECK(verdict({.key = "ec -pkeyopt ec_paramgen_curve:P-384"}).state == Client::State::kOpen);
  CHECK(verdict({.hash = "sha384"}).state == Client::State::kOpen);
  CHECK(verdict({.extensions = "subjectAltName=DNS:*.example.org"}, "a.example.org").state ==
        Client::State::kOpen);
}

TEST_CASE("certificates that must fail do, and say why", "[tls]") {
  const auto refused = [](const Leaf& leaf, std::uint32_t flag, const std::string& words,
                          const std::string& host = "localhost") {
    const Verdict seen = verdict(leaf, host);
    INFO(words << " / " << seen.error);
    CHECK(seen.state == Client::State::kFailed);
    CHECK((seen.flags & flag) != 0);
    CHECK(seen.error.find(words) != std::string::npos);
    CHECK(seen.error.find(host) != std::string::npos);
  };
  refused({.not_after = "20210101000000Z"}, MBEDTLS_X509_BADCERT_EXPIRED, "has expired");
  refused({.not_before = "20980101000000Z"}, MBEDTLS_X509_BADCERT_FUTURE, "not valid yet");
  refused({}, MBEDTLS_X509_BADCERT_CN_MISMATCH, "another name", "example.org");
  refused({.extensions = "basicConstraints=CA:FALSE"}, MBEDTLS_X509_BADCERT_CN_MISMATCH,
          "another name");
  refused({.extensions = "subjectAltName=DNS:*.example.org"}, MBEDTLS_X509_BADCERT_CN_MISMATCH,
          "another name", "a.b.example.org");
  refused({.hash = "sha1"}, MBEDTLS_X509_BADCERT_BAD_MD, "broken");
  refused({.key = "rsa -pkeyopt rsa_keygen_bits:1024"}, MBEDTLS_X509_BADCERT_BAD_KEY, "too weak");
}

TEST_CASE("an issuer outside the bundle is refused, itself signed or not", "[tls]") {
  workshop().self_signed("alone");
  workshop().authority("stranger", "/CN=Stranger");
  workshop().leaf("foreign", {.issuer = "stranger"});
  const auto context = trusting("authority");
  for (const std::string name : {"alone", "foreign"}) {
    const auto identity = identity_of(name);
    const Handshake handshake = shake(*context, identity);
    CHECK(handshake.client->state() == Client::State::kFailed);
    CHECK((handshake.client->verify_flags() & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0);
    CHECK(handshake.client->error().find("tls.ca_file") != std::string::npos);
  }
}

TEST_CASE("an intermediate that is no authority is refused, a good one is not", "[tls]") {
  const bool good = GENERATE(true, false);
  workshop().leaf("between", {.extensions = good ? "basicConstraints=critical,CA:TRUE"
                                                 : "basicConstraints=CA:FALSE",
                              .subject = "/CN=Between"});
  workshop().leaf("below", {.issuer = "between"});
  std::ofstream(workshop().path("chain.pem"))
      << read_file(workshop().path("below.pem")) << read_file(workshop().path("between.pem"));
  const tls_server::Identity identity(workshop().path("chain.pem"), workshop().path("below.key"));
  const auto context = trusting("authority");
  const Handshake handshake = shake(*context, identity);
  CHECK((handshake.client->state() == Client::State::kOpen) == good);
  // The same leaf without its intermediate.
  const auto incomplete = identity_of("below");
  CHECK(shake(*context, incomplete).client->state() == Client::State::kFailed);
}

TEST_CASE("a server that speaks only TLS 1.1, or only old suites, is refused", "[tls]") {
  workshop().leaf("rsa", {.key = "rsa -pkeyopt rsa_keygen_bits:2048"});
  const auto context = trusting("authority");
  const auto refused = [&](tls_server::Choices choices) {
    const auto identity = identity_of("rsa", std::move(choices));
    const Handshake handshake = shake(*context, identity);
    CHECK_FALSE(handshake.server->open());
    CHECK(handshake.client->state() == Client::State::kFailed);
    CHECK(handshake.client->verify_flags() == 0);
  };
  refused({.minor_version_max = MBEDTLS_SSL_MINOR_VERSION_2});
  refused({.suites = {MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256}});
  refused({.suites = {MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256}});
  refused({.suites = {MBEDTLS_TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}});
  refused({.suites = {MBEDTLS_TLS_DHE_RSA_WITH_AES_128_GCM_SHA256}});
}

TEST_CASE("a second connection resumes the first one's session", "[tls]") {
  workshop().leaf("good", {});
  const auto context = trusting("authority");
  const auto identity = identity_of("good");
  const Handshake first = shake(*context, identity);
  CHECK_FALSE(first.client->resumed());
  const auto session = first.client->session();
  REQUIRE(session != nullptr);
  Handshake second = shake(*context, identity, "localhost", session.get());
  REQUIRE(second.client->state() == Client::State::kOpen);
  CHECK(second.client->resumed());
  second.client->write("again");
  second.pump();
  CHECK(second.server->plaintext == "again");
  // A server that has forgotten the session takes a full handshake instead.
  const auto forgetful = identity_of("good");
  const Handshake third = shake(*context, forgetful, "localhost", session.get());
  CHECK(third.client->state() == Client::State::kOpen);
  CHECK_FALSE(third.client->resumed());
}

TEST_CASE("no handshake begins without a name that can be verified", "[tls]") {
  const auto context = trusting("authority");
  const std::string host = GENERATE("", "127.0.0.1", "::1");
  CHECK_FALSE(Client::start(*context, host, nullptr));
  CHECK_FALSE(Client::start(*context, std::string(254, 'a'), nullptr));
}

TEST_CASE("a bundle without certificates is refused by name", "[tls]") {
  const std::string bundle = GENERATE("", "not a certificate\n");
  const auto context = tls::Context::create([&] { return bundle; }, "/some/bundle.pem");
  REQUIRE_FALSE(context);
  CHECK(context.error().message.find("/some/bundle.pem") != std::string::npos);
}

TEST_CASE("the bundle is read for a certificate, and a changed one holds from then on", "[tls]") {
  workshop().leaf("good", {});
  workshop().authority("stranger", "/CN=Stranger");
  const auto identity = identity_of("good");
  int readings = 0;
  Result<std::string> bundle = read_file(workshop().path("authority.pem"));
  const auto context = tls::Context::create(
                           [&] {
                             ++readings;
                             return bundle;
                           },
                           "bundle.pem")
                           .value();
  const Handshake first = shake(*context, identity);
  REQUIRE(first.client->state() == Client::State::kOpen);
  CHECK(readings == 1);
  const auto session = first.client->session();
  CHECK(shake(*context, identity, "localhost", session.get()).client->resumed());
  CHECK(readings == 1);

  bundle = read_file(workshop().path("stranger.pem"));
  CHECK(shake(*context, identity).client->verify_flags() == MBEDTLS_X509_BADCERT_NOT_TRUSTED);
  CHECK(readings == 2);

  bundle = Error{"bundle.pem is gone", ExitCode::kSettings};
  const Handshake without = shake(*context, identity);
  CHECK(without.client->state() == Client::State::kFailed);
  CHECK(without.client->error() == "bundle.pem is gone");

  bundle = read_file(workshop().path("authority.pem"));
  CHECK(shake(*context, identity).client->state() == Client::State::kOpen);
}

TEST_CASE("garbage instead of records fails and ends", "[tls]") {
  const auto context = trusting("authority");
  auto client = Client::start(*context, "localhost", nullptr).value();
  std::string plaintext;
  CHECK(client->feed("HTTP/1.1 400 Bad Request\r\n\r\n", &plaintext) == Client::State::kFailed);
  CHECK(client->feed("more", &plaintext) == Client::State::kFailed);
  CHECK(plaintext.empty());
  CHECK_FALSE(client->error().empty());
}

}  // namespace daybook::tls_test
