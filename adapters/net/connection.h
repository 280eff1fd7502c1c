// One connection to an origin: TCP, perhaps a proxy's tunnel, perhaps TLS, then bytes.
//
// Law: bytes are handed up only from an open connection, and after close() or on_closed() nothing
// is. sent_all() is exact: true when the kernel has taken the last byte (with TLS, of the last
// record), which is what decides whether a peer may have acted on a request.
// It has one owner at a time; a pooled connection changes owners.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/net/connector.h"
#include "adapters/net/tls_store.h"
#include "adapters/net/uv_handle.h"
#include "adapters/wire/http_response.h"
#include "core/ports.h"

namespace daybook {

class Connection {
 public:
  enum class Stage { kConnecting, kHandshaking, kOpen, kClosed };

  struct Route {
    Origin origin;
    std::optional<Origin> proxy;
    std::string user_agent;
  };

  struct Trouble {
    ReplyFailed::Reason reason = ReplyFailed::Reason::kClosed;
    std::string detail;
    bool in_order = false;  // the peer ended it, and nothing it sent can be missing
  };

  // Called from the loop. An owner may let go of the connection in any of them, but must keep it
  // alive until the loop has returned.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_stage(Stage stage) = 0;  // kHandshaking, kOpen
    virtual void on_sent() = 0;              // the kernel has everything
    virtual void on_bytes(std::string_view bytes) = 0;
    virtual void on_closed(const Trouble& trouble) = 0;
  };

  // References must outlive it.
  Connection(uv_loop_t* loop, TlsStore& tls, Route route, Owner* owner);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Only when open.
  void send(std::string bytes);
  [[nodiscard]] bool sent_all() const;
  // While held nothing is read: what comes stays with the kernel, and at last with the peer.
  void hold(bool held);
  void close();

  void set_owner(Owner* owner) { owner_ = owner; }
  [[nodiscard]] Stage stage() const { return stage_; }

 private:
  struct Write;

  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer);
  static void on_write(uv_write_t* request, int status);
  void connected(Connector::Outcome outcome);
  void read();
  void begin_tunnel();
  void tunnel_bytes(std::string_view bytes);
  void begin_origin();
  void received(std::string_view bytes);
  void tls_bytes(std::string_view bytes);
  void flush_tls();
  void ended(bool cleanly);
  void write_raw(std::string bytes);
  void enter(Stage stage);
  void fail(ReplyFailed::Reason reason, std::string detail, bool in_order = false);

  uv_loop_t* loop_;
  TlsStore& tls_store_;
  const Route route_;
  Owner* owner_;
  Stage stage_ = Stage::kConnecting;
  std::unique_ptr<Connector> connector_;
  std::unique_ptr<http::ResponseReader> tunnel_;  // while the proxy's answer is awaited
  std::unique_ptr<tls::Client> tls_;              // for an https origin, past the tunnel
  std::string plaintext_;
  UvHandle<uv_tcp_t> socket_;
  bool write_failed_ = false;
  bool held_ = false;
  std::string read_buffer_;
};

}  // namespace daybook
