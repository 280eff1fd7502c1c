// Copies of a journal: whole or not there, readable with their keys alone, and put back as what
// they were, as far as they reach.
#include "journal/backup.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "journal/copying.h"
#include "journal/cutting.h"
#include "journal/restoration.h"
#include "journal/verify.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"
#include "tests/places.h"
#include "tests/world/process.h"

namespace daybook::backup_test {

using journal_place::DiskLog;
using journal_place::mode_of;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::read_all;

namespace fs = std::filesystem;

struct Copied {
  Place place;
  std::string copy = place.directory() + "-copy";

  void write(Seq first, Seq count, Seq each) {
    DiskLog disk(place.options());
    for (Seq seq = first; seq < first + count; seq += each) {
      disk.log().append(batch_of(seq, each));
      disk.settle();
    }
  }
  BackupReport back_up_now(const std::string& keys = "") const {
    const auto report = back_up(place.directory(), copy, keys);
    if (!report) FAIL(report.error().message);
    return *report;
  }
  std::unique_ptr<Restoration> prepare(const std::string& into, Seq until = 0,
                                       const std::string& keys = "") const {
    auto restoration = Restoration::prepare({copy, keys, into, until});
    if (!restoration) FAIL(restoration.error().message);
    return std::move(*restoration);
  }
};

Seq sound_events(const std::string& directory) {
  VerifyOptions options;
  options.directory = directory;
  const auto found = verify(options);
  REQUIRE(found);
  CHECK(found->what == "");
  return found->events;
}

TEST_CASE("a copy made beside the writer is whole, private, and opens as the journal it was",
          "[backup]") {
  Copied world;
  DiskLog disk(world.place.options());
  disk.log().append(batch_of(1, 500));
  disk.settle();
  disk.log().append(batch_of(501, 500));  // may or may not be in it
  // In a process of its own: LMDB does not bear two views in one.
  const auto made = world::run_program(
      {build_directory() + "/daybook", "--data", world.place.directory(), "backup", world.copy},
      {{"HOME", world.place.directory()}});
  INFO(made.errors);
  REQUIRE(made.status == 0);
  const Seq events = sound_events(world.copy);
  CHECK(events >= 500);
  fs::remove(world.copy + "/lock.mdb");
  CHECK(mode_of(world.copy) == 0700);
  for (const auto& entry : fs::directory_iterator(world.copy)) {
    INFO(entry.path());
    CHECK(mode_of(entry.path()) == 0600);
  }
  CHECK_FALSE(fs::exists(world.copy + ".partial"));
  CHECK_FALSE(back_up(world.place.directory(), world.copy, ""));
  auto log = LmdbReader::open(world.copy);
  REQUIRE(log);
  CHECK(read_all(**log).size() == events);
  CHECK((*log)->get(500).value()->content == "content");
}

TEST_CASE("a copy whose keys lie elsewhere holds no words", "[backup]") {
  Copied world;
  world.write(1, 10, 1);
  const std::string keys = world.place.directory() + "-keys";
  CHECK(world.back_up_now(keys).keys == keys);
  CHECK(mode_of(keys) == 0600);
  CHECK_FALSE(LmdbReader::open(world.copy));
  const std::string into = world.place.directory() + "-into";
  CHECK_FALSE(Restoration::prepare({world.copy, keys + "-wrong", into, 0}));
  REQUIRE(world.prepare(into, 0, keys)->finish());
  CHECK(LmdbReader::open(into).value()->get(3).value()->content == "content");
}

TEST_CASE("what an attempt that died left behind is thrown away", "[backup]") {
  Copied world;
  world.write(1, 10, 1);
  REQUIRE(files::prepare_directory(world.copy + ".partial", true));
  REQUIRE(files::replace(world.copy + ".partial", files::kData, "half"));
  world.back_up_now();
  const std::string into = world.place.directory() + "-into";
  REQUIRE(files::prepare_directory(into + "/" + Restoration::kDraft, true));
  REQUIRE(files::replace(into + "/" + Restoration::kDraft, files::kData, "half"));
  REQUIRE(world.prepare(into)->finish());
  CHECK(sound_events(into) == 10);
  CHECK_FALSE(fs::exists(into + "/" + Restoration::kReplaced));
}

TEST_CASE("a restore ends with the last commit that ends in time", "[backup]") {
  Copied world;
  world.write(1, 30, 10);
  {
    DiskLog disk(world.place.options());
    Batch last = batch_of(31, 1);
    last.externals = {{"telegram:1", "late", 31}};
    last.snapshots = {{"work", 0, 1, 31, "late"}};
    last.refs = {{"telegram:2", 1, 31}};
    last.refs_upto = 31;
    disk.log().append(last);
    disk.settle();
  }
  world.back_up_now();
  const std::string into = world.place.directory() + "-into";
  for (const auto& [until, upto] : std::vector<std::pair<Seq, Seq>>{
           {0, 31}, {31, 31}, {30, 30}, {29, 20}, {20, 20}, {11, 10}}) {
    INFO(until);
    auto restoration = world.prepare(into, until);
    CHECK(restoration->upto() == upto);
    CHECK(restoration->epoch() == 2);
    REQUIRE(restoration->finish());
    restoration.reset();
    CHECK(sound_events(into) == upto);
    LmdbLog::Options options;
    options.directory = into;
    auto log = LmdbLog::open(std::move(options));
    REQUIRE(log);
    CHECK((*log)->last() == upto);
    CHECK((*log)->find("telegram:1", "late").has_value() == (upto == 31));
    CHECK((*log)->snapshot("work", 0).value().has_value() == (upto == 31));
    log->reset();
    fs::remove_all(into);
  }
  CHECK_FALSE(Restoration::prepare({world.copy, "", into, 9}));
}

TEST_CASE("what a restore leaves out takes no room, and the backup is copied once", "[backup]") {
  Copied world;
  world.write(1, 20'000, 1'000);
  world.back_up_now();
  const std::string into = world.place.directory() + "-into";
  int copies = 0;
  int asked = 0;
  Restoration::Options options{world.copy, "", into, 0};
  options.progress = [&](std::string_view what, std::uint64_t done, std::uint64_t of) {
    const bool of_data = of == fs::file_size(world.copy + "/data.mdb");
    copies += what == "copying" && done == 0 && of_data ? 1 : 0;
  };
  options.moment = [&](const std::string& draft) -> Result<Seq> {
    ++asked;
    CHECK(LmdbReader::open(draft).value()->last() == 20'000);
    return Seq{1'500};
  };
  auto restoration = Restoration::prepare(options);
  REQUIRE(restoration);
  CHECK((*restoration)->upto() == 1'000);
  REQUIRE((*restoration)->finish());
  restoration->reset();
  CHECK(copies == 1);
  CHECK(asked == 1);
  CHECK(sound_events(into) == 1'000);
  CHECK(fs::file_size(into + "/data.mdb") < fs::file_size(world.copy + "/data.mdb") / 5);
}

TEST_CASE("a restore to a moment that nobody finds leaves nothing", "[backup]") {
  Copied world;
  world.write(1, 20, 10);
  world.back_up_now();
  const std::string into = world.place.directory() + "-into";
  Restoration::Options options{world.copy, "", into, 0};
  options.moment = [](const std::string&) -> Result<Seq> {
    return Error{"when?", ExitCode::kUsage};
  };
  const auto refused = Restoration::prepare(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "when?");
  CHECK_FALSE(fs::exists(into + "/" + Restoration::kDraft));
  CHECK_FALSE(fs::exists(into + "/data.mdb"));
}

TEST_CASE("what is replaced is kept, and it is known how far both are one", "[backup]") {
  Copied world;
  world.write(1, 20, 10);
  world.back_up_now();
  world.write(21, 10, 10);
  {
    auto restoration = world.prepare(world.place.directory());
    CHECK(restoration->common() == 20);
    CHECK(restoration->replaced() == world.place.directory());
    CHECK(restoration->epoch() == 2);
    REQUIRE(restoration->finish());
  }
  CHECK(sound_events(world.place.directory()) == 20);
  CHECK(sound_events(world.place.directory() + "/" + Restoration::kReplaced) == 30);
  CHECK(world.prepare(world.place.directory())->aside() == world.place.directory() + "/replaced-1");
  fs::remove_all(world.place.directory() + "/" + Restoration::kReplaced);
  world.write(21, 1, 1);
  CHECK(world.prepare(world.place.directory())->epoch() == 3);
  const Copied other;
  {
    DiskLog disk(other.place.options());
    disk.log().append(batch_of(1, 3));
    disk.settle();
  }
  CHECK_FALSE(Restoration::prepare({world.copy, "", other.place.directory(), 0}));
  CHECK(sound_events(other.place.directory()) == 3);
}

TEST_CASE("what is erased between the copy of the events and that of the keys is copied anew",
          "[backup]") {
  Copied world;
  world.write(1, 10, 1);
  int copies = 0;
  const VerifyProgress erase_once = [&](std::string_view what, std::uint64_t, std::uint64_t) {
    if (what != "copying keys" || ++copies > 1) return;
    DiskLog disk(world.place.options());
    Batch erasing = batch_of(11, 1);
    erasing.erased = {{1, 5, 5}};
    disk.log().append(erasing);
    disk.settle();
  };
  const auto report = back_up(world.place.directory(), world.copy, "", erase_once);
  REQUIRE(report);
  CHECK(copies == 2);
  CHECK(report->events == 11);
}

TEST_CASE("a damaged backup is not put back", "[backup]") {
  Copied world;
  world.write(1, 20, 10);
  world.back_up_now();
  fs::resize_file(world.copy + "/data.mdb", fs::file_size(world.copy + "/data.mdb") / 2);
  const std::string into = world.place.directory() + "-into";
  CHECK_FALSE(Restoration::prepare({world.copy, "", into, 0}));
  CHECK_FALSE(fs::exists(into + "/data.mdb"));
}

TEST_CASE("a journal whose end is not what its head says is not copied", "[backup]") {
  Copied world;
  world.write(1, 20, 10);
  const std::string older = world.place.directory() + "/older";
  fs::copy_file(world.place.directory() + "/data.mdb", older);
  world.write(21, 20, 10);
  fs::rename(older, world.place.directory() + "/data.mdb");
  const auto report = back_up(world.place.directory(), world.copy, "");
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ExitCode::kDamaged);
  CHECK_FALSE(fs::exists(world.copy));
}

}  // namespace daybook::backup_test
