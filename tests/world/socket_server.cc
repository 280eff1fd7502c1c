// One thread, one poll() loop. Everything but the poll() itself happens under the lock, so a test
// that holds it sees a model between two bytes, never in the middle of one.
#include "tests/world/socket_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/check.h"

namespace daybook::world {

Time real_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

SocketServer::SocketServer(Server& model) : model_(model) {
  std::array<int, 2> pipe_ends{};
  DAYBOOK_CHECK(::pipe2(pipe_ends.data(), O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
  wake_read_ = pipe_ends[0];
  wake_write_ = pipe_ends[1];
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  DAYBOOK_CHECK(::bind(listener_, plain, length) == 0, "a loopback port");
  DAYBOOK_CHECK(::listen(listener_, 256) == 0, "a listening socket");
  DAYBOOK_CHECK(::getsockname(listener_, plain, &length) == 0, "the port's number");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

SocketServer::~SocketServer() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  for (auto& [socket, connection] : connections_) ::close(socket);
  ::close(listener_);
  ::close(wake_read_);
  ::close(wake_write_);
}

void SocketServer::wake() {
  // A full pipe has woken the loop already.
  [[maybe_unused]] const ssize_t written = ::write(wake_write_, "w", 1);
}

void SocketServer::set_trap(Trap trap) {
  std::lock_guard<std::mutex> lock(mutex_);
  trap_ = std::move(trap);
  trap_armed_ = true;
  trap_seen_ = 0;
}

bool SocketServer::wait_for_trap(std::chrono::seconds patience) {
  return wait([this] { return !trap_armed_; }, patience);
}

std::vector<std::string> SocketServer::wire_violations() {
  std::lock_guard<std::mutex> lock(mutex_);
  return wire_violations_;
}

bool SocketServer::wait(const std::function<bool()>& condition, std::chrono::seconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, patience, condition);
}

// ---- the loop

void SocketServer::run() {
  std::vector<pollfd> polled;
  while (true) {
    int timeout = 0;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return;
      polled = {{listener_, POLLIN, 0}, {wake_read_, POLLIN, 0}};
      for (const auto& [socket, connection] : connections_) {
        polled.push_back({socket, interest(*connection), 0});
      }
      timeout = poll_timeout();
    }
    ::poll(polled.data(), polled.size(), timeout);
    std::lock_guard<std::mutex> lock(mutex_);
    std::array<char, 256> drained{};
    while (::read(wake_read_, drained.data(), drained.size()) > 0) {
    }
    for (const pollfd& ready : polled) {
      const auto found = connections_.find(ready.fd);
      if (ready.revents == 0 || found == connections_.end()) continue;
      Connection& connection = *found->second;
      if (connection.frozen) {
        end(connection, false);
      } else {
        if ((ready.revents & (POLLIN | POLLHUP | POLLERR)) != 0) receive(connection);
        if ((ready.revents & POLLOUT) != 0 && !connection.dead) write_out(connection);
      }
    }
    accept_all();
    turn();
  }
}

void SocketServer::turn() {
  for (const Output& output : model_.poll(real_now())) deliver(output);
  std::erase_if(connections_, [](const auto& row) { return row.second->dead; });
  changed_.notify_all();
}

int SocketServer::poll_timeout() const {
  const Time at = model_.wake_at();
  if (at == kNever) return -1;
  return static_cast<int>(std::clamp<std::int64_t>((at - real_now()).count(), 0, 60'000));
}

short SocketServer::interest(const Connection& connection) const {
  if (connection.frozen) return POLLRDHUP;
  return static_cast<short>(connection.unsent.empty() ? POLLIN : POLLIN | POLLOUT);
}

void SocketServer::accept_all() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto connection = std::make_unique<Connection>();
    connection->socket = socket;
    connections_[socket] = std::move(connection);
  }
}

// ---- one connection

void SocketServer::receive(Connection& connection) {
  // In small pieces while a trap is set, so that it can close between two of them.
  std::array<char, 65'536> buffer{};
  const std::size_t piece = trap_armed_ ? 16 : buffer.size();
  while (!connection.dead && !connection.frozen) {
    const ssize_t count = ::recv(connection.socket, buffer.data(), piece, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return end(connection, false);
    connection.parser.feed({buffer.data(), static_cast<std::size_t>(count)});
    if (connection.exchange != 0) {
      wire_violations_.emplace_back("bytes of a request before the last one was answered");
      continue;
    }
    look_for_trap(connection, connection.parser.pending_target());
    if (connection.parser.pending_bytes() >= trap_.bytes &&
        spring(connection, Trap::Where::kReceiving)) {
      return;
    }
    serve_next(connection);
  }
}

void SocketServer::serve_next(Connection& connection) {
  const std::optional<HttpRequest> request = connection.parser.next();
  if (!connection.parser.wrong().empty()) {
    wire_violations_.push_back(connection.parser.wrong());
    return end(connection, true);
  }
  if (!request) return;
  look_for_trap(connection, request->target);
  if (spring(connection, Trap::Where::kReceived)) return;
  connection.exchange = next_exchange_++;
  connection.close_asked = request->header("connection") == "close";
  connection.sent = 0;
  connection.after = Output::After::kMore;
  const ExchangeId exchange = connection.exchange;
  model_.request(exchange, *request, real_now());
  spring(connection, Trap::Where::kExecuted);
}

void SocketServer::deliver(const Output& output) {
  for (auto& [socket, connection] : connections_) {
    if (connection->exchange != output.exchange || connection->dead) continue;
    connection->unsent += output.bytes;
    connection->after = output.after;
    write_out(*connection);
    return;
  }
}

void SocketServer::write_out(Connection& connection) {
  while (!connection.unsent.empty() && !connection.frozen) {
    std::size_t piece = connection.unsent.size();
    const bool trap_ahead =
        trap_armed_ && connection.trap_here && trap_.where == Trap::Where::kSending;
    if (trap_ahead) piece = std::min(piece, trap_.bytes - connection.sent);
    const ssize_t count = ::send(connection.socket, connection.unsent.data(), piece, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return end(connection, false);
    connection.unsent.erase(0, static_cast<std::size_t>(count));
    connection.sent += static_cast<std::size_t>(count);
    if (trap_ahead && connection.sent >= trap_.bytes) spring(connection, Trap::Where::kSending);
  }
  if (!connection.frozen) finish(connection);
}

void SocketServer::finish(Connection& connection) {
  switch (connection.after) {
    case Output::After::kMore:
      return;
    case Output::After::kClose:
      return end(connection, false);
    case Output::After::kReset:
      return end(connection, true);
    case Output::After::kDone:
      break;
  }
  if (connection.close_asked) return end(connection, false);
  connection.exchange = 0;
  connection.after = Output::After::kMore;
  connection.counted = false;
  connection.trap_here = false;
}

void SocketServer::end(Connection& connection, bool reset) {
  if (connection.dead) return;
  connection.dead = true;
  if (connection.exchange != 0) model_.gone(connection.exchange, real_now());
  if (reset) {
    const linger at_once{1, 0};
    ::setsockopt(connection.socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  ::close(connection.socket);
}

// ---- the trap

void SocketServer::look_for_trap(Connection& connection, std::string_view target) {
  if (!trap_armed_ || connection.counted || target.empty()) return;
  connection.counted = true;
  if (target.find(trap_.target) == std::string_view::npos) return;
  connection.trap_here = ++trap_seen_ == trap_.nth;
}

bool SocketServer::spring(Connection& connection, Trap::Where where) {
  if (!trap_armed_ || !connection.trap_here || trap_.where != where) return false;
  trap_armed_ = false;
  connection.frozen = true;
  trap_.action();
  return true;
}

}  // namespace daybook::world
