// The response reader: what it accepts, and the vectors it must refuse, each cut at every point.
#include "adapters/wire/http_response.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "adapters/wire/http_guard.h"

namespace daybook::http_response_test {

using http::Asked;

struct Outcome {
  std::vector<http::Head> heads;
  std::string body;
  int ends = 0;
  bool complete = false;
  bool keep_alive = false;
  std::string error;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.heads.size() << " heads, body " << outcome.body << ", ends " << outcome.ends
             << ", error " << outcome.error;
}

Outcome read(const std::vector<std::string>& reads, Asked asked = Asked::kOrdinary) {
  http::ResponseReader reader(asked);
  Outcome outcome;
  for (const std::string& bytes : reads) {
    std::vector<http::Piece> pieces;
    const bool good = reader.feed(bytes, &pieces);
    for (http::Piece& piece : pieces) {
      if (auto* head = std::get_if<http::Head>(&piece)) outcome.heads.push_back(std::move(*head));
      if (auto* body = std::get_if<http::Body>(&piece)) outcome.body += body->bytes;
      if (std::holds_alternative<http::End>(piece)) ++outcome.ends;
    }
    if (!good) break;
  }
  outcome.complete = reader.complete();
  outcome.keep_alive = reader.should_keep_alive();
  outcome.error = std::string(reader.error());
  return outcome;
}

// Whole, byte by byte, and cut at every point. (The words of llhttp's own refusals may differ.)
Outcome every_way(const std::string& text, Asked asked = Asked::kOrdinary) {
  const Outcome whole = read({text}, asked);
  std::vector<std::string> single;
  for (const char byte : text) single.emplace_back(1, byte);
  CHECK(read(single, asked) == whole);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    INFO("cut at " << cut);
    CHECK(read({text.substr(0, cut), text.substr(cut)}, asked) == whole);
  }
  return whole;
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kChunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";

TEST_CASE("a response with a length is read", "[http]") {
  const Outcome outcome = every_way(
      kOk + "Content-Type: application/json\r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(outcome.error.empty());
  CHECK(outcome.ends == 1);
  CHECK(outcome.complete);
  CHECK(outcome.keep_alive);
  CHECK(outcome.body == "hello");
  REQUIRE(outcome.heads.size() == 1);
  CHECK(outcome.heads[0].status == 200);
  CHECK(outcome.heads[0].headers ==
        std::vector<std::pair<std::string, std::string>>{
            {"content-type", "application/json"}, {"x-empty", ""}, {"content-length", "5"}});
}

TEST_CASE("a response in chunks is read, extensions and trailers passed over", "[http]") {
  const Outcome outcome =
      every_way(kChunked + "3\r\none\r\nA;x=y\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n");
  CHECK(outcome.error.empty());
  CHECK(outcome.body == "one0123456789");
  CHECK(outcome.ends == 1);
  CHECK(outcome.heads[0].headers.size() == 1);
  CHECK(outcome.keep_alive);
}

TEST_CASE("responses that need no body have none", "[http]") {
  CHECK(every_way(kOk + "Content-Length: 0\r\n\r\n").complete);
  CHECK(every_way("HTTP/1.1 204 No Content\r\n\r\n").complete);
  CHECK(every_way("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n").complete);
  CHECK(every_way(kOk + "Content-Length: 7\r\n\r\n", Asked::kHead).complete);
  CHECK(every_way(kOk + "\r\n", Asked::kConnect).complete);
  CHECK_FALSE(every_way("HTTP/1.1 403 No\r\nContent-Length: 1\r\n\r\n", Asked::kConnect).complete);
}

TEST_CASE("interim responses are passed over, up to four", "[http]") {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  const std::string last = kOk + "Content-Length: 2\r\n\r\nok";
  const Outcome outcome = every_way(interim + "HTTP/1.1 100 Continue\r\n\r\n" + last);
  CHECK(outcome.heads.size() == 1);
  CHECK(outcome.body == "ok");
  CHECK(outcome.complete);
  CHECK(read({interim + interim + interim + interim + last}).complete);
  CHECK_FALSE(read({interim + interim + interim + interim + interim + last}).complete);
}

TEST_CASE("a connection is kept only if both sides may go on", "[http]") {
  CHECK_FALSE(every_way(kOk + "Connection: close\r\nContent-Length: 0\r\n\r\n").keep_alive);
  CHECK_FALSE(every_way("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keep_alive);
  CHECK(every_way("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
            .keep_alive);
}

TEST_CASE("a response cut anywhere is not complete", "[http]") {
  const std::string text =
      GENERATE(kOk + "Content-Length: 5\r\n\r\nhello", kChunked + "3\r\none\r\n0\r\nX: y\r\n\r\n");
  for (std::size_t length = 0; length < text.size(); ++length) {
    const Outcome outcome = read({text.substr(0, length)});
    INFO("first " << length);
    CHECK(outcome.error.empty());
    CHECK_FALSE(outcome.complete);
    CHECK(outcome.ends == 0);
  }
}

TEST_CASE("a body may end with the connection where that is accepted", "[http]") {
  const std::string head = GENERATE("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                                    "HTTP/1.1 404 No\r\nContent-Encoding: identity\r\n\r\n");
  const std::string text = head + "data: [DONE]\n\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    INFO("cut at " << cut);
    http::ResponseReader reader(Asked::kOrdinary, http::Unmarked::kAccepted);
    std::vector<http::Piece> pieces;
    std::string body;
    for (const std::string& bytes : {text.substr(0, cut), text.substr(cut)}) {
      pieces.clear();
      REQUIRE(reader.feed(bytes, &pieces));
      for (const http::Piece& piece : pieces) {
        if (const auto* part = std::get_if<http::Body>(&piece)) body += part->bytes;
      }
      CHECK_FALSE(reader.complete());
    }
    CHECK(body == "data: [DONE]\n\n");
    pieces.clear();
    reader.end_of_bytes(&pieces);
    CHECK(pieces == std::vector<http::Piece>{http::End{}});
    CHECK(reader.complete());
    CHECK_FALSE(reader.should_keep_alive());
    CHECK(reader.error().empty());
  }
}

TEST_CASE("the end of a connection makes nothing else whole", "[http]") {
  for (const std::string& text :
       {kOk + "Content-Length: 5\r\n\r\nhell", kChunked + "3\r\none\r\n", kOk + "X: y\r\n",
        std::string("HTTP/1.1 100 Continue\r\n\r\n"), std::string()}) {
    http::ResponseReader reader(Asked::kOrdinary, http::Unmarked::kAccepted);
    std::vector<http::Piece> pieces;
    CHECK(reader.feed(text, &pieces));
    reader.end_of_bytes(&pieces);
    CHECK_FALSE(reader.complete());
  }
}

TEST_CASE("bytes after the end are wrong, though the response stands", "[http]") {
  const std::string extra = GENERATE("x", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (const std::string& text :
       {kOk + "Content-Length: 2\r\n\r\nok", kChunked + "2\r\nok\r\n0\r\n\r\n",
        std::string("HTTP/1.1 204 No Content\r\n\r\n")}) {
    const Outcome outcome = every_way(text + extra);
    CHECK(outcome.complete);
    CHECK(outcome.ends == 1);
    CHECK(outcome.heads.size() == 1);
    CHECK_FALSE(outcome.keep_alive);
    CHECK_FALSE(outcome.error.empty());
  }
}

struct Vector {
  std::string name;
  std::string text;
};

std::vector<Vector> wrong_heads() {
  const std::string end = "\r\nContent-Length: 0\r\n\r\n";
  return {
      {"folded field", kOk + "X: a\r\n b" + end},
      {"fold by tab", kOk + "X: a\r\n\tb" + end},
      {"bare CR in a value", kOk + "X: a\rb" + end},
      {"bare CR before the end", kOk + "Content-Length: 0\r\n\rX\r\n\r\n"},
      {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
      {"bare LF in a value", kOk + "X: a\nY: b" + end},
      {"NUL in a value", kOk + std::string("X: a\0b", 6) + end},
      {"NUL in a name", kOk + std::string("X\0Y: b", 6) + end},
      {"space before the colon", kOk + "X : a" + end},
      {"no colon", kOk + "nonsense" + end},
      {"empty name", kOk + ": a" + end},
      {"space before the first field", kOk + " X: a" + end},
      {"empty line first", "\r\n" + kOk + "Content-Length: 0\r\n\r\n"},
      {"HTTP/2.0", "HTTP/2.0 200 OK" + end},
      {"HTTP/1.2", "HTTP/1.2 200 OK" + end},
      {"HTTP/0.9", "HTTP/0.9 200 OK" + end},
      {"lower case", "http/1.1 200 OK" + end},
      {"another protocol", "ICY 200 OK" + end},
      {"TLS alert", std::string("\x15\x03\x01\x00\x02\x02\x46\x0d\x0a", 9)},
      {"status below 100", "HTTP/1.1 099 Low" + end},
      {"status of two digits", "HTTP/1.1 20 OK" + end},
      {"status of four digits", "HTTP/1.1 2000 OK" + end},
      {"status in letters", "HTTP/1.1 abc OK" + end},
      {"two spaces", "HTTP/1.1  200 OK" + end},
      {"switched protocols",
       "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"},
      {"no length", kOk + "\r\n"},
      {"no length but close", kOk + "Connection: close\r\n\r\n"},
      {"two lengths", kOk + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"},
      {"list of lengths", kOk + "Content-Length: 0, 0\r\n\r\n"},
      {"negative length", kOk + "Content-Length: -1\r\n\r\n"},
      {"signed length", kOk + "Content-Length: +5\r\n\r\nhello"},
      {"hexadecimal length", kOk + "Content-Length: 0x5\r\n\r\nhello"},
      {"absurd length", kOk + "Content-Length: 18446744073709551615\r\n\r\n"},
      {"overflowing length", kOk + "Content-Length: 99999999999999999999\r\n\r\n"},
      {"length of 10 TB", kOk + "Content-Length: 10000000000000\r\n\r\n"},
      {"empty length", kOk + "Content-Length:\r\n\r\n"},
      {"length and chunks", kOk + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"chunks and length", kOk + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
      {"gzip, chunked", kOk + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
      {"xchunked", kOk + "Transfer-Encoding: xchunked\r\n\r\n"},
      {"chunked twice", kOk + "Transfer-Encoding: chunked, chunked\r\n\r\n"},
      {"two codings", kOk + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"identity", kOk + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n"},
      {"chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"gzip", kOk + "Content-Encoding: gzip" + end},
      {"br", kOk + "Content-Encoding: br" + end},
      {"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"},
      {"204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
  };
}

TEST_CASE("a wrong head is refused before anything is handed over", "[http]") {
  for (const Vector& vector : wrong_heads()) {
    INFO(vector.name);
    const Outcome outcome = every_way(vector.text);
    CHECK(outcome.heads.empty());
    CHECK(outcome.body.empty());
    CHECK_FALSE(outcome.complete);
    CHECK_FALSE(outcome.keep_alive);
    CHECK_FALSE(outcome.error.empty());
  }
}

TEST_CASE("wrong chunks are refused and never complete", "[http]") {
  const std::vector<Vector> vectors = {
      {"data longer than said", "3\r\nonetwo\r\n0\r\n\r\n"},
      {"no CRLF after data", "3\r\none0\r\n\r\n"},
      {"LF after data", "3\r\none\n0\r\n\r\n"},
      {"CR and another byte after data", "3\r\none\rX0\r\n\r\n"},
      {"LF after the size", "3\none\r\n0\r\n\r\n"},
      {"CR and another byte after the size", "3\rXone\r\n"},
      {"no size", "\r\n"},
      {"only an extension", ";x\r\n"},
      {"size not hexadecimal", "g\r\n"},
      {"negative size", "-1\r\n"},
      {"0x size", "0x3\r\none\r\n"},
      {"space before the size", " 3\r\none\r\n"},
      {"space after the size", "3 \r\none\r\n"},
      {"overflowing size", "fffffffffffffffff\r\n"},
      {"absurd size", "ffffffffffffffff\r\n"},
      {"LF in an extension", "3;a\nb\r\none\r\n"},
      {"folded trailer", "0\r\n X: y\r\n\r\n"},
      {"LF in a trailer", "0\r\nX: y\n\r\n"},
      {"bare CR in a trailer", "0\r\nX: y\rz\r\n\r\n"},
  };
  for (const Vector& vector : vectors) {
    INFO(vector.name);
    const Outcome outcome = every_way(kChunked + vector.text);
    CHECK_FALSE(outcome.complete);
    CHECK(outcome.ends == 0);
    CHECK_FALSE(outcome.error.empty());
  }
}

TEST_CASE("the head's limits are 64 KiB and 100 fields", "[http]") {
  const auto fields = [](std::size_t count) {
    std::string text = kOk + "Content-Length: 0\r\n";
    for (std::size_t i = 1; i < count; ++i) text += "X: y\r\n";
    return text + "\r\n";
  };
  CHECK(read({fields(http::kFieldsMax)}).complete);
  CHECK_FALSE(read({fields(http::kFieldsMax + 1)}).error.empty());
  const auto long_head = [](std::size_t bytes) {
    const std::string before = kOk + "Content-Length: 0\r\nX: ";
    return before + std::string(bytes - before.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(read({long_head(http::kHeaderBlockBytesMax)}).complete);
  CHECK_FALSE(read({long_head(http::kHeaderBlockBytesMax + 1)}).error.empty());
}

TEST_CASE("a chunk's extension is at most 256 bytes, a trailer at most 64 KiB", "[http]") {
  const auto extension = [](std::size_t bytes) {
    return kChunked + "1;" + std::string(bytes - 1, 'x') + "\r\na\r\n0\r\n\r\n";
  };
  CHECK(read({extension(http::kChunkExtensionBytesMax)}).complete);
  CHECK_FALSE(read({extension(http::kChunkExtensionBytesMax + 1)}).error.empty());
  CHECK_FALSE(read({kChunked + "0\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n"}).error.empty());
  std::string many = kChunked + "0\r\n";
  for (std::size_t i = 0; i <= http::kFieldsMax; ++i) many += "X: y\r\n";
  CHECK_FALSE(read({many + "\r\n"}).error.empty());
}

}  // namespace daybook::http_response_test
