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

// What the model finds of these words when it is asked now.
std::string found(testing::StepStory& story, const std::string& words) {
  story.say("what of it?");
  story.look_for(words);
  story.commit();
  story.run_tools();
  const std::string text = story.last("ToolReturned").content().text();
  story.complete(story.turn(), "told");
  story.commit();
  return text;
}

const std::string kNothingFound = "Nothing said here holds these words.";

TEST_CASE("journal_search finds nothing of a conversation that was forgotten", "[tools]") {
  testing::StepStory story;
  story.say("my own note zebra11");
  story.complete(story.turn(), "zebra12, then");
  story.say("and a branch zebra13");
  story.complete(story.turn(), "yes");
  story.say("/undo");
  story.say("something long");
  story.say("zebra14 has to wait");  // and is dropped
  story.say("/forget");
  CHECK(story.last("QueueCleared").queue_cleared().dropped_size() == 1);
  for (const char* then : {"", "/reset", "/sessions 2"}) {
    INFO(then);
    if (*then != '\0') story.say(then);
    CHECK(found(story, "zebra11") == kNothingFound);
    CHECK(found(story, "zebra12") == kNothingFound);
    CHECK(found(story, "zebra13") == kNothingFound);
    CHECK(found(story, "zebra14") == kNothingFound);
    story.crash();
  }
  // The person may look for it, and goes back to it: it is open again, and stays it.
  story.say("/search zebra11");
  CHECK(story.last("NoticeIssued").content().text().find("my own note") != std::string::npos);
  for (const char* then : {"/sessions 1", "/reset"}) {
    INFO(then);
    story.say(then);
    CHECK(found(story, "zebra11").find("you: my own note zebra11") != std::string::npos);
    CHECK(found(story, "zebra14").find("zebra14 has to wait") != std::string::npos);
  }
  // What was said since is found, and nothing that was said when it was present again.
  story.say("/sessions 1");
  CHECK(found(story, "told").find("answer: told") != std::string::npos);
  story.say("/forget");
  CHECK(found(story, "zebra11") == kNothingFound);
  CHECK(found(story, "zebra14") == kNothingFound);
}

TEST_CASE("journal_search finds no summary of what was forgotten", "[tools]") {
  testing::StepStory story;
  for (int i = 0; i < 6; ++i) {
    story.say("line " + std::to_string(i));
    story.complete(story.turn(), "yes");
  }
  story.say("/compact");
  REQUIRE(story.turn().kind() == SUMMARY);
  story.complete(story.turn(), "it was zebra15");
  CHECK(found(story, "zebra15").find("it was zebra15") != std::string::npos);
  story.say("/forget");
  CHECK(found(story, "zebra15") == kNothingFound);
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
  ToolRunner runner(story.gateway->work(), *story.gateway, story.gateway->sessions());
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
