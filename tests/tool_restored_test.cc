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
#include "tools/erasing.h"
#include "tools/tool.h"

namespace daybook::tool_restored_test {

using testing::holds;
using testing::lines_of;
using testing::read_file;
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
  const Finished of_replaced = world.tool({"verify"}, replaced);
  CHECK(holds(of_replaced.output + of_replaced.errors, "nothing is to be done"));
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
  // What was lost has left its keys there: the next one is kept elsewhere, with its own.
  world.run({"restore", world.file("copy")});
  CHECK(holds(world.logged(world.below("replaced-1")), "other room"));
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

TEST_CASE("a key file that was not made with the backup is named, and the backup is not blamed",
          "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy"), "--keys", world.file("apart")});
  std::string wrong = world.file("wrong");
  SECTION("another journal's") {
    Restored other;
    other.run({"backup", other.file("copy"), "--keys", wrong});
  }
  SECTION("no key file at all") { std::ofstream(wrong) << "dear diary"; }
  SECTION("an older one of the same journal") {
    fs::rename(world.file("apart"), wrong);
    const std::string daemon = build_directory() + "/daybookd";
    const auto spoken = world::run_program({daemon, "--console", "--data", world.data()},
                                           {{"HOME", world.directory.path()}}, "said later\n");
    REQUIRE(spoken.status == 0);
    world.run({"backup", world.file("later"), "--keys", world.file("apart")});
    fs::remove_all(world.file("copy"));
    fs::rename(world.file("later"), world.file("copy"));
  }
  const Finished refused = world.tool({"restore", world.file("copy"), "--keys", wrong});
  INFO(refused.errors);
  CHECK(refused.status == 64);
  CHECK(
      holds(refused.errors, wrong + " is not the key file of the backup in " + world.file("copy")));
  CHECK(holds(refused.errors, "name with --keys the one that was written when this backup"));
  CHECK_FALSE(holds(refused.errors, "damaged"));
  CHECK_FALSE(holds(refused.errors, "restoring.tmp"));
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

// As a process leaves it that died before it destroyed the keys: the order is durable, no more.
void order_erasure(const Restored& world, const std::string& message) {
  LmdbLog::Options options = world.place.options();
  auto log = LmdbLog::open(std::move(options));
  REQUIRE(log);
  auto gateway = Gateway::open(**log);
  REQUIRE(gateway);
  const auto facts = plan_erasures(**gateway, **log, {.event = std::stoull(message)});
  REQUIRE(facts);
  for (const Event& fact : *facts) (*gateway)->record(fact, wall_clock());
  (*gateway)->flush();
}

TEST_CASE("what is ordered to be erased is read by nobody, though its keys are there", "[erase]") {
  Restored world;
  const std::string lighthouse = world.message("lighthouse");
  order_erasure(world, lighthouse);
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"log", "-n", "1000"},
        {"log", "-n", "1000", "--json"},
        {"show", "console:local"},
        {"turn", "console:local"},
        {"search", "lighthouse"},
        {"prompt", "console:local"},
        {"export", "--all", "--format", "jsonl", "--no-redact"},
        {"export", "console:local", "--format", "md"}}) {
    const Finished read = world.tool(verb);
    INFO(verb[0] << ": " << read.output << read.errors);
    CHECK_FALSE(holds(read.output, "lighthouse"));
    CHECK_FALSE(holds(read.output, "Genoa"));
  }
  CHECK(holds(world.logged(), "other room"));
  // Its words key is not handed on either.
  const std::string all = world.exported({"--all", "--format", "jsonl", "--no-redact"});
  for (const std::string& line : lines_of(all)) {
    const auto event = nlohmann::json::parse(line);
    if (event.value("erased", false)) CHECK_FALSE(event.contains("words_key"));
  }
  CHECK(world.verify(all) == 0);
  world.run({"replay", "--check"});
}

TEST_CASE("who is asked tells that an erasure is due, and how it is carried out", "[erase]") {
  Restored world;
  const std::string lighthouse = world.message("lighthouse");
  order_erasure(world, lighthouse);
  CHECK(holds(world.run({"verify"}).errors, "An erasure was ordered that nothing says"));
  const Finished doctor = world.tool({"doctor", "--offline"});
  CHECK(doctor.status == 1);
  CHECK(holds(doctor.output, "bad   1 erasure was ordered, and the keys of its words are not"));
  const Finished audit = world.tool({"audit"});
  CHECK(audit.status == 1);
  CHECK(holds(audit.errors, "1 erasure was ordered"));
  const auto orders = [&] {
    return lines_of(world.run({"log", "--json", "--kind", "SessionErased"}).output).size();
  };
  SECTION("the same is asked for again") {
    const Finished erased = world.run({"erase", lighthouse, "--yes"});
    CHECK(holds(erased.output, "Erased: 1 message, 1 answer"));
    CHECK(orders() == 1);
  }
  SECTION("something else is") {
    const std::string words = world.message("other room");
    CHECK(holds(world.run({"erase", words, "--yes"}).output, "Erased: 2 messages, 2 answers"));
    CHECK(orders() == 2);
  }
  const std::string again = world.run({"erase", lighthouse, "--yes"}).output;
  CHECK(holds(again, "Nothing is left there to erase: the words of "));
  CHECK_FALSE(holds(world.run({"verify"}).errors, "ordered"));
  CHECK_FALSE(holds(world.tool({"doctor", "--offline"}).output, "ordered"));
}

TEST_CASE("a backup has no words of what is due, and is sound", "[erase]") {
  Restored world;
  order_erasure(world, world.message("lighthouse"));
  world.run({"backup", world.file("copy")});
  // Not even for who looks at the keys themselves.
  auto copy = LmdbReader::open(world.file("copy"));
  REQUIRE(copy);
  std::size_t erased = 0;
  REQUIRE((*copy)->scan(1, (*copy)->last(), all_kinds(), [&](const Record& record) {
    CHECK_FALSE(holds(record.content, "lighthouse"));
    erased += record.erased ? 1 : 0;
    return true;
  }));
  copy->reset();
  CHECK(erased > 0);
  world.run({"verify"}, world.file("copy"));
  world.run({"restore", world.file("copy")});
  CHECK_FALSE(holds(world.logged(), "lighthouse"));
  CHECK(holds(world.logged(world.below("replaced")), "[erased]"));
  world.run({"audit"});
}

TEST_CASE("what erase says is gone is held against every copy below, words or not", "[erase]") {
  Restored world;
  const std::string lighthouse = world.message("lighthouse");
  const std::string keys = read_file(world.below("keys"));
  world.run({"erase", lighthouse, "--yes"});
  fs::create_directory(world.below("kept"));
  for (const char* name : {"data.mdb", "seal.key"}) {
    fs::copy(world.below(name), world.below("kept/") + name);
  }
  std::ofstream(world.below("kept/keys"), std::ios::binary) << keys;
  const Finished again = world.tool({"erase", lighthouse, "--yes"});
  CHECK(again.status == 65);
  CHECK(holds(again.errors, "can still be read in " + world.below("kept")));
  fs::remove_all(world.below("kept"));
  const Finished json = world.run({"erase", lighthouse, "--yes", "--json"});
  CHECK(nlohmann::json::parse(json.output)["erased"] == 0);
  CHECK(nlohmann::json::parse(json.output)["erased_before"] > 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("on a full disk erase says how far it came, and the repeat does the rest", "[erase]") {
  Restored world;
  const std::string lighthouse = world.message("lighthouse");
  const auto erase_on_full_disk = [&](const std::string& commits) {
    return world::run_program(
        {build_directory() + "/daybook", "--data", world.data(), "erase", lighthouse, "--yes"},
        {{"HOME", world.directory.path()},
         {"LD_PRELOAD", build_directory() + "/libbroken_disk.so"},
         {"FULL_DISK", commits}});
  };
  SECTION("the keys are destroyed, and nothing says so yet") {
    const Finished full = erase_on_full_disk("0");
    CHECK(full.status == 74);
    CHECK(holds(full.errors, "the disk is full: the erasure is ordered and its words are not"));
    CHECK_FALSE(holds(world.logged(), "lighthouse"));
    CHECK(world.tool({"audit"}).status == 1);
    CHECK(
        holds(world.run({"erase", lighthouse, "--yes"}).output, "Nothing is left there to erase"));
  }
  SECTION("all is done but the sign-off") {
    const Finished full = erase_on_full_disk("1");
    INFO(full.errors);
    CHECK(full.status == 0);
    CHECK(holds(full.output, "Erased: 1 message, 1 answer"));
  }
  CHECK_FALSE(holds(world.tool({"audit"}).errors, "ordered"));
  world.run({"verify"});
}
#endif

TEST_CASE("a restore that was interrupted is told as one, and nothing is lost", "[restore]") {
  const int renames = GENERATE(1, 2, 3, 4, 5, 6);
  INFO(renames);
  Restored world;
  const std::string before = world.logged();
  world.run({"backup", world.file("copy")});
  // As finish() leaves it that dies there.
  fs::copy(world.file("copy"), world.below("restoring.tmp"));
  fs::create_directory(world.below("replaced"));
  fs::copy(world.below("head"), world.below("replaced/head"));
  fs::remove(world.below("lock.mdb"));
  const std::vector<std::pair<std::string, std::string>> way = {
      {"restoring.tmp/head", "head"},
      {"data.mdb", "replaced/data.mdb"},
      {"keys", "replaced/keys"},
      {"seal.key", "replaced/seal.key"},
      {"restoring.tmp/seal.key", "seal.key"},
      {"restoring.tmp/keys", "keys"}};
  for (int i = 0; i < renames; ++i) {
    fs::rename(world.below(way[static_cast<std::size_t>(i)].first),
               world.below(way[static_cast<std::size_t>(i)].second));
  }
  const std::string sentence =
      "a restore into " + world.data() + " was interrupted; nothing is lost";
  for (const char* verb : {"log", "verify", "status", "backup", "export"}) {
    std::vector<std::string> words = {verb};
    if (words[0] == "backup") words.push_back(world.file("other"));
    if (words[0] == "export") words.push_back("--all");
    const Finished read = world.tool(words);
    INFO(verb << ": " << read.errors);
    CHECK(read.status == 74);
    CHECK(holds(read.errors, sentence));
  }
  const Finished doctor = world.tool({"doctor", "--offline"});
  CHECK(doctor.status == 1);
  CHECK(holds(doctor.output, "bad   " + sentence));
  CHECK_FALSE(holds(doctor.output, "there is no journal"));
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--check"}}) {
    std::vector<std::string> words = {build_directory() + "/daybookd", "--data", world.data()};
    words.insert(words.end(), more.begin(), more.end());
    const Finished daemon = world::run_program(words, {{"HOME", world.directory.path()}});
    INFO(daemon.errors);
    CHECK(daemon.status == 74);
    CHECK(holds(daemon.output + daemon.errors, sentence));
  }
  // A repeat that comes to nothing makes it no worse.
  CHECK(world.tool({"restore", world.file("copy"), "--until", "1"}).status == 64);
  const Finished still = world.tool({"log", "-n", "1000"});
  CHECK((renames == 1 ? still.output == before : holds(still.errors, "was interrupted")));
  world.run({"restore", world.file("copy")});
  world.run({"verify"});
  CHECK(holds(world.logged(), "lighthouse"));
  CHECK(world.logged(world.below("replaced")) == before);
  CHECK_FALSE(fs::exists(world.below("replaced-1")));
}

TEST_CASE("every restore keeps what it replaces, and a wrong one is undone", "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy")});
  const std::string before = world.logged();
  world.run({"restore", world.file("copy"), "--until", "6"});
  CHECK_FALSE(holds(world.logged(), "last words"));
  const std::string first = world.below("replaced");
  const Finished undone = world.run({"restore", first});
  CHECK(holds(undone.output, "is kept in " + world.below("replaced-1")));
  CHECK(holds(world.logged(), "last words"));
  CHECK(world.logged(first) == before);
  CHECK_FALSE(holds(world.logged(world.below("replaced-1")), "last words"));
  world.run({"restore", world.file("copy")});
  const std::string doctor = world.tool({"doctor", "--offline"}).output;
  for (const char* name : {"replaced", "replaced-1", "replaced-2"}) {
    CHECK(holds(doctor, world.below(name) + " holds the journal that a restore replaced"));
    CHECK(holds(world.logged(world.below(name)), "lighthouse"));
  }
  world.run({"erase", world.message("lighthouse"), "--yes"});
  for (const char* name : {"replaced", "replaced-1", "replaced-2"}) {
    CHECK_FALSE(holds(world.logged(world.below(name)), "lighthouse"));
  }
  world.run({"verify"});
}

TEST_CASE("erasures that a file tells of go from every journal that was replaced", "[restore]") {
  Restored world;
  world.run({"backup", world.file("copy")});
  const std::string elsewhere = world.file("elsewhere");
  world.run({"restore", world.file("copy")}, elsewhere);
  world.run({"erase", world.message("lighthouse"), "--yes"}, elsewhere);
  const std::string told = world.directory.write(
      "told", world.run({"log", "--json", "--kind", "SessionErased"}, elsewhere).output);
  world.run({"restore", world.file("copy")});
  world.run({"restore", world.file("copy"), "--erasures", told});
  for (const char* name : {"", "replaced", "replaced-1"}) {
    INFO(name);
    CHECK_FALSE(holds(world.logged(world.below(name)), "lighthouse"));
    CHECK(holds(world.logged(world.below(name)), "other room"));
  }
  world.run({"verify"});
}

TEST_CASE("who may not open a file hears whose it is, and what opens it", "[journal]") {
  Restored world;
  world.run({"log"});
  const bool root = ::geteuid() == 0;
  const std::string place = fs::path(world.data()).parent_path();
  const auto give = [&](const std::string& path, uid_t user) {
    if (root) REQUIRE(::chown(path.c_str(), user, user) == 0);
  };
  constexpr uid_t kOther = 65'534;
  give(place, kOther);
  for (const auto& entry : fs::recursive_directory_iterator(place)) give(entry.path(), kOther);
  for (const char* name : {"lock.mdb", "data.mdb", "keys", "daemon.lock"}) {
    INFO(name);
    const std::string path = world.below(name);
    const bool reads = std::string_view(name) != "daemon.lock";
    give(path, 0);
    fs::permissions(path, root ? fs::perms(0600) : fs::perms(0000));
    if (root) REQUIRE(::seteuid(kOther) == 0);
    const auto reader = LmdbReader::open(world.data());
    const auto writer = LmdbLog::open(world.place.options());
    if (root) REQUIRE(::seteuid(0) == 0);
    const std::string remedy = root ? "it belongs to root, and its directory to " +
                                          files::user_name(kOther) + ": run chown " +
                                          files::user_name(kOther) + " " + path
                                    : "run chmod 600 " + path;
    CHECK_FALSE(writer);
    if (!writer) CHECK(holds(writer.error().message, remedy));
    CHECK(reader.has_value() != reads);
    if (!reader) CHECK(holds(reader.error().message, remedy));
    give(path, kOther);
    fs::permissions(path, fs::perms(0600));
  }
}

TEST_CASE("a key store that is not whole is imported with nothing, and leaves nothing",
          "[export]") {
  Restored world;
  const std::string all = world.exported({"--all", "--format", "jsonl", "--no-redact"});
  const std::string path = world.directory.write("all.jsonl", all);
  const std::string keys = read_file(world.below("keys"));
  const std::string into = world.file("imported");
  REQUIRE(keys.size() > 600);
  for (const std::size_t bytes : {100u, 300u, 600u}) {
    INFO(bytes);
    const std::string cut = world.directory.write("cut", keys.substr(0, bytes));
    const Finished refused = world.tool({"import", path, "--keys", cut}, into);
    CHECK(refused.status == 64);
    CHECK(holds(refused.errors, cut + " is not the whole key store of this journal: at event "));
    CHECK(lines_of(refused.errors).size() == 1);
    CHECK_FALSE(fs::exists(into + "/data.mdb"));
    CHECK_FALSE(fs::exists(into + "/creating.tmp"));
  }
  world.run({"import", path, "--keys", world.below("keys")}, into);
  CHECK_FALSE(fs::exists(into + "/creating.tmp"));
  world.run({"verify"}, into);
}

TEST_CASE("no example for training has words that were erased", "[export]") {
  Restored world;
  const auto examples = [&] {
    return world.run({"export", "console:local", "--format", "openai"}).output;
  };
  REQUIRE(holds(examples(), "lighthouse"));
  world.run({"erase", world.message("lighthouse"), "--yes"});
  CHECK_FALSE(holds(examples(), "erased"));
  CHECK_FALSE(holds(examples(), "Genoa"));
  CHECK(holds(examples(), "Now it is dark."));
}

}  // namespace daybook::tool_restored_test
