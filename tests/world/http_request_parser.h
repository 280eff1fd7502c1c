// Reads HTTP/1.1 requests for the fake servers: strict on purpose, so that a client that writes
// something a real front end might refuse is caught here. Deliberately not the gateway's own
// parser: a writer tested against its own reader proves little.
//
// Accepts Content-Length bodies only; wants Host and User-Agent (our clients send both).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/world/exchange.h"

namespace daybook::world {

class HttpRequestParser {
 public:
  static constexpr std::size_t kHeadBytesMax = 32u << 10;
  static constexpr std::size_t kBodyBytesMax = 32u << 20;

  void feed(std::string_view bytes) { buffer_ += bytes; }

  // The next whole request; nullopt: need more, or wrong().
  std::optional<HttpRequest> next();

  // Empty, or why the peer is wrong; sticky.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

  // Bytes of a request that is not whole yet, and its target once the request line is there.
  [[nodiscard]] std::size_t pending_bytes() const { return buffer_.size(); }
  [[nodiscard]] std::string_view pending_target() const;

 private:
  bool parse_head(std::string_view head, HttpRequest* request);
  bool parse_header(std::string_view line, HttpRequest* request);
  std::optional<std::size_t> body_bytes(const HttpRequest& request);

  std::string buffer_;
  std::string wrong_;
};

}  // namespace daybook::world
