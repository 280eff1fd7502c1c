// No working key ever covers two plaintexts with one counter, whatever becomes of the journal.
//
// A recording twin of the cipher notes what every event was locked with, across processes. A key
// is known by its stream over zeros, so two that were derived alike would be seen to be one.
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "journal/backup.h"
#include "journal/lmdb_log.h"
#include "journal/restoration.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"

namespace daybook::key_reuse_test {

using journal_place::DiskLog;
using journal_place::FileSizeLimit;
using journal_place::Place;
using log_contract::event_of;

namespace fs = std::filesystem;

// "key seq words" a line, appended by whichever process locks.
class Recording {
 public:
  explicit Recording(const Place& place) : path_(place.directory() + "-recording") {}
  ~Recording() { fs::remove(path_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  [[nodiscard]] KeyWatcher watcher() const {
    return [path = path_](const KeyUse& use, Seq seq, std::string_view words) {
      std::string stream(16, '\0');
      use.cipher->apply(~Seq{0}, stream.data(), stream.size());
      std::ofstream(path, std::ios::app) << hex(stream) << ' ' << seq << ' ' << words << '\n';
    };
  }

  // Fails on a key and seq with two words. Returns how many keys each seq was locked with.
  [[nodiscard]] std::map<Seq, std::size_t> judge() const {
    std::map<std::pair<std::string, Seq>, std::string> covered;
    std::map<Seq, std::size_t> keys;
    std::ifstream file(path_);
    std::string key;
    Seq seq = 0;
    std::string words;
    while (file >> key >> seq >> words) {
      const auto [place, added] = covered.emplace(std::pair(key, seq), words);
      if (added) ++keys[seq];
      INFO("event " << seq << " under one key: " << place->second << " and " << words);
      CHECK(place->second == words);
    }
    return keys;
  }

 private:
  std::string path_;
};

// Chunks of one turn, so that a key would be shared if it could be.
Batch words_of(Seq first, Seq count, const std::string& words) {
  Batch batch;
  for (Seq seq = first; seq < first + count; ++seq) {
    batch.records.push_back(event_of(seq, 57, "clear", words + std::to_string(seq)));
    batch.records.back().turn = 1;
  }
  return batch;
}

LmdbLog::Options recorded(const Place& place, const Recording& recording) {
  LmdbLog::Options options = place.options();
  options.at_encrypt = recording.watcher();
  return options;
}

void write(const Place& place, const Recording& recording, const Batch& batch) {
  DiskLog disk(recorded(place, recording));
  disk.log().append(batch);
  REQUIRE(disk.settle().size() == 1);
}

// Each of these seqs was locked twice, and not with one key.
void check_twice(const Recording& recording, Seq first, Seq last) {
  const std::map<Seq, std::size_t> keys = recording.judge();
  for (Seq seq = first; seq <= last; ++seq) CHECK(keys.at(seq) == 2);
}

TEST_CASE("a restored journal goes on under keys of its own", "[journal]") {
  const Place place;
  const Recording recording(place);
  const std::string backup = place.directory() + "-backup";
  write(place, recording, words_of(1, 5, "both"));
  fs::copy(place.directory(), backup);
  write(place, recording, words_of(6, 5, "lost"));
  SECTION("with the keys of then") {
    fs::remove_all(place.directory());
    fs::copy(backup, place.directory());
  }
  SECTION("with the keys of now") {
    for (const char* name : {"data.mdb", "lock.mdb", "head"}) {
      fs::copy(backup + "/" + name, place.directory() + "/" + name,
               fs::copy_options::overwrite_existing);
    }
  }
  write(place, recording, words_of(6, 5, "kept"));
  check_twice(recording, 6, 10);
  DiskLog disk(place.options());
  CHECK(disk.log().get(2).value()->content == "both2");
  CHECK(disk.log().get(8).value()->content == "kept8");
}

TEST_CASE("a backup that is put back goes on under keys of its own", "[journal]") {
  const Place place;
  const Recording recording(place);
  const std::string copy = place.directory() + "-copy";
  const std::string keys = place.directory() + "-keys";
  write(place, recording, words_of(1, 5, "both"));
  REQUIRE(back_up(place.directory(), copy, keys));
  write(place, recording, words_of(6, 5, "lost"));
  SECTION("over the journal") {}
  SECTION("where there is none") { fs::remove_all(place.directory()); }
  {
    const auto restoration = Restoration::prepare({copy, keys, place.directory(), 0});
    REQUIRE(restoration);
    REQUIRE((*restoration)->finish());
  }
  write(place, recording, words_of(6, 5, "kept"));
  check_twice(recording, 6, 10);
  DiskLog disk(place.options());
  CHECK(disk.log().get(2).value()->content == "both2");
  CHECK(disk.log().get(8).value()->content == "kept8");
}

TEST_CASE("after keys were destroyed others are used", "[journal]") {
  const Place place;
  const Recording recording(place);
  DiskLog disk(recorded(place, recording));
  disk.log().append(words_of(1, 3, "erased"));
  disk.settle();
  Batch erasing = words_of(4, 3, "kept");
  erasing.erased = {{0, 1, 1}, {1, 2, 3}};
  disk.log().append(erasing);
  disk.settle();
  CHECK(recording.judge().size() == 6);
  CHECK(disk.log().get(2).value()->erased);
  CHECK(disk.log().get(5).value()->content == "kept5");
}

TEST_CASE("after a failed commit other words take the same place under another key", "[journal]") {
  const Place place;
  const Recording recording(place);
  {
    DiskLog disk(recorded(place, recording));
    disk.log().append(words_of(1, 3, "both"));
    disk.settle();
    const FileSizeLimit limit(fs::file_size(place.directory() + "/data.mdb"));
    Batch large = words_of(4, 200, "lost");
    for (Record& event : large.records) event.clear = std::string(3'000, 'c');
    disk.log().append(large);
    REQUIRE(disk.settle_or_wait().stopped);
  }
  write(place, recording, words_of(4, 200, "kept"));
  check_twice(recording, 4, 203);
}

TEST_CASE("a commit that a crash prevented is made under another key", "[journal]") {
  const Place place;
  const Recording recording(place);
  write(place, recording, words_of(1, 3, "both"));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    LmdbLog::Options options = recorded(place, recording);
    options.at_commit = [](Seq, Seq, bool) { ::raise(SIGKILL); };
    DiskLog disk(options);
    disk.log().append(words_of(4, 3, "lost"));
    disk.settle();
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  write(place, recording, words_of(4, 3, "kept"));
  check_twice(recording, 4, 6);
  CHECK(DiskLog(place.options()).log().get(5).value()->content == "kept5");
}

TEST_CASE("a batch that may or may not be there is locked anew, and skipped if it is",
          "[journal]") {
  const Place place;
  const Recording recording(place);
  auto opened = open_for_writing(place.directory(), 16u << 20, true);
  REQUIRE(opened);
  KeyRing* const keys = opened->keys.get();
  keys->watch(recording.watcher());
  Committer committer(*opened->environment, keys, opened->seal_key, opened->journal_id, {});
  REQUIRE(committer.load());
  std::vector<Queued> group;
  group.push_back(Queued::from(words_of(1, 3, "first"), keys));
  REQUIRE(committer.commit(group).ok());
  group.push_back(Queued::from(words_of(4, 3, "second"), keys));
  REQUIRE(opened->environment->reopen());
  REQUIRE(committer.load());  // as after a commit whose outcome is unknown: both were queued
  REQUIRE(committer.commit(group).ok());
  check_twice(recording, 4, 6);
  CHECK(recording.judge().at(2) == 1);
  Reading reading(*opened->environment, keys);
  CHECK(reading.get(2).value()->content == "first2");
  CHECK(reading.get(5).value()->content == "second5");
}

TEST_CASE("what waited for a full disk is locked anew when there is space", "[journal]") {
  const Place place;
  const Recording recording(place);
  fs::create_directories(place.directory());
  if (::mount("tmpfs", place.directory().c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
    WARN("no tmpfs could be mounted here: not tested");
    return;
  }
  {
    LmdbLog::Options options = recorded(place, recording);
    options.space_poll = std::chrono::milliseconds(1);
    DiskLog disk(options);
    Seq next = 1;
    Log::Progress progress;
    while (!progress.waiting_for_space) {
      REQUIRE(next < 5'000);
      disk.log().append(words_of(next, 10, std::string(3'000, 'w')));
      next += 10;
      progress = disk.settle_or_wait();
    }
    disk.log().append(words_of(next, 10, "meanwhile"));
    REQUIRE(::mount("tmpfs", place.directory().c_str(), "tmpfs", MS_REMOUNT,
                    "size=16m,mode=0700") == 0);
    disk.settle();
    const std::map<Seq, std::size_t> keys = recording.judge();
    CHECK(keys.at(1) == 1);
    CHECK(keys.at(next - 1) >= 2);
    CHECK(keys.at(next) >= 2);
    CHECK(disk.log().get(next).value()->content == "meanwhile" + std::to_string(next));
  }
  CHECK(::umount(place.directory().c_str()) == 0);
}

}  // namespace daybook::key_reuse_test
