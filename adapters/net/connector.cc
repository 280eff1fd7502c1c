// libuv owns the two request structs while they are out; each points back here, or at nothing once
// the connector is gone.
#include "adapters/net/connector.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "core/settings.h"

namespace daybook {
namespace {

std::vector<sockaddr_storage> of_family(const addrinfo* found, int family) {
  std::vector<sockaddr_storage> addresses;
  for (const addrinfo* item = found; item != nullptr; item = item->ai_next) {
    if (item->ai_family != family || item->ai_addrlen > sizeof(sockaddr_storage)) continue;
    sockaddr_storage address{};
    std::memcpy(&address, item->ai_addr, item->ai_addrlen);
    addresses.push_back(address);
  }
  return addresses;
}

// The resolver's first family leads, the two alternate.
std::vector<sockaddr_storage> alternate(const addrinfo* found) {
  const int first = found != nullptr ? found->ai_family : AF_INET6;
  const auto leading = of_family(found, first);
  const auto other = of_family(found, first == AF_INET6 ? AF_INET : AF_INET6);
  std::vector<sockaddr_storage> addresses;
  for (std::size_t i = 0; i < leading.size() || i < other.size(); ++i) {
    if (i < leading.size()) addresses.push_back(leading[i]);
    if (i < other.size()) addresses.push_back(other[i]);
  }
  if (addresses.size() > Connector::kAddressesMax) addresses.resize(Connector::kAddressesMax);
  return addresses;
}

std::vector<sockaddr_storage> loopback(std::uint16_t port) {
  std::vector<sockaddr_storage> addresses(2);
  uv_ip6_addr("::1", port, reinterpret_cast<sockaddr_in6*>(&addresses[0]));
  uv_ip4_addr("127.0.0.1", port, reinterpret_cast<sockaddr_in*>(&addresses[1]));
  return addresses;
}

}  // namespace

struct Connector::Lookup {
  uv_getaddrinfo_t raw{};
  Connector* owner = nullptr;
};

struct Connector::Attempt {
  uv_connect_t raw{};
};

Connector::Connector(uv_loop_t* loop, const std::string& host, std::uint16_t port, Done done)
    : loop_(loop), host_(host), port_(port), done_(std::move(done)) {
  stagger_.open(this, [&](uv_timer_t* handle) { return uv_timer_init(loop_, handle); });
  if (is_localhost(host_)) addresses_ = loopback(port_);
  if (addresses_.empty()) look_up();
  // Told from the loop like every outcome: the timer stands in for a lookup that was not begun.
  if (lookup_ == nullptr) uv_timer_start(stagger_.get(), on_stagger, 0, 0);
}

void Connector::look_up() {
  auto lookup = std::make_unique<Lookup>();
  lookup->owner = this;
  lookup->raw.data = lookup.get();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const std::string service = std::to_string(port_);
  const int code =
      uv_getaddrinfo(loop_, &lookup->raw, on_lookup, host_.c_str(), service.c_str(), &hints);
  last_error_ = code;
  if (code == 0) lookup_ = lookup.release();
}

Connector::~Connector() {
  if (lookup_ == nullptr) return;
  lookup_->owner = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->raw));
}

void Connector::on_lookup(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(request->data));
  const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> list(found, uv_freeaddrinfo);
  if (lookup->owner == nullptr) return;
  lookup->owner->lookup_ = nullptr;
  lookup->owner->resolved(status, found);
}

void Connector::resolved(int status, const addrinfo* found) {
  if (status == 0) addresses_ = alternate(found);
  if (addresses_.empty()) {
    const char* why = status != 0 ? uv_strerror(status) : "it has no address";
    give_up(ReplyFailed::Reason::kResolve, "the name " + host_ + " could not be looked up: " + why);
    return;
  }
  try_next();
}

void Connector::on_stagger(uv_timer_t* timer) {
  auto* connector = static_cast<Connector*>(timer->data);
  if (connector == nullptr) return;
  if (connector->addresses_.empty()) {
    connector->resolved(connector->last_error_, nullptr);
  } else {
    connector->try_next();
  }
}

void Connector::try_next() {
  uv_timer_stop(stagger_.get());
  while (next_address_ < addresses_.size()) {
    const auto* address = reinterpret_cast<const sockaddr*>(&addresses_[next_address_++]);
    UvHandle<uv_tcp_t> socket;
    last_error_ = socket.open(this, [&](uv_tcp_t* raw) { return uv_tcp_init(loop_, raw); });
    if (last_error_ != 0) continue;
    auto attempt = std::make_unique<Attempt>();
    attempt->raw.data = attempt.get();
    last_error_ = uv_tcp_connect(&attempt->raw, socket.get(), address, on_connect);
    if (last_error_ != 0) continue;
    static_cast<void>(attempt.release());  // libuv's until on_connect
    sockets_.push_back(std::move(socket));
    if (next_address_ < addresses_.size()) {
      uv_timer_start(stagger_.get(), on_stagger, kStaggerMilliseconds, 0);
    }
    return;
  }
  if (!sockets_.empty()) return;
  give_up(ReplyFailed::Reason::kConnect, "no connection to " + host_ + " port " +
                                             std::to_string(port_) + ": " +
                                             uv_strerror(last_error_));
}

void Connector::on_connect(uv_connect_t* request, int status) {
  const std::unique_ptr<Attempt> attempt(static_cast<Attempt*>(request->data));
  auto* connector = static_cast<Connector*>(request->handle->data);
  if (connector != nullptr) connector->connected(attempt.get(), status);
}

void Connector::connected(Attempt* attempt, int status) {
  const auto socket =
      std::find_if(sockets_.begin(), sockets_.end(), [&](const UvHandle<uv_tcp_t>& candidate) {
        return candidate.stream() == attempt->raw.handle;
      });
  if (status != 0) {
    last_error_ = status;
    sockets_.erase(socket);
    try_next();
    return;
  }
  Outcome outcome;
  outcome.socket = std::move(*socket);
  sockets_.clear();
  uv_timer_stop(stagger_.get());
  const Done done = std::move(done_);
  done(std::move(outcome));
}

void Connector::give_up(ReplyFailed::Reason reason, std::string detail) {
  Outcome outcome;
  outcome.reason = reason;
  outcome.detail = std::move(detail);
  const Done done = std::move(done_);
  done(std::move(outcome));
}

}  // namespace daybook
