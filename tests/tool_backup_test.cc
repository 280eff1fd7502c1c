// `daybook backup` and `restore` with real processes: a copy made while it talks, put back later;
// nothing is sent twice, and what was erased since stays erased.
#include <signal.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::tool_backup_test {

using world::answer_for;
using world::BotApi;
using world::DaemonWorld;
using world::Finished;

constexpr std::int64_t kChat = DaemonWorld::kUser;

struct World : DaemonWorld {
  World() : DaemonWorld(build_directory()) {}

  void ask(const std::string& text) {
    say(kChat, text);
    REQUIRE(wait_answered(kChat, text));
  }
  void stop() {
    daemon().signal(SIGTERM);
    REQUIRE(daemon().wait() == 0);
  }
  Finished run(const std::vector<std::string>& arguments) {
    const Finished finished = tool(arguments);
    INFO(arguments[0] << ": " << finished.output << finished.errors);
    CHECK(finished.status == 0);
    return finished;
  }
  std::size_t on_screen() { return screen(kChat).size(); }
  std::string copy() const { return directory() + "/copy"; }
};

TEST_CASE("a restored journal sends nothing again and goes on", "[restore]") {
  World world;
  world.start();
  world.ask("one words:3");
  world.ask("two words:3");
  // A turn is open and a message waits when the copy is made.
  world.say(kChat, "open words:400");
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.screen(kChat).size() == 3; }));
  world.say(kChat, "waits words:2");
  world.run({"backup", world.copy()});
  REQUIRE(world.wait_answered(kChat, "open words:400", std::chrono::seconds(60)));
  REQUIRE(world.wait_answered(kChat, "waits words:2"));
  world.stop();
  const std::size_t shown = world.on_screen();
  const auto restored = world.run({"restore", world.copy()});
  CHECK(restored.output.find(", as epoch 2.") != std::string::npos);
  world.start();
  world.say(kChat, "three words:3");
  // What was given up stands before it in the prompt, so it may be answered along with it.
  REQUIRE(world.bot().wait([shown](const BotApi& api) {
    const auto screen = api.screen(kChat);
    if (screen.size() <= shown) return false;
    const std::string& text = screen.back().text;
    return text.ends_with(" word2") || text.ends_with(" word3") || text.ends_with(" wörd400");
  }));
  CHECK(world.on_screen() == shown + 1);
  world.stop();
  for (const char* verb : {"verify", "audit"}) world.run({verb});
  world.run({"replay", "--check"});
  CHECK(world.run({"log", "-n", "100000"}).output.find("JournalRestored epoch=2") !=
        std::string::npos);
}

TEST_CASE("erasures made after the backup are done again, told by the journal or by a file",
          "[restore]") {
  World world;
  world.start();
  world.ask("CANARY-secret words:3");
  world.ask("kept words:3");
  world.run({"backup", world.copy(), "--keys", world.directory() + "/keys-apart"});
  world.run({"erase", "telegram:101", "--yes"});
  world.stop();
  const std::string told =
      world.run({"log", "--json", "-n", "100000", "--kind", "SessionErased"}).output;
  std::vector<std::string> restore = {"restore", world.copy(), "--keys",
                                      world.directory() + "/keys-apart"};
  std::size_t erased = 0;
  SECTION("by the journal that is replaced") {
    CHECK(world.run(restore).output.find("1 erasure made later was done again.") !=
          std::string::npos);
    erased = 1;
  }
  SECTION("by a file") {
    std::filesystem::remove_all(world.data());
    std::ofstream(world.directory() + "/told") << told;
    restore.insert(restore.end(), {"--erasures", world.directory() + "/told"});
    CHECK(world.run(restore).output.find("1 erasure made later was done again.") !=
          std::string::npos);
    erased = 1;
  }
  SECTION("by nobody") {
    std::filesystem::remove_all(world.data());
    CHECK(world.run(restore).output.find("are not known: --erasures FILE") != std::string::npos);
  }
  const std::string log = world.run({"log", "-n", "100000"}).output;
  CHECK((log.find("CANARY-secret") == std::string::npos) == (erased == 1));
  world.run({"verify"});
  world.run({"replay", "--check"});
}

TEST_CASE("a backup needs a free place, and a restore a journal that nobody uses", "[restore]") {
  World world;
  world.start();
  world.ask("one words:3");
  world.run({"backup", world.copy()});
  CHECK(world.tool({"backup", world.copy()}).status == 64);
  CHECK(world.tool({"restore", world.copy()}).status == 75);
  world.stop();
  CHECK(world.tool({"restore", world.copy(), "--until", "soon"}).status == 64);
  CHECK(world.tool({"restore", world.directory() + "/nowhere"}).status == 74);
  const std::string foreign = world.directory() + "/foreign";
  std::ofstream(foreign)
      << R"({"kind":"SessionErased","session":1,"ranges":[{"first":1,"last":9}]})" << '\n';
  const Finished refused = world.tool({"restore", world.copy(), "--erasures", foreign});
  CHECK(refused.status == 64);
  CHECK(refused.errors.find("a journal that it does not name") != std::string::npos);
  CHECK(world.tool({"restore", world.copy()}).status == 0);
}

TEST_CASE("a restore ends at any moment of the backup", "[restore]") {
  World world;
  world.start();
  world.ask("one words:3");
  const std::int64_t second = world.say(kChat, "two words:3");
  REQUIRE(world.wait_answered(kChat, "two words:3"));
  const std::string keys = world.directory() + "/keys-elsewhere";
  world.run({"backup", world.copy(), "--keys", keys});
  world.stop();
  const auto restored_until = [&](const std::string& moment) {
    world.run({"restore", world.copy(), "--keys", keys, "--until", moment});
    return world.run({"log", "-n", "100000"}).output;
  };
  const std::string all = restored_until("0s");
  CHECK(all.find(answer_for("two words:3")) != std::string::npos);
  const std::string half = restored_until("telegram:101@m" + std::to_string(second));
  CHECK(half.find("one words:3") != std::string::npos);
  CHECK(half.find(answer_for("one words:3")) != std::string::npos);
  CHECK(half.find(answer_for("two words:3")) == std::string::npos);
  const std::vector<std::string> restore = {"restore", world.copy(), "--keys", keys, "--until"};
  for (const char* moment : {"m5", "2020-01-01"}) {
    std::vector<std::string> words = restore;
    words.push_back(moment);
    CHECK(world.tool(words).status == 64);
  }
  CHECK_FALSE(std::filesystem::exists(world.data() + "/restoring.tmp"));
  world.run({"verify"});
}

TEST_CASE("a daemon whose journal fails under it ends with a sentence and the disk's code",
          "[daemon]") {
  World world;
  world.start();
  world.ask("one words:3");
  world.daemon().signal(SIGBUS);
  CHECK(world.daemon().wait() == 74);
}

}  // namespace daybook::tool_backup_test
