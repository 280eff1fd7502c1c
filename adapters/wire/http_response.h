// Reads one HTTP/1.1 response, sans-IO: llhttp parses, our own guard (http_guard.h) goes before it.
//
// Law: a response is complete only when its own framing says so, and one request gives one
// response. A body that ends with the connection is refused, because a cut one looks the same,
// unless the caller can tell by what the body says.
// llhttp alone would take 8 MiB headers, folded lines, bare CRs, unknown codings and more.
// Rejected: llhttp's lenient flags, and reading a second response that nobody asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace daybook::http {

struct Head {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  friend bool operator==(const Head&, const Head&) = default;
};
// Valid as long as the bytes that were fed.
struct Body {
  std::string_view bytes;

  friend bool operator==(const Body&, const Body&) = default;
};
struct End {
  friend bool operator==(const End&, const End&) = default;
};
using Piece = std::variant<Head, Body, End>;

// What was asked decides whether an answer has a body (RFC 9112 section 6.3).
enum class Asked { kOrdinary, kHead, kConnect };

// Whether a body that says no length may end with the connection.
enum class Unmarked { kRefused, kAccepted };

class ResponseReader {
 public:
  explicit ResponseReader(Asked asked, Unmarked unmarked = Unmarked::kRefused);
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  // Appends the pieces found in `bytes`. False: the peer is wrong, error() says how; what was found
  // before that point is still good. After End any byte is wrong, though the response stands.
  bool feed(std::string_view bytes, std::vector<Piece>* pieces);

  // The connection was ended in good order: appends End where this ends the body.
  void end_of_bytes(std::vector<Piece>* pieces);

  [[nodiscard]] bool started() const;   // at least one byte of it came
  [[nodiscard]] bool complete() const;  // End was given; at EOF, if not: cut off
  [[nodiscard]] bool should_keep_alive() const;
  [[nodiscard]] std::string_view error() const;

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace daybook::http
