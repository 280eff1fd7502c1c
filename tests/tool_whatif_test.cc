// `daybook whatif`, with a real daemon between a chat and a model.
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

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
  refused({"--policy", "half", "--yes"}, "half");
  refused({"--policy", "full", "--yes", "--turn", "x"}, "--turn 42");
  refused({"--system", "/nowhere", "--yes"}, "/nowhere");
  CHECK(asked.requests() == requests);
}

}  // namespace daybook::tool_whatif_test
