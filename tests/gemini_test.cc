// Gemini's stream: written by hand after the published shapes.
#include "adapters/gemini.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/provider_driver.h"

namespace daybook::gemini_test {

using provider_driver::Driver;
using provider_driver::essence;
using provider_driver::Outcome;
using provider_driver::settings_for;

ProviderSettings gemini() {
  return settings_for("gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta");
}

const std::string kFirst =
    R"(data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Let me see.",)"
    R"("thought":true},{"text":"It is "}]},"index":0}],"usageMetadata":{"promptTokenCount":21,)"
    R"("candidatesTokenCount":2,"totalTokenCount":57,"thoughtsTokenCount":34},)"
    R"("modelVersion":"gemini-x","responseId":"r1"})"
    "\r\n\r\n";
const std::string kSecond =
    R"(data: {"candidates":[{"content":{"parts":[{"thought":false,"text":"noon\ud83c"}],)"
    R"("role":"model"},"index":0}],"modelVersion":"gemini-x","responseId":"r1"})"
    "\r\n\r\n";
const std::string kThird =
    R"(data: {"candidates":[{"content":{"role":"model","parts":[{"text":"\udf1e."}]}}]})"
    "\r\n\r\n";
const std::string kLast =
    R"(data: {"candidates":[{"content":{"role":"model","parts":[{"text":"","thoughtSignature":)"
    R"("QUJD"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":21,)"
    R"("toolUsePromptTokenCount":4,"cachedContentTokenCount":8,"candidatesTokenCount":6,)"
    R"("totalTokenCount":61,"thoughtsTokenCount":34},"modelVersion":"gemini-x","responseId":"r1"})"
    "\r\n\r\n";
const std::string kStream = kFirst + kSecond + kThird + kLast;
const std::string kText = "It is noon\U0001F31E.";

std::string finish_event(const std::string& inside) {
  return "data: {\"candidates\":[{" + inside + "}]}\r\n\r\n";
}

TEST_CASE("Gemini's stream gives its text, however it is cut into reads", "[gemini]") {
  Driver driver(gemini());
  const Outcome whole = driver.stream(kStream);
  REQUIRE(whole.completed());
  REQUIRE(whole.text == kText);
  REQUIRE(whole.reasoning == "Let me see.");
  REQUIRE(whole.end->content().text() == kText);
  for (std::size_t piece = 1; piece < 40; ++piece) {
    INFO("pieces of " << piece);
    REQUIRE(essence(driver.stream(kStream, piece)) == essence(whole));
  }
}

TEST_CASE("Gemini's stream cut before its finish reason is never complete", "[gemini]") {
  Driver driver(gemini());
  const std::size_t marked = kStream.size() - 4;
  for (std::size_t size = 0; size <= kStream.size(); ++size) {
    INFO("cut at " << size);
    const auto prefix = std::string_view(kStream).substr(0, size);
    const Outcome ended = driver.stream(prefix, 17);
    REQUIRE(ended.completed() == (size >= marked));
    if (!ended.completed()) REQUIRE(ended.failed().error() == TRUNCATED);
    REQUIRE(kText.starts_with(ended.text));
    REQUIRE(ended.end->content().text() == ended.text);
    const Outcome closed =
        driver.stream(prefix, 17, ReplyFailed{ReplyFailed::Reason::kClosed, true, "closed"});
    REQUIRE((!closed.completed() || size >= marked));
    REQUIRE(kText.starts_with(closed.text));
  }
}

TEST_CASE("usage is cumulative: the last one counts", "[gemini]") {
  Driver driver(gemini());
  const Outcome outcome = driver.stream(kStream);
  const TurnCompleted& completed = outcome.end->turn_completed();
  REQUIRE(completed.usage().reported());
  REQUIRE(completed.usage().prompt_tokens() == 25);
  REQUIRE(completed.usage().cached_tokens() == 8);
  REQUIRE(completed.usage().output_tokens() == 40);
  REQUIRE(completed.usage().reasoning_tokens() == 34);
  REQUIRE(completed.model() == "gemini-x");
  REQUIRE(completed.request_id() == "r1");
}

TEST_CASE("every finish reason has a meaning", "[gemini]") {
  const auto finish_of = [](const std::string& reason) {
    Driver driver(gemini());
    const Outcome outcome =
        driver.stream(kFirst + finish_event("\"finishReason\":\"" + reason + "\""));
    return outcome.completed() ? outcome.end->turn_completed().finish() : FINISH_UNSPECIFIED;
  };
  REQUIRE(finish_of("STOP") == STOP);
  REQUIRE(finish_of("MAX_TOKENS") == LENGTH);
  for (const auto* reason : {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
                             "OTHER", "MALFORMED_RESPONSE"}) {
    REQUIRE(finish_of(reason) == FILTERED);
  }
  REQUIRE(finish_of("FINISH_REASON_UNSPECIFIED") == FINISH_UNSPECIFIED);
}

TEST_CASE("who stumbles before the first word is asked again, who refuses is not", "[gemini]") {
  const auto failed = [](const std::string& reason) {
    Driver driver(gemini());
    const Outcome outcome = driver.stream(finish_event("\"finishReason\":\"" + reason + "\""));
    REQUIRE(outcome.end.has_value());
    CHECK(outcome.end->content().detail() == reason);
    return outcome.failed().error();
  };
  for (const auto* reason : {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL",
                             "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "OTHER"}) {
    CHECK(failed(reason) == PEER);
  }
  for (const auto* reason : {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT",
                             "SPII", "IMAGE_SAFETY", "NEW_REASON"}) {
    CHECK(failed(reason) == REFUSED);
  }
}

TEST_CASE("a candidate without content still finishes", "[gemini]") {
  Driver driver(gemini());
  REQUIRE(driver.stream(finish_event(R"("finishReason":"MAX_TOKENS")")).completed());
  const Outcome refused =
      driver.stream(finish_event(R"("finishReason":"SAFETY","finishMessage":"no")"));
  REQUIRE(refused.failed().error() == REFUSED);
  REQUIRE(refused.end->content().detail() == "SAFETY: no");
  const Outcome late =
      driver.stream(kFirst + finish_event(R"("content":{"role":"model"},"finishReason":"SAFETY")"));
  REQUIRE(late.completed());
  REQUIRE(late.end->content().detail() == "SAFETY");
}

TEST_CASE("a blocked prompt is a refusal with its reason", "[gemini]") {
  Driver driver(gemini());
  const Outcome outcome = driver.stream(
      "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\","
      "\"blockReasonMessage\":\"not this\"},\"usageMetadata\":{\"promptTokenCount\":3}}\r\n\r\n");
  REQUIRE(outcome.failed().error() == REFUSED);
  REQUIRE(outcome.end->content().detail() ==
          "the prompt was blocked: PROHIBITED_CONTENT: not this");
  REQUIRE(outcome.failed().usage().prompt_tokens() == 3);
}

// An error object as Google sends it, with these details.
std::string google_error(int code, const std::string& message, const std::string& status,
                         const std::string& details) {
  return "{\"error\":{\"code\":" + std::to_string(code) + ",\"message\":\"" + message +
         "\",\"status\":\"" + status + "\",\"details\":[" + details + "]}}";
}

TEST_CASE("Google's errors name their class and their wait", "[gemini]") {
  struct Case {
    int status;
    std::string body;
    ErrorClass error;
    std::int64_t retry_after;
  };
  const std::string minute = R"({"violations":[{"quotaId":"GenerateRequestsPerMinutePerProject",)"
                             R"("quotaValue":"10"}]})";
  const std::string day = R"({"violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]})";
  const std::string none =
      R"({"violations":[{"quotaId":"InputTokensPerMinute","quotaValue":"0"}]})";
  const std::string out = "RESOURCE_EXHAUSTED";
  const std::vector<Case> cases = {
      {429, google_error(429, "Quota", out, minute + R"(,{"retryDelay":"34.07s"})"), RATE, 34'070},
      {429, "[" + google_error(429, "Quota", out, R"({"retryDelay":"512ms"})") + "]", RATE, 512},
      {429, google_error(429, "Please retry in 7.5s.", out, ""), RATE, 7'500},
      {429, google_error(429, "Quota", out, minute), RATE, 60'000},
      {429, google_error(429, "Quota", out, day + R"(,{"retryDelay":"3s"})"), FUNDS, kNotToday},
      {429, google_error(429, "Quota", out, day + R"(,{"retryDelay":"7200s"})"), FUNDS, 7'200'000},
      {429, google_error(429, "Quota", out, none), FUNDS, kNotToday},
      {429, google_error(429, "Quota", out, R"({"retryDelay":"301s"})"), RATE, 301'000},
      {400, google_error(400, "API key not valid. Please pass one.", "INVALID_ARGUMENT", ""), AUTH,
       0},
      {400, google_error(400, "x", "INVALID_ARGUMENT", R"({"reason":"API_KEY_INVALID"})"), AUTH, 0},
      {400,
       google_error(400, "The input token count (9) exceeds the maximum number of tokens",
                    "INVALID_ARGUMENT", ""),
       OVERFLOW, 0},
      {400, google_error(400, "User location is not supported", "FAILED_PRECONDITION", ""), REQUEST,
       0},
      {403, google_error(403, "x", "PERMISSION_DENIED", ""), AUTH, 0},
      {404, google_error(404, "x", "NOT_FOUND", ""), REQUEST, 0},
      {500, google_error(500, "x", "INTERNAL", ""), OVERLOAD, 0},
      {503, google_error(503, "x", "UNAVAILABLE", ""), OVERLOAD, 0},
      {504, google_error(504, "x", "DEADLINE_EXCEEDED", ""), OVERLOAD, 0},
  };
  for (const Case& one : cases) {
    INFO(one.status << " " << one.body);
    Driver driver(gemini());
    const Outcome outcome = driver.status(one.status, one.body);
    REQUIRE(outcome.failed().error() == one.error);
    REQUIRE(outcome.failed().retry_after() == one.retry_after);
    REQUIRE(outcome.failed().status() == one.status);
    REQUIRE_FALSE(outcome.failed().model_alone());
  }
  const std::string own =
      R"({"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]})";
  Driver driver(gemini());
  const Outcome outcome = driver.status(429, google_error(429, "Quota", out, own));
  CHECK(outcome.failed().error() == FUNDS);
  CHECK(outcome.failed().model_alone());
}

TEST_CASE("an error inside Gemini's stream keeps the text so far", "[gemini]") {
  Driver driver(gemini());
  const std::string error = google_error(503, "overloaded", "UNAVAILABLE", "");
  for (const std::string& body : {error, "[" + error + "]"}) {
    const Outcome outcome = driver.stream(kFirst + "data: " + body + "\r\n\r\n");
    REQUIRE(outcome.failed().error() == OVERLOAD);
    REQUIRE(outcome.failed().status() == 503);
    REQUIRE(outcome.end->content().text() == "It is ");
    REQUIRE(outcome.end->content().detail() == "overloaded");
  }
  const Outcome bad = driver.stream(kFirst + "data: {\"candidates\":[{]}\r\n\r\n");
  REQUIRE(bad.failed().error() == PEER);
}

TEST_CASE("a reply that is no stream is an object or an array of them", "[gemini]") {
  Driver driver(gemini());
  const std::string one = R"({"candidates":[{"content":{"parts":[{"text":"Hi "}]}}]})";
  const std::string two =
      R"({"candidates":[{"content":{"parts":[{"text":"you"}]},"finishReason":"STOP"}]})";
  const HeaderList json = {{"content-type", "application/json"}};
  REQUIRE(driver.answer({200, json}, "[" + one + ",\r\n" + two + "]", 5).text == "Hi you");
  REQUIRE(driver.answer({200, json}, two).completed());
  REQUIRE_FALSE(driver.answer({200, json}, "[" + one).completed());
}

TEST_CASE("the request has Google's roles, begins with the user and hides the key", "[gemini]") {
  Prompt prompt;
  prompt.system = "Be brief.";
  prompt.messages = {{Entry::ASSISTANT, "Earlier"},
                     {Entry::USER, "one"},
                     {Entry::USER, "two"},
                     {Entry::ASSISTANT, "three"},
                     {Entry::USER, "four"}};
  prompt.model = "gemini-2.5-flash/../x";
  prompt.output_tokens_max = 64;
  const auto request = Gemini(gemini()).request(prompt);
  REQUIRE(request.has_value());
  REQUIRE(request->target == "/models/gemini-2.5-flash%2F..%2Fx:streamGenerateContent?alt=sse");
  const auto body = nlohmann::json::parse(request->body);
  REQUIRE(body["systemInstruction"]["parts"][0]["text"] == "Be brief.");
  REQUIRE(body["generationConfig"]["maxOutputTokens"] == 64);
  std::string roles;
  for (const auto& content : body["contents"]) roles += content["role"].get<std::string>() + " ";
  REQUIRE(roles == "user model user model user ");
  REQUIRE(body["contents"][2]["parts"][0]["text"] == "one\n\ntwo");
  REQUIRE(request->headers.back().name == "x-goog-api-key");
  REQUIRE(request->headers.back().value.reveal() == "sk-canary-0123456789");
  REQUIRE(request->target.find("canary") == std::string::npos);
}

TEST_CASE("thinking is a budget for the second generation and a level from the third on",
          "[gemini]") {
  Prompt prompt;
  prompt.messages = {{Entry::USER, "x"}};
  const auto generation = [&](const std::string& model) {
    prompt.model = model;
    const auto request = Gemini(gemini()).request(prompt);
    REQUIRE(request.has_value());
    return nlohmann::json::parse(request->body).value("generationConfig", nlohmann::json());
  };
  REQUIRE(generation("gemini-2.5-flash").is_null());
  prompt.thinking = "off";
  prompt.temperature = "0";
  REQUIRE(generation("gemini-2.5-flash")["thinkingConfig"]["thinkingBudget"] == 0);
  REQUIRE(generation("gemini-3.8-flash")["thinkingConfig"]["thinkingLevel"] == "MINIMAL");
  REQUIRE(generation("gemini-3.8-flash")["temperature"] == 0);
  prompt.thinking = "high";
  REQUIRE(generation("gemini-2.5-pro")["thinkingConfig"]["thinkingBudget"] == 24'576);
  REQUIRE(generation("gemini-3.8-flash")["thinkingConfig"]["thinkingLevel"] == "HIGH");
}

TEST_CASE("a model is told of thinking what it takes, and nothing if it does not think",
          "[gemini]") {
  Prompt prompt;
  prompt.messages = {{Entry::USER, "x"}};
  const auto thinking = [&](const std::string& model, const std::string& level) {
    prompt.model = model;
    prompt.thinking = level;
    const auto request = Gemini(gemini()).request(prompt);
    REQUIRE(request.has_value());
    const auto body = nlohmann::json::parse(request->body);
    return body.value("generationConfig", nlohmann::json::object())
        .value("thinkingConfig", nlohmann::json());
  };
  REQUIRE(thinking("gemini-2.5-pro", "off")["thinkingBudget"] == 128);
  REQUIRE(thinking("gemini-2.5-flash-lite", "off")["thinkingBudget"] == 0);
  for (const char* model :
       {"gemini-2.0-flash", "gemini-1.5-pro", "gemma-3-27b-it", "gemini-2.5-flash-image"}) {
    INFO(model);
    REQUIRE(thinking(model, "high").is_null());
  }
  REQUIRE(thinking("gemini-3.1-pro-preview", "off")["thinkingLevel"] == "LOW");
  REQUIRE(thinking("gemini-3.1-pro-preview", "medium")["thinkingLevel"] == "MEDIUM");
  REQUIRE(thinking("gemini-3-pro-preview", "medium")["thinkingLevel"] == "HIGH");
  REQUIRE(thinking("gemini-flash-latest", "off")["thinkingLevel"] == "MINIMAL");
}

}  // namespace daybook::gemini_test
