// The built-in tools: what they are told, what they find, and where.
#include "core/tools.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/search_chain.h"
#include "core/tool_runner.h"
#include "tests/step_story.h"

namespace daybook::tools_test {
namespace {

TEST_CASE("every tool is described by a JSON schema that names what it needs", "[tools]") {
  for (const ToolDefinition& tool : tools()) {
    const auto schema = nlohmann::json::parse(tool.parameters, nullptr, false);
    REQUIRE(schema.is_object());
    CHECK(schema["type"] == "object");
    for (const auto& name : schema["required"]) CHECK(schema["properties"].contains(name));
    CHECK(find_tool(tool.name) != nullptr);
  }
  CHECK(find_tool("journal_searc") == nullptr);
  CHECK(tool_list({"journal_search", "nothing"}) == "journal_search");
}

TEST_CASE("arguments are read as the schema says, or refused with a remedy", "[tools]") {
  const ToolDefinition& search = *find_tool(kJournalSearch);
  CHECK(arguments_trouble(search, R"({"query":"ship invoice"})") == "");
  CHECK(search_words(R"({"limit":3,"query":"caf\u00e9"})") == "caf\xC3\xA9");
  CHECK(search_words(search_arguments("a \"quoted\" word\n")) == "a \"quoted\" word\n");
  for (const char* bad : {"", "{", "[]", "null", "7", R"({"query":7})", R"({"query":["a"]})",
                          R"({"query":""})", "{}", R"({"query":"\ud800"})"}) {
    INFO(bad);
    CHECK(arguments_trouble(search, bad) != "");
  }
  CHECK(arguments_trouble(search, search_arguments(std::string(1'001, 'x'))).find("1000 bytes") !=
        std::string::npos);
  CHECK(arguments_trouble(search, std::string(10'000, '[')) != "");
}

TEST_CASE("journal_search finds what was said before the question, and nowhere else", "[tools]") {
  testing::StepStory story;
  story.say("an invoice elsewhere", "console:other");
  story.say("my invoice came");
  story.complete(story.turn(), "good");
  story.say("/search invoice");
  story.say("where is the invoice?");
  story.look_for("invoice");
  story.commit();
  story.run_tools();
  const std::string found = story.last("ToolReturned").content().text();
  CHECK(found.find("you: my invoice came") != std::string::npos);
  CHECK(found.find("elsewhere") == std::string::npos);
  CHECK(found.find("where is") == std::string::npos);
  story.look_for("nothing like it");
  story.commit();
  story.run_tools();
  CHECK(story.last("ToolReturned").content().text() == "Nothing said here holds these words.");
}

TEST_CASE("a search reads so far and finds so many", "[tools]") {
  testing::StepStory story;
  for (int i = 0; i < 12; ++i) {
    story.say("word " + std::to_string(i));
    story.complete(story.turn(), "yes");
  }
  story.commit();
  const auto query = SearchQuery::parse("word");
  const SearchedChain searched =
      search_chain(*query, story.last("TurnCompleted").seq(), *story.gateway);
  CHECK(searched.finds.size() == kSearchHitsMax);
  CHECK_FALSE(searched.whole);
}

TEST_CASE("an attempt is run once, and nothing runs before it is durable", "[tools]") {
  testing::StepStory story;
  story.say("hello");
  ToolRunner runner(story.gateway->work(), *story.gateway);
  story.look_for("hello");
  CHECK_FALSE(runner.due(Moment{story.now}));
  story.commit();
  REQUIRE(runner.due(Moment{story.now}));
  CHECK_FALSE(runner.idle());
  CHECK_FALSE(runner.due(Moment{story.now}));
  Event cancelled;
  cancelled.mutable_turn_cancelled()->set_turn(story.turn().seq());
  runner.on_event(cancelled);
  CHECK(runner.idle());
}

}  // namespace
}  // namespace daybook::tools_test
