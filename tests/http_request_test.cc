// The request writer: the bytes it sends, and what it will not send.
#include "adapters/wire/http_request.h"

#include <catch2/catch.hpp>

namespace daybook::http_request_test {

HttpCall good_call() {
  HttpCall call;
  call.label = "telegram sendMessage";
  call.origin = Origin{true, "api.telegram.org", 443};
  call.target = Secret("/bot123:SECRET/sendMessage");
  call.headers = {{"Content-Type", Secret("application/json")}};
  call.body = "{}";
  return call;
}

TEST_CASE("a request is written as RFC 9112 has it", "[http]") {
  const auto text = http::write_request(good_call(), "daybook/1");
  REQUIRE(text);
  CHECK(*text ==
        "POST /bot123:SECRET/sendMessage HTTP/1.1\r\n"
        "Host: api.telegram.org\r\n"
        "User-Agent: daybook/1\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 2\r\n"
        "Connection: keep-alive\r\n\r\n{}");
}

TEST_CASE("a GET without a body has no Content-Length", "[http]") {
  HttpCall call = good_call();
  call.method = "GET";
  call.body.clear();
  CHECK((*http::write_request(call, "d")).find("Content-Length") == std::string::npos);
  call.method = "POST";
  CHECK((*http::write_request(call, "d")).find("Content-Length: 0\r\n") != std::string::npos);
}

TEST_CASE("the authority names a port only where it is unusual, and brackets IPv6", "[http]") {
  CHECK(http::authority({true, "a.example", 443}) == "a.example");
  CHECK(http::authority({true, "a.example", 80}) == "a.example:80");
  CHECK(http::authority({false, "a.example", 80}) == "a.example");
  CHECK(http::authority({false, "::1", 8080}) == "[::1]:8080");
}

TEST_CASE("a line end or NUL in any field is refused and never shown", "[http]") {
  const std::string bad =
      GENERATE(as<std::string>(), "a\r\nX: y", "a\nb", "a\rb", std::string("a\0b", 3), "a\x7F");
  const auto refused = [](const HttpCall& call) {
    const auto text = http::write_request(call, "daybook/1");
    REQUIRE_FALSE(text);
    CHECK(text.error().message.find("SECRET") == std::string::npos);
    CHECK(text.error().message.find('\n') == std::string::npos);
  };
  HttpCall call = good_call();
  call.headers[0].value = Secret("SECRET" + bad);
  refused(call);
  call = good_call();
  call.headers[0].name = bad;
  refused(call);
  call = good_call();
  call.target = Secret("/SECRET" + bad);
  refused(call);
  call = good_call();
  call.method = bad;
  refused(call);
  call = good_call();
  call.origin.host = bad;
  refused(call);
}

TEST_CASE("a target must be a path without spaces", "[http]") {
  const std::string target = GENERATE("", "x", "http://elsewhere/", "/a b", "/\xC3\xA9");
  HttpCall call = good_call();
  call.target = Secret(target);
  CHECK_FALSE(http::write_request(call, "d"));
}

TEST_CASE("headers that are the writer's own are refused", "[http]") {
  const std::string name = GENERATE("Host", "host", "CONTENT-LENGTH", "Transfer-Encoding",
                                    "Connection", "Accept-Encoding", "User-Agent");
  HttpCall call = good_call();
  call.headers.push_back({name, Secret("x")});
  CHECK_FALSE(http::write_request(call, "d"));
}

TEST_CASE("a head over 32 KiB is refused", "[http]") {
  HttpCall call = good_call();
  call.headers.push_back({"X-Long", Secret(std::string(http::kRequestHeadBytesMax, 'x'))});
  CHECK_FALSE(http::write_request(call, "d"));
}

TEST_CASE("a tunnel is asked for by host and port", "[http]") {
  CHECK(*http::write_connect({true, "api.example.org", 443}, "d") ==
        "CONNECT api.example.org:443 HTTP/1.1\r\nHost: api.example.org:443\r\n"
        "User-Agent: d\r\n\r\n");
  CHECK_FALSE(http::write_connect({true, "a\r\nb", 443}, "d"));
}

}  // namespace daybook::http_request_test
