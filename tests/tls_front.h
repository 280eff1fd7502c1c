// https in front of a plain server on loopback: what it decrypts goes to that server, what comes
// back is encrypted, byte for byte, so that any fake can be met over TLS. It counts handshakes.
//
// Law: like the servers it is made of, it waits for bytes or for the end, never for time.
#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "tests/network_server.h"
#include "tests/tls_server.h"

namespace daybook::tls_front {

class TlsFront {
 public:
  // `behind`: the plain server's port. Identities must outlive it.
  TlsFront(std::uint16_t behind, const tls_server::Identity& identity)
      : behind_(behind),
        identity_(&identity),
        server_([this](network_server::Peer& peer) { serve(peer.socket()); }) {}

  // The certificate of connections from here on.
  void show(const tls_server::Identity& identity) { identity_ = &identity; }

  // The name that the certificates of tests are made out to.
  [[nodiscard]] std::string url() const {
    return "https://localhost:" + std::to_string(server_.port());
  }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  // Ends every open connection.
  void hang_up() { server_.hang_up(); }

  [[nodiscard]] int connections() const { return server_.accepted(); }
  // Handshakes that were completed, full or resumed.
  [[nodiscard]] int handshakes() const { return handshakes_; }

 private:
  void serve(int client) {
    const int plain = connect_behind();
    tls_server::Connection tls(*identity_);
    std::array<pollfd, 2> both = {{{client, POLLIN, 0}, {plain, POLLIN, 0}}};
    bool going_on = true;
    while (going_on && ::poll(both.data(), both.size(), -1) > 0) {
      if (both[0].revents != 0) going_on = decrypt(client, plain, tls);
      if (going_on && both[1].revents != 0) going_on = encrypt(plain, tls);
      send_all(client, tls.take_output());
    }
    ::close(plain);
  }

  [[nodiscard]] int connect_behind() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(behind_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // A server that is not there looks like one that closed.
    [[maybe_unused]] const int connected =
        ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
    return socket;
  }

  // False: the client has gone.
  bool decrypt(int client, int plain, tls_server::Connection& tls) {
    std::array<char, 16384> bytes;
    const ssize_t size = ::recv(client, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    const bool was_open = tls.open();
    tls.feed({bytes.data(), static_cast<std::size_t>(size)});
    if (!was_open && tls.open()) ++handshakes_;
    send_all(plain, std::exchange(tls.plaintext, {}));
    return !tls.failed() && !tls.closed();
  }

  // False: the plain server has closed; the client is told so, unless it was a cut.
  static bool encrypt(int plain, tls_server::Connection& tls) {
    std::array<char, 16384> bytes;
    const ssize_t size = ::recv(plain, bytes.data(), bytes.size(), 0);
    if (size > 0) tls.write({bytes.data(), static_cast<std::size_t>(size)});
    if (size == 0 && tls.open()) tls.close();
    return size > 0;
  }

  static void send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  std::uint16_t behind_;
  std::atomic<const tls_server::Identity*> identity_;
  std::atomic<int> handshakes_ = 0;
  network_server::Server server_;  // its threads use what stands above
};

}  // namespace daybook::tls_front
