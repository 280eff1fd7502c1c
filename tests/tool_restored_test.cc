// `daybook restore` and what else lies about: a second copy of the words keeps nothing that is
// erased, and no copy of them stays behind unasked.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "journal/key_copies.h"
#include "tests/export_place.h"

namespace daybook::tool_restored_test {

using testing::holds;
using testing::lines_of;
using testing::Talks;
using world::Finished;

namespace fs = std::filesystem;

struct Restored : Talks {
  Restored() : Talks("nothing", 3, true) {}

  [[nodiscard]] std::string data() const { return place.directory(); }
  [[nodiscard]] std::string below(const std::string& name) const { return data() + "/" + name; }
  Finished run(const std::vector<std::string>& words, const std::string& data = "") const {
    Finished finished = tool(words, data);
    INFO(words[0] << ": " << finished.output << finished.errors);
    CHECK(finished.status == 0);
    return finished;
  }
  [[nodiscard]] std::string logged(const std::string& data = "") const {
    return run({"log", "-n", "1000"}, data).output;
  }
  // The number of the message that holds these words.
  [[nodiscard]] std::string message(const std::string& words) const {
    for (const std::string& line : lines_of(run({"log", "-n", "1000", "--json"}).output)) {
      const auto event = nlohmann::json::parse(line);
      if (event["kind"] == "MessageReceived" && holds(line, words)) return event["seq"].dump();
    }
    FAIL(words);
    return {};
  }
};

TEST_CASE("what is erased cannot be read in the journal that a restore replaced", "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy")});
  world.run({"restore", world.file("copy")});
  const std::string replaced = world.below("replaced");
  REQUIRE(holds(world.logged(replaced), "lighthouse"));
  CHECK(holds(world.tool({"doctor"}).output, "replaced"));
  world.run({"erase", world.message("lighthouse"), "--yes"});
  CHECK_FALSE(holds(world.logged(replaced), "lighthouse"));
  CHECK(holds(world.logged(replaced), "other room"));
  CHECK_FALSE(holds(world.logged(), "lighthouse"));
  world.run({"verify"});
}

TEST_CASE("a restore that comes to nothing leaves no draft with words and keys", "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy")});
  const std::string draft = world.below("restoring.tmp");
  CHECK(world.tool({"restore", world.file("copy"), "--erasures", "nowhere"}).status == 74);
  CHECK_FALSE(fs::exists(draft));
  fs::copy(world.file("copy"), draft, fs::copy_options::recursive);
  CHECK(holds(world.tool({"doctor"}).output, "restoring.tmp"));
  world.run({"erase", world.message("lighthouse"), "--yes"});
  CHECK_FALSE(fs::exists(draft));
}

TEST_CASE("what was exported after an erasure is verified and imported", "[export]") {
  Restored world;
  world.run({"erase", world.message("lighthouse"), "--yes"});
  for (const std::vector<std::string>& which :
       {std::vector<std::string>{"--all"}, {"console:local"}, {"console:local", "--chain"}}) {
    std::vector<std::string> words = which;
    words.insert(words.end(), {"--format", "jsonl", "--no-redact"});
    const std::string text = world.exported(words);
    CHECK_FALSE(holds(text, "lighthouse"));
    CHECK(holds(text, "[erased]"));
    CHECK(world.verify(text) == 0);
    CHECK(world.verify(text, {"--seal-key", world.key()}) == 0);
  }
  const std::string all = world.exported({"--all", "--format", "jsonl", "--no-redact"});
  const std::string path = world.directory.write("all.jsonl", all);
  const std::string into = world.file("imported");
  world.run({"import", path, "--keys", world.below("keys"), "--seal-key", world.key()}, into);
  CHECK(world.logged(into) == world.logged());
}

}  // namespace daybook::tool_restored_test
