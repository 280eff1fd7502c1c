// `daybook restore` and what else lies about: a second copy of the words keeps nothing that is
// erased, and no copy of them stays behind unasked.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "journal/key_copies.h"
#include "journal/lock_file.h"
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

TEST_CASE("erased words do not come back where the journal that knew of it is lost", "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy")});
  world.run({"erase", world.message("lighthouse"), "--yes"});
  const std::string told =
      world.directory.write("told", world.run({"log", "--json", "--kind", "SessionErased"}).output);
  fs::remove(world.below("data.mdb"));
  const Finished refused = world.tool({"restore", world.file("copy")});
  CHECK(refused.status == 64);
  CHECK(holds(refused.errors, "would bring erased words back: "));
  CHECK_FALSE(fs::exists(world.below("restoring.tmp")));
  SECTION("told by a file") {
    const Finished restored = world.run({"restore", world.file("copy"), "--erasures", told});
    CHECK(holds(restored.output, "1 erasure made later was done again."));
    CHECK_FALSE(holds(world.logged(), "lighthouse"));
  }
  SECTION("unless they are wanted") {
    const Finished restored =
        world.run({"restore", world.file("copy"), "--keep-erased-words", "--json"});
    CHECK(nlohmann::json::parse(restored.output)["erasures_unknown"] == true);
    CHECK(holds(world.logged(), "lighthouse"));
  }
  world.run({"verify"});
}

TEST_CASE("erasures of another journal, or such as cannot be read, destroy nothing", "[restore]") {
  Restored world;
  const Restored other;
  world.run({"backup", world.file("copy")});
  other.run({"erase", other.message("lighthouse"), "--yes"});
  const std::string told = other.run({"log", "--json", "--kind", "SessionErased"}).output;
  const auto refusal = [&](const std::string& text) {
    const std::string path = world.directory.write("told", text);
    const Finished refused = world.tool({"restore", world.file("copy"), "--erasures", path});
    CHECK(refused.status == 64);
    CHECK_FALSE(fs::exists(world.below("restoring.tmp")));
    return refused.errors;
  };
  CHECK(holds(refusal(told), "tells of an erasure in the journal "));
  nlohmann::json line = nlohmann::json::parse(told);
  line.erase("journal");
  CHECK(holds(refusal(line.dump()), "in a journal that it does not name"));
  line["session"] = "4";
  CHECK(holds(refusal("\n"), "told:1 tells of no event"));
  CHECK(holds(refusal(line.dump()), "told:1 tells of no event"));
  line["session"] = 4;
  line["ranges"] = "all";
  CHECK(holds(refusal(line.dump()), "told:1 tells of no event"));
  line["kind"] = 5;
  CHECK(holds(refusal(line.dump()), "told:1 tells of no event"));
  CHECK(holds(world.logged(), "lighthouse"));
}

TEST_CASE("a backup whose keys are elsewhere says so when it is put back without", "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy"), "--keys", world.file("apart")});
  const Finished refused = world.tool({"restore", world.file("copy")});
  CHECK(refused.status == 64);
  CHECK(holds(refused.errors, "name them with --keys"));
  world.run({"restore", world.file("copy"), "--keys", world.file("apart")});
}

TEST_CASE("a backup deletes no file that is not of a copy, and a failed one leaves none",
          "[backup]") {
  Restored world;
  fs::create_directory(world.file("copy.partial"));
  const std::string thesis = world.directory.write("copy.partial/thesis.txt", "precious");
  const std::string other = world.directory.write("apart.partial", "precious");
  CHECK(world.tool({"backup", world.file("copy")}).status == 64);
  CHECK(fs::exists(thesis));
  fs::remove(thesis);
  const std::vector<std::string> words = {"backup", world.file("copy"), "--keys",
                                          world.file("apart")};
  CHECK(world.tool(words).status == 64);
  CHECK(fs::exists(other));
  fs::remove(other);
  fs::rename(world.below("keys"), world.file("keys-away"));
  CHECK(world.tool(words).status == 65);
  CHECK_FALSE(fs::exists(world.file("copy.partial")));
  fs::rename(world.file("keys-away"), world.below("keys"));
  world.run(words);
}

TEST_CASE("a restore takes over no directory that is used for something else", "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy")});
  const std::string used = world.file("used");
  fs::create_directory(used);
  const std::string page = world.directory.write("used/page.html", "precious");
  fs::permissions(used, fs::perms(0755));
  CHECK(world.tool({"restore", world.file("copy")}, used).status == 64);
  CHECK(world.tool({"restore", world.file("nowhere")}, used).status == 74);
  CHECK(fs::status(used).permissions() == fs::perms(0755));
  CHECK(std::distance(fs::directory_iterator(used), fs::directory_iterator()) == 1);
  CHECK(fs::exists(page));
}

TEST_CASE("a reader's lock file takes its room at once and is the owner's", "[journal]") {
  const Restored world;
  const std::string lock = world.below("lock.mdb");
  fs::remove(lock);
  const bool root = ::geteuid() == 0;
  constexpr uid_t kOther = 65'534;
  if (root) REQUIRE(::chown(world.data().c_str(), kOther, kOther) == 0);
  world.run({"log"});
  struct stat found {};
  REQUIRE(::stat(lock.c_str(), &found) == 0);
  CHECK(found.st_blocks * 512 >= 8'192);
  CHECK(found.st_uid == (root ? kOther : ::geteuid()));
}

}  // namespace daybook::tool_restored_test
