// From a host name to a connected TCP socket.
//
// Law: every address the name has is tried, families in turn; the next one starts when the last
// failed or has been silent for 300 ms, and the first to answer wins (RFC 8305, without its
// asynchronous DNS: getaddrinfo knows /etc/hosts and nsswitch.conf, and has a thread to block in).
// localhost and *.localhost are ::1 and 127.0.0.1 without asking anybody (RFC 6761 §6.3): a system
// without /etc/hosts does not know them, and a resolver may answer them with somebody else.
#pragma once

#include <uv.h>

#include <functional>
#include <string>
#include <vector>

#include "adapters/net/uv_handle.h"
#include "core/ports.h"

namespace daybook {

class Connector {
 public:
  static constexpr std::uint64_t kStaggerMilliseconds = 300;
  static constexpr std::size_t kAddressesMax = 16;

  struct Outcome {
    UvHandle<uv_tcp_t> socket;  // set when it worked
    ReplyFailed::Reason reason = ReplyFailed::Reason::kConnect;
    std::string detail;
  };
  // Called once, from the loop, as the connector's last act: it may destroy the connector.
  using Done = std::function<void(Outcome)>;

  Connector(uv_loop_t* loop, const std::string& host, std::uint16_t port, Done done);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  struct Lookup;
  struct Attempt;

  static void on_lookup(uv_getaddrinfo_t* request, int status, addrinfo* found);
  static void on_connect(uv_connect_t* request, int status);
  static void on_stagger(uv_timer_t* timer);
  void look_up();
  void resolved(int status, const addrinfo* found);
  void try_next();
  void connected(Attempt* attempt, int status);
  void give_up(ReplyFailed::Reason reason, std::string detail);

  uv_loop_t* loop_;
  std::string host_;
  std::uint16_t port_;
  Done done_;
  Lookup* lookup_ = nullptr;  // owned by libuv until on_lookup
  std::vector<sockaddr_storage> addresses_;
  std::size_t next_address_ = 0;
  std::vector<UvHandle<uv_tcp_t>> sockets_;  // being connected
  UvHandle<uv_timer_t> stagger_;
  int last_error_ = 0;
};

}  // namespace daybook
