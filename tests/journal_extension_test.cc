// The file is written ahead of large commits: how far, when not, and that no harm comes of it.
#include "journal/extension.h"

#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "journal/backup.h"
#include "journal/committer.h"
#include "journal/verify.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"

namespace daybook::journal_extension_test {

using journal_place::DiskLog;
using journal_place::FileSizeLimit;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::read_all;

namespace fs = std::filesystem;

constexpr Seq kLarge = 100;  // events of a commit that takes some pages
constexpr int kCommits = 2 * Extension::kInARow;

std::string data_of(const Place& place) { return place.directory() + "/data.mdb"; }

std::uint64_t used_bytes(const Place& place) {
  const auto reader = LmdbReader::open(place.directory());
  REQUIRE(reader);
  return (*reader)->space().used_bytes;
}

void append_large(DiskLog& disk, int commits) {
  for (int i = 0; i < commits; ++i) {
    disk.log().append(batch_of(disk.log().last() + 1, kLarge));
    disk.settle();
  }
}

Seq sound_events(const std::string& directory) {
  VerifyOptions options;
  options.directory = directory;
  const Result<Verification> verified = verify(options);
  REQUIRE(verified);
  CHECK(verified->what.empty());
  return verified->events;
}

// A writer that commits and extends by hand.
class Hand {
 public:
  explicit Hand(const Place& place, std::size_t map_bytes = 64u << 20)
      : data_(data_of(place)), opened_(open(place, map_bytes)) {
    REQUIRE(committer_.load());
  }

  store::Status commit(Seq count) {
    std::vector<Queued> group;
    group.push_back(Queued::from(batch_of(committer_.sealed().last + 1, count), keys()));
    return committer_.commit(group);
  }
  void extend() { extension_.extend(); }

  [[nodiscard]] std::uint64_t file_bytes() const { return fs::file_size(data_); }
  [[nodiscard]] std::uint64_t used_bytes() const { return opened_.environment->used_bytes(); }
  [[nodiscard]] std::uint64_t map_bytes() const { return opened_.environment->map_bytes(); }
  [[nodiscard]] Seq last() const { return committer_.sealed().last; }

 private:
  static Opened open(const Place& place, std::size_t map_bytes) {
    Result<Opened> opened = open_for_writing(place.directory(), map_bytes, true);
    REQUIRE(opened);
    return std::move(*opened);
  }
  KeyRing* keys() { return opened_.keys.get(); }

  std::string data_;
  Opened opened_;
  Committer committer_{*opened_.environment, opened_.keys.get(), opened_.seal_key,
                       opened_.journal_id, nullptr};
  Extension extension_{*opened_.environment};
};

TEST_CASE("while every commit needs new pages, zeros lie behind the last one", "[journal]") {
  const Place place;
  {
    DiskLog disk(place.options());
    append_large(disk, kCommits);
  }
  const std::uint64_t used = used_bytes(place);
  const std::uint64_t size = fs::file_size(data_of(place));
  CHECK(size > used);
  CHECK(size <= used + Extension::kBytesMax);
  std::ifstream file(data_of(place), std::ios::binary);
  file.seekg(static_cast<std::streamoff>(used));
  const std::string behind((std::istreambuf_iterator<char>(file)), {});
  CHECK(behind == std::string(size - used, '\0'));
  CHECK(sound_events(place.directory()) == kCommits * kLarge);

  DiskLog disk(place.options());
  append_large(disk, 5);
  CHECK(fs::file_size(data_of(place)) == size);  // they found their room
  CHECK(read_all(disk.log()) == batch_of(1, (kCommits + 5) * kLarge).records);
}

TEST_CASE("where commits are small, and few are large, no zeros are written", "[journal]") {
  const Place place;
  {
    DiskLog disk(place.options());
    for (int i = 0; i < 200; ++i) {
      disk.log().append(batch_of(disk.log().last() + 1, i % 50 > 45 ? kLarge : 1));
      disk.settle();
    }
  }
  CHECK(fs::file_size(data_of(place)) == used_bytes(place));
}

TEST_CASE("zeros end where the map does", "[journal]") {
  const Place place;
  Hand hand(place, 1u << 20);
  store::Status status;
  while (status.ok()) {
    status = hand.commit(kLarge);
    if (status.ok()) hand.extend();
    REQUIRE(hand.file_bytes() <= hand.map_bytes());
  }
  CHECK(status.map_full());
  CHECK(hand.file_bytes() == hand.map_bytes());
}

TEST_CASE("zeros that cannot be written harm nothing and are not tried again", "[journal]") {
  const std::uint64_t bytes_more = GENERATE(0, 1, 5'000, 300'000);
  const Place place;
  Seq last = 0;
  {
    Hand hand(place);
    for (int i = 1; i < Extension::kInARow; ++i) {
      REQUIRE(hand.commit(kLarge).ok());
      hand.extend();
    }
    REQUIRE(hand.commit(kLarge).ok());
    const std::uint64_t size = hand.file_bytes();
    {
      const FileSizeLimit limit(size + bytes_more);
      hand.extend();
    }
    CHECK(hand.file_bytes() == size + bytes_more);
    while (hand.used_bytes() <= size + bytes_more) {
      REQUIRE(hand.commit(kLarge).ok());
      hand.extend();
    }
    CHECK(hand.file_bytes() == hand.used_bytes());
    last = hand.last();
  }
  CHECK(sound_events(place.directory()) == last);
}

TEST_CASE("a file whose extension was cut off is gone on with", "[journal]") {
  const Place place;
  {
    DiskLog disk(place.options());
    append_large(disk, kCommits);
  }
  const std::uint64_t odd = used_bytes(place) + GENERATE(0, 1, 4'095, 12'345);
  fs::resize_file(data_of(place), odd);
  CHECK(sound_events(place.directory()) == kCommits * kLarge);
  {
    DiskLog disk(place.options());
    append_large(disk, kCommits);
    CHECK(read_all(disk.log()) == batch_of(1, 2 * kCommits * kLarge).records);
  }
  CHECK(fs::file_size(data_of(place)) > used_bytes(place));
  CHECK(sound_events(place.directory()) == 2 * kCommits * kLarge);
}

TEST_CASE("a copy of an extended journal has none of its zeros", "[journal]") {
  const Place place;
  {
    DiskLog disk(place.options());
    append_large(disk, kCommits);
  }
  const std::string copy = place.directory() + "-copy";
  REQUIRE(back_up(place.directory(), copy, ""));
  CHECK(sound_events(copy) == kCommits * kLarge);
  CHECK(fs::file_size(copy + "/data.mdb") <= used_bytes(place));
}

TEST_CASE("no zeros are written to a disk whose room runs low", "[journal]") {
  const Place place;
  fs::create_directories(place.directory());
  if (::mount("tmpfs", place.directory().c_str(), "tmpfs", 0, "size=64m,mode=0700") != 0) {
    WARN("no tmpfs could be mounted here (" << std::strerror(errno) << "): not tested");
    return;
  }
  {
    DiskLog disk(place.options());
    append_large(disk, kCommits);
  }
  CHECK(fs::file_size(data_of(place)) == used_bytes(place));
  CHECK(::umount(place.directory().c_str()) == 0);
}

}  // namespace daybook::journal_extension_test
