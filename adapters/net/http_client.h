// HTTP calls over kept-alive connections.
//
// Law: a connection serves one call at a time and only calls of its pool and origin; it is reused
// last in, first out, for at most 30 s idle. A call that must not be repeated gets one that was
// used within 5 s, or a fresh one. Plain http goes to this machine or to hosts that the settings
// name, nowhere else. Redirects are answers like any other: nothing follows them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "adapters/net/http_exchange.h"
#include "adapters/net/replies.h"
#include "core/ports.h"

namespace daybook {

struct HttpOptions {
  std::string ca_file;                   // empty: the system's bundle
  std::optional<Origin> proxy;           // plain http to the proxy itself; never for this machine
  std::set<std::string> insecure_hosts;  // plain http is allowed to these
  std::string user_agent = "daybook/" DAYBOOK_VERSION;
};

class HttpClient : public ExchangeHost {
 public:
  static constexpr Duration kIdleMax{30'000};
  static constexpr Duration kIdleMaxUnrepeatable{5'000};
  static constexpr std::size_t kIdlePerPoolMax = 8;

  HttpClient(Reactor& reactor, Replies& replies, HttpOptions options);
  ~HttpClient() override;

  void start(CallId id, HttpCall call);
  // Unknown ids do nothing.
  void cancel(CallId id);
  // Of every call, those to come included: see HttpExchange::hold().
  void hold(bool held);
  // Frees what ended since; only outside the loop's callbacks.
  void sweep();

  [[nodiscard]] std::size_t idle_connections() const;
  [[nodiscard]] std::size_t resumed_connections() const { return tls_.resumed(); }

  // For the exchanges.
  Lease lease(const HttpCall& call, bool fresh, Connection::Owner* owner) override;
  Result<std::string> request(const HttpCall& call) override;
  void release(const HttpCall& call, std::unique_ptr<Connection> connection, bool keep) override;
  void reply(CallId call, Reply reply) override;
  void over(CallId call) override;

 private:
  using PoolKey = std::tuple<std::string, Origin>;

  // A connection nobody uses. Anything that happens to it ends it.
  struct Idle : Connection::Owner {
    void on_stage(Connection::Stage) override {}
    void on_sent() override {}
    void on_bytes(std::string_view) override { dead = true; }
    void on_closed(const Connection::Trouble&) override { dead = true; }

    std::unique_ptr<Connection> connection;
    std::uint64_t since = 0;  // milliseconds of the loop's clock
    bool dead = false;
  };

  std::unique_ptr<Connection> take_idle(const HttpCall& call);
  void bury(std::unique_ptr<Connection> connection);
  void drop_stale();
  static void on_idle_timer(uv_timer_t* timer);
  [[nodiscard]] bool proxied(const Origin& origin) const;

  Reactor& reactor_;
  Replies& replies_;
  const HttpOptions options_;
  TlsStore tls_;
  std::map<CallId, std::unique_ptr<HttpExchange>> exchanges_;
  std::map<PoolKey, std::vector<std::unique_ptr<Idle>>> idle_;
  UvHandle<uv_timer_t> idle_timer_;
  bool held_ = false;
  std::vector<std::unique_ptr<HttpExchange>> ended_;
  std::vector<std::unique_ptr<Connection>> buried_;
};

}  // namespace daybook
