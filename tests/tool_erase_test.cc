// `daybook erase` and /erase with real processes: what is erased stands in no file, whatever is
// killed on the way, and the journal is sound and the same in everything else.
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::tool_erase_test {

using world::answer_for;
using world::BotApi;
using world::DaemonWorld;
using world::Finished;

constexpr std::int64_t kChat = DaemonWorld::kUser;
constexpr const char* kSecret = "CANARY-of-the-secret words:9";
constexpr const char* kKept = "CANARY-that-is-kept words:5";

struct World : DaemonWorld {
  World() : DaemonWorld(build_directory()) {}

  std::int64_t talk() {
    const std::int64_t id = say(kChat, kSecret);
    REQUIRE(wait_answered(kChat, kSecret));
    say(kChat, kKept);
    REQUIRE(wait_answered(kChat, kKept));
    return id;
  }
  void stop() {
    daemon().signal(SIGTERM);
    REQUIRE(daemon().wait() == 0);
  }
  [[nodiscard]] bool stands_in_a_file(std::string_view words) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file),
                              std::istreambuf_iterator<char>()};
      if (bytes.find(words) != std::string::npos) return true;
    }
    return false;
  }
  // Numbers of the events whose line in `log` holds these words.
  std::vector<std::string> lines_with(const std::string& words) {
    std::vector<std::string> lines;
    std::istringstream log(tool({"log", "-n", "100000"}).output);
    for (std::string line; std::getline(log, line);) {
      if (line.find(words) != std::string::npos) lines.push_back(line);
    }
    return lines;
  }
  Seq seq_of(const std::string& words) {
    const auto lines = lines_with(words);
    REQUIRE_FALSE(lines.empty());
    return std::stoull(lines.front());
  }
  void judge() {
    CHECK_FALSE(stands_in_a_file("CANARY"));
    CHECK(lines_with("CANARY-of-the-secret").empty());
    CHECK_FALSE(lines_with("CANARY-that-is-kept").empty());
    CHECK_FALSE(lines_with("[erased]").empty());
    for (const std::vector<std::string>& verb : {std::vector<std::string>{"verify"},
                                                 {"replay", "--check"},
                                                 {"audit"},
                                                 {"usage"},
                                                 {"prompt", "telegram:101"}}) {
      const Finished finished = tool(verb);
      INFO(verb[0] << ": " << finished.output << finished.errors);
      CHECK(finished.status == 0);
    }
  }
};

TEST_CASE("what is erased stands in no file, before a restart and after it", "[erase]") {
  World world;
  world.start();
  world.talk();
  const std::string seq = std::to_string(world.seq_of("CANARY-of-the-secret"));
  SECTION("through the running daemon") {
    CHECK(world.tool({"erase", seq}).status == 64);
    const Finished erased = world.tool({"erase", seq, "--yes"});
    INFO(erased.errors);
    CHECK(erased.status == 0);
    CHECK(erased.output.find("Erased: 1 message, 1 answer; words of ") != std::string::npos);
    CHECK(erased.output.find("are in none of the ") != std::string::npos);
    CHECK(world.tool({"erase", seq, "--yes"})
              .output.starts_with("Nothing is left there to erase: the words of "));
    world.judge();
    world.stop();
  }
  SECTION("when none runs") {
    world.stop();
    const Finished erased = world.tool({"erase", seq, "--yes", "--json"});
    INFO(erased.errors);
    CHECK(erased.status == 0);
    CHECK(erased.output.find("\"messages\":1") != std::string::npos);
  }
  world.judge();
  world.start();
  world.say(kChat, "and on it goes words:3");
  CHECK(world.wait_answered(kChat, "and on it goes words:3"));
  world.stop();
  world.judge();
}

TEST_CASE("a whole session, and all before a time, leave nothing of it", "[erase]") {
  World world;
  world.start();
  // A model's name stays in clear, and is not what is to be forgotten.
  world.say(kChat, "/model fake:long-name");
  world.talk();
  SECTION("the session") { CHECK(world.tool({"erase", "telegram:101", "--yes"}).status == 0); }
  SECTION("by time") { CHECK(world.tool({"erase", "--before", "0s", "--yes"}).status == 0); }
  CHECK(world.lines_with("CANARY").empty());
  world.say(kChat, "anew words:2");
  CHECK(world.wait_answered(kChat, "anew words:2"));
  world.stop();
  CHECK_FALSE(world.lines_with("anew").empty());
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"verify"}, {"replay", "--check"}}) {
    CHECK(world.tool(verb).status == 0);
  }
}

TEST_CASE("an erasure names the forks that lose by it, and takes a message as its chat numbers it",
          "[erase]") {
  World world;
  world.start();
  const std::int64_t id = world.talk();
  REQUIRE(world.tool({"fork", "telegram:101", "--name", "idea"}).status == 0);
  world.stop();
  std::vector<std::string> verb = {"erase"};
  SECTION("a message") { verb.push_back("telegram:101@m" + std::to_string(id)); }
  SECTION("a session") { verb.push_back("telegram:101"); }
  SECTION("by time") { verb.insert(verb.end(), {"--before", "0s"}); }
  const Finished refused = world.tool(verb);
  INFO(refused.errors);
  CHECK(refused.status == 64);
  CHECK(refused.errors.find(" at terminal:idea, a fork of ") != std::string::npos);
  verb.insert(verb.end(), {"--yes", "--json"});
  const Finished erased = world.tool(verb);
  INFO(erased.errors);
  CHECK(erased.status == 0);
  CHECK(erased.output.find("\"forks\":[{") != std::string::npos);
  CHECK(erased.output.find("\"place\":\"terminal:idea\"") != std::string::npos);
  CHECK(world.lines_with("CANARY-of-the-secret").empty());
}

TEST_CASE("a post that is to be erased takes along what it shows", "[erase]") {
  World world;
  world.start();
  world.talk();
  world.stop();
  const std::string kind = GENERATE(as<std::string>(), "PostAttempted", "ReplyPosted");
  const std::string rows = world.tool({"log", "--kind", kind, "--json"}).output;
  const auto at = [&](const std::string& key) {
    return std::to_string(std::stoull(rows.substr(rows.find(key) + key.size())));
  };
  const std::string seq = at("{\"seq\":");
  const std::string source = at("\"source\":");
  const std::string note = "Event " + seq + " (" + kind + ") shows event " + source;
  const Finished asked = world.tool({"erase", seq});
  INFO(asked.errors);
  CHECK(asked.status == 64);
  CHECK(asked.errors.find(note) != std::string::npos);
  const Finished erased = world.tool({"erase", seq, "--yes"});
  INFO(erased.output << erased.errors);
  CHECK(erased.status == 0);
  CHECK(erased.output.find(note) != std::string::npos);
  CHECK(erased.output.find("Erased: 0 messages, 1 answer; words of ") != std::string::npos);
  CHECK(world.tool({"erase", source, "--yes"}).output.starts_with("Nothing is left there"));
}

TEST_CASE("a fork that begins before what is erased loses nothing", "[erase]") {
  World world;
  world.start();
  world.talk();
  const std::string early = std::to_string(world.seq_of("CANARY-of-the-secret"));
  const std::string late = std::to_string(world.seq_of("CANARY-that-is-kept"));
  REQUIRE(world.tool({"fork", "telegram:101", "--at", early, "--name", "early"}).status == 0);
  REQUIRE(world.tool({"fork", "telegram:101", "--name", "late"}).status == 0);
  const Finished erased = world.tool({"erase", late, "--yes"});
  INFO(erased.output << erased.errors);
  CHECK(erased.status == 0);
  CHECK(erased.output.find("Who read some of it and lost that: session ") != std::string::npos);
  CHECK(erased.output.find("terminal:late") != std::string::npos);
  CHECK(erased.output.find("terminal:early") == std::string::npos);
  world.stop();
}

TEST_CASE("a snapshot of what was owed may be older than what was erased since", "[erase]") {
  World world;
  world.start();
  world.talk();
  world.stop();  // writes the snapshot
  world.start();
  world.say(kChat, "anew words:2");
  REQUIRE(world.wait_answered(kChat, "anew words:2"));
  CHECK(world.tool({"erase", "telegram:101", "--yes"}).status == 0);
  world.daemon().signal(SIGKILL);
  world.daemon().wait();
  const Finished replayed = world.tool({"replay", "--check"});
  INFO(replayed.output << replayed.errors);
  CHECK(replayed.status == 0);
}

TEST_CASE("kill -9 before and after each commit of an erasure leaves it to be finished",
          "[erase]") {
  // SessionErased, its notice and the KeysDestroyed are the next events; before the commit of the
  // last the keys are destroyed already.
  for (const char* when : {"before", "after"}) {
    for (const int ahead : {1, 4}) {
      INFO(when << " +" << ahead);
      World world;
      world.start();
      const std::int64_t id = world.talk();
      world.stop();
      const std::string log = world.tool({"log", "--json", "-n", "100000"}).output;
      const auto events = std::ranges::count(log, '\n');
      // A start records two events; the message follows them.
      world.start(
          {{"DAYBOOK_TEST_KILL", std::string(when) + ":" + std::to_string(events + 2 + ahead)}});
      world.bot().with(
          [&](BotApi& api) { api.say_in_reply(kChat, "/erase", id, world::real_now()); });
      const auto forgotten = [](const BotApi& api) {
        return std::ranges::any_of(api.screen(kChat), [](const world::ChatMessage& message) {
          return message.text.starts_with("Forgotten: ");
        });
      };
      world.wait_or_end(forgotten);
      if (!world.daemon().running()) {
        CHECK(world.daemon().wait() == 128 + SIGKILL);
        world.start();
      }
      CHECK(world.bot().wait(forgotten));
      world.stop();
      world.judge();
    }
  }
}

}  // namespace daybook::tool_erase_test
