// https and proxies through the Transport: the same calls, with what lies between.
#include <catch2/catch.hpp>

#include "adapters/net/network.h"
#include "adapters/net/tls_store.h"
#include "tests/network_server.h"
#include "tests/network_world.h"
#include "tests/tls_certificates.h"
#include "tests/tls_server.h"

namespace daybook::network_tls_test {

using network_server::answer;
using network_server::Peer;
using network_server::Server;
using network_world::call_to;
using network_world::Story;
using network_world::World;
using tls_certificates::Workshop;
using Reason = ReplyFailed::Reason;

// Speaks TLS on an accepted socket until the peer closes; answers each request with `reply`.
void serve_tls(int socket, const tls_server::Identity& identity, const std::string& reply) {
  tls_server::Connection tls(identity);
  char bytes[16384];
  while (true) {
    const ssize_t size = ::recv(socket, bytes, sizeof bytes, 0);
    if (size <= 0) return;
    tls.feed({bytes, static_cast<std::size_t>(size)});
    if (tls.plaintext.find("\r\n\r\n{}") != std::string::npos) {
      tls.plaintext.clear();
      tls.write(reply);
    }
    const std::string out = tls.take_output();
    if (::send(socket, out.data(), out.size(), MSG_NOSIGNAL) < 0) return;
    if (tls.closed()) return;
  }
}

struct Fixture {
  Fixture() {
    workshop.leaf("good", {});
    identity = std::make_unique<tls_server::Identity>(workshop.path("good.pem"),
                                                      workshop.path("good.key"));
  }
  HttpOptions options() const {
    HttpOptions chosen;
    chosen.ca_file = workshop.path("authority.pem");
    return chosen;
  }
  static HttpCall https(std::uint16_t port) {
    HttpCall call = call_to(port);
    call.origin = Origin{true, "localhost", port};
    return call;
  }

  Workshop workshop;
  std::unique_ptr<tls_server::Identity> identity;
};

TEST_CASE("an https call is answered and its connection kept", "[network]") {
  const Fixture fixture;
  Server server([&](Peer& peer) { serve_tls(peer.socket(), *fixture.identity, answer("safe")); });
  World world(fixture.options());
  const HttpCall call = Fixture::https(server.port());
  CHECK(world.run(call).body() == "safe");
  CHECK(world.run(call).body() == "safe");
  CHECK(server.accepted() == 1);
  CHECK(world.network().idle_connections() == 1);
}

TEST_CASE("a connection to the same origin resumes its session", "[network]") {
  const Fixture fixture;
  Server server([&](Peer& peer) {
    serve_tls(peer.socket(), *fixture.identity, answer("bye", "Connection: close\r\n"));
  });
  World world(fixture.options());
  const HttpCall call = Fixture::https(server.port());
  CHECK(world.run(call).body() == "bye");
  CHECK(world.network().resumed_connections() == 0);
  CHECK(world.run(call).body() == "bye");
  CHECK(server.accepted() == 2);
  CHECK(world.network().resumed_connections() == 1);
}

TEST_CASE("of many connections to an origin the first alone costs a full handshake", "[network]") {
  constexpr int kCalls = 40;
  const Fixture fixture;
  Server server([&](Peer& peer) {
    serve_tls(peer.socket(), *fixture.identity, answer("bye", "Connection: close\r\n"));
  });
  World world(fixture.options());
  const HttpCall call = Fixture::https(server.port());
  for (int i = 0; i < kCalls; ++i) CHECK(world.run(call).body() == "bye");
  std::vector<CallId> at_once;
  for (int i = 0; i < kCalls; ++i) at_once.push_back(world.start(call));
  for (const CallId id : at_once) CHECK(world.finish(id).body() == "bye");
  CHECK(server.accepted() == 2 * kCalls);
  CHECK(fixture.identity->resumed() == 2 * kCalls - 1);
  CHECK(world.network().resumed_connections() == 2 * kCalls - 1);
}

TEST_CASE("a server that forgot its tickets costs one full handshake more", "[network]") {
  const Fixture fixture;
  const tls_server::Identity restarted(fixture.workshop.path("good.pem"),
                                       fixture.workshop.path("good.key"));
  std::atomic<const tls_server::Identity*> identity = fixture.identity.get();
  Server server([&](Peer& peer) {
    serve_tls(peer.socket(), *identity.load(), answer("bye", "Connection: close\r\n"));
  });
  World world(fixture.options());
  const HttpCall call = Fixture::https(server.port());
  for (int i = 0; i < 3; ++i) CHECK(world.run(call).body() == "bye");
  CHECK(fixture.identity->resumed() == 2);
  identity = &restarted;
  for (int i = 0; i < 3; ++i) CHECK(world.run(call).body() == "bye");
  CHECK(restarted.resumed() == 2);
}

TEST_CASE("a certificate that is not accepted fails the call before anything is sent",
          "[network]") {
  Fixture fixture;
  Server server([&](Peer& peer) { serve_tls(peer.socket(), *fixture.identity, answer("never")); });
  fixture.workshop.authority("stranger", "/CN=Stranger");
  HttpOptions options;
  options.ca_file = fixture.workshop.path("stranger.pem");
  World world(options);
  const Story& story = world.run(Fixture::https(server.port()));
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kUntrusted);
  CHECK_FALSE(story.failure.handed_over);
  CHECK(story.heads.empty());
}

TEST_CASE("a missing bundle fails https calls with its path, and http calls not at all",
          "[network]") {
  Server server([](Peer& peer) {
    while (!peer.read_request().empty()) peer.send(answer("plain"));
  });
  HttpOptions options;
  options.ca_file = "/nowhere/bundle.pem";
  World world(options);
  const Story& story = world.run(Fixture::https(server.port()));
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kUntrusted);
  CHECK(story.failure.detail.find("/nowhere/bundle.pem") != std::string::npos);
  CHECK(world.run(call_to(server.port())).body() == "plain");
}

TEST_CASE("an https origin is reached through a proxy's tunnel", "[network]") {
  const Fixture fixture;
  std::string asked;
  Server proxy([&](Peer& peer) {
    asked = peer.read_request();
    peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
    serve_tls(peer.socket(), *fixture.identity, answer("tunnelled"));
  });
  HttpOptions options = fixture.options();
  options.proxy = Origin{false, "127.0.0.1", proxy.port()};
  World world(options);
  HttpCall call = call_to(443);
  call.origin = Origin{true, "api.example.org", 443};
  const Story& story = world.run(call);
  // The name differs from the certificate's: the tunnel stands, and TLS is with the far end.
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kUntrusted);
  CHECK(story.failure.detail.find("another name") != std::string::npos);
  CHECK(asked.starts_with("CONNECT api.example.org:443 HTTP/1.1\r\nHost: api.example.org:443\r\n"));
}

TEST_CASE("through a tunnel the far end's certificate and answer count", "[network]") {
  Fixture fixture;
  fixture.workshop.leaf("far", {.extensions = "subjectAltName=DNS:api.example.org"});
  const tls_server::Identity far(fixture.workshop.path("far.pem"),
                                 fixture.workshop.path("far.key"));
  Server proxy([&](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
    serve_tls(peer.socket(), far, answer("tunnelled"));
  });
  HttpOptions options = fixture.options();
  options.proxy = Origin{false, "127.0.0.1", proxy.port()};
  World world(options);
  HttpCall call = call_to(443);
  call.origin = Origin{true, "api.example.org", 443};
  CHECK(world.run(call).body() == "tunnelled");
}

TEST_CASE("a proxy that refuses is named", "[network]") {
  Server proxy([](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    peer.wait_for_end();
  });
  HttpOptions options;
  options.proxy = Origin{false, "127.0.0.1", proxy.port()};
  World world(options);
  HttpCall call = call_to(443);
  call.origin = Origin{true, "api.example.org", 443};
  const Story& story = world.run(call);
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kConnect);
  CHECK_FALSE(story.failure.handed_over);
  CHECK(story.failure.detail.find("403") != std::string::npos);
}

TEST_CASE("plain http through a proxy uses the absolute form", "[network]") {
  std::string asked;
  Server proxy([&](Peer& peer) {
    asked = peer.read_request();
    peer.send(answer("proxied"));
    peer.wait_for_end();
  });
  HttpOptions options;
  options.proxy = Origin{false, "127.0.0.1", proxy.port()};
  options.insecure_hosts = {"models.lan"};
  World world(options);
  HttpCall call = call_to(8080);
  call.origin = Origin{false, "models.lan", 8080};
  CHECK(world.run(call).body() == "proxied");
  CHECK(
      asked.starts_with("POST http://models.lan:8080/path HTTP/1.1\r\nHost: models.lan:8080\r\n"));
}

TEST_CASE("TLS that ends without saying so cuts the answer", "[network]") {
  const Fixture fixture;
  Server server([&](Peer& peer) {
    serve_tls(peer.socket(), *fixture.identity,
              "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\npart");
  });
  World world(fixture.options());
  HttpCall call = Fixture::https(server.port());
  call.stream = true;
  const CallId id = world.start(call);
  const auto begun = [](const Story& told) { return !told.bodies.empty(); };
  CHECK(world.until(id, begun).body() == "part");
  server.hang_up();
  const Story& story = world.finish(id);
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kClosed);
  CHECK(story.failure.handed_over);
  CHECK(story.failure.detail.find("without saying so") != std::string::npos);
}

TEST_CASE("an answer that comes with the handshake's last bytes was not asked for", "[network]") {
  const Fixture fixture;
  const bool closes = GENERATE(true, false);
  Server server([&](Peer& peer) {
    tls_server::Connection tls(*fixture.identity);
    char bytes[16384];
    while (!tls.open()) {
      const ssize_t size = ::recv(peer.socket(), bytes, sizeof bytes, 0);
      if (size <= 0) return;
      tls.feed({bytes, static_cast<std::size_t>(size)});
      if (tls.open()) tls.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
      if (tls.open() && closes) tls.close();
      peer.send(tls.take_output());
    }
    peer.wait_for_end();
  });
  World world(fixture.options());
  const Story& story = world.run(Fixture::https(server.port()));
  REQUIRE(story.failed);
  CHECK(story.heads.empty());
  CHECK(story.failure.reason == Reason::kProtocol);
  CHECK_FALSE(story.failure.handed_over);
  CHECK(story.failure.detail.find("answered before it was asked") != std::string::npos);
}

}  // namespace daybook::network_tls_test
