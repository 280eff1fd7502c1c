// A server on loopback for tests: plain sockets and one thread a connection, so that it shares no
// code with what it tests. Every connection is played by the script given at construction.
//
// Law: it waits for bytes or for the end, never for time.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace daybook::network_server {

// One accepted connection, inside its script.
class Peer {
 public:
  Peer(int socket, int number) : socket_(socket), number_(number) {}

  // Counted from 0 in the order of acceptance.
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] int socket() const { return socket_; }

  // One request with its body; empty at the end of the stream.
  std::string read_request() {
    std::size_t wanted = std::string::npos;
    while (buffer_.size() < wanted) {
      const std::size_t head = buffer_.find("\r\n\r\n");
      if (head != std::string::npos) {
        wanted = head + 4 + body_length(std::string_view(buffer_).substr(0, head));
        if (buffer_.size() >= wanted) break;
      }
      if (!read_more()) return {};
    }
    const std::string request = buffer_.substr(0, wanted);
    buffer_.erase(0, wanted);
    return request;
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Blocks until the other side has closed.
  void wait_for_end() {
    while (read_more()) {
    }
  }

  // The end of this connection goes out as RST instead of FIN.
  void reset_at_end() {
    const linger abort{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }

 private:
  static std::size_t body_length(std::string_view head) {
    const std::size_t at = head.find("Content-Length: ");
    if (at == std::string_view::npos) return 0;
    return std::strtoul(std::string(head.substr(at + 16, 20)).c_str(), nullptr, 10);
  }
  bool read_more() {
    char bytes[16384];
    const ssize_t size = ::recv(socket_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

  int socket_;
  int number_;
  std::string buffer_;
};

class Server {
 public:
  using Script = std::function<void(Peer&)>;

  explicit Server(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 64);
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    hang_up();
    for (std::thread& thread : threads_) thread.join();
  }

  // Ends every open connection, as seen from the other side.
  void hang_up() {
    const std::lock_guard lock(mutex_);
    for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void accept_all() {
    while (true) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) return;
      const int number = accepted_++;
      {
        const std::lock_guard lock(mutex_);
        open_.push_back(socket);
      }
      threads_.emplace_back([this, socket, number] {
        Peer peer(socket, number);
        script_(peer);
        const std::lock_guard lock(mutex_);
        std::erase(open_, socket);
        ::close(socket);
      });
    }
  }

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

inline std::string answer(std::string_view body, std::string_view more_headers = {}) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more_headers) + "\r\n" + std::string(body);
}

}  // namespace daybook::network_server
