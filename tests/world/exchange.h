// What every fake server has in common: whole HTTP requests in, response bytes out, on a clock that
// it is told. The same model runs behind loopback sockets (tests/world/socket_server.h) and in the
// simulator's virtual network (tests/sim), so what one test learns of a peer holds in the other.
//
// Law: a fake is the specification of its peer (it says what the real one would say, byte for byte)
// and never sees the inside of the gateway.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/types.h"

namespace daybook::world {

// One request and its response. Chosen by whoever carries the bytes, never reused.
using ExchangeId = std::uint64_t;

struct HttpRequest {
  std::string method;
  std::string target;                                        // origin-form, with the query
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  // Empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] std::string_view path() const;
};

struct Output {
  enum class After {
    kMore,   // the response goes on
    kDone,   // it is whole; the connection serves the next request
    kClose,  // orderly close: of a whole response with "Connection: close", or of a cut one
    kReset,  // RST
  };
  ExchangeId exchange = 0;
  std::string bytes;
  After after = After::kMore;

  friend bool operator==(const Output&, const Output&) = default;
};

class Server {
 public:
  virtual ~Server() = default;

  virtual void request(ExchangeId exchange, const HttpRequest& request, Time now) = 0;

  // The client closed before the response was whole.
  virtual void gone(ExchangeId exchange, Time now) = 0;

  // Bytes due at `now` or before, in order.
  virtual std::vector<Output> poll(Time now) = 0;

  // When poll() will have something though no request comes; kNever if never.
  [[nodiscard]] virtual Time wake_at() const = 0;
};

// How a response ends, if not well.
struct Ending {
  enum class Kind {
    kWhole,
    kClose,  // after `bytes` bytes the server closes
    kReset,  // after `bytes` bytes it resets
    kStall,  // after `bytes` bytes nothing more comes, and nothing closes
  };
  Kind kind = Kind::kWhole;
  std::size_t bytes = 0;

  friend bool operator==(const Ending&, const Ending&) = default;
};

// Bytes of a response that leave at a time.
struct Piece {
  Time at{};
  std::string bytes;
};

// What is still to leave, by time.
class Outbox {
 public:
  // Times must not decrease within one response.
  void send(ExchangeId exchange, std::vector<Piece> pieces, Ending ending = {});
  void drop(ExchangeId exchange);
  std::vector<Output> take(Time now);
  [[nodiscard]] Time wake_at() const;
  [[nodiscard]] bool holds(ExchangeId exchange) const;

 private:
  std::multimap<Time, Output> outputs_;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// A whole response with Content-Length.
std::string http_response(int status, std::string_view content_type, std::string_view body,
                          const Headers& more = {});
// Status line and headers of a chunked response.
std::string http_chunked_head(int status, std::string_view content_type, const Headers& more = {});
// One chunk (RFC 9112 7.1). Empty text gives the last one.
std::string http_chunk(std::string_view text);

}  // namespace daybook::world
