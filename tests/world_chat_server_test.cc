// The fake model server streams as real ones do, odd splits and comments included.
#include "tests/world/chat_server.h"

#include <catch2/catch.hpp>

#include "tests/world/exchange.h"

namespace daybook::world_chat_server_test {

using world::answer_for;
using world::ChatRequest;
using world::ChatScript;
using world::ChatServer;
using world::Ending;
using world::HttpRequest;
using world::Output;

const Time kStart = from_milliseconds(1'795'219'200'000);

HttpRequest openai(const std::string& text) {
  return {"POST",
          "/v1/chat/completions",
          {{"authorization", "Bearer key"}},
          R"({"model":"m","stream":true,"messages":[{"role":"system","content":"Be brief."},)"
          R"({"role":"user","content":")" +
              text + R"("}]})"};
}

HttpRequest gemini(const std::string& text) {
  return {"POST",
          "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
          {{"x-goog-api-key", "key"}},
          R"({"contents":[{"role":"user","parts":[{"text":")" + text + R"("}]}]})"};
}

std::string all(const std::vector<Output>& outputs) {
  std::string bytes;
  for (const Output& output : outputs) bytes += output.bytes;
  return bytes;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t times = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++times;
  return times;
}

TEST_CASE("the answer is a function of the question", "[world]") {
  CHECK(answer_for("hi  there\n") ==
        "Re hi there: word1 word2 word3 word4 w\u00F6rd5 word6 \U0001F6007 word8 word9 w\u00F6rd10 "
        "word11 word12");
  CHECK(answer_for("words:1") == "Re words:1: word1");
  CHECK(answer_for("a") != answer_for("b"));
}

TEST_CASE("an OpenAI answer streams role, words, reason, usage and DONE", "[world]") {
  ChatServer server("key");
  server.direct([](const ChatRequest&, int) { return ChatScript{.comments = true}; });
  server.request(1, openai("hi"), kStart);
  const std::vector<Output> outputs = server.poll(kStart);
  const std::string bytes = all(outputs);
  CHECK(bytes.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(bytes.find(": OPENROUTER PROCESSING\n\n") < bytes.find("data: "));
  CHECK(count(bytes, R"("delta":{"content":)") == 15);
  CHECK(bytes.find(R"("choices":[],"created":)") != std::string::npos);
  CHECK(bytes.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
  CHECK(outputs.back().after == Output::After::kDone);
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].system == "Be brief.");
  CHECK(server.requests()[0].finished);
}

TEST_CASE("a Gemini answer streams with CRLF and ends with the body", "[world]") {
  ChatServer server("key");
  server.request(1, gemini("hi"), kStart);
  const std::string bytes = all(server.poll(kStart));
  CHECK(count(bytes, "\r\n\r\n\r\n") == 14);
  CHECK(count(bytes, R"("finishReason":"STOP")") == 1);
  CHECK(bytes.find("[DONE]") == std::string::npos);
  CHECK(server.requests()[0].model == "gemini-2.5-flash");
}

TEST_CASE("deltas leave when the script says", "[world]") {
  ChatServer server;
  server.direct([](const ChatRequest&, int) {
    return ChatScript{.first = Duration(100), .each = Duration(50), .words = 4};
  });
  server.request(1, openai("hi"), kStart);
  CHECK(all(server.poll(kStart)).ends_with("\r\n\r\n"));
  CHECK(server.wake_at() == kStart + Duration(100));
  CHECK(count(all(server.poll(kStart + Duration(100))), "data: ") == 2);
  CHECK(server.wake_at() == kStart + Duration(150));
  CHECK(server.streaming() == 1);
  server.gone(1, kStart + Duration(150));
  CHECK(server.streaming() == 0);
  CHECK(server.requests()[0].dropped);
}

TEST_CASE("an answer is cut at the byte that the script names", "[world]") {
  ChatServer server;
  server.request(1, openai("hi"), kStart);
  const std::string whole = all(server.poll(kStart));
  for (std::size_t cut : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 1}) {
    server.direct([cut](const ChatRequest&, int) {
      return ChatScript{.split = 3, .ending = {Ending::Kind::kReset, cut}};
    });
    server.request(2, openai("hi"), kStart);
    const std::vector<Output> outputs = server.poll(kStart);
    CHECK(all(outputs).size() == cut);
    CHECK(outputs.back().after == Output::After::kReset);
  }
}

TEST_CASE("an error may come instead of an answer or inside it", "[world]") {
  ChatServer server("key");
  server.direct([](const ChatRequest&, int nth) {
    if (nth == 1) return ChatScript::refusal(429, R"({"error":{}})", {{"Retry-After", "2"}});
    return ChatScript{.error_after = 2};
  });
  server.request(1, openai("hi"), kStart);
  CHECK(all(server.poll(kStart)).find("Retry-After: 2\r\n") != std::string::npos);
  server.request(2, openai("hi"), kStart);
  const std::string bytes = all(server.poll(kStart));
  CHECK(count(bytes, R"("finish_reason":"error")") == 1);
  CHECK(bytes.find("[DONE]") == std::string::npos);
  HttpRequest stranger = openai("hi");
  stranger.headers = {{"authorization", "Bearer other"}};
  server.request(3, stranger, kStart);
  CHECK(all(server.poll(kStart)).starts_with("HTTP/1.1 401 "));
  CHECK(server.requests().size() == 2);
}

TEST_CASE("a request without a question is refused", "[world]") {
  ChatServer server;
  HttpRequest request = openai("hi");
  request.body = R"({"model":"m","stream":true,"messages":[]})";
  server.request(1, request, kStart);
  CHECK(all(server.poll(kStart)).starts_with("HTTP/1.1 400 "));
  CHECK(server.violations().size() == 1);
}

}  // namespace daybook::world_chat_server_test
