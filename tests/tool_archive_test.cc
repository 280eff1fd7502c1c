// `daybook archive` as a person uses it: refused beside a daemon, and nothing reads differently.
#include <signal.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::tool_archive_test {

using world::DaemonWorld;
using world::Finished;

namespace fs = std::filesystem;

// Every verb that needs what was archived says the same of it.
void check_nothing_reads_them(DaemonWorld& world, const std::string& sentence) {
  const std::string backup = world.directory() + "/backup";
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"verify"}, {"backup", backup}, {"export", "--all"}, {"export", "telegram:101"}}) {
    const Finished unreadable = world.tool(verb);
    INFO(verb[0]);
    CHECK(unreadable.status == 74);
    CHECK(unreadable.errors == sentence);
  }
  const std::string told = world.tool({"doctor", "--offline"}).output;
  CHECK(told.find("bad   " + sentence.substr(sentence.find(' ') + 1)) != std::string::npos);
}

TEST_CASE("archived chunks read as before, in every verb, and the daemon goes on", "[archive]") {
  DaemonWorld world(build_directory());
  const auto ask = [&](const std::string& text) {
    world.say(DaemonWorld::kUser, text);
    REQUIRE(world.wait_answered(DaemonWorld::kUser, text));
  };
  const auto stop = [&] {
    world.daemon().signal(SIGTERM);
    REQUIRE(world.daemon().wait() == 0);
  };
  const std::string into = world.directory() + "/archive";
  world.start();
  ask("one words:30");
  ask("two words:30");
  const Finished busy = world.tool({"archive", "--before", "0s", into});
  CHECK(busy.status == 75);
  CHECK(busy.errors.ends_with("; stop it first or choose another directory\n"));
  stop();

  const auto outputs = [&] {
    std::string all;
    for (const std::vector<std::string>& verb :
         std::vector<std::vector<std::string>>{{"log", "-n", "1000"},
                                               {"log", "--json", "--kind", "ChunkReceived"},
                                               {"replay", "--check"},
                                               {"audit"},
                                               {"export", "--all", "--format", "jsonl"}}) {
      const Finished done = world.tool(verb);
      INFO(verb[0] << ": " << done.errors);
      CHECK(done.status == 0);
      all += done.output;
    }
    return all;
  };
  const std::string before = outputs();
  REQUIRE(before.find("ChunkReceived") != std::string::npos);
  const Finished moved = world.tool({"archive", "--before", "0s", into});
  INFO(moved.errors);
  REQUIRE(moved.status == 0);
  CHECK(moved.output.find(into + "/chunks-") != std::string::npos);
  CHECK(outputs() == before);
  CHECK(world.tool({"verify"}).status == 0);
  CHECK(world.tool({"archive", "--before", "0s", into}).output.find("no chunks of that time") !=
        std::string::npos);

  world.start();
  ask("three words:3");
  stop();
  CHECK(world.tool({"verify"}).status == 0);
  CHECK(world.tool({"replay", "--check"}).status == 0);

  // Erasing reaches what was archived: its keys go.
  const Finished erased = world.tool({"erase", "telegram:101", "--yes"});
  INFO(erased.errors);
  CHECK(erased.status == 0);
  CHECK(world.tool({"log", "-n", "1000"}).output.find("words:30") == std::string::npos);
  CHECK(world.tool({"verify"}).status == 0);

  fs::remove_all(into);
  const Finished lost = world.tool({"log", "--kind", "ChunkReceived", "-n", "1000"});
  CHECK(lost.status == 74);
  CHECK(lost.errors.find(into + "/chunks-") != std::string::npos);
  CHECK(lost.errors.find("mount the disk") != std::string::npos);
  check_nothing_reads_them(world, lost.errors);
  CHECK(world.tool({"erase", "telegram:101", "--yes"}).status == 0);
  const Finished doctor = world.tool({"doctor", "--offline"});
  CHECK(doctor.output.find(into + "/chunks-") != std::string::npos);
  CHECK(world.tool({"sessions"}).status == 0);
  CHECK(world.tool({"archive", "--before", "never", into}).status == 64);
}

TEST_CASE("what is erased while its chunks are out of reach is erased there, too", "[archive]") {
  DaemonWorld world(build_directory());
  world.start();
  for (const char* text : {"one words:30", "two words:30"}) {
    world.say(DaemonWorld::kUser, text);
    REQUIRE(world.wait_answered(DaemonWorld::kUser, text));
  }
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  const std::string into = world.directory() + "/archive";
  REQUIRE(world.tool({"archive", "--before", "0s", into}).status == 0);
  const std::string line =
      world.tool({"log", "--json", "--kind", "MessageReceived", "-n", "1"}).output;
  const std::string seq = std::to_string(std::stoull(line.substr(line.find(':') + 1)));
  fs::rename(into, into + "-away");
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"erase", seq, "--yes"}, {"erase", "--before", "0s", "--yes"}}) {
    const Finished erased = world.tool(verb);
    INFO(verb[1] << ": " << erased.errors);
    CHECK(erased.status == 0);
  }
  fs::rename(into + "-away", into);
  CHECK(world.tool({"verify"}).status == 0);
  const std::string chunks = world.tool({"log", "--kind", "ChunkReceived", "-n", "1000"}).output;
  CHECK(chunks.find("[erased]") != std::string::npos);
  CHECK(chunks.find("word") == std::string::npos);
}

}  // namespace daybook::tool_archive_test
