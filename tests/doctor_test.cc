// The doctor finds what is wrong, one thing broken at a time, and says how to mend it.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/model.h"
#include "journal/files.h"
#include "tests/places.h"
#include "tests/story_place.h"
#include "tests/world/daemon_world.h"
#include "tools/doctor_journal.h"
#include "tools/finding.h"
#include "tools/replay.h"
#include "tools/web.h"

namespace daybook::doctor_test {

using journal_place::DiskLog;
using journal_place::Place;
using testing::Story;

// "bad: ...", one a line.
struct Told {
  std::string text;
  bool bad = false;

  Findings sink() {
    return [this](const Finding& finding) {
      const bool is_bad = finding.grade == Finding::Grade::kBad;
      bad = bad || is_bad;
      text += (is_bad                                   ? "bad: "
               : finding.grade == Finding::Grade::kNote ? "note: "
                                                        : "good: ") +
              finding.what + " -> " + finding.remedy + "\n";
    };
  }
  [[nodiscard]] bool says(std::string_view part) const {
    return text.find(part) != std::string::npos;
  }
};

struct Patient {
  Place place;

  Patient() {
    Story story;
    story.say("hello");
    story.complete(story.turn(), "hello yourself");
    testing::write_story(story, place, 3);
  }
  [[nodiscard]] std::string file(const char* name) const { return place.directory() + "/" + name; }
  [[nodiscard]] Told files() const {
    Told told;
    examine_files(place.directory(), told.sink());
    return told;
  }
  [[nodiscard]] Told contents() const {
    Told told;
    auto view = JournalView::open(place.directory());
    REQUIRE(view);
    examine_contents(**view, told.sink());
    return told;
  }
};

TEST_CASE("a sound journal has nothing to be mended", "[doctor]") {
  const Patient patient;
  const Told files = patient.files();
  INFO(files.text);
  CHECK(files.says("there, and yours alone"));
  const Told contents = patient.contents();
  INFO(contents.text);
  CHECK_FALSE(contents.bad);
  CHECK(contents.says("the end of the chain holds"));
  CHECK(contents.says("MiB of a map of"));
  CHECK(contents.says("the snapshots are what a fold from nothing gives"));
}

TEST_CASE("a file that others may read is found, with the command that closes it", "[doctor]") {
  const Patient patient;
  REQUIRE(::chmod(patient.file("head").c_str(), 0644) == 0);
  const Told told = patient.files();
  CHECK(told.says("head is open to other users (mode 0644) -> chmod 0600 "));
  CHECK(told.bad);
  REQUIRE(::chmod(patient.file("head").c_str(), 0600) == 0);
  REQUIRE(::chmod(patient.place.directory().c_str(), 0755) == 0);
  CHECK(patient.files().says("(mode 0755) -> chmod 0700 "));
}

TEST_CASE("a file that stands in the way is told once, and nobody is told to start daybookd",
          "[doctor]") {
  const world::TemporaryDirectory place;
  const std::string sound = place.path() + "/sound";
  const std::string ill = place.path() + "/ill";
  const auto run = [](const std::string& program, std::vector<std::string> words) {
    words.insert(words.begin(), build_directory() + program);
    return world::run_program(words, {{"HOME", "/nonexistent"}}, "hello\n");
  };
  const auto doctor = [&](const std::string& data) {
    return run("/daybook", {"--data", data, "doctor", "--offline"});
  };
  REQUIRE(run("/daybookd", {"--console", "--data", sound}).status == 0);
  const auto link = [](const std::string& file) {
    std::filesystem::rename(file, file + "-elsewhere");
    std::filesystem::create_symlink(file + "-elsewhere", file);
  };
  const auto open = [](const std::string& file) { REQUIRE(::chmod(file.c_str(), 0644) == 0); };
  const auto remove = [](const std::string& file) { std::filesystem::remove(file); };
  const auto cut = [](const std::string& file) { std::filesystem::resize_file(file, 7); };
  struct Row {
    const char* file;
    std::function<void(const std::string&)> harm;
  };
  for (const Row& row : {Row{"data.mdb", open}, Row{"data.mdb", link}, Row{"keys", link},
                         Row{"seal.key", link}, Row{"seal.key", remove}, Row{"seal.key", cut}}) {
    std::filesystem::remove_all(ill);
    std::filesystem::copy(sound, ill);
    REQUIRE(::chmod(ill.c_str(), 0700) == 0);
    const std::string file = ill + "/" + row.file;
    row.harm(file);
    const world::Finished found = doctor(ill);
    INFO(found.output);
    CHECK(found.status == 1);
    CHECK(found.output.find("bad   ") == found.output.rfind("bad   "));
    CHECK(found.output.find(file) != std::string::npos);
    CHECK(found.output.find("      mend what is bad above, then start it") != std::string::npos);
  }
  CHECK(doctor(sound).output.find("      start it: daybookd") != std::string::npos);
}

TEST_CASE("a sentence is about the file that it names first", "[doctor]") {
  CHECK(is_about("/j/data.mdb was cut short", "/j/data.mdb"));
  CHECK(is_about("cannot read /j/keys: No such file or directory", "/j/keys"));
  CHECK_FALSE(is_about("/j/data.mdb was cut short", "/j"));
  CHECK_FALSE(is_about("the journal in /j is damaged: seal.key is missing", "/j"));
}

TEST_CASE("a journal whose end was cut is mended by a backup", "[doctor]") {
  const Patient patient;
  const std::string backup = patient.place.directory() + "-backup";
  const auto tool = [&](std::vector<std::string> words) {
    words.insert(words.begin(),
                 {build_directory() + "/daybook", "--data", patient.place.directory()});
    return world::run_program(words, {{"HOME", "/nonexistent"}});
  };
  std::filesystem::copy_file(patient.file("data.mdb"), patient.file("older"));
  REQUIRE(world::run_program(
              {build_directory() + "/daybookd", "--console", "--data", patient.place.directory()},
              {{"HOME", "/nonexistent"}}, "more\n")
              .status == 0);
  REQUIRE(tool({"backup", backup}).status == 0);
  std::filesystem::rename(patient.file("older"), patient.file("data.mdb"));
  const world::Finished cut = tool({"doctor", "--offline"});
  INFO(cut.output);
  CHECK(cut.status == 1);
  CHECK(cut.output.find("the tail was cut, or an older copy put back; run daybook verify, then "
                        "restore it from a backup") != std::string::npos);
  CHECK(cut.output.find("mend what is bad above, then start it") != std::string::npos);
  CHECK(tool({"restore", backup}).status == 0);
  CHECK(tool({"doctor", "--offline"}).status == 0);
  std::filesystem::remove_all(backup);
}

TEST_CASE("a key that is gone is bad, a head that is gone a note", "[doctor]") {
  const Patient patient;
  std::filesystem::remove(patient.file("head"));
  const Told no_head = patient.files();
  CHECK(no_head.says("note: " + patient.file("head") + " is missing"));
  std::filesystem::remove(patient.file("seal.key"));
  CHECK(patient.files().says("bad: " + patient.file("seal.key") + " is missing"));
}

TEST_CASE("what a crash left over is told", "[doctor]") {
  const Patient patient;
  CHECK_FALSE(patient.files().says("creating.tmp"));
  std::filesystem::create_directory(patient.file("creating.tmp"));
  CHECK(patient.files().says("note: " + patient.file("creating.tmp") + " was left over"));
}

TEST_CASE("a file of another owner than the journal's is bad", "[doctor]") {
  if (::geteuid() != 0) return;  // nobody else can give a file away
  const Patient patient;
  REQUIRE(::chown(patient.file("head").c_str(), 65'534, 65'534) == 0);
  const Told told = patient.files();
  CHECK(told.bad);
  CHECK(told.says("head belongs to " + files::user_name(65'534) + ", and the journal to root -> "));
  CHECK(told.says("-> chown root " + patient.file("head")));
}

TEST_CASE("a clock behind the newest event is bad", "[doctor]") {
  const Time newest = from_milliseconds(1'700'000'000'000);
  Told told;
  examine_clock(newest, newest + Duration(5), told.sink());
  examine_clock(newest, newest - Duration(1'500), told.sink());
  CHECK_FALSE(told.bad);
  examine_clock(newest, newest - Duration(60'000), told.sink());
  CHECK(told.says("it runs behind"));
  CHECK(told.says("timedatectl"));
  CHECK(told.bad);
}

TEST_CASE("a list of models that is old is a note with its date", "[doctor]") {
  const Time listed = from_milliseconds(1'791'072'000'000);
  ModelRow row;
  row.set_id("a/b");
  const CatalogueLoaded catalogue = with_list(CatalogueLoaded(), "openrouter", {row}, listed);
  Told told;
  examine_lists(catalogue, listed + kListFresh, told.sink());
  CHECK(told.text.empty());
  examine_lists(catalogue, listed + kListFresh + Duration(1), told.sink());
  CHECK(told.says("note: what openrouter listed of its models is of 2026-10-04 -> "));
  CHECK_FALSE(told.bad);
}

TEST_CASE("a chain that does not lead to its head is bad", "[doctor]") {
  const Patient patient;
  auto head = files::read_head(patient.place.directory());
  REQUIRE((head && head->has_value()));
  files::Head other = **head;
  other.seal[0] ^= 1;
  REQUIRE(files::replace(patient.place.directory(), files::kHead, files::format_head(other)));
  const Told told = patient.contents();
  CHECK(told.bad);
  CHECK(told.says("head"));
}

TEST_CASE("a snapshot that a fold contradicts is bad", "[doctor]") {
  const Patient patient;
  const auto write = [&](const DirectoryState& state, Seq seq, std::uint32_t version) {
    DiskLog disk(patient.place.options());
    Batch batch;
    batch.snapshots.push_back({"directory", 0, version, seq, state.SerializeAsString()});
    disk.log().append(std::move(batch));
    while (disk.log().backlog_bytes() > 0) disk.settle_or_wait();
  };
  auto past = [&] {
    auto reader = LmdbReader::open(patient.place.directory());
    REQUIRE(reader);
    auto state = state_at(**reader, 5);
    REQUIRE(state);
    return state->gateway->directory().save();
  }();
  write(past, 5, Gateway::kSnapshotVersion);
  CHECK_FALSE(patient.contents().bad);
  past.set_owner(77);
  // An older program wrote it: nobody uses it.
  write(past, 5, Gateway::kSnapshotVersion - 1);
  CHECK_FALSE(patient.contents().bad);
  write(past, 5, Gateway::kSnapshotVersion);
  const Told told = patient.contents();
  INFO(told.text);
  CHECK(told.bad);
  CHECK(told.says("the snapshot \"directory\" at event 5 differs from a fold from nothing"));
  const std::string copy = patient.file("copy");
  CHECK(
      told.says("`daybook export --all --no-redact --output FILE`, `daybook --data NEW import "
                "FILE --seal-key " +
                patient.file("seal.key")));
  const auto tool = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data"});
    return world::run_program(words, {{"HOME", "/nonexistent"}}).status;
  };
  REQUIRE(tool({patient.place.directory(), "export", "--all", "--no-redact", "--output",
                patient.file("all.jsonl")}) == 0);
  std::vector<std::string> import = {copy, "import", patient.file("all.jsonl"), "--seal-key",
                                     patient.file("seal.key")};
  if (told.says(" --keys ")) import.insert(import.end(), {"--keys", patient.file("keys")});
  REQUIRE(tool(import) == 0);
  Told mended;
  auto view = JournalView::open(copy);
  REQUIRE(view);
  examine_contents(**view, mended.sink());
  CHECK_FALSE(mended.bad);
}

// Answers everything with the same response.
class Parrot final : public world::Server {
 public:
  explicit Parrot(std::string response) : response_(std::move(response)) {}
  void request(world::ExchangeId exchange, const world::HttpRequest&, Time now) override {
    outbox_.send(exchange, {{now, response_}});
  }
  void gone(world::ExchangeId exchange, Time) override { outbox_.drop(exchange); }
  std::vector<world::Output> poll(Time now) override { return outbox_.take(now); }
  [[nodiscard]] Time wake_at() const override { return outbox_.wake_at(); }

 private:
  std::string response_;
  world::Outbox outbox_;
};

TEST_CASE("whoever answers tells what their clock says", "[doctor]") {
  const auto asked = [](const world::Headers& headers) {
    world::Hosted<Parrot> peer(world::http_response(200, "text/plain", "x", headers));
    Settings settings;
    Web web(settings);
    REQUIRE(web.fetch("peer", peer.url(), Secret("/"), {}, "", Duration(5'000)));
    return web.peer_ahead();
  };
  CHECK_FALSE(asked({}).has_value());
  const auto past = asked({{"Date", "Tue, 03 Feb 2015 04:05:06 GMT"}});
  REQUIRE(past.has_value());
  CHECK(*past < -std::chrono::days(365));
  CHECK(asked({{"Date", "Fri, 03 Feb 2090 04:05:06 GMT"}}) > std::chrono::days(365));
}

TEST_CASE("doctor exits 1 when there is something to mend, as text and as JSON", "[doctor]") {
  world::DaemonWorld world(build_directory());
  world.start();
  REQUIRE(world.bot().wait([](const world::BotApi& bot) { return bot.calls("getUpdates") > 0; }));
  const auto well = world.tool({"doctor", "--json"});
  INFO(well.output + well.errors);
  std::size_t at = 0;
  while (at < well.output.size()) {
    const std::size_t end = well.output.find('\n', at);
    const auto finding = nlohmann::json::parse(well.output.substr(at, end - at));
    CHECK(finding.contains("grade"));
    CHECK(finding.contains("remedy"));
    at = end + 1;
  }
  REQUIRE(::chmod((world.data() + "/head").c_str(), 0644) == 0);
  const auto ill = world.tool({"doctor", "--offline"});
  CHECK(ill.status == 1);
  CHECK(ill.output.find("chmod 0600") != std::string::npos);
}

TEST_CASE("a webhook, and another program that polls, are found", "[doctor]") {
  world::DaemonWorld world(build_directory());
  const auto alone = world.tool({"doctor"});
  INFO(alone.output + alone.errors);
  CHECK(alone.output.find("nobody else polls for it") != std::string::npos);

  world.bot().with([](world::BotApi& bot) {
    bot.fail("getUpdates", bot.calls("getUpdates") + 1, {.executed = false, .status = 409});
  });
  const auto two = world.tool({"doctor"});
  INFO(two.output + two.errors);
  CHECK(two.status == 1);
  CHECK(two.output.find("another program polls with this bot's token") != std::string::npos);

  world.bot().with([](world::BotApi& bot) { bot.set_webhook("https://example.org/hook"); });
  const auto hooked = world.tool({"doctor"});
  INFO(hooked.output + hooked.errors);
  CHECK(hooked.status == 1);
  CHECK(hooked.output.find("a webhook is set") != std::string::npos);
  CHECK(hooked.output.find("`daybook setup` offers to remove it") != std::string::npos);
}

}  // namespace daybook::doctor_test
