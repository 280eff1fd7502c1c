// The daemon when the world is broken: one clear sentence, the right exit code, no secret anywhere.
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::end_to_end_failures_test {

using world::answer_for;
using world::BotApi;
using world::BotFault;
using world::DaemonWorld;
using world::Finished;

constexpr std::int64_t kChat = DaemonWorld::kUser;

struct World : DaemonWorld {
  World() : DaemonWorld(build_directory()) {}
};

std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Files below the world's directory that hold a secret, the settings file apart.
std::vector<std::string> leaks(World& world) {
  std::vector<std::string> found;
  const auto look = [&](const std::string& name, const std::string& text) {
    if (text.find("CANARY") != std::string::npos) found.push_back(name);
  };
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world.directory())) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name != "config.toml") look(name, contents(entry.path()));
  }
  look("stdout", world.daemon().output());
  look("stderr", world.daemon().errors());
  look("cmdline", contents("/proc/" + std::to_string(world.daemon().id()) + "/cmdline"));
  return found;
}

TEST_CASE("a token that is refused ends the daemon with 69 and one sentence", "[e2e]") {
  World world;
  world.set("telegram", "token = \"123456:CANARY-wrong-token-aaaaaaaaaaaaaaaa\"\napi_root = " +
                            World::toml_string(world.bot().url()));
  const Finished finished = world.run_daemon();
  CHECK(finished.status == 69);
  CHECK(finished.errors.find("token") != std::string::npos);
  CHECK(finished.errors.find("CANARY") == std::string::npos);
}

TEST_CASE("a misspelt key ends the daemon with 78 and names file, line and nearest key", "[e2e]") {
  World world;
  world.set("agent", "modle = \"fake:m\"");
  const Finished finished = world.run_daemon();
  CHECK(finished.status == 78);
  CHECK(finished.errors.find("config.toml") != std::string::npos);
  CHECK(finished.errors.find("agent.model") != std::string::npos);
}

TEST_CASE("a second daemon on a journal ends with 75 and names the first one's pid", "[e2e]") {
  World world;
  world.start();
  world.say(kChat, "first");
  REQUIRE(world.wait_answered(kChat, "first"));
  const Finished second = world.run_daemon();
  CHECK(second.status == 75);
  CHECK(second.errors.find(std::to_string(world.daemon().id())) != std::string::npos);
  world.say(kChat, "still there");
  CHECK(world.wait_answered(kChat, "still there"));
}

TEST_CASE("a provider that cannot be reached is one plain sentence in the chat", "[e2e]") {
  World world;
  world.set("providers.fake",
            "kind = \"openai\"\nbase_url = \"https://nobody.invalid/v1\"\n"
            "api_key = " +
                World::toml_string(World::kKey));
  world.start();
  world.say(kChat, "anyone");
  REQUIRE(world.bot().wait([](const BotApi& api) { return !api.screen(kChat).empty(); },
                           std::chrono::seconds(180)));
  const std::string text = world.screen(kChat)[0];
  CHECK(text.find("fake could not be reached") != std::string::npos);
  CHECK(text.find("Your message is kept") != std::string::npos);
}

TEST_CASE("a model without a key is one plain sentence that names the setting", "[e2e]") {
  World world;
  world.start();
  world.say(kChat, "/model gemini/gemini-2.5-flash");
  REQUIRE(world.bot().wait([](const BotApi& api) { return !api.screen(kChat).empty(); }));
  CHECK(world.screen(kChat)[0].find("providers.gemini.api_key") != std::string::npos);
  world.say(kChat, "and on");
  CHECK(world.wait_answered(kChat, "and on"));
}

TEST_CASE("a post that is refused for good is recorded and the chat goes on", "[e2e]") {
  World world;
  world.bot().with([](BotApi& api) {
    BotFault refused{.executed = false, .status = 403};
    api.fail("sendMessage", 1, refused);
  });
  world.start();
  world.say(kChat, "blocked");
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.calls("sendMessage") == 1; }));
  world.say(kChat, "unblocked");
  CHECK(world.wait_answered(kChat, "unblocked"));
  CHECK(world.bot().with([](BotApi& api) { return api.shows(kChat, answer_for("blocked")); }) == 0);
  const Finished log = world.tool({"log", "--json", "--kind", "DeliveryFailed"});
  CHECK(std::ranges::count(log.output, '\n') == 1);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a disk that cannot write ends the daemon with 74; what it had not taken in comes again",
          "[e2e]") {
  World world;
  const std::string sign = world.directory() + "/broken";
  world.start({{"LD_PRELOAD", build_directory() + "/libbroken_disk.so"}, {"BROKEN_DISK", sign}});
  world.say(kChat, "before");
  REQUIRE(world.wait_answered(kChat, "before"));
  // Else nobody could tell whether it was shown.
  const std::vector<std::string> shown = {"log", "--kind", "ReplyPosted"};
  while (world.tool(shown).output.empty()) {
  }
  std::ofstream(sign).put('!');
  world.say(kChat, "meanwhile");
  CHECK(world.daemon().wait() == 74);
  const std::string errors = world.daemon().errors();
  INFO(errors);
  CHECK(errors.find("Input/output error") != std::string::npos);
  CHECK(errors.find(world.data()) != std::string::npos);
  CHECK(world.bot().with([](BotApi& api) { return api.shows(kChat, answer_for("meanwhile")); }) ==
        0);

  std::filesystem::remove(sign);
  world.start();
  CHECK(world.wait_answered(kChat, "meanwhile"));
  CHECK(world.bot().with([](BotApi& api) { return api.shows(kChat, answer_for("before")); }) == 1);
  CHECK(world.bot().with([](BotApi& api) { return api.shows(kChat, answer_for("meanwhile")); }) ==
        1);
  world.daemon().signal(SIGTERM);
  CHECK(world.daemon().wait() == 0);
  CHECK(world.tool({"verify"}).status == 0);
}
#endif

TEST_CASE("secrets appear in no file, log or command line", "[e2e]") {
  World world;
  world.set("log", "level = \"trace\"");
  world.bot().with([](BotApi& api) {
    api.fail("sendMessage", 1, BotFault::bad_gateway(false));
    api.fail("getUpdates", 2, BotFault::lost(false));
  });
  world.start();
  world.say(kChat, "hello");
  REQUIRE(world.wait_answered(kChat, "hello"));
  CHECK(leaks(world) == std::vector<std::string>{});
  world.daemon().signal(SIGTERM);
  CHECK(world.daemon().wait() == 0);
  CHECK(leaks(world) == std::vector<std::string>{});
  const Finished config = world.tool({"config"});
  CHECK(config.status == 0);
  CHECK(config.output.find("CANARY") == std::string::npos);
}

}  // namespace daybook::end_to_end_failures_test
