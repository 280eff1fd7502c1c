// `daybook whatif`, with a real daemon between a chat and a model.
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::tool_whatif_test {

using nlohmann::json;
using world::answer_for;
using world::DaemonWorld;
using world::Finished;

constexpr std::int64_t kUser = DaemonWorld::kUser;
const std::string kPlace = "telegram:" + std::to_string(kUser);

struct Asked {
  DaemonWorld world{build_directory()};

  Asked() {
    world.start();
    for (const char* text : {"first question", "second question"}) {
      world.say(kUser, text);
      REQUIRE(world.wait_answered(kUser, text));
    }
  }
  ~Asked() { world.daemon().signal(SIGTERM); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  std::size_t requests() {
    return world.chat().with([](world::ChatServer& server) { return server.requests().size(); });
  }
  Finished run(std::vector<std::string> arguments) { return world.tool(std::move(arguments)); }
  // Every TurnStarted of the journal.
  std::vector<json> turns() {
    std::istringstream lines(run({"log", "--kind", "TurnStarted", "--json"}).output);
    std::vector<json> turns;
    for (std::string line; std::getline(lines, line);) turns.push_back(json::parse(line));
    return turns;
  }
};

TEST_CASE("a past turn is answered by another model, and the chat hears nothing", "[whatif]") {
  Asked asked;
  const std::size_t shown = asked.world.screen(kUser).size();
  const auto done = asked.run({"whatif", kPlace, "--model", "fake:long-name", "--yes", "--json"});
  INFO(done.errors);
  REQUIRE(done.status == 0);
  const json line = json::parse(done.output);
  CHECK(line["question"] == "second question");
  CHECK(line["recorded"]["text"] == answer_for("second question"));
  CHECK(line["again"]["text"] == answer_for("second question"));
  CHECK(line["again"]["model"] == "long-name of fake");
  CHECK(line["recorded"]["model"] != line["again"]["model"]);
  CHECK(asked.world.screen(kUser).size() == shown);

  const auto prompt = asked.run({"prompt", line["place"].get<std::string>(), "--json"});
  REQUIRE(prompt.status == 0);
  // The first exchange is there, the second one is not.
  CHECK(prompt.output.find(answer_for("first question")) != std::string::npos);
  CHECK(prompt.output.find(answer_for("second question")) == std::string::npos);
}

TEST_CASE("both answers stand side by side, and what it costs stands first", "[whatif]") {
  Asked asked;
  const auto done = asked.run({"whatif", kPlace, "--policy", "full", "--yes"});
  INFO(done.errors);
  REQUIRE(done.status == 0);
  CHECK(done.output.starts_with("This asks "));
  CHECK(done.output.find(" | ") != std::string::npos);
  CHECK(done.output.find("daybook chat whatif-") != std::string::npos);
  // Once more is another branch.
  CHECK(asked.run({"whatif", kPlace, "--policy", "full", "--yes"}).status == 0);
}

TEST_CASE("a past turn is answered under another system prompt, and the chat keeps its own",
          "[whatif]") {
  Asked asked;
  const std::string path = asked.world.directory() + "/words.txt";
  std::ofstream(path) << "\nSpeak like\na pirate.\n\n";
  const auto done = asked.run({"whatif", kPlace, "--system", path, "--yes", "--json"});
  INFO(done.errors);
  REQUIRE(done.status == 0);
  const json line = json::parse(done.output.substr(done.output.find('{')));
  CHECK(line["again"]["text"] == answer_for("second question"));
  const auto prompt_at = [&](const std::string& place) {
    const auto printed = asked.run({"prompt", place, "--json"});
    REQUIRE(printed.status == 0);
    return printed.output;
  };
  CHECK(prompt_at(line["place"].get<std::string>()).find("Speak like\\na pirate.") !=
        std::string::npos);
  CHECK(prompt_at(kPlace).find("pirate") == std::string::npos);
  asked.world.say(kUser, "third question");
  REQUIRE(asked.world.wait_answered(kUser, "third question"));
  CHECK(prompt_at(kPlace).find("pirate") == std::string::npos);
}

// The number before " token" in the sentence that says what it costs.
std::uint64_t tokens_said(const std::string& output) {
  const std::size_t at = output.find("about ");
  REQUIRE(at != std::string::npos);
  std::string digits;
  for (const char c : output.substr(at + 6)) {
    if (c == ' ') break;
    if (c != ',') digits += c;
  }
  return std::stoull(digits);
}

TEST_CASE("what is said before is of the prompt that is sent, under the limits of now",
          "[whatif]") {
  Asked asked;
  std::string words;
  for (int i = 0; i < 100; ++i) words += "Be brief. ";
  asked.world.set("agent", "model = \"fake:m\"\nsystem_prompt = \"" + words + "\"");
  asked.world.start();
  asked.world.say(kUser, "third question");
  REQUIRE(asked.world.wait_answered(kUser, "third question"));
  const json recorded = asked.turns().at(1);
  const std::string number = recorded["seq"].dump();
  const auto done =
      asked.run({"whatif", kPlace, "--turn", number, "--model", "fake:long-name", "--yes"});
  INFO(done.errors);
  REQUIRE(done.status == 0);
  const json again = asked.turns().back();
  CHECK(again["model"] == "long-name");
  CHECK(tokens_said(done.output) == again["tokens"]);
  CHECK(again["tokens"] > recorded["tokens"]);
}

TEST_CASE("what is not named stays as it was, whatever the settings say by now", "[whatif]") {
  Asked asked;
  asked.world.set("agent", "model = \"fake:other\"\npolicy = \"full\"");
  asked.world.start();
  asked.world.say(kUser, "third question");
  REQUIRE(asked.world.wait_answered(kUser, "third question"));
  CHECK(asked.turns().back()["model"] == "other");
  CHECK(asked.turns().back()["policy"] == "full");
  const std::string number = asked.turns().at(1)["seq"].dump();
  const std::string path = asked.world.directory() + "/words.txt";
  std::ofstream(path) << "Speak like a pirate.";
  const auto done =
      asked.run({"whatif", kPlace, "--turn", number, "--system", path, "--yes", "--json"});
  INFO(done.errors);
  REQUIRE(done.status == 0);
  const json line = json::parse(done.output);
  CHECK(line["recorded"]["model"] == "m of fake");
  CHECK(line["again"]["model"] == "m of fake");
  CHECK(asked.turns().back()["policy"] == asked.turns().at(1)["policy"]);
}

TEST_CASE("an answer is told with all its calls, under the name of who gave it", "[whatif]") {
  Asked asked;
  asked.world.chat().with([](world::ChatServer& server) {
    server.direct([](const world::ChatRequest& request, int) {
      if (request.model == "m") return world::ChatScript::refusal(404, "{}");
      const bool looked = request.messages.back().first == "tool";
      return world::ChatScript{.look_for = looked ? "" : "question"};
    });
  });
  asked.world.set("agent",
                  "model = \"fake:m\"\nfallbacks = [\"fake:spare\"]\n"
                  "tools = [\"journal_search\"]");
  asked.world.start();
  asked.world.say(kUser, "third question");
  const std::string shown = answer_for("third question") + "\n\n(Answered by fake:spare.)";
  REQUIRE(asked.world.wait_shown(kUser, shown));
  const auto done = asked.run({"whatif", kPlace, "--policy", "full", "--yes", "--json"});
  INFO(done.errors);
  REQUIRE(done.status == 0);
  const json line = json::parse(done.output);
  CHECK(line["recorded"]["model"] == "spare of fake");
  CHECK(line["recorded"]["calls"] == 2);
  CHECK(line["again"]["model"] == "spare of fake");
  CHECK(line["again"]["calls"] == 2);
  const json told = json::parse(asked.run({"turn", kPlace, "--json"}).output);
  CHECK(told["model"] == "spare");
  CHECK(told["spent"]["calls"] == 2);
}

TEST_CASE("what fails is told in the words of the chat, and the list of its model before",
          "[whatif]") {
  Asked asked;
  asked.world.chat().with([](world::ChatServer& server) {
    server.direct([](const world::ChatRequest& request, int) {
      return request.model == "gone" ? world::ChatScript::refusal(404, "{}") : world::ChatScript{};
    });
  });
  const auto listed = [&] {
    return asked.run({"log", "--kind", "CatalogueLoaded", "--json"})
               .output.find(R"("source":"fake")") != std::string::npos;
  };
  for (int tries = 0; tries < 100 && !listed();) ++tries;
  const auto done = asked.run({"whatif", kPlace, "--model", "fake:gone", "--yes"});
  INFO(done.errors);
  REQUIRE(done.status == 0);
  CHECK(done.output.find("The list of fake does not have it, which may be old.") !=
        std::string::npos);
  CHECK(done.output.find("No answer from gone") != std::string::npos);
  // Whoever asks in a terminal reads the same.
  CHECK(asked.run({"ask", "--session", "terminal:x", "/model fake:gone"}).status == 0);
  const auto said = asked.run({"ask", "--session", "terminal:x", "hello"});
  CHECK(said.status == 0);
  CHECK(said.output.find("No answer from gone") != std::string::npos);
}

TEST_CASE("what cannot be asked again is said in a sentence, and asks nobody", "[whatif]") {
  Asked asked;
  const auto requests = asked.requests();
  const auto refused = [&](std::vector<std::string> more, const std::string& words) {
    more.insert(more.begin(), {"whatif", kPlace});
    const auto done = asked.run(std::move(more));
    INFO(done.errors);
    CHECK(done.status == 64);
    CHECK(done.errors.find(words) != std::string::npos);
  };
  refused({"--yes"}, "--model, --policy or --system");
  refused({"--model", "fake:long-name"}, "--yes");
  refused({"--model", "nobody:x", "--yes"}, "nobody");
  refused({"--model", "echo:slw", "--yes"}, " Near it: echo:slow.");
  refused({"--policy", "half", "--yes"}, "half");
  refused({"--policy", "full", "--yes", "--turn", "x"}, "--turn 42");
  refused({"--system", "/nowhere", "--yes"}, "/nowhere");
  CHECK(asked.requests() == requests);
}

}  // namespace daybook::tool_whatif_test
