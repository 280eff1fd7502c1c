// Time moves in run() alone. Order within one exchange is kept: a later piece never overtakes an
// earlier one.
#include "tests/sim/network.h"

#include <algorithm>

#include "adapters/wire/http_request.h"
#include "core/check.h"
#include "tests/world/http_request_parser.h"

namespace daybook::sim {

using world::ExchangeId;
using world::Output;

Duration SimNetwork::delay() {
  if (calm_) return Duration(chance_.between(0, 2));
  return Duration(chance_.between(0, chance_.per_thousand(200) ? 80 : 12));
}

SimNetwork::Fate SimNetwork::draw_fate(const HttpCall& call) {
  if (calm_) return Fate::kWell;
  const std::uint64_t draw = chance_.below(1'000);
  if (draw < 10) return Fate::kRefused;
  if (draw < 20) return Fate::kCutThere;
  if (draw < 35) return Fate::kLostThere;
  // A stream is longer, so more can happen to it.
  if (draw < (call.stream ? 160u : 60u)) return Fate::kCutBack;
  if (draw < (call.stream ? 175u : 70u)) return Fate::kSilentBack;
  return Fate::kWell;
}

void SimNetwork::start(Call call) {
  DAYBOOK_CHECK(std::holds_alternative<HttpCall>(call.what), "only HTTP is simulated");
  Exchange exchange;
  exchange.call = call.id;
  exchange.asked = std::move(std::get<HttpCall>(call.what));
  exchange.server = servers_.at(exchange.asked.origin.port);
  const Result<std::string> bytes = http::write_request(exchange.asked, "daybook/sim");
  DAYBOOK_CHECK(bytes.has_value(), "a request that can be written");
  world::HttpRequestParser parser;
  parser.feed(*bytes);
  std::optional<world::HttpRequest> request = parser.next();
  DAYBOOK_CHECK(request.has_value(), "a request that a strict server can read");
  exchange.request = *std::move(request);
  exchange.fate = draw_fate(exchange.asked);
  const bool nothing_comes = chance_.per_thousand(350);
  const std::uint64_t most = exchange.asked.stream ? 6'000 : 400;
  exchange.response_bytes_max = nothing_comes ? 0 : chance_.below(most);
  exchange.reader = std::make_unique<http::ResponseReader>(http::Asked::kOrdinary);
  exchange.began = exchange.heard = now_;
  exchange.arrives = exchange.last_delivery = now_ + delay();
  const auto placed = exchanges_.emplace(next_exchange_++, std::move(exchange)).first;
  if (placed->second.fate == Fate::kRefused || placed->second.fate == Fate::kCutThere ||
      placed->second.fate == Fate::kLostThere) {
    queue(placed, {}, true, now_);
  }
}

void SimNetwork::cancel(CallId call) {
  const auto found =
      std::ranges::find_if(exchanges_, [call](const auto& row) { return row.second.call == call; });
  if (found != exchanges_.end()) leave(found);
  std::erase_if(replies_, [call](const auto& reply) { return reply.first == call; });
}

std::vector<std::pair<CallId, Reply>> SimNetwork::take_replies() {
  return std::exchange(replies_, {});
}

void SimNetwork::crash() {
  for (const auto& [id, exchange] : exchanges_) {
    const bool never = exchange.fate == Fate::kRefused || exchange.fate == Fate::kCutThere ||
                       exchange.fate == Fate::kLostThere;
    if (exchange.arrived) {
      exchange.server->gone(id, now_);
    } else if (!never && chance_.per_thousand(800)) {
      orphans_.emplace(exchange.arrives, std::pair(exchange.server, exchange.request));
    }
  }
  exchanges_.clear();
  deliveries_.clear();
  replies_.clear();
}

void SimNetwork::run(Time now) {
  now_ = now;
  arrive(now);
  collect(now);
  deliver(now);
  expire(now);
}

Time SimNetwork::wake_at() const {
  Time wake = deliveries_.empty() ? kNever : deliveries_.begin()->first;
  if (!orphans_.empty()) wake = std::min(wake, orphans_.begin()->first);
  for (const auto& [port, server] : servers_) wake = std::min(wake, server->wake_at());
  for (const auto& [id, exchange] : exchanges_) {
    wake = std::min(wake, deadline(exchange));
    if (!exchange.arrived) wake = std::min(wake, exchange.arrives);
  }
  return wake;
}

void SimNetwork::arrive(Time now) {
  while (!orphans_.empty() && orphans_.begin()->first <= now) {
    const auto [server, request] = orphans_.begin()->second;
    orphans_.erase(orphans_.begin());
    const ExchangeId id = next_exchange_++;
    server->request(id, request, now);
    server->gone(id, now);
    ++tally_["request of a dead process executed"];
  }
  for (auto& [id, exchange] : exchanges_) {
    if (exchange.arrived || exchange.arrives > now) continue;
    exchange.arrived = true;
    const bool reaches = exchange.fate == Fate::kWell || exchange.fate == Fate::kCutBack ||
                         exchange.fate == Fate::kSilentBack;
    if (reaches) exchange.server->request(id, exchange.request, now);
  }
}

void SimNetwork::collect(Time now) {
  for (const auto& [port, server] : servers_) {
    for (const Output& output : server->poll(now)) send_back(output, now);
  }
}

void SimNetwork::send_back(const Output& output, Time now) {
  const auto found = exchanges_.find(output.exchange);
  if (found == exchanges_.end() || found->second.broken) return;
  Exchange& exchange = found->second;
  std::string bytes = output.bytes;
  const bool limited = exchange.fate == Fate::kCutBack || exchange.fate == Fate::kSilentBack;
  exchange.broken = limited && exchange.received + bytes.size() > exchange.response_bytes_max;
  if (exchange.broken) bytes.resize(exchange.response_bytes_max - exchange.received);
  exchange.received += bytes.size();
  // Odd splits: what was written at once is read in pieces.
  while (bytes.size() > 1 && chance_.per_thousand(250)) {
    const std::size_t cut = 1 + chance_.below(bytes.size() - 1);
    queue(found, bytes.substr(0, cut), false, now);
    bytes.erase(0, cut);
  }
  const bool closed =
      output.after == Output::After::kClose || output.after == Output::After::kReset;
  queue(found, std::move(bytes), closed || (exchange.broken && exchange.fate == Fate::kCutBack),
        now);
}

void SimNetwork::queue(Exchanges::iterator exchange, std::string bytes, bool closed, Time now) {
  exchange->second.last_delivery = std::max(exchange->second.last_delivery, now + delay());
  deliveries_.emplace(exchange->second.last_delivery,
                      Delivery{exchange->first, std::move(bytes), closed});
}

void SimNetwork::deliver(Time now) {
  while (!deliveries_.empty() && deliveries_.begin()->first <= now) {
    const Delivery delivery = std::move(deliveries_.begin()->second);
    deliveries_.erase(deliveries_.begin());
    auto found = exchanges_.find(delivery.exchange);
    if (found == exchanges_.end()) continue;
    if (!delivery.bytes.empty()) receive(found, delivery.bytes);
    found = exchanges_.find(delivery.exchange);
    if (!delivery.closed || found == exchanges_.end()) continue;
    const Fate fate = found->second.fate;
    const auto reason =
        fate == Fate::kRefused ? ReplyFailed::Reason::kConnect : ReplyFailed::Reason::kClosed;
    ++tally_[fate == Fate::kRefused        ? "connection refused"
             : fate == Fate::kCutThere     ? "request cut"
             : fate == Fate::kLostThere    ? "answer lost, not executed"
             : found->second.received == 0 ? "answer lost, executed"
             : found->second.asked.stream  ? "stream cut"
                                           : "answer cut"];
    fail(found, reason, fate != Fate::kRefused && fate != Fate::kCutThere);
  }
}

void SimNetwork::receive(Exchanges::iterator found, std::string_view bytes) {
  Exchange& exchange = found->second;
  exchange.heard = now_;
  std::vector<http::Piece> pieces;
  const bool good = exchange.reader->feed(bytes, &pieces);
  for (http::Piece& piece : pieces) {
    if (take_piece(exchange, std::move(piece))) continue;
    exchanges_.erase(found);
    return;
  }
  if (!good) return fail(found, ReplyFailed::Reason::kProtocol, true);
  if (exchange.asked.stream && !exchange.body.empty()) {
    replies_.emplace_back(exchange.call, ReplyBody{std::exchange(exchange.body, {})});
  }
}

// False: the exchange is over.
bool SimNetwork::take_piece(Exchange& exchange, http::Piece piece) {
  if (auto* head = std::get_if<http::Head>(&piece)) {
    replies_.emplace_back(exchange.call, ReplyHead{head->status, std::move(head->headers)});
    return true;
  }
  if (const auto* body = std::get_if<http::Body>(&piece)) {
    exchange.body += body->bytes;
    return true;
  }
  if (!exchange.asked.stream || !exchange.body.empty()) {
    replies_.emplace_back(exchange.call, ReplyBody{exchange.body});
  }
  replies_.emplace_back(exchange.call, ReplyEnd{});
  return false;
}

Time SimNetwork::deadline(const Exchange& exchange) const {
  const Deadlines& limits = exchange.asked.deadlines;
  const bool begun = exchange.heard != exchange.began;
  const Duration limit = begun ? limits.idle : limits.first_byte;
  return std::min(exchange.heard + limit, exchange.began + limits.total);
}

void SimNetwork::expire(Time now) {
  for (auto next = exchanges_.begin(); next != exchanges_.end();) {
    const auto found = next++;
    if (deadline(found->second) > now) continue;
    ++tally_["silence until the deadline"];
    fail(found, ReplyFailed::Reason::kStalled, true);
  }
}

void SimNetwork::fail(Exchanges::iterator exchange, ReplyFailed::Reason reason, bool handed_over) {
  replies_.emplace_back(exchange->second.call,
                        ReplyFailed{reason, handed_over, "the simulated connection broke"});
  leave(exchange);
}

void SimNetwork::leave(Exchanges::iterator exchange) {
  if (exchange->second.arrived) exchange->second.server->gone(exchange->first, now_);
  exchanges_.erase(exchange);
}

}  // namespace daybook::sim
