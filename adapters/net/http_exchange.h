// One HttpCall from start to its last reply: a connection, a request, a response, five deadlines.
//
// Law: exactly one ReplyEnd or ReplyFailed, and `handed_over` in a failure is exact: true as soon
// as the kernel took the request's last byte, on any attempt. A repeatable call is tried once more
// when a kept-alive connection died under it before the first byte of the answer.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/net/connection.h"
#include "adapters/net/uv_handle.h"
#include "adapters/wire/http_response.h"
#include "core/ports.h"

namespace daybook {

// What an exchange asks of whoever keeps the connections.
class ExchangeHost {
 public:
  struct Lease {
    std::unique_ptr<Connection> connection;
    bool reused = false;  // open already
  };

  virtual ~ExchangeHost() = default;
  virtual Lease lease(const HttpCall& call, bool fresh, Connection::Owner* owner) = 0;
  virtual Result<std::string> request(const HttpCall& call) = 0;
  // `keep`: the connection may serve another call.
  virtual void release(const HttpCall& call, std::unique_ptr<Connection> connection, bool keep) = 0;
  virtual void reply(CallId call, Reply reply) = 0;
  // The last reply was given. The exchange must live until the loop has returned.
  virtual void over(CallId call) = 0;
};

class HttpExchange : public Connection::Owner {
 public:
  HttpExchange(uv_loop_t* loop, ExchangeHost& host, CallId id, HttpCall call);
  ~HttpExchange() override;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  void start();
  // While held its answer is not read and its deadlines stand still: it is not the peer's delay.
  void hold(bool held);
  // Ends it without a reply.
  void abandon();

 private:
  enum class Phase { kConnecting, kHandshaking, kSending, kWaiting, kReceiving, kOver };

  void on_stage(Connection::Stage stage) override;
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_closed(const Connection::Trouble& trouble) override;

  void begin(bool fresh);
  void send();
  void enter(Phase phase, Duration limit);
  void arm();
  static void on_timer(uv_timer_t* timer);
  void stalled();
  bool take_piece(http::Piece piece);
  bool take_body(std::string_view bytes);
  void pass_on_body();
  void finish();
  void fail(ReplyFailed::Reason reason, std::string_view what);
  void let_go(bool keep);

  uv_loop_t* loop_;
  ExchangeHost& host_;
  const CallId id_;
  HttpCall call_;
  std::string request_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<http::ResponseReader> reader_;
  std::vector<http::Piece> pieces_;
  std::string body_;
  std::size_t body_bytes_ = 0;
  UvHandle<uv_timer_t> timer_;
  Phase phase_ = Phase::kConnecting;
  std::uint64_t phase_deadline_ = 0;  // milliseconds of the loop's clock
  std::uint64_t total_deadline_ = 0;
  std::uint64_t armed_ = 0;
  std::uint64_t held_since_ = 0;
  bool held_ = false;
  bool reused_ = false;
  bool retried_ = false;
  bool requested_ = false;    // the request was given to this connection
  bool handed_over_ = false;  // the whole request went out once; never taken back
};

}  // namespace daybook
