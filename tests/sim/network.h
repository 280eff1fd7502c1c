// A Transport on virtual time: calls become the bytes that the real client would write, travel to a
// fake server with a delay, and the server's bytes come back in pieces through the real response
// reader. What may happen to a connection happens here: refused, cut on the way there, cut on the
// way back, silent for ever.
//
// Not simulated: TLS and the reuse of connections; every call has a connection of its own.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wire/http_response.h"
#include "core/ports.h"
#include "tests/sim/chance.h"
#include "tests/world/exchange.h"

namespace daybook::sim {

// How often each fault fired, by name.
using Tally = std::map<std::string, std::uint64_t>;

class SimNetwork : public Transport {
 public:
  // `tally` must outlive it.
  SimNetwork(Chance chance, Tally& tally) : chance_(chance), tally_(tally) {}

  // Calls to this port reach this server, which must outlive the network.
  void add(std::uint16_t port, world::Server& server) { servers_[port] = &server; }

  void start(Call call) override;
  void cancel(CallId call) override;
  std::vector<std::pair<CallId, Reply>> take_replies() override;

  // Everything that is due by `now`, which never runs backwards.
  void run(Time now);
  [[nodiscard]] Time wake_at() const;

  // The process that made the calls is dead. Requests on their way may still arrive.
  void crash();

  // From here on nothing goes wrong.
  void calm() { calm_ = true; }

 private:
  enum class Fate {
    kWell,
    kRefused,     // no connection
    kCutThere,    // the request breaks off: the server never sees it
    kLostThere,   // handed over whole, yet the server never sees it
    kCutBack,     // the response breaks off
    kSilentBack,  // the response stops coming, and nobody closes
  };
  struct Exchange {
    CallId call = 0;
    world::Server* server = nullptr;
    HttpCall asked;
    world::HttpRequest request;
    Fate fate = Fate::kWell;
    std::size_t response_bytes_max = 0;  // with kCutBack and kSilentBack
    Time arrives{};                      // at the server
    bool arrived = false;
    Time heard{};  // when the last byte came, or was sent
    Time began{};
    Time last_delivery{};
    std::size_t received = 0;
    bool broken = false;  // nothing more gets through
    std::unique_ptr<http::ResponseReader> reader;
    std::string body;
  };
  // Bytes on their way to the client, or its connection's end.
  struct Delivery {
    world::ExchangeId exchange = 0;
    std::string bytes;
    bool closed = false;
  };
  using Exchanges = std::map<world::ExchangeId, Exchange>;

  Fate draw_fate(const HttpCall& call);
  Duration delay();
  void arrive(Time now);
  void collect(Time now);
  void deliver(Time now);
  void expire(Time now);
  void send_back(const world::Output& output, Time now);
  void queue(Exchanges::iterator exchange, std::string bytes, bool closed, Time now);
  void receive(Exchanges::iterator exchange, std::string_view bytes);
  bool take_piece(Exchange& exchange, http::Piece piece);
  void fail(Exchanges::iterator exchange, ReplyFailed::Reason reason, bool handed_over);
  void leave(Exchanges::iterator exchange);
  [[nodiscard]] Time deadline(const Exchange& exchange) const;

  Chance chance_;
  Tally& tally_;
  std::map<std::uint16_t, world::Server*> servers_;
  Exchanges exchanges_;
  std::multimap<Time, Delivery> deliveries_;
  // Requests of a dead process that arrive nevertheless.
  std::multimap<Time, std::pair<world::Server*, world::HttpRequest>> orphans_;
  std::vector<std::pair<CallId, Reply>> replies_;
  world::ExchangeId next_exchange_ = 1;
  Time now_{};
  bool calm_ = false;
};

}  // namespace daybook::sim
