// Cache marks: what one prompt had the provider keep, the next one reads. The provider's side is
// played after Anthropic's rules (build-with-claude/prompt-caching): it keeps the prompt up to each
// mark, and from each mark on looks back over twenty blocks for something it kept.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "adapters/openai_chat.h"
#include "core/context.h"
#include "core/sha256.h"
#include "tests/provider_driver.h"
#include "tests/step_story.h"

namespace daybook::cache_marks_test {

using nlohmann::json;
using provider_driver::settings_for;
using testing::StepStory;

constexpr std::size_t kMarksMost = 4;
constexpr std::size_t kLookBack = 20;

class ProviderCache {
 public:
  // Takes a request; how many of its blocks were kept before.
  std::size_t read(const json& request) {
    read_ = 0;
    prefix_ = {};
    prefixes_ = {prefix_};
    std::set<std::size_t> marked;
    for (const json& message : request["messages"]) add(message, &marked);
    CHECK(marked.size() <= kMarksMost);
    for (const std::size_t mark : marked) look_back(mark);
    for (const std::size_t mark : marked) kept_.insert(prefixes_[mark]);
    return read_;
  }
  [[nodiscard]] std::size_t blocks() const { return prefixes_.size() - 1; }

 private:
  void add(const json& message, std::set<std::size_t>* marked) {
    const std::string role = message["role"];
    if (message["content"].is_string()) block(role + message["content"].get<std::string>());
    if (message["content"].is_array()) {
      for (const json& part : message["content"]) {
        block(role + part["text"].get<std::string>());
        if (part.contains("cache_control")) marked->insert(blocks());
      }
    }
    if (!message.contains("tool_calls")) return;
    for (const json& call : message["tool_calls"]) block(role + call.dump());
  }
  void block(const std::string& bytes) {
    prefix_ = std::string(view(sha256(prefix_ + bytes)));
    prefixes_.push_back(prefix_);
  }
  void look_back(std::size_t mark) {
    for (std::size_t at = mark; at > 0 && at + kLookBack > mark; --at) {
      if (!kept_.contains(prefixes_[at])) continue;
      read_ = std::max(read_, at);
      return;
    }
  }

  std::size_t read_ = 0;
  std::string prefix_;
  std::vector<std::string> prefixes_;  // by number of blocks
  std::set<std::string> kept_;
};

Fact with_claude(std::uint32_t minutes, bool tools = false) {
  Fact fact = StepStory::with_tools(8, tools);
  SettingsLoaded* body = fact.mutable_settings_loaded();
  body->set_model("anthropic/claude-sonnet-5.5");
  body->set_cache_minutes(minutes);
  ProviderRow* row = body->add_providers();
  row->set_name("openrouter");
  row->set_kind("openai");
  row->set_usable(true);
  return fact;
}

struct Chat : StepStory {
  explicit Chat(std::uint32_t minutes = 5, bool tools = false) {
    gateway->record(with_claude(minutes, tools), now);
    commit();
  }

  // What is sent for the prompt that this event records.
  json request(const Event& recorded) {
    const Result<Prompt> prompt = prompt_of(recorded, *gateway);
    REQUIRE(prompt);
    const OpenAiChat dialect(settings_for("openrouter", "openai", "https://openrouter.ai/api/v1"));
    const auto request = dialect.request(*prompt);
    REQUIRE(request);
    return json::parse(request->body);
  }
  std::size_t read(const char* kind = "TurnStarted") { return cache.read(request(last(kind))); }
  void answer(const std::string& text) {
    complete(turn(), text);
    commit();
  }

  ProviderCache cache;
};

TEST_CASE("a prompt reads from the provider's cache all of the one before", "[cache_marks]") {
  Chat chat;
  chat.say("one");
  CHECK(chat.read() == 0);
  for (const char* text : {"two", "three", "four"}) {
    const std::size_t before = chat.cache.blocks();
    chat.answer(std::string("re: ") + text);
    chat.say(text);
    CHECK(chat.read() == before);
  }
}

TEST_CASE("what is told of the moment is not kept, the conversation before it is",
          "[cache_marks]") {
  Chat chat;
  chat.say("one");
  chat.answer("re: one");
  chat.say("/goal build a boat");
  chat.say("two");
  REQUIRE(chat.last("TurnStarted").turn_started().has_preface());
  chat.read();
  const std::size_t before = chat.cache.blocks();
  chat.answer("re: two");
  chat.say("three");
  // The preface is told with the message it stands before; all in front of it is read.
  CHECK(chat.read() == before - 1);
  CHECK(chat.request(chat.last("TurnStarted"))["messages"].back()["content"].is_string());
}

TEST_CASE("each step of an answer reads the one before; the next turn reads what it tells again",
          "[cache_marks]") {
  Chat chat(5, true);
  chat.say("the invoice is number 41");
  chat.read();
  chat.answer("noted");
  const std::string goal = GENERATE("", "/goal find invoices");
  if (!goal.empty()) chat.say(goal);
  chat.say("which number was it?");
  chat.commit();
  chat.read();
  const std::size_t told = chat.cache.blocks();
  for (const char* words : {"invoice", "number", "41"}) {
    const std::size_t before = chat.cache.blocks();
    chat.look_for(words, "Let me look.");
    chat.commit();
    chat.run_tools();
    CHECK(chat.last("StepStarted").step_started().prompt().cache_minutes() == 5);
    CHECK(chat.read("StepStarted") == before);
  }
  chat.answer("It is 41.");
  chat.say("thanks");
  CHECK(chat.read() == (goal.empty() ? told : told - 1));
}

TEST_CASE("the last step, which has to answer, reads the one before", "[cache_marks]") {
  Chat chat(5, true);
  Fact fact = with_claude(5, true);
  fact.mutable_settings_loaded()->set_max_steps(1);
  chat.gateway->record(std::move(fact), chat.now);
  chat.say("which number was it?");
  chat.commit();
  chat.read();
  for (const bool closed : {false, true}) {
    const std::size_t before = chat.cache.blocks();
    chat.look_for("number");
    chat.commit();
    if (!closed) chat.run_tools();
    REQUIRE(chat.last("StepStarted").step_started().prompt().tools_closed() == closed);
    CHECK(chat.read("StepStarted") == before);
  }
  // Nobody reads it again, so it is not kept.
  CHECK(chat.request(chat.last("StepStarted"))["messages"].back()["content"].is_string());
}

TEST_CASE("a mark says how long, and there is none where the model or the person has no use for it",
          "[cache_marks]") {
  Chat chat(GENERATE(0u, 5u, 60u));
  chat.say("one");
  const std::uint32_t minutes = chat.last("TurnStarted").turn_started().cache_minutes();
  json mark = {{"type", "ephemeral"}};
  if (minutes == 60) mark["ttl"] = "1h";
  const json request = chat.request(chat.last("TurnStarted"));
  for (const json& message : request["messages"]) {
    CHECK(message["content"].is_string() == (minutes == 0));
    if (minutes != 0) CHECK(message["content"][0]["cache_control"] == mark);
  }
  chat.answer("re: one");
  chat.say("/model openrouter/openai/gpt-4o");
  chat.say("two");
  CHECK(chat.last("TurnStarted").turn_started().cache_minutes() == 0);
  CHECK(chat.request(chat.last("TurnStarted")).dump().find("cache_control") == std::string::npos);
}

TEST_CASE("a title is asked for once, so nothing of it is kept", "[cache_marks]") {
  Chat chat;
  Fact fact = with_claude(5);
  fact.mutable_settings_loaded()->set_model_titles(true);
  fact.mutable_settings_loaded()->set_summary_model("anthropic/claude-haiku-5.5");
  chat.gateway->record(std::move(fact), chat.now);
  chat.say("one");
  chat.answer("re: one");
  REQUIRE(chat.last("TurnStarted").turn_started().kind() == TITLE);
  CHECK(chat.request(chat.last("TurnStarted")).dump().find("cache_control") == std::string::npos);
}

TEST_CASE("a mark stays where messages of one role become one", "[cache_marks]") {
  Prompt prompt;
  prompt.system = "Be brief.";
  prompt.messages = {{Entry::USER, "one"},
                     {Entry::USER, "two"},
                     {Entry::ASSISTANT, "re"},
                     {Entry::ASSISTANT, ""},
                     {Entry::USER, "three"}};
  prompt.model = "anthropic/claude-sonnet-5.5";
  prompt.cache_minutes = 5;
  prompt.messages[0].cache_mark = true;  // inside of a message that is kept by no mark
  prompt.messages[3].cache_mark = true;  // empty words are not sent: behind those before
  const OpenAiChat dialect(settings_for("openrouter", "openai", "https://openrouter.ai/api/v1"));
  const json messages = json::parse(dialect.request(prompt)->body)["messages"];
  REQUIRE(messages.size() == 4);
  CHECK(messages[0]["content"][0].contains("cache_control"));
  CHECK(messages[1]["content"] == "one\n\ntwo");
  CHECK(messages[2]["content"][0]["text"] == "re");
  CHECK(messages[2]["content"][0].contains("cache_control"));
  CHECK(messages[3]["content"] == "three");
}

}  // namespace daybook::cache_marks_test
