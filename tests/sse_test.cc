// The event stream decoder: the standard's table, every cut of every input, and the limits.
#include "adapters/wire/sse.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace daybook::sse_test {

struct Seen {
  std::string type;
  std::string data;
  std::string id;

  friend bool operator==(const Seen&, const Seen&) = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << "{" << seen.type << "|" << seen.data << "|" << seen.id << "}";
}

struct Outcome {
  std::vector<Seen> events;
  bool wrong = false;
  bool truncated = false;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (const Seen& seen : outcome.events) out << seen << " ";
  return out << (outcome.wrong ? "wrong" : "") << (outcome.truncated ? "truncated" : "");
}

Outcome decode(const std::vector<std::string>& reads) {
  sse::Decoder decoder;
  Outcome outcome;
  const auto add = [&](const sse::Event& event) {
    outcome.events.push_back(
        {std::string(event.type), std::string(event.data), std::string(event.id)});
  };
  for (const std::string& read : reads) {
    decoder.feed(read);
    while (const auto event = decoder.next()) add(*event);
    if (decoder.wrong()) break;
  }
  if (const auto event = decoder.finish()) add(*event);
  outcome.wrong = decoder.wrong();
  outcome.truncated = decoder.truncated();
  return outcome;
}

std::vector<std::string> bytes_of(const std::string& text) {
  std::vector<std::string> reads;
  for (const char byte : text) reads.emplace_back(1, byte);
  return reads;
}

// Whole, byte by byte, and cut at every point.
Outcome every_way(const std::string& text) {
  const Outcome whole = decode({text});
  CHECK(decode(bytes_of(text)) == whole);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    INFO("cut at " << cut);
    CHECK(decode({text.substr(0, cut), text.substr(cut)}) == whole);
  }
  return whole;
}

std::vector<Seen> events(const std::string& text) { return every_way(text).events; }

TEST_CASE("the standard's table", "[sse]") {
  const Seen x{"message", "x", ""};
  const Seen y{"message", "y", ""};
  CHECK(events("data:x\n\n") == std::vector{x});
  CHECK(events("\xEF\xBB\xBF"
               "data: x\r\n\r\n") == std::vector{x});
  CHECK(events("data: x\r\rdata: y\n\n") == std::vector{x, y});
  CHECK(events(": c\n\ndata: x\n\n") == std::vector{x});
  CHECK(events("event: a\n\ndata: x\n\n") == std::vector{x});
  CHECK(events("data\n\n") == std::vector<Seen>{{"message", "", ""}});
  CHECK(events("data\ndata\n\n") == std::vector<Seen>{{"message", "\n", ""}});
  CHECK(events("data: \n\n") == std::vector<Seen>{{"message", "", ""}});
  CHECK(events("data:a\ndata:b\n\n") == std::vector<Seen>{{"message", "a\nb", ""}});
  CHECK(events("data:  x\n\n") == std::vector<Seen>{{"message", " x", ""}});
  CHECK(events("id: 1\ndata: x\n\ndata: y\n\n") ==
        std::vector<Seen>{{"message", "x", "1"}, {"message", "y", "1"}});
  CHECK(events("id: 1\ndata: x\n\nid\ndata: y\n\n") == std::vector<Seen>{{"message", "x", "1"}, y});
  CHECK(events(std::string("id: a\0b\ndata: x\n\n", 17)) == std::vector{x});
  CHECK(events("retry: 10x\ndata: x\n\n") == std::vector{x});
  CHECK(events("data: x").empty());
  CHECK(events("Data: x\n\n").empty());
  CHECK(events("unknown: x\ndata: x\n\n") == std::vector{x});
  CHECK(events("event: ping\ndata: x\n\n") == std::vector<Seen>{{"ping", "x", ""}});
  CHECK(events("event: a\ndata: x\n\nevent: b\ndata: y\n\ndata: x\n\n") ==
        std::vector<Seen>{{"a", "x", ""}, {"b", "y", ""}, x});
}

TEST_CASE("line ends mix freely", "[sse]") {
  CHECK(events("data: a\rdata: b\ndata: c\r\n\r\n") ==
        std::vector<Seen>{{"message", "a\nb\nc", ""}});
  CHECK(events("data: a\n\r\n") == std::vector<Seen>{{"message", "a", ""}});
  CHECK(events("data: a\r\n\rdata: b\r\r\n") ==
        std::vector<Seen>{{"message", "a", ""}, {"message", "b", ""}});
}

TEST_CASE("an event is given with its empty line, not one read later", "[sse]") {
  sse::Decoder decoder;
  decoder.feed("data: x\r\n\r");
  const auto event = decoder.next();
  REQUIRE(event);
  CHECK(event->data == "x");
  CHECK_FALSE(decoder.next());
  decoder.feed("\n");
  CHECK_FALSE(decoder.next());
}

TEST_CASE("one BOM is dropped, at the start only", "[sse]") {
  CHECK(events("\xEF\xBB\xBF\xEF\xBB\xBF"
               "data: x\n\n")
            .empty());
  CHECK(events("data: x\n\n\xEF\xBB\xBF"
               "data: y\n\n")
            .size() == 1);
  CHECK(events("\xEF\xBB"
               "data: x\n\ndata: y\n\n")
            .size() == 1);
}

TEST_CASE("text inside data cannot begin an event", "[sse]") {
  CHECK(events("data: {\"t\":\"\\n\\ndata: y\"}\n\n").size() == 1);
  CHECK(events("data: data: x\n\n") == std::vector<Seen>{{"message", "data: x", ""}});
}

TEST_CASE("ill-formed UTF-8 is repaired", "[sse]") {
  CHECK(events("data: a\xFFz\n\n") == std::vector<Seen>{{"message", "a\xEF\xBF\xBDz", ""}});
  CHECK(events("data: \xF0\x9F\x98\x80\n\n") ==
        std::vector<Seen>{{"message", "\xF0\x9F\x98\x80", ""}});
}

TEST_CASE("at the end [DONE] and a whole object are given, anything else is cut off", "[sse]") {
  CHECK(every_way("data: [DONE]") == Outcome{{{"message", "[DONE]", ""}}, false, false});
  CHECK(every_way("data: [DONE]\n") == Outcome{{{"message", "[DONE]", ""}}, false, false});
  CHECK(every_way("data: {\"a\":\"}\\\"{\"}") ==
        Outcome{{{"message", "{\"a\":\"}\\\"{\"}", ""}}, false, false});
  CHECK(every_way("data: {\"a\":{\"b\":[1]}}\n").events.size() == 1);
  CHECK(every_way("data: {\"a\":{\"b\":[1]}\n") == Outcome{{}, false, true});
  CHECK(every_way("data: {\"a\":\"}") == Outcome{{}, false, true});
  CHECK(every_way("data: {}{}") == Outcome{{}, false, true});
  CHECK(every_way("data: x\n\ndat") == Outcome{{{"message", "x", ""}}, false, true});
  CHECK(every_way("data: x\n\n: bye") == Outcome{{{"message", "x", ""}}, false, false});
  CHECK(every_way("") == Outcome{});
}

TEST_CASE("comments count as life", "[sse]") {
  sse::Decoder decoder;
  decoder.feed(": OPENROUTER PROCESSING\n\n: again\n\n");
  CHECK_FALSE(decoder.next());
  CHECK(decoder.lines() == 4);
}

TEST_CASE("a line over 1 MiB is wrong, one of 1 MiB is not", "[sse]") {
  const std::string value(sse::kLineBytesMax - 5, 'x');
  CHECK(decode({"data:" + value + "\n\n"}).events.size() == 1);
  CHECK(decode({"data:" + value, "x\n\n"}).wrong);
  CHECK(decode({"data:" + value + "x"}).wrong);
}

TEST_CASE("an event over 4 MiB is wrong", "[sse]") {
  const std::string line = "data:" + std::string(1'000'000, 'x') + "\n";
  CHECK(decode({line, line, line, line, "\n"}).events.size() == 1);
  CHECK(decode({line, line, line, line, line, "\n"}).wrong);
}

TEST_CASE("any bytes give the same events wherever they are cut", "[sse]") {
  CHECK(rc::check([](std::size_t first, std::size_t second) {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("data", ":", " ", "\r", "\n", "\r\n", "event", "id", "x",
                                      "\xEF\xBB\xBF", "\xC3", std::string(1, '\0'), "\n\n"));
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    std::size_t a = text.empty() ? 0 : first % (text.size() + 1);
    std::size_t b = text.empty() ? 0 : second % (text.size() + 1);
    if (a > b) std::swap(a, b);
    RC_ASSERT(decode({text.substr(0, a), text.substr(a, b - a), text.substr(b)}) == decode({text}));
  }));
}

}  // namespace daybook::sse_test
