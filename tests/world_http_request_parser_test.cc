// The fakes' own request reader: strict, and the same however bytes are cut.
#include "tests/world/http_request_parser.h"

#include <catch2/catch.hpp>

namespace daybook::world_http_request_parser_test {

using world::HttpRequest;
using world::HttpRequestParser;

const std::string kPost =
    "POST /bot1:a/sendMessage HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: t\r\n"
    "Content-Type: application/json\r\nContent-Length: 5\r\n\r\nhello";

std::string wrong_of(const std::string& bytes) {
  HttpRequestParser parser;
  parser.feed(bytes);
  parser.next();
  return parser.wrong();
}

TEST_CASE("a request is the same whole and cut at every point", "[world]") {
  for (std::size_t cut = 0; cut <= kPost.size(); ++cut) {
    HttpRequestParser parser;
    parser.feed(kPost.substr(0, cut));
    std::optional<HttpRequest> request = parser.next();
    CHECK(request.has_value() == (cut == kPost.size()));
    parser.feed(kPost.substr(cut));
    if (!request) request = parser.next();
    REQUIRE(request);
    CHECK(request->method == "POST");
    CHECK(request->target == "/bot1:a/sendMessage");
    CHECK(request->header("content-type") == "application/json");
    CHECK(request->body == "hello");
  }
}

TEST_CASE("requests follow one another on a connection", "[world]") {
  HttpRequestParser parser;
  parser.feed(kPost + kPost);
  CHECK(parser.next());
  CHECK(parser.pending_target() == "/bot1:a/sendMessage");
  CHECK(parser.next());
  CHECK_FALSE(parser.next());
  CHECK(parser.wrong().empty());
}

TEST_CASE("what a real front end may refuse is refused and named", "[world]") {
  CHECK(wrong_of("GET / HTTP/1.0\r\n\r\n") == "not an HTTP/1.1 request line");
  CHECK(wrong_of("GET / HTTP/1.1\r\nUser-Agent: t\r\n\r\n") == "no Host header");
  CHECK(wrong_of("GET / HTTP/1.1\r\nHost: h\r\n\r\n") == "no User-Agent header");
  CHECK(wrong_of("GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: t\r\nbad line\r\n\r\n") ==
        "not a header line");
  CHECK(wrong_of("GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n") == "header sent twice: host");
  CHECK(wrong_of("POST / HTTP/1.1\r\nHost: h\r\nUser-Agent: t\r\n\r\n") ==
        "POST without Content-Length");
  CHECK(wrong_of("POST / HTTP/1.1\r\nHost: h\r\nUser-Agent: t\r\nContent-Length: 1x\r\n\r\n") ==
        "bad Content-Length");
}

TEST_CASE("a request head has a limit", "[world]") {
  CHECK(wrong_of("GET / HTTP/1.1\r\nX: " + std::string(HttpRequestParser::kHeadBytesMax, 'x')) ==
        "request head over 32 KiB");
}

}  // namespace daybook::world_http_request_parser_test
