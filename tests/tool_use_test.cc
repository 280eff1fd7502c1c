// Streams in which a model asks for tools, as each provider writes them, and how the results go
// back.
#include "adapters/tool_use.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "adapters/echo.h"
#include "tests/provider_driver.h"

namespace daybook::tool_use_test {
namespace {

using provider_driver::Driver;
using provider_driver::settings_for;
using Json = nlohmann::json;

struct Asked {
  std::vector<Fact> requests;
  std::vector<Fact> chunks;
  std::optional<Fact> end;
};

class ToolDriver : public Driver {
 public:
  explicit ToolDriver(const std::string& kind = "openai", bool closed = false,
                      const std::string& base_url = "https://example.com/v1",
                      const std::string& name = "local")
      : Driver(settings_for(name, kind, base_url)) {
    prompts.value.tools = tools();
    prompts.value.tools_closed = closed;
  }

  Asked ask(std::string_view body, std::size_t piece = SIZE_MAX) {
    start_turn();
    const auto call = due_call();
    REQUIRE(call);
    Asked asked;
    take(reply(call->id, ReplyHead{200, {{"content-type", "text/event-stream"}}}), &asked);
    while (!body.empty()) {
      take(reply(call->id, ReplyBody{std::string(body.substr(0, piece))}), &asked);
      body.remove_prefix(std::min(piece, body.size()));
    }
    take(reply(call->id, ReplyEnd{}), &asked);
    return asked;
  }

  Json body_sent() {
    start_turn();
    const auto call = due_call();
    REQUIRE(call);
    return Json::parse(std::get<HttpCall>(call->what).body);
  }

 private:
  static void take(std::vector<Fact> facts, Asked* asked) {
    for (Fact& fact : facts) {
      if (fact.has_chunk_received()) {
        asked->chunks.push_back(std::move(fact));
      } else if (fact.has_tool_requested()) {
        CHECK_FALSE(asked->end);
        asked->requests.push_back(std::move(fact));
      } else {
        CHECK_FALSE(asked->end);
        asked->end = std::move(fact);
      }
    }
  }
};

std::string sse(const std::vector<std::string>& events) {
  std::string bytes;
  for (const std::string& event : events) bytes += "data: " + event + "\n\n";
  return bytes;
}

std::string openai_delta(const std::string& inside, const std::string& finish = "null") {
  return R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[)"
         R"({"index":0,"delta":{)" +
         inside + R"(},"finish_reason":)" + finish + "}]}";
}

std::string call_delta(const std::string& call) {
  return openai_delta("\"tool_calls\":[" + call + "]");
}

const std::string kTwoCalls =
    sse({openai_delta(R"("role":"assistant","content":"Let me ")"),
         openai_delta(R"("content":"look.")"),
         call_delta(R"({"index":0,"id":"call_a","type":"function",)"
                    R"("function":{"name":"journal_search","arguments":""}})"),
         call_delta(R"({"index":0,"function":{"arguments":"{\"query\":\"caf"}})"),
         call_delta(R"({"index":0,"function":{"arguments":"\u00e9 \\\"x\\\"\"}"}})"),
         call_delta(R"({"index":1,"id":"call_b","type":"function",)"
                    R"("function":{"name":"get_time","arguments":"{}"}})"),
         openai_delta("", R"("tool_calls")"),
         R"({"choices":[],"usage":{"prompt_tokens":5,)"
         R"("completion_tokens":6}})",
         "[DONE]"});

TEST_CASE("calls in a stream are requested one by one, however it is cut", "[tool_use]") {
  for (std::size_t piece = 1; piece < 60; ++piece) {
    INFO("pieces of " << piece);
    ToolDriver driver;
    const Asked asked = driver.ask(kTwoCalls, piece);
    REQUIRE(asked.requests.size() == 2);
    CHECK(asked.requests[0].tool_requested().call_id() == "call_a");
    CHECK(asked.requests[0].tool_requested().tool() == "journal_search");
    CHECK(asked.requests[0].content().arguments() == "{\"query\":\"caf\xC3\xA9 \\\"x\\\"\"}");
    CHECK(asked.requests[1].tool_requested().tool() == "get_time");
    REQUIRE(asked.end);
    REQUIRE(asked.end->has_step_completed());
    CHECK(asked.end->content().text() == "Let me look.");
    CHECK(asked.end->step_completed().finish() == TOOL_CALLS);
    CHECK(asked.end->step_completed().usage().prompt_tokens() == 5);
  }
}

TEST_CASE("every delta of a call is a chunk", "[tool_use]") {
  ToolDriver driver;
  const Asked asked = driver.ask(kTwoCalls);
  std::string arguments;
  std::vector<std::string> names;
  for (const Fact& chunk : asked.chunks) {
    if (chunk.chunk_received().kind() != TOOL_USE) continue;
    CHECK(chunk.content().text() == "");
    if (chunk.chunk_received().call() == 1) arguments += chunk.content().arguments();
    if (!chunk.content().name().empty()) names.push_back(chunk.content().name());
  }
  CHECK(arguments == asked.requests[0].content().arguments());
  CHECK(names == std::vector<std::string>{"journal_search", "get_time"});
}

TEST_CASE("servers that number their calls in their own way are understood", "[tool_use]") {
  // All with index 0 and ids of their own.
  ToolDriver driver;
  Asked asked = driver.ask(
      sse({call_delta(R"({"index":0,"id":"a","function":{"name":"one","arguments":"{}"}})"),
           call_delta(R"({"index":0,"id":"b","function":{"name":"two","arguments":"{\"q\""}})"),
           call_delta(R"({"index":0,"function":{"arguments":":1}"}})"),
           openai_delta("", R"("tool_calls")"), "[DONE]"}));
  REQUIRE(asked.requests.size() == 2);
  CHECK(asked.requests[1].content().arguments() == "{\"q\":1}");
  // Whole in one delta, the arguments an object, no id, and "stop" (Ollama and its like).
  asked = driver.ask(sse({call_delta(R"({"function":{"name":"one","arguments":{"query": "x"}}},)"
                                     R"({"function":{"name":"two","arguments":{}}})"),
                          openai_delta("", R"("stop")"), "[DONE]"}));
  REQUIRE(asked.requests.size() == 2);
  CHECK(asked.requests[0].content().arguments() == R"({"query": "x"})");
  CHECK(asked.requests[0].tool_requested().call_id() == "call_1");
  CHECK(asked.requests[1].tool_requested().call_id() == "call_2");
  CHECK(asked.end->has_step_completed());
}

TEST_CASE("arguments that never end are cut, and too many calls are no answer", "[tool_use]") {
  ToolDriver driver;
  std::vector<std::string> events = {
      call_delta(R"({"index":0,"id":"a","function":{"name":"one","arguments":""}})")};
  for (int i = 0; i < 20; ++i) {
    events.push_back(
        call_delta(R"({"index":0,"function":{"arguments":")" + std::string(1'000, 'x') + "\"}}"));
  }
  events.push_back(openai_delta("", R"("length")"));
  events.emplace_back("[DONE]");
  Asked asked = driver.ask(sse(events));
  REQUIRE(asked.requests.size() == 1);
  CHECK(asked.requests[0].tool_requested().cut());
  CHECK(asked.requests[0].content().arguments().size() == kToolArgumentsBytesMax);
  events.clear();
  for (std::size_t i = 0; i <= kToolUsesMax; ++i) {
    events.push_back(call_delta("{\"id\":\"c" + std::to_string(i) +
                                R"(","function":{"name":"one","arguments":"{}"}})"));
  }
  asked = driver.ask(sse(events));
  CHECK(asked.requests.empty());
  REQUIRE(asked.end);
  CHECK(asked.end->attempt_failed().error() == PEER);
}

TEST_CASE("a stream that breaks off inside a call asks for nothing", "[tool_use]") {
  for (std::size_t size = 0; size < kTwoCalls.find("finish_reason\":\"tool_calls"); ++size) {
    ToolDriver driver;
    const Asked asked = driver.ask(std::string_view(kTwoCalls).substr(0, size));
    REQUIRE(asked.requests.empty());
    REQUIRE(asked.end->has_attempt_failed());
  }
}

TEST_CASE("where tools are closed an answer is an answer", "[tool_use]") {
  ToolDriver driver("openai", true);
  CHECK(driver.body_sent()["tool_choice"] == "none");
  CHECK(driver.body_sent()["tools"].size() == 1);
  ToolDriver again("openai", true);
  const Asked asked = again.ask(kTwoCalls);
  CHECK(asked.requests.empty());
  CHECK(asked.end->has_turn_completed());
  ToolDriver silent("openai", true);
  const Asked nothing =
      silent.ask(sse({call_delta(R"({"index":0,"id":"call_a","type":"function",)"
                                 R"("function":{"name":"journal_search","arguments":"{}"}})"),
                      openai_delta("", R"("tool_calls")"), "[DONE]"}));
  CHECK(nothing.requests.empty());
  REQUIRE(nothing.end);
  REQUIRE(nothing.end->has_attempt_failed());
  CHECK(nothing.end->attempt_failed().error() == PEER);
}

Prompt with_result() {
  Prompt prompt;
  prompt.system = "Be brief.";
  prompt.model = "m";
  prompt.tools = tools();
  prompt.messages = {{Entry::USER, "which number?"},
                     {Entry::ASSISTANT,
                      "",
                      {{"call_a", "journal_search", R"({"query":"number"})", "QUJD"},
                       {"call_b", "journal_search", "{\"que", ""}}},
                     {Entry::USER, "you: 41", {}, "call_a", "journal_search"},
                     {Entry::USER, "cannot be read", {}, "call_b", "journal_search"}};
  return prompt;
}

TEST_CASE("results go back to chat completions beside their calls", "[tool_use]") {
  ToolDriver driver;
  driver.prompts.value = with_result();
  const Json body = driver.body_sent();
  const Json& messages = body["messages"];
  REQUIRE(messages.size() == 5);
  CHECK(messages[2] == Json::parse(R"({"role":"assistant","content":null,"tool_calls":[
          {"id":"call_a","type":"function",
           "function":{"name":"journal_search","arguments":"{\"query\":\"number\"}"}},
          {"id":"call_b","type":"function",
           "function":{"name":"journal_search","arguments":"{}"}}]})"));
  CHECK(messages[3] ==
        Json::parse(R"({"role":"tool","tool_call_id":"call_a","content":"you: 41"})"));
  CHECK(messages[4]["tool_call_id"] == "call_b");
  CHECK(body["tools"][0]["type"] == "function");
  CHECK(body["tools"][0]["function"]["name"] == "journal_search");
  CHECK(body["tools"][0]["function"]["parameters"]["required"][0] == "query");
  CHECK_FALSE(body.contains("tool_choice"));
}

TEST_CASE("DeepSeek hears again what it thought before it asked, and nobody else does",
          "[tool_use]") {
  const std::string deepseek = "https://api.deepseek.com";
  const std::string thoughts = sse({openai_delta(R"("reasoning_content":"Hm, \"which\" ")"),
                                    openai_delta(R"("reasoning_content":"\u00e9?")")});
  ToolDriver driver("openai", false, deepseek);
  const Asked asked = driver.ask(thoughts + kTwoCalls);
  REQUIRE(asked.requests.size() == 2);
  CHECK(asked.requests[1].content().raw().empty());
  driver.prompts.value = with_result();
  CHECK_FALSE(driver.body_sent()["messages"][2].contains("reasoning_content"));
  driver.prompts.value.messages[1].requests[0].token = asked.requests[0].content().raw();
  CHECK(driver.body_sent()["messages"][2]["reasoning_content"] == "Hm, \"which\" \u00e9?");

  ToolDriver other;
  CHECK(other.ask(thoughts + kTwoCalls).requests[0].content().raw().empty());
  other.prompts.value = driver.prompts.value;
  CHECK_FALSE(other.body_sent()["messages"][2].contains("reasoning_content"));
  ToolDriver gemini("gemini");
  gemini.prompts.value = driver.prompts.value;
  CHECK(gemini.body_sent()["contents"][1]["parts"][0]["thoughtSignature"] ==
        "skip_thought_signature_validator");

  ToolDriver thorough("openai", false, deepseek);
  const std::string much = "\"reasoning_content\":\"" + std::string(kToolTokenBytesMax, 'm') + "\"";
  const Asked later = thorough.ask(sse({openai_delta(much), openai_delta(much)}) + kTwoCalls);
  CHECK(later.requests[0].content().raw().empty());
}

TEST_CASE("OpenRouter hears again the details of what was thought, and nobody else does",
          "[tool_use]") {
  const auto openrouter = [] {
    return ToolDriver("openai", false, "https://openrouter.ai/api/v1", "openrouter");
  };
  const auto part = [](const std::string& said, const std::string& detail) {
    return openai_delta(said + R"("reasoning_details":[{"type":"reasoning.text","format":"f",)" +
                        R"("index":0,)" + detail + "}]");
  };
  const std::string thoughts =
      sse({part(R"("reasoning":"Hm, ",)", R"("text":"Hm, ")"),
           part(R"("reasoning":"two.",)", R"("text":"two.")"), part("", R"("signature":"c2ln")")});
  ToolDriver driver = openrouter();
  const Asked asked = driver.ask(thoughts + kTwoCalls);
  REQUIRE(asked.requests.size() == 2);
  CHECK(asked.requests[1].content().raw().empty());
  driver.prompts.value = with_result();
  CHECK_FALSE(driver.body_sent()["messages"][2].contains("reasoning_details"));
  driver.prompts.value.messages[1].requests[0].token = asked.requests[0].content().raw();
  CHECK(driver.body_sent()["messages"][2]["reasoning_details"] ==
        Json::parse(R"([{"type":"reasoning.text","text":"Hm, two.","signature":"c2ln",
                         "format":"f","index":0}])"));
  ToolDriver other;
  CHECK(other.ask(thoughts + kTwoCalls).requests[0].content().raw().empty());
  other.prompts.value = driver.prompts.value;
  CHECK_FALSE(other.body_sent()["messages"][2].contains("reasoning_details"));
}

TEST_CASE("results go back to Gemini with the signatures of their calls", "[tool_use]") {
  ToolDriver driver("gemini");
  driver.prompts.value = with_result();
  const Json body = driver.body_sent();
  const Json& contents = body["contents"];
  REQUIRE(contents.size() == 3);
  CHECK(contents[1] == Json::parse(R"({"role":"model","parts":[
          {"functionCall":{"id":"call_a","name":"journal_search","args":{"query":"number"}},
           "thoughtSignature":"QUJD"},
          {"functionCall":{"id":"call_b","name":"journal_search","args":{}}}]})"));
  CHECK(contents[2] == Json::parse(R"({"role":"user","parts":[
          {"functionResponse":{"id":"call_a","name":"journal_search",
                               "response":{"result":"you: 41"}}},
          {"functionResponse":{"id":"call_b","name":"journal_search",
                               "response":{"result":"cannot be read"}}}]})"));
  CHECK(body["tools"][0]["functionDeclarations"][0]["name"] == "journal_search");
}

TEST_CASE("calls that another model made go to Gemini 3 with what stands for a signature",
          "[tool_use]") {
  for (const std::string model : {"gemini-3-pro", "gemini-2.5-flash"}) {
    ToolDriver driver("gemini");
    driver.prompts.value = with_result();
    driver.prompts.value.model = model;
    for (ToolRequest& request : driver.prompts.value.messages[1].requests) request.token.clear();
    const Json body = driver.body_sent();
    const Json& parts = body["contents"][1]["parts"];
    CHECK(parts[0].value("thoughtSignature", "") ==
          (model == "gemini-3-pro" ? "skip_thought_signature_validator" : ""));
    CHECK_FALSE(parts[1].contains("thoughtSignature"));
  }
}

TEST_CASE("Gemini's calls come whole, with a signature to give back", "[tool_use]") {
  ToolDriver driver("gemini");
  const Asked asked =
      driver.ask(sse({R"({"candidates":[{"content":{"role":"model","parts":[{"text":"Hm."},)"
                      R"({"functionCall":{"name":"journal_search","args":{"query":"a b"}},)"
                      R"("thoughtSignature":"QUJD"}]},"finishReason":"STOP","index":0}],)"
                      R"("usageMetadata":{"promptTokenCount":21,"candidatesTokenCount":2}})"}));
  REQUIRE(asked.requests.size() == 1);
  CHECK(asked.requests[0].tool_requested().tool() == "journal_search");
  CHECK(asked.requests[0].tool_requested().call_id() == "call_1");
  CHECK(search_words(asked.requests[0].content().arguments()) == "a b");
  CHECK(asked.requests[0].content().raw() == "QUJD");
  CHECK(asked.end->step_completed().usage().prompt_tokens() == 21);
  CHECK(asked.end->content().text() == "Hm.");
}

TEST_CASE("echo looks for what it is asked to find, where it may", "[tool_use]") {
  Prompt prompt;
  prompt.messages = {{Entry::USER, "find the invoice"}};
  CHECK(echo_search(prompt) == "");
  prompt.tools = tools();
  CHECK(echo_search(prompt) == "the invoice");
  prompt.tools_closed = true;
  CHECK(echo_search(prompt) == "");
  CHECK(echo_answer(with_result(), ANSWER) == "I looked it up:\ncannot be read");
}

TEST_CASE("ids are made unique and names are bounded", "[tool_use]") {
  std::vector<ToolUse> uses(3);
  uses[0].id = "call_2";
  uses[1].name = std::string(100, 'n');
  uses[2].id = "call_2";
  settle_tool_uses(&uses);
  CHECK(uses[1].name.size() == kToolNameBytesMax);
  CHECK(uses[0].id != uses[1].id);
  CHECK(uses[1].id != uses[2].id);
  CHECK(uses[0].id != uses[2].id);
}

}  // namespace
}  // namespace daybook::tool_use_test
