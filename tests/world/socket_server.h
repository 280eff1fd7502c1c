// Runs a fake server on a loopback port of the kernel's choice, in a thread of its own, on the real
// clock. Tests look at the model under its lock and wait for conditions, never for time.
//
// Traps stop the world at a chosen byte: the kill tests hang a SIGKILL on one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/world/exchange.h"
#include "tests/world/http_request_parser.h"

namespace daybook::world {

// The clock of the machine, as the models want it.
Time real_now();

// How long a wait for a condition may take before the test is called failed: generous, because
// machines are slow and nothing is timed.
inline constexpr std::chrono::seconds kPatience{30};

// When the nth request (from 1) whose target contains `target` has got as far as `bytes`.
struct Trap {
  enum class Where {
    kReceiving,  // that many bytes of the request are there; the model never sees it
    kReceived,   // the request is whole; the model never sees it
    kExecuted,   // the model has acted; no byte of the response left
    kSending,    // that many bytes of the response left, and no more will
  };
  std::string target;
  int nth = 1;
  Where where = Where::kReceived;
  std::size_t bytes = 0;
  std::function<void()> action;  // called once, in the server's thread
};

class SocketServer {
 public:
  explicit SocketServer(Server& model);
  ~SocketServer();
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  void set_trap(Trap trap);
  // False when patience is at its end.
  bool wait_for_trap(std::chrono::seconds patience = kPatience);

  // What clients did wrong on the wire.
  [[nodiscard]] std::vector<std::string> wire_violations();

  // Runs `act` under the model's lock and lets the server notice what changed.
  template <typename Act>
  auto with(Act&& act) {
    std::lock_guard<std::mutex> lock(mutex_);
    const Notice notice(*this);
    return std::forward<Act>(act)();
  }

  // True as soon as `condition` (called under the lock) holds; false when patience is at its end.
  bool wait(const std::function<bool()>& condition, std::chrono::seconds patience = kPatience);

 private:
  struct Connection {
    int socket = -1;
    HttpRequestParser parser;
    ExchangeId exchange = 0;   // 0: none open
    bool trap_here = false;    // the request being read or answered is the trap's
    bool counted = false;      // it was compared with the trap
    bool close_asked = false;  // "Connection: close"
    std::size_t sent = 0;      // bytes of its response
    std::string unsent;
    Output::After after = Output::After::kMore;
    bool frozen = false;  // the trap closed on it
    bool dead = false;    // to be forgotten
  };
  class Notice {
   public:
    explicit Notice(SocketServer& server) : server_(server) {}
    ~Notice() { server_.wake(); }
    Notice(const Notice&) = delete;
    Notice& operator=(const Notice&) = delete;

   private:
    SocketServer& server_;
  };

  void run();
  void turn();
  void wake();
  [[nodiscard]] int poll_timeout() const;
  [[nodiscard]] short interest(const Connection& connection) const;
  void accept_all();
  void receive(Connection& connection);
  void serve_next(Connection& connection);
  void deliver(const Output& output);
  void write_out(Connection& connection);
  void finish(Connection& connection);
  void end(Connection& connection, bool reset);
  void look_for_trap(Connection& connection, std::string_view target);
  bool spring(Connection& connection, Trap::Where where);

  Server& model_;
  int listener_ = -1;
  int wake_read_ = -1;
  int wake_write_ = -1;
  std::uint16_t port_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  ExchangeId next_exchange_ = 1;
  std::vector<std::string> wire_violations_;
  Trap trap_;
  bool trap_armed_ = false;
  int trap_seen_ = 0;  // requests that matched
  bool stopping_ = false;
  std::thread thread_;
};

// A model and the sockets it listens on.
template <typename Model>
class Hosted {
 public:
  template <typename... Arguments>
  explicit Hosted(Arguments&&... arguments)
      : model_(std::forward<Arguments>(arguments)...), server_(model_) {}

  [[nodiscard]] SocketServer& server() { return server_; }
  [[nodiscard]] std::string url() const { return server_.url(); }

  template <typename Act>
  auto with(Act&& act) {
    return server_.with([&] { return act(model_); });
  }
  template <typename Condition>
  bool wait(Condition&& condition, std::chrono::seconds patience = kPatience) {
    return server_.wait([&] { return condition(std::as_const(model_)); }, patience);
  }

 private:
  Model model_;
  SocketServer server_;
};

}  // namespace daybook::world
