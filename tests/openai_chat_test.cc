// Chat completions: streams written by hand after the published shapes.
#include "adapters/openai_chat.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/tokens.h"
#include "tests/provider_driver.h"

namespace daybook::openai_chat_test {

using provider_driver::Driver;
using provider_driver::essence;
using provider_driver::Outcome;
using provider_driver::settings_for;

ProviderSettings openrouter() {
  return settings_for("openrouter", "openai", "https://openrouter.ai/api/v1");
}

// A stream, and where in it the provider has said that the answer is whole.
struct Recording {
  std::string bytes;
  std::size_t marked = 0;  // bytes up to the end of the event with the finish marker
  std::string text;
  std::string reasoning;
};

// Events are separated by "---"; the finish marker is in event `finish`.
Recording recording(const std::vector<std::string>& events, std::size_t finish,
                    std::string_view line_end, std::string text, std::string reasoning) {
  Recording result;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const bool comment = events[i].starts_with(':');
    result.bytes += (comment ? "" : "data: ") + events[i];
    if (i == finish) result.marked = result.bytes.size();
    result.bytes += std::string(line_end) + std::string(line_end);
  }
  result.text = std::move(text);
  result.reasoning = std::move(reasoning);
  return result;
}

const std::string kHead = R"({"id":"gen-17-Ab","object":"chat.completion.chunk","created":17,)"
                          R"("model":"anthropic/claude-x","provider":"Anthropic","choices":[)";

std::string delta(const std::string& inside, const std::string& finish = "null") {
  return kHead + R"({"index":0,"delta":{)" + inside + R"(},"finish_reason":)" + finish + "}]}";
}

std::vector<Recording> recordings() {
  const std::string usage =
      kHead + R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],)" +
      R"("usage":{"prompt_tokens":14,"completion_tokens":9,"total_tokens":23,"cost":0.000118,)" +
      R"("prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":5},)" +
      R"("completion_tokens_details":{"reasoning_tokens":4},)" +
      R"("cost_details":{"upstream_inference_cost":null}}})";
  return {
      recording(
          {": OPENROUTER PROCESSING",
           delta(R"("role":"assistant","content":"","reasoning":"Short greeting.",)"
                 R"("reasoning_details":[{"type":"reasoning.text","text":"Short greeting."}])"),
           delta(R"("content":"Hel")"), ": OPENROUTER PROCESSING",
           delta(R"("content":"lo, w\u00f6rld \u2014 )"
                 "\xE6\x97\xA5"
                 R"(\n")"),
           delta(R"("content":"\ud83d")"), delta(R"("content":"\ude00 done.")"),
           delta(R"("content":"")", R"("stop")"), usage, "[DONE]"},
          7, "\n", "Hello, w\u00f6rld \u2014 \u65e5\n\U0001F600 done.", "Short greeting."),
      // No [DONE], CRLF, and the text comes with the finish marker.
      recording({R"({"choices":[{"delta":{"role":"assistant","content":null}}]})",
                 R"({"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"One "}}]})",
                 R"({"id":"c1","choices":[{"delta":{"content":"two"},"finish_reason":"length"}]})",
                 R"({"id":"c1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}})"},
                2, "\r\n", "One two", ""),
      // Reasoning under its other names, a duplicate among them; a usage chunk that finishes again.
      recording({R"({"choices":[{"delta":{"reasoning_content":"Hm","reasoning":"Hm"}}]})",
                 R"({"choices":[{"delta":{"reasoning_content":"","reasoning_text":"m."}}]})",
                 R"({"choices":[{"delta":{"content":"Yes"},"finish_reason":"stop"}],"usage":null})",
                 R"({"choices":[{"delta":{},"finish_reason":"length"}],"usage":{)"
                 R"("prompt_tokens":5,"completion_tokens":6,"prompt_cache_hit_tokens":2}})",
                 "[DONE]"},
                2, "\n", "Yes", "Hmm."),
  };
}

TEST_CASE("a stream gives its text, however it is cut into reads", "[openai_chat]") {
  for (const Recording& one : recordings()) {
    Driver driver(openrouter());
    const Outcome whole = driver.stream(one.bytes);
    REQUIRE(whole.completed());
    REQUIRE(whole.text == one.text);
    REQUIRE(whole.reasoning == one.reasoning);
    REQUIRE(whole.end->content().text() == one.text);
    for (std::size_t piece = 1; piece < 40; ++piece) {
      INFO("pieces of " << piece);
      REQUIRE(essence(driver.stream(one.bytes, piece)) == essence(whole));
    }
  }
}

TEST_CASE("a stream cut before its finish marker is never complete", "[openai_chat]") {
  for (const Recording& one : recordings()) {
    Driver driver(openrouter());
    for (std::size_t size = 0; size <= one.bytes.size(); ++size) {
      INFO("cut at " << size);
      const auto prefix = std::string_view(one.bytes).substr(0, size);
      const Outcome closed =
          driver.stream(prefix, 13, ReplyFailed{ReplyFailed::Reason::kClosed, true, "closed"});
      const Outcome ended = driver.stream(prefix, 13);
      if (size < one.marked) {
        REQUIRE_FALSE(closed.completed());
        REQUIRE_FALSE(ended.completed());
        REQUIRE(ended.failed().error() == TRUNCATED);
        const bool began = !(closed.text + closed.reasoning).empty();
        REQUIRE(closed.failed().error() == (began ? TRUNCATED : NETWORK));
      } else {
        REQUIRE(ended.completed());
        REQUIRE(ended.text == one.text);
      }
      REQUIRE(one.text.starts_with(closed.text));
      REQUIRE(one.text.starts_with(ended.text));
      REQUIRE(closed.end->content().text() == closed.text);
      REQUIRE(one.reasoning.starts_with(closed.reasoning));
    }
  }
}

TEST_CASE("usage, cost, model and id of the call are recorded", "[openai_chat]") {
  Driver driver(openrouter());
  const Outcome outcome = driver.stream(recordings()[0].bytes);
  const TurnCompleted& completed = outcome.end->turn_completed();
  REQUIRE(completed.usage().reported());
  REQUIRE(completed.usage().prompt_tokens() == 14);
  REQUIRE(completed.usage().output_tokens() == 9);
  REQUIRE(completed.usage().cached_tokens() == 3);
  REQUIRE(completed.usage().cache_write_tokens() == 5);
  REQUIRE(completed.usage().reasoning_tokens() == 4);
  REQUIRE(completed.usage().cost_nanodollars() == 118'000);
  REQUIRE(completed.model() == "anthropic/claude-x");
  REQUIRE(completed.request_id() == "gen-17-Ab");
  REQUIRE(completed.finish() == STOP);
  REQUIRE(completed.tokens() == estimate_tokens(outcome.text));
}

TEST_CASE("a finish reason that nobody knows counts as the end, and its word is kept",
          "[openai_chat]") {
  for (const auto& [reason, kept] : {std::pair("eos_token", "eos_token"), std::pair("stop", "")}) {
    Driver driver(openrouter());
    const Outcome outcome = driver.stream(
        "data: " + delta(R"("content":"So")", '"' + std::string(reason) + '"') + "\n\n");
    REQUIRE(outcome.completed());
    CHECK(outcome.end->turn_completed().finish() == STOP);
    CHECK(outcome.end->content().detail() == kept);
  }
}

TEST_CASE("a later finish reason does not change the first", "[openai_chat]") {
  Driver driver(openrouter());
  const Outcome outcome = driver.stream(recordings()[2].bytes);
  REQUIRE(outcome.end->turn_completed().finish() == STOP);
  REQUIRE(outcome.end->turn_completed().usage().cached_tokens() == 2);
}

TEST_CASE("[DONE] ends an answer though the connection stays open", "[openai_chat]") {
  Driver driver(openrouter());
  driver.start_turn();
  const auto call = driver.due_call();
  driver.reply(call->id, ReplyHead{200, {{"content-type", "text/event-stream"}}});
  Outcome outcome;
  Driver::gather(outcome, driver.reply(call->id, ReplyBody{recordings()[0].bytes}));
  REQUIRE(outcome.completed());
  REQUIRE(driver.adapter->idle());
  // What still comes is not looked at, and the connection is left to be used again.
  REQUIRE(driver.reply(call->id, ReplyBody{"data: {bad\n\n"}).empty());
  driver.commit(*outcome.end);
  REQUIRE_FALSE(driver.due().has_value());
  REQUIRE(driver.reply(call->id, ReplyEnd{}).empty());
}

TEST_CASE("[DONE] alone does not make an answer whole", "[openai_chat]") {
  Driver driver(openrouter());
  const Outcome outcome =
      driver.stream("data: {\"choices\":[{\"delta\":{\"content\":\"Half\"}}]}\n\ndata: [DONE]\n\n");
  REQUIRE(outcome.failed().error() == TRUNCATED);
  REQUIRE(outcome.end->content().text() == "Half");
}

TEST_CASE("a reply without choices is no answer, and asked for again", "[openai_chat]") {
  Driver driver(openrouter());
  const Outcome whole =
      driver.answer({200, {{"content-type", "application/json"}}}, R"({"id":"c1","choices":[]})");
  REQUIRE(whole.failed().error() == TRUNCATED);
  const Outcome stream = driver.stream("data: {\"id\":\"c1\",\"choices\":[]}\n\ndata: [DONE]\n\n");
  REQUIRE(stream.failed().error() == TRUNCATED);
}

TEST_CASE("an error inside the stream fails the attempt and keeps the text", "[openai_chat]") {
  struct Case {
    const char* event;
    ErrorClass error;
    int status;
  };
  const std::vector<Case> cases = {
      {R"({"id":"g","error":{"code":"server_error","message":"Provider disconnected","metadata":)"
       R"({"error_type":"provider_unavailable"}},"choices":[{"delta":{"content":""},)"
       R"("finish_reason":"error"}]})",
       OVERLOAD, 0},
      {R"({"error":{"code":429,"message":"slow down"}})", RATE, 429},
      {R"({"error":{"code":502,"message":"upstream"}})", OVERLOAD, 502},
      {R"({"error":"it broke"})", PEER, 0},
      {R"({"error":{"message":"maximum context length is 8192 tokens","code":400}})", OVERFLOW,
       400},
      {R"({"object":"error","message":"bad","type":"BadRequestError","code":400})", REQUEST, 400},
      {R"({"choices":[{"delta":{},"finish_reason":"error"}]})", OVERLOAD, 0},
      {R"({"choices":[{"delta":{},"finish_reason":"abort"}]})", OVERLOAD, 0},
      {R"({"choices":[{"finish_reason":"insufficient_system_resource"}]})", OVERLOAD, 0},
      {R"({"choices":[{"delta":{},"error":{"code":"rate_limit_exceeded","message":"x"}}]})", RATE,
       0},
      {R"({"choices":[{"delta":{"content":"\q"}}]})", PEER, 0},
      {R"({"choices":[{"delta":{"content":"cut)", PEER, 0},
      {R"(ping)", PEER, 0},
      {R"(["a"])", PEER, 0},
  };
  for (const Case& one : cases) {
    INFO(one.event);
    Driver driver(openrouter());
    driver.start_turn();
    const auto call = driver.due_call();
    driver.reply(call->id, ReplyHead{200, {}});
    Outcome outcome;
    Driver::gather(outcome,
                   driver.reply(call->id, ReplyBody{"data: {\"choices\":[{\"delta\":{\"content\""
                                                    ":\"Half\"}}]}\n\ndata: " +
                                                    std::string(one.event) + "\n\n"}));
    REQUIRE(outcome.end.has_value());
    REQUIRE(outcome.failed().error() == one.error);
    REQUIRE(outcome.failed().status() == one.status);
    REQUIRE(outcome.end->content().text() == "Half");
    REQUIRE_FALSE(outcome.end->content().detail().empty());
    // The rest of the response is not worth waiting for.
    const auto cancel = driver.due();
    REQUIRE(std::get<Cancel>(*cancel).id == call->id);
    REQUIRE(driver.reply(call->id, ReplyEnd{}).empty());
  }
}

TEST_CASE("a text filtered from its first word on is a refusal", "[openai_chat]") {
  Driver driver(openrouter());
  const Outcome bare = driver.stream(
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n");
  REQUIRE(bare.failed().error() == REFUSED);
  const Outcome words = driver.stream(
      "data: {\"choices\":[{\"delta\":{\"refusal\":\"I will "
      "not\"},\"finish_reason\":\"stop\"}]}\n\n");
  REQUIRE(words.failed().error() == REFUSED);
  REQUIRE(words.end->content().detail() == "I will not");
  const Outcome late = driver.stream(
      "data: "
      "{\"choices\":[{\"delta\":{\"content\":\"So\"},\"finish_reason\":\"content_filter\"}]}\n\n");
  REQUIRE(late.completed());
  REQUIRE(late.end->turn_completed().finish() == FILTERED);
}

TEST_CASE("a JSON reply to a streaming request is read whole", "[openai_chat]") {
  Driver driver(openrouter());
  const HeaderList json = {{"content-type", "application/json; charset=utf-8"}};
  const Outcome whole = driver.answer(
      {200, json},
      R"({"id":"c9","model":"m","choices":[{"index":0,"message":{"role":"assistant",)"
      R"("content":"All at once"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,)"
      R"("completion_tokens":4}})",
      7);
  REQUIRE(whole.completed());
  REQUIRE(whole.text == "All at once");
  REQUIRE(whole.end->turn_completed().usage().output_tokens() == 4);
  const Outcome error = driver.answer(
      {200, json}, R"({"choices":[{"error":{"code":502,"message":"upstream died"}}]})");
  REQUIRE(error.failed().error() == OVERLOAD);
  REQUIRE(error.end->content().detail() == "upstream died");
  const Outcome cut = driver.answer({200, json}, R"({"choices":[{"message":{"content":"All at)");
  REQUIRE(cut.failed().error() == PEER);
  REQUIRE(cut.text.empty());
  const Outcome empty = driver.answer({200, json}, "");
  REQUIRE(empty.failed().error() == TRUNCATED);
}

TEST_CASE("ill-formed UTF-8 in a delta is repaired", "[openai_chat]") {
  Driver driver(openrouter());
  const Outcome outcome = driver.stream(
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\xFF"
      "b\"},\"finish_reason\":\"stop\"}]}\n\n");
  REQUIRE(outcome.completed());
  REQUIRE(outcome.text ==
          "a\uFFFD"
          "b");
}

TEST_CASE("the request says what the protocol wants and no more", "[openai_chat]") {
  Prompt prompt;
  prompt.system = "Be brief.";
  prompt.messages = {{Entry::USER, "one"},
                     {Entry::USER, "two"},
                     {Entry::ASSISTANT, ""},
                     {Entry::USER, "three \"quoted\" \xFF"}};
  prompt.model = "vendor/model";
  prompt.output_tokens_max = 900;
  const auto body_of = [&](const std::string& name) {
    const OpenAiChat dialect(settings_for(name, "openai", "https://example.org/v1"));
    const auto request = dialect.request(prompt);
    REQUIRE(request.has_value());
    REQUIRE(request->target == "/chat/completions");
    return nlohmann::json::parse(request->body);
  };
  const auto body = body_of("openrouter");
  REQUIRE(body["model"] == "vendor/model");
  REQUIRE(body["stream"] == true);
  REQUIRE_FALSE(body.contains("stream_options"));
  REQUIRE(body_of("local")["stream_options"]["include_usage"] == true);
  const OpenAiChat mistral(settings_for("mistral", "openai", "https://api.mistral.ai/v1"));
  REQUIRE(mistral.request(prompt)->body.find("stream_options") == std::string::npos);
  REQUIRE(body["max_completion_tokens"] == 900);
  REQUIRE(body["messages"].size() == 2);
  REQUIRE(body["messages"][0]["role"] == "system");
  REQUIRE(body["messages"][1]["role"] == "user");
  REQUIRE(body["messages"][1]["content"] == "one\n\ntwo\n\nthree \"quoted\" \uFFFD");
  REQUIRE(body_of("openai").contains("max_completion_tokens"));
  const auto local = body_of("local");
  REQUIRE(local["max_tokens"] == 900);
  REQUIRE_FALSE(local.contains("max_completion_tokens"));
  prompt.output_tokens_max = 0;
  prompt.system.clear();
  REQUIRE_FALSE(body_of("local").contains("max_tokens"));
  REQUIRE(body_of("local")["messages"][0]["role"] == "user");
}

TEST_CASE("thinking and temperature are said in the provider's words, or not at all",
          "[openai_chat]") {
  Prompt prompt;
  prompt.messages = {{Entry::USER, "x"}};
  const auto body_of = [&](const std::string& name) {
    const OpenAiChat dialect(settings_for(name, "openai", "https://example.org/v1"));
    const auto request = dialect.request(prompt);
    REQUIRE(request.has_value());
    return nlohmann::json::parse(request->body);
  };
  for (const char* key : {"temperature", "reasoning", "reasoning_effort"}) {
    REQUIRE_FALSE(body_of("openai").contains(key));
  }
  prompt.temperature = "0.7";
  prompt.thinking = "high";
  REQUIRE(body_of("openai")["temperature"].dump() == "0.7");
  REQUIRE(body_of("openai")["reasoning_effort"] == "high");
  REQUIRE(body_of("openrouter")["reasoning"]["effort"] == "high");
  REQUIRE_FALSE(body_of("openrouter").contains("reasoning_effort"));
  prompt.thinking = "off";
  REQUIRE(body_of("openai")["reasoning_effort"] == "none");
  REQUIRE(body_of("openrouter")["reasoning"]["effort"] == "none");
}

TEST_CASE("a model that does not think is not told how long to, and no model what it refuses",
          "[openai_chat]") {
  Prompt prompt;
  prompt.messages = {{Entry::USER, "x"}};
  const auto effort = [&](const std::string& model, const std::string& level) {
    prompt.model = model;
    prompt.thinking = level;
    const OpenAiChat dialect(settings_for("openai", "openai", "https://example.org/v1"));
    const auto request = dialect.request(prompt);
    REQUIRE(request.has_value());
    return nlohmann::json::parse(request->body).value("reasoning_effort", "");
  };
  for (const char* model : {"gpt-4o", "gpt-4o-mini", "gpt-4.1", "openai/gpt-4o", "gpt-3.5-turbo",
                            "llama-3.3-70b-versatile"}) {
    INFO(model);
    REQUIRE(effort(model, "high").empty());
    REQUIRE(effort(model, "off").empty());
  }
  REQUIRE(effort("o3", "high") == "high");
  REQUIRE(effort("o4-mini", "off") == "low");
  REQUIRE(effort("gpt-5-mini", "off") == "minimal");
  REQUIRE(effort("gpt-5.4-mini", "off") == "none");
  REQUIRE(effort("gpt-6-sol", "medium") == "medium");
}

TEST_CASE("no model is told a temperature that it refuses", "[openai_chat]") {
  Prompt prompt;
  prompt.messages = {{Entry::USER, "x"}};
  prompt.temperature = "0.7";
  const auto told = [&](const std::string& model, const std::string& thinking) {
    prompt.model = model;
    prompt.thinking = thinking;
    const OpenAiChat dialect(settings_for("openai", "openai", "https://example.org/v1"));
    return nlohmann::json::parse(dialect.request(prompt)->body).contains("temperature");
  };
  REQUIRE(told("gpt-4o", ""));
  REQUIRE(told("gpt-6-sol", "off"));
  REQUIRE_FALSE(told("gpt-6-sol", ""));
  REQUIRE_FALSE(told("openai/gpt-5-mini", "off"));
  for (const char* model : {"o1", "o1-pro", "openai/o3", "o3-mini", "o4-mini"}) {
    REQUIRE_FALSE(told(model, "low"));
  }
  REQUIRE(told("o-new", ""));
}

TEST_CASE("thoughts in the text are no text, however they are cut", "[openai_chat]") {
  struct Case {
    std::string said;
    std::string reasoning;
    std::string text;
  };
  for (const Case& one :
       {Case{"<think>Hm < </thin </think>Yes", "Hm < </thin ", "Yes"},
        Case{" \\n<think>Hm</think>\\n\\n Yes", "Hm", "Yes"},
        Case{"<think>Hm </thi", "Hm </thi", ""},
        Case{"Say <think>no</think>", "", "Say <think>no</think>"}, Case{" <thi", "", " <thi"},
        Case{"<thing>", "", "<thing>"}, Case{" \\n", "", " \n"},
        Case{"<think></think>a<think>b</think>", "", "a<think>b</think>"}}) {
    INFO(one.said);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{2}, std::size_t{7}, one.said.size()}) {
      Driver driver(openrouter());
      std::string bytes;
      for (std::size_t at = 0; at < one.said.size();) {
        // A backslash and its letter stay together.
        std::size_t end = std::min(at + size, one.said.size());
        while (one.said[end - 1] == '\\') ++end;
        bytes += "data: " + delta("\"content\":\"" + one.said.substr(at, end - at) + '"') + "\n\n";
        at = end;
      }
      const Outcome outcome = driver.stream(bytes + "data: " + delta("", R"("stop")") + "\n\n");
      REQUIRE(outcome.completed());
      REQUIRE(outcome.reasoning == one.reasoning);
      REQUIRE(outcome.text == one.text);
      REQUIRE(outcome.end->content().text() == one.text);
    }
  }
}

TEST_CASE("a limit has several names", "[openai_chat]") {
  for (const std::string reason : {"length", "max_tokens", "model_length"}) {
    Driver driver(openrouter());
    const Outcome outcome =
        driver.stream("data: " + delta(R"("content":"a")", '"' + reason + '"') + "\n\n");
    REQUIRE(outcome.completed());
    REQUIRE(outcome.end->turn_completed().finish() == LENGTH);
  }
}

TEST_CASE("only OpenRouter is told the program's name", "[openai_chat]") {
  const auto names = [](const ProviderSettings& settings) {
    Prompt prompt;
    prompt.messages = {{Entry::USER, "x"}};
    const auto request = OpenAiChat(settings).request(prompt);
    std::string joined;
    for (const CallHeader& header : request.value().headers) joined += header.name + " ";
    return joined;
  };
  REQUIRE(names(openrouter()) == "Content-Type Accept Authorization X-OpenRouter-Title ");
  ProviderSettings local = settings_for("local", "openai", "http://localhost:1234/v1");
  local.api_key = Secret();
  REQUIRE(names(local) == "Content-Type Accept ");
}

}  // namespace daybook::openai_chat_test
