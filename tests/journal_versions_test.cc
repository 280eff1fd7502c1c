// A journal of every format ever written, kept as it was: read, verified and written on.
//
// tests/golden/journal-1, -2 and -3 never change. `make golden` writes the newest if it is missing.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

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

constexpr Golden kNewest = {"journal-3", layout::kFormatLocked | layout::kFormatSealsInside};
constexpr Golden kGoldens[] = {
    {"journal-1", layout::kFormatClear}, {"journal-2", layout::kFormatLocked}, kNewest};
constexpr std::size_t kCommits = 4;  // of three events

std::string path_of(const Golden& golden) {
  return source_directory() + "/tests/golden/" + golden.name;
}

// Two sessions and the gateway, a turn, and an event that takes several parts.
std::vector<Record> golden_records() {
  std::vector<Record> records = batch_of(1, 12).records;
  records[3].turn = records[4].turn = records[5].turn = 3;
  records[8].session = 9;
  records[9].content = std::string(9'000, 'w');
  records[10].content.clear();
  return records;
}

// Beside data.mdb what a reader needs.
constexpr const char* kFiles[] = {"data.mdb", "seal.key", "head", "keys"};

void write_newest() {
  Place place;
  LmdbLog::Options options = place.options();
  options.map_bytes = 1u << 20;
  {
    DiskLog disk(options);
    const std::vector<Record> records = golden_records();
    for (std::size_t i = 0; i < records.size(); i += 3) {
      Batch batch;
      batch.records.assign(records.begin() + static_cast<std::ptrdiff_t>(i),
                           records.begin() + static_cast<std::ptrdiff_t>(i + 3));
      disk.log().append(batch);
      disk.settle();
    }
  }
  fs::create_directory(path_of(kNewest));
  for (const char* name : kFiles) {
    fs::copy_file(place.directory() + "/" + name, path_of(kNewest) + "/" + name);
  }
}

// A copy to work on; git keeps no modes.
void copy_golden(const Golden& golden, const Place& place) {
  const char* order = std::getenv("DAYBOOK_GOLDEN");
  const bool write = order != nullptr && std::string_view(order) == "write";
  if (write && !fs::exists(path_of(kNewest))) write_newest();
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
    std::vector<Record> expected = golden_records();
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
    CHECK(format_of(after) == (golden.format | layout::kFormatSealsInside));
    CHECK(table_of(after, Table::kSeals) == table_of(before, Table::kSeals));
    const bool inside = (golden.format & layout::kFormatSealsInside) != 0;
    CHECK(table_of(after, Table::kSeals).size() == (inside ? 0 : kCommits));
    const auto& events = table_of(after, Table::kEvents);
    const auto count = std::count_if(events.begin(), events.end(), [](const auto& event) {
      return !record::seal_in(event.second).empty();
    });
    CHECK(static_cast<std::size_t>(count) == (inside ? kCommits + 2 : 2));
  }
}

}  // namespace daybook::journal_versions_test
