// A journal of every format ever written, kept as it was: read, verified and written on.
//
// tests/golden/journal-1 and journal-2 never change. `make golden` writes one that is missing.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "journal/layout.h"
#include "journal/verify.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"
#include "tests/places.h"

namespace daybook::journal_versions_test {

using journal_place::DiskLog;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::read_all;

namespace fs = std::filesystem;

const std::string kGoldenFolder = source_directory() + "/tests/golden";

std::string golden_path(std::uint32_t format) {
  return kGoldenFolder + "/journal-" + std::to_string(format);
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

void write_golden(std::uint32_t format) {
  Place place;
  LmdbLog::Options options = place.options();
  options.map_bytes = 1u << 20;
  options.encrypt = format == layout::kFormatLocked;
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
  fs::create_directory(golden_path(format));
  for (const char* name : kFiles) {
    const std::string file = place.directory() + "/" + name;
    if (fs::exists(file)) fs::copy_file(file, golden_path(format) + "/" + name);
  }
}

// A copy to work on; git keeps no modes.
void copy_golden(std::uint32_t format, const Place& place) {
  const char* order = std::getenv("DAYBOOK_GOLDEN");
  const bool write = order != nullptr && std::string_view(order) == "write";
  if (write && !fs::exists(golden_path(format))) write_golden(format);
  fs::copy(golden_path(format), place.directory());
  for (const auto& entry : fs::directory_iterator(place.directory())) {
    fs::permissions(entry.path(), fs::perms::owner_read | fs::perms::owner_write);
  }
}

TEST_CASE("a journal of every format is read, verified and written on", "[journal][golden]") {
  for (const std::uint32_t format : {layout::kFormatClear, layout::kFormatLocked}) {
    INFO("format " << format);
    Place place;
    copy_golden(format, place);
    VerifyOptions options;
    options.directory = place.directory();
    const auto sound = verify(options);
    REQUIRE(sound);
    CHECK(sound->sound());
    CHECK(sound->events == 12);
    std::vector<Record> expected = golden_records();
    {
      DiskLog disk(place.options());
      CHECK(read_all(disk.log()) == expected);
      const Batch more = batch_of(13, 4);
      disk.log().append(more);
      REQUIRE(disk.settle().size() == 1);
      expected.insert(expected.end(), more.records.begin(), more.records.end());
    }
    CHECK(fs::exists(place.directory() + "/keys") == (format == layout::kFormatLocked));
    DiskLog disk(place.options());
    CHECK(read_all(disk.log()) == expected);
    CHECK(verify(options)->sound());
  }
}

}  // namespace daybook::journal_versions_test
