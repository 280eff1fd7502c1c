// Things that end inside a callback are set aside and freed by sweep(), outside of all callbacks.
#include "adapters/net/http_client.h"

#include <utility>

#include "adapters/wire/http_request.h"
#include "core/settings.h"

namespace daybook {
HttpClient::HttpClient(Reactor& reactor, Replies& replies, HttpOptions options)
    : reactor_(reactor), replies_(replies), options_(std::move(options)), tls_(options_.ca_file) {
  idle_timer_.open(this, [&](uv_timer_t* raw) { return uv_timer_init(reactor_.loop(), raw); });
}

HttpClient::~HttpClient() = default;

void HttpClient::start(CallId id, HttpCall call) {
  sweep();
  if (!call.origin.tls && !is_loopback(call.origin.host) &&
      !options_.insecure_hosts.contains(call.origin.host)) {
    replies_.fail(id, ReplyFailed::Reason::kRefused, false,
                  call.label + ": plain http to " + call.origin.host +
                      " would show keys and words to the network; use https, or allow it with "
                      "insecure = true for this provider");
    return;
  }
  auto exchange = std::make_unique<HttpExchange>(reactor_.loop(), *this, id, std::move(call));
  HttpExchange& started = *exchange;
  exchanges_[id] = std::move(exchange);
  started.start();
  started.hold(held_);
}

void HttpClient::hold(bool held) {
  if (held == held_) return;
  held_ = held;
  for (const auto& [id, exchange] : exchanges_) exchange->hold(held);
}

void HttpClient::cancel(CallId id) {
  const auto found = exchanges_.find(id);
  if (found != exchanges_.end()) found->second->abandon();
  sweep();
}

void HttpClient::sweep() {
  ended_.clear();
  buried_.clear();
}

std::size_t HttpClient::idle_connections() const {
  std::size_t count = 0;
  for (const auto& [key, pool] : idle_) {
    for (const auto& idle : pool) count += idle->dead ? 0 : 1;
  }
  return count;
}

bool HttpClient::proxied(const Origin& origin) const {
  return options_.proxy.has_value() && !is_loopback(origin.host);
}

ExchangeHost::Lease HttpClient::lease(const HttpCall& call, bool fresh, Connection::Owner* owner) {
  if (!fresh) {
    if (auto kept = take_idle(call)) {
      kept->set_owner(owner);
      return {std::move(kept), true};
    }
  }
  Connection::Route route{call.origin, std::nullopt, options_.user_agent};
  if (proxied(call.origin)) route.proxy = options_.proxy;
  return {std::make_unique<Connection>(reactor_.loop(), tls_, std::move(route), owner), false};
}

Result<std::string> HttpClient::request(const HttpCall& call) {
  const bool absolute = !call.origin.tls && proxied(call.origin);
  return http::write_request(call, options_.user_agent,
                             absolute ? http::Form::kAbsolute : http::Form::kOrigin);
}

std::unique_ptr<Connection> HttpClient::take_idle(const HttpCall& call) {
  drop_stale();
  const auto pool = idle_.find(PoolKey(call.pool, call.origin));
  if (pool == idle_.end() || pool->second.empty()) return nullptr;
  const std::uint64_t age = uv_now(reactor_.loop()) - pool->second.back()->since;
  const Duration limit = call.repeatable ? kIdleMax : kIdleMaxUnrepeatable;
  if (age >= static_cast<std::uint64_t>(limit.count())) return nullptr;
  auto connection = std::move(pool->second.back()->connection);
  pool->second.pop_back();
  return connection;
}

void HttpClient::release(const HttpCall& call, std::unique_ptr<Connection> connection, bool keep) {
  if (!keep || connection->stage() != Connection::Stage::kOpen) return bury(std::move(connection));
  auto& pool = idle_[PoolKey(call.pool, call.origin)];
  auto idle = std::make_unique<Idle>();
  connection->set_owner(idle.get());
  idle->connection = std::move(connection);
  idle->since = uv_now(reactor_.loop());
  pool.push_back(std::move(idle));
  if (pool.size() > kIdlePerPoolMax) {
    bury(std::move(pool.front()->connection));
    pool.erase(pool.begin());
  }
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(idle_timer_.get())) == 0) {
    uv_timer_start(idle_timer_.get(), on_idle_timer, kIdleMax.count(), 0);
  }
}

void HttpClient::bury(std::unique_ptr<Connection> connection) {
  connection->close();
  buried_.push_back(std::move(connection));
}

void HttpClient::on_idle_timer(uv_timer_t* timer) {
  auto* client = static_cast<HttpClient*>(timer->data);
  if (client != nullptr) client->drop_stale();
}

// Closes what died or has been idle too long, and sets the timer for the next to become so.
void HttpClient::drop_stale() {
  const std::uint64_t now = uv_now(reactor_.loop());
  const auto limit = static_cast<std::uint64_t>(kIdleMax.count());
  std::uint64_t oldest = now;
  for (auto pool = idle_.begin(); pool != idle_.end();) {
    std::erase_if(pool->second, [&](const std::unique_ptr<Idle>& idle) {
      if (!idle->dead && now - idle->since < limit) {
        oldest = std::min(oldest, idle->since);
        return false;
      }
      bury(std::move(idle->connection));
      return true;
    });
    pool = pool->second.empty() ? idle_.erase(pool) : std::next(pool);
  }
  if (idle_.empty()) {
    uv_timer_stop(idle_timer_.get());
  } else {
    uv_timer_start(idle_timer_.get(), on_idle_timer, oldest + limit - now, 0);
  }
}

void HttpClient::reply(CallId call, Reply reply) { replies_.push(call, std::move(reply)); }

void HttpClient::over(CallId call) {
  const auto found = exchanges_.find(call);
  if (found == exchanges_.end()) return;
  ended_.push_back(std::move(found->second));
  exchanges_.erase(found);
}

}  // namespace daybook
