// A journal of every format ever written, kept as it was: read, verified and written on.
//
// What lies in tests/golden never changes. `make golden` writes those that this program can write
// if they are missing; the others were written by the programs of their time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "journal/archive.h"
#include "journal/layout.h"
#include "journal/verify.h"
#include "tests/journal_forge.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"
#include "tests/places.h"

namespace daybook::journal_versions_test {

using journal_forge::table_of;
using journal_place::DiskLog;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::read_all;
using store::Table;

namespace fs = std::filesystem;

struct Golden {
  const char* name;
  std::uint32_t format;
};

constexpr std::uint32_t kClear = layout::kFormatClear;
constexpr std::uint32_t kLocked = layout::kFormatLocked;
constexpr std::uint32_t kArchived = layout::kFormatArchived;
constexpr std::uint32_t kInside = layout::kFormatSealsInside;

constexpr Golden kGoldens[] = {
    {"journal-1", kClear},
    {"journal-2", kLocked},
    {"journal-3", kLocked | kInside},
    {"journal-4", kClear | kInside},
    {"archived-1", kClear | kArchived},
    {"archived-2", kLocked | kArchived},
    {"archived-3", kLocked | kArchived | kInside},
    {"archived-4", kClear | kArchived | kInside},
};
constexpr std::size_t kCommits = 4;  // of three events

fs::path path_of(const Golden& golden) {
  return source_directory() + "/tests/golden/" + golden.name;
}

constexpr bool has(const Golden& golden, std::uint32_t flag) { return (golden.format & flag) != 0; }

// Two sessions and the gateway, a turn, and an event that takes several parts; in one with a
// segment two chunks, of which one takes several parts.
std::vector<Record> golden_records(const Golden& golden) {
  std::vector<Record> records = batch_of(1, 12).records;
  records[3].turn = records[4].turn = records[5].turn = 3;
  records[8].session = 9;
  records[9].content = std::string(9'000, 'w');
  records[10].content.clear();
  if (has(golden, kArchived)) {
    records[3].kind = records[4].kind = layout::kArchivedKind;
    records[4].content = std::string(9'000, 'c');
  }
  return records;
}

// The segment is remembered without a path of the machine that wrote it.
void move_chunks(const std::string& directory) {
  const fs::path before = fs::current_path();
  fs::current_path(directory);
  const Result<Archived> archived = archive({directory, ".", 12});
  fs::current_path(before);
  REQUIRE(archived);
  REQUIRE(archived->chunks > 2);
}

bool is_kept(const fs::path& file) {
  const std::string name = file.filename();
  return name != "lock.mdb" && name != "daemon.lock";
}

void write_golden(const Golden& golden) {
  Place place;
  LmdbLog::Options options = place.options();
  options.map_bytes = 1u << 20;
  options.encrypt = layout::is_locked(golden.format);
  {
    DiskLog disk(options);
    const std::vector<Record> records = golden_records(golden);
    for (std::size_t i = 0; i < records.size(); i += 3) {
      Batch batch;
      batch.records.assign(records.begin() + static_cast<std::ptrdiff_t>(i),
                           records.begin() + static_cast<std::ptrdiff_t>(i + 3));
      disk.log().append(batch);
      disk.settle();
    }
  }
  if (has(golden, kArchived)) move_chunks(place.directory());
  fs::create_directory(path_of(golden));
  for (const auto& entry : fs::directory_iterator(place.directory())) {
    if (is_kept(entry.path())) {
      fs::copy_file(entry.path(), path_of(golden) / entry.path().filename());
    }
  }
}

// A copy to work on; git keeps no modes.
void copy_golden(const Golden& golden, const Place& place) {
  const char* order = std::getenv("DAYBOOK_GOLDEN");
  const bool write = order != nullptr && std::string_view(order) == "write";
  if (write && has(golden, kInside) && !fs::exists(path_of(golden))) write_golden(golden);
  fs::copy(path_of(golden), place.directory());
  for (const auto& entry : fs::directory_iterator(place.directory())) {
    fs::permissions(entry.path(), fs::perms::owner_read | fs::perms::owner_write);
  }
}

Verification verified(const Place& place, Seq since = 0) {
  VerifyOptions options;
  options.directory = place.directory();
  options.since = since;
  options.jobs = 2;
  options.range_events = 1;
  const auto found = verify(options);
  REQUIRE(found);
  return *found;
}

// Every commit is found from each of its events, as three events under a seal that follows.
void check_commits(const Place& place, Seq last) {
  auto reader = LmdbReader::open(place.directory());
  REQUIRE(reader);
  StoredReading stored = (*reader)->stored();
  std::optional<Digest> before;
  for (Seq seq = 1; seq <= last; ++seq) {
    INFO("event " << seq);
    const auto commit = stored.commit_of(seq);
    REQUIRE((commit && commit->has_value()));
    CHECK((*commit)->first == seq - (seq - 1) % 3);
    CHECK((*commit)->last == (*commit)->first + 2);
    CHECK((*commit)->before == before);
    if (seq == (*commit)->last) before = (*commit)->seal;
  }
  CHECK_FALSE(stored.commit_of(last + 1).value().has_value());
  const auto sealed = (*reader)->sealed();
  REQUIRE((sealed && sealed->has_value()));
  CHECK((*sealed)->last == last);
  CHECK((*sealed)->digest == before);
  reader->reset();
  for (Seq seq = 1; seq <= last; ++seq) {
    CHECK(verified(place, seq).events == last - (seq - 1) / 3 * 3);
  }
}

std::uint32_t format_of(journal_forge::Tables& tables) {
  return record::load_u32(journal_forge::meta_of(tables, layout::kMetaFormat));
}

TEST_CASE("a journal of every format is read, verified and written on", "[journal][golden]") {
  for (const Golden& golden : kGoldens) {
    INFO(golden.name);
    Place place;
    copy_golden(golden, place);
    const Verification sound = verified(place);
    CHECK(sound.sound());
    CHECK(sound.events == 12);
    CHECK(sound.seals == kCommits);
    check_commits(place, 12);
    std::vector<Record> expected = golden_records(golden);
    journal_forge::Tables before = journal_forge::read_tables(place.directory());
    CHECK(format_of(before) == golden.format);
    {
      DiskLog disk(place.options());
      CHECK(read_all(disk.log()) == expected);
      for (const Seq first : {Seq{13}, Seq{16}}) {
        const Batch more = batch_of(first, 3);
        disk.log().append(more);
        REQUIRE(disk.settle().size() == 1);
        expected.insert(expected.end(), more.records.begin(), more.records.end());
      }
    }
    CHECK(fs::exists(place.directory() + "/keys") == layout::is_locked(golden.format));
    {
      DiskLog disk(place.options());
      CHECK(read_all(disk.log()) == expected);
    }
    const Verification longer = verified(place);
    CHECK(longer.sound());
    CHECK(longer.events == 18);
    CHECK(longer.seals == kCommits + 2);
    check_commits(place, 18);
    // What was there stays as it was, seals in the table, too; new ones lie in records.
    journal_forge::Tables after = journal_forge::read_tables(place.directory());
    CHECK(format_of(after) == (golden.format | kInside));
    CHECK(table_of(after, Table::kSeals) == table_of(before, Table::kSeals));
    const bool inside = has(golden, kInside);
    CHECK(table_of(after, Table::kSeals).size() == (inside ? 0 : kCommits));
    const auto& events = table_of(after, Table::kEvents);
    const auto count = std::count_if(events.begin(), events.end(), [](const auto& event) {
      return !record::seal_in(event.second).empty();
    });
    CHECK(static_cast<std::size_t>(count) == (inside ? kCommits + 2 : 2));
    CHECK(std::none_of(events.begin(), events.end(), [](const auto& event) {
      return record::kind_of(event.second) == layout::kArchivedKind;
    }));
  }
}

}  // namespace daybook::journal_versions_test
