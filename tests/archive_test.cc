// What was moved out of data.mdb is read as if it had stayed, by everybody who reads.
#include "journal/archive.h"

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/codec.h"
#include "journal/backup.h"
#include "journal/layout.h"
#include "journal/restoration.h"
#include "journal/segment.h"
#include "journal/segments.h"
#include "journal/verify.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"

namespace daybook::archive_test {

using journal_place::DiskLog;
using journal_place::Place;
using log_contract::event_of;
using store::Segment;
using store::Segments;
using store::SegmentWalk;
using store::SegmentWriter;

namespace fs = std::filesystem;

constexpr std::uint8_t kChunk = layout::kArchivedKind;
constexpr std::uint8_t kOther = 20;
constexpr Seq kEvents = 3'000;
const std::string kId = "0123456789abcdef";

// Nine in ten are chunks; some are longer than one value.
Batch batch_of(Seq first, Seq count) {
  Batch batch;
  for (Seq seq = first; seq < first + count; ++seq) {
    const std::string words(seq % 500 == 3 ? 9'000 : 1 + seq % 40, 'w');
    batch.records.push_back(event_of(seq, seq % 10 == 0 ? kOther : kChunk, "clear", words));
    batch.records.back().turn = seq - seq % 10;
  }
  return batch;
}

void write(const Place& place, Seq first, Seq count) {
  DiskLog disk(place.options());
  for (Seq seq = first; seq < first + count; seq += 50) {
    disk.log().append(batch_of(seq, 50));
    disk.settle();
  }
}

std::vector<Record> all_of(const std::string& directory, const KindSet& kinds = KindSet().set()) {
  auto reader = LmdbReader::open(directory);
  REQUIRE(reader.has_value());
  std::vector<Record> records;
  auto scanned = (*reader)->scan(1, (*reader)->last(), kinds, [&](const Record& record) {
    records.push_back(record);
    return true;
  });
  if (!scanned) FAIL(scanned.error().message);
  return records;
}

// What verify finds wrong; empty: nothing.
std::string complaint(const std::string& directory) {
  VerifyOptions options;
  options.directory = directory;
  const auto found = verify(options);
  return found ? found->what : found.error().message;
}

// What it says is to be done about it.
std::string remedy(const std::string& directory) {
  VerifyOptions options;
  options.directory = directory;
  const auto found = verify(options);
  return found ? found->remedy : found.error().message;
}

bool sound(const std::string& directory) {
  const std::string found = complaint(directory);
  UNSCOPED_INFO(found);
  return found.empty();
}

Archived archived(const Place& place, const std::string& into, Seq upto) {
  const auto done = archive({place.directory(), into, upto, {}});
  if (!done) FAIL(done.error().message);
  return *done;
}

TEST_CASE("a segment gives back what was written, from any key on", "[segment]") {
  const Place place;
  const std::string path = place.directory() + "-segment";
  auto writer = SegmentWriter::create(path, kId);
  REQUIRE(writer.has_value());
  constexpr std::uint64_t kCount = 20'000;
  const auto value_of = [](std::uint64_t key) { return std::string(key % 300, 'v'); };
  for (std::uint64_t i = 1; i <= kCount; ++i) REQUIRE(writer->add(3 * i, value_of(3 * i)));
  REQUIRE(writer->finish());
  const Segments segments({{3, 3 * kCount, path}}, place.directory(), kId);
  REQUIRE_FALSE(segments.problem(0));
  CHECK(segments.segment(0)->blocks() > 10);
  CHECK(segments.segment(0)->count() == kCount);
  for (std::uint64_t from = 0; from <= 3 * kCount + 3; from += 1'013) {
    SegmentWalk walk(segments);
    REQUIRE(walk.seek(from));
    const std::uint64_t key = std::max<std::uint64_t>(3, (from + 2) / 3 * 3);
    REQUIRE(walk.there() == (key <= 3 * kCount));
    if (!walk.there()) continue;
    REQUIRE(walk.load());
    CHECK(walk.key() == key);
    CHECK(walk.value() == value_of(key));
  }
  SegmentWalk walk(segments);
  REQUIRE(walk.seek(0));
  std::uint64_t seen = 0;
  while (walk.there()) {
    REQUIRE(walk.key() == 3 * ++seen);
    REQUIRE(walk.load());
    REQUIRE(walk.next());
  }
  CHECK(seen == kCount);
}

TEST_CASE("a segment that is cut, changed or another journal's is refused", "[segment]") {
  const Place place;
  const std::string path = place.directory() + "-segment";
  {
    auto writer = SegmentWriter::create(path, kId);
    REQUIRE(writer.has_value());
    REQUIRE(writer->add(7, "value"));
    REQUIRE(writer->finish());
  }
  CHECK(Segment::open(path, kId).has_value());
  CHECK_FALSE(SegmentWriter::create(path, kId).has_value());
  CHECK(Segment::open(path, "fedcba9876543210").error().message.find("another journal") !=
        std::string::npos);
  std::ifstream file(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    INFO("cut to " << size);
    CHECK_FALSE(Segment::open(path, kId).has_value());
  }
  // Every bit of index and footer; a record's bits are covered by its own checksum.
  const std::size_t index_at = whole.size() - 48 - 16;
  for (std::size_t at = index_at; at < whole.size() - 4; ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << changed;
    INFO("changed at " << at);
    CHECK_FALSE(Segment::open(path, kId).has_value());
  }
}

TEST_CASE("segments cover what lies in them, and not what lies between", "[segment]") {
  const Place place;
  const auto key = [](Seq seq) { return record::key_of(seq); };
  const Segments segments(
      {{key(5), key(9), "/a"}, {key(10), key(12), "/b"}, {key(20), key(21), "/c"}},
      place.directory(), kId);
  CHECK(segments.cover(5, 9));
  CHECK(segments.cover(6, 12));
  CHECK_FALSE(segments.cover(4, 5));
  CHECK_FALSE(segments.cover(12, 20));
  CHECK_FALSE(segments.cover(13, 13));
  CHECK(segments.cover(20, 20));
  CHECK_FALSE(segments.cover(21, 22));
  CHECK(segments.problem(0));
}

TEST_CASE("an archived journal reads as before and goes on", "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  write(place, 1, kEvents);
  const std::vector<Record> before = all_of(place.directory());
  const auto others = KindSet().set(kOther);
  const std::vector<Record> others_before = all_of(place.directory(), others);

  const Archived first = archived(place, into, 1'234);
  CHECK(first.chunks > 1'000);
  CHECK(all_of(place.directory()) == before);
  CHECK(all_of(place.directory(), others) == others_before);
  CHECK(sound(place.directory()));

  const Archived second = archived(place, into, 2'345);
  CHECK(second.path != first.path);
  CHECK(second.bytes_after < first.bytes_before / 2);
  CHECK(archived(place, into, 2'345).chunks == 0);
  CHECK(all_of(place.directory()) == before);
  CHECK(sound(place.directory()));

  write(place, kEvents + 1, 100);
  CHECK(all_of(place.directory()).size() == kEvents + 100);
  CHECK(sound(place.directory()));

  auto reader = LmdbReader::open(place.directory());
  REQUIRE(reader.has_value());
  for (Seq seq = 1; seq <= kEvents; ++seq) {
    const auto record = (*reader)->get(seq);
    REQUIRE(record.has_value());
    REQUIRE(record->has_value());
    if (!(**record == before[seq - 1])) FAIL("event " << seq << " reads otherwise");
  }
  const auto middle = [&](Seq from, Seq to) {
    std::vector<Seq> seqs;
    REQUIRE((*reader)->scan(from, to, others, [&](const Record& record) {
      seqs.push_back(record.seq);
      return true;
    }));
    return seqs;
  };
  CHECK(middle(95, 111) == std::vector<Seq>{100, 110});
  CHECK(middle(101, 109).empty());
}

TEST_CASE("without its segment a journal folds and records, and says what is missing",
          "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  write(place, 1, kEvents);
  const std::vector<Record> before = all_of(place.directory());
  const Archived done = archived(place, into, 2'000);
  fs::rename(done.path, done.path + "-away");

  CHECK(all_of(place.directory(), KindSet().set(kOther)).size() == kEvents / 10);
  auto reader = LmdbReader::open(place.directory());
  REQUIRE(reader.has_value());
  REQUIRE((*reader)->warnings().size() == 1);
  CHECK((*reader)->warnings()[0].find(done.path) != std::string::npos);
  const auto chunk = (*reader)->get(11);
  REQUIRE_FALSE(chunk.has_value());
  CHECK(chunk.error().code == ExitCode::kInputOutput);
  CHECK(chunk.error().message.find(done.path) != std::string::npos);
  CHECK((*reader)->get(10).has_value());
  CHECK((*reader)->get(2'001).has_value());
  CHECK_FALSE(complaint(place.directory()).empty());
  reader->reset();
  write(place, kEvents + 1, 50);

  // Beside data.mdb it is found, too.
  fs::rename(done.path + "-away",
             place.directory() + "/" + fs::path(done.path).filename().string());
  CHECK(all_of(place.directory()).size() == kEvents + 50);
  CHECK(sound(place.directory()));
}

TEST_CASE("chunks under a key that nothing else has stay, so that erasing needs no segment",
          "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  // Each opening of the log draws keys of its own: chunks 11 to 14 have one that only they have.
  const auto append = [&](Seq first, Seq count) {
    DiskLog disk(place.options());
    disk.log().append(batch_of(first, count));
    disk.settle();
  };
  append(1, 9);
  append(10, 1);
  append(11, 4);
  {
    DiskLog disk(place.options());
    Batch batch = batch_of(15, 6);
    batch.records.back().turn = 10;  // what ended it
    disk.log().append(std::move(batch));
    disk.settle();
  }
  const Archived done = archived(place, into, 20);
  CHECK(done.chunks == 5);  // 15 to 19
  fs::rename(done.path, done.path + "-away");
  {
    DiskLog disk(place.options());
    Batch batch = batch_of(21, 1);
    batch.erased.push_back({event_of(11, kChunk, "", "").session, 1, 20});
    disk.log().append(std::move(batch));
    disk.settle();
  }
  fs::rename(done.path + "-away", done.path);
  for (const Record& record : all_of(place.directory())) {
    if (record.seq > 1 && record.seq <= 20) CHECK(record.erased);
  }
  CHECK(sound(place.directory()));
}

TEST_CASE("two journals, and two histories of one, may be archived into one directory",
          "[archive]") {
  const Place one;
  const Place other;
  const std::string into = one.directory() + "-archive";
  write(one, 1, 200);
  write(other, 1, 200);
  const std::string copy = one.directory() + "-copy";
  REQUIRE(back_up(one.directory(), copy, "").has_value());
  const std::string second = one.directory() + "-second";
  {
    auto restoration = Restoration::prepare({copy, "", second, 100});
    REQUIRE(restoration.has_value());
    REQUIRE((*restoration)->finish());
    restoration->reset();
    LmdbLog::Options options;
    options.directory = second;
    DiskLog disk(std::move(options));
    disk.log().append(batch_of(101, 50));
    disk.settle();
  }
  const std::vector<Record> before = all_of(one.directory());
  archived(one, into, 150);
  archived(other, into, 150);
  const auto third = archive({second, into, 150, {}});
  REQUIRE(third.has_value());
  CHECK(std::distance(fs::directory_iterator(into), fs::directory_iterator()) == 3);
  CHECK(all_of(one.directory()) == before);
  CHECK(all_of(other.directory()) == before);
  CHECK(all_of(second).size() == 150);
  for (const std::string& place : {one.directory(), other.directory(), second}) {
    CHECK(sound(place));
  }
}

TEST_CASE("a bit that flips in a segment is found, and the segment named", "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  write(place, 1, 200);
  const Archived done = archived(place, into, 150);
  std::fstream file(done.path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(0, std::ios::end);
  const auto size = static_cast<std::size_t>(file.tellg());
  for (std::size_t at = 0; at < size - 4; at += 97) {
    file.seekg(static_cast<std::streamoff>(at));
    const char was = static_cast<char>(file.get());
    const auto put = [&](char byte) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte);
      file.flush();
    };
    put(static_cast<char>(was ^ 16));
    INFO("changed at " << at);
    CHECK_FALSE(complaint(place.directory()).empty());
    CHECK(remedy(place.directory()).find(done.path) != std::string::npos);
    put(was);
  }
  CHECK(sound(place.directory()));
}

TEST_CASE("a backup holds what was archived, and an earlier moment can be restored", "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  write(place, 1, kEvents);
  const std::vector<Record> before = all_of(place.directory());
  archived(place, into, 1'000);
  archived(place, into, 2'000);
  const std::string copy = place.directory() + "-copy";
  REQUIRE(back_up(place.directory(), copy, "").has_value());
  fs::remove_all(into);
  CHECK(all_of(copy) == before);
  const auto restore = [&](Seq until) {
    const std::string target = place.directory() + "-target";
    fs::remove_all(target);
    auto restoration = Restoration::prepare({copy, "", target, until});
    if (!restoration) FAIL(restoration.error().message);
    REQUIRE((*restoration)->finish());
    CHECK(sound(target));
    return all_of(target);
  };
  CHECK(restore(0) == before);
  for (const Seq until : {Seq{2'400}, Seq{1'500}, Seq{700}}) {
    const std::vector<Record> left = restore(until);
    CHECK(left.size() == until);
    CHECK(std::equal(left.begin(), left.end(), before.begin()));
  }
}

TEST_CASE("a history that is cut within an archived answer goes on, and can be erased",
          "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  {
    DiskLog disk(place.options());
    for (Seq seq = 1; seq <= 60; ++seq) {
      disk.log().append(batch_of(seq, 1));  // a commit each
      disk.settle();
    }
  }
  const std::vector<Record> before = all_of(place.directory());
  REQUIRE(archived(place, into, 50).chunks > 30);
  const std::string copy = place.directory() + "-copy";
  REQUIRE(back_up(place.directory(), copy, "").has_value());
  for (const Seq until : {Seq{45}, Seq{30}, Seq{17}}) {
    const std::string target = place.directory() + "-target-" + std::to_string(until);
    auto restoration = Restoration::prepare({copy, "", target, until});
    if (!restoration) FAIL(restoration.error().message);
    REQUIRE((*restoration)->finish());
    restoration->reset();
    CHECK(sound(target));
    const std::vector<Record> left = all_of(target);
    REQUIRE(left.size() == until);
    CHECK(std::equal(left.begin(), left.end(), before.begin()));
    for (const auto& file : fs::directory_iterator(target)) {
      CHECK_FALSE(file.path().filename().string().starts_with(files::kSegmentPrefix));
    }
    LmdbLog::Options options;
    options.directory = target;
    {
      DiskLog disk(std::move(options));
      Batch batch = batch_of(until + 1, 1);
      batch.erased.push_back({1, 1, until});
      disk.log().append(std::move(batch));
      disk.settle();
    }
    for (const Record& record : all_of(target)) {
      if (record.seq > 1 && record.seq <= until) CHECK(record.erased);
    }
    CHECK(sound(target));
  }
}

std::vector<StoredCommit> commits_of(const std::string& directory) {
  auto reader = LmdbReader::open(directory);
  REQUIRE(reader.has_value());
  StoredReading stored = (*reader)->stored();
  std::vector<StoredCommit> commits;
  for (Seq seq = 1; seq <= (*reader)->last(); ++seq) {
    const auto commit = stored.commit_of(seq);
    REQUIRE((commit.has_value() && commit->has_value()));
    if (commits.empty() || commits.back().last < seq) commits.push_back(**commit);
    CHECK(commits.back() == **commit);
  }
  return commits;
}

TEST_CASE("a seal goes into the segment with the chunk that carries it", "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  constexpr Seq kLast = 2'100;
  {
    DiskLog disk(place.options());
    for (Seq seq = 1; seq <= kLast; seq += 7) {
      disk.log().append(batch_of(seq, 7));
      disk.settle();
    }
  }
  const std::vector<StoredCommit> before = commits_of(place.directory());
  REQUIRE(before.size() == kLast / 7);
  const Archived first = archived(place, into, 1'001);  // a chunk, and the end of a commit
  const Archived second = archived(place, into, 2'002);
  CHECK(commits_of(place.directory()) == before);
  for (const Seq since : {Seq{0}, Seq{1}, Seq{8}, Seq{1'001}, Seq{1'002}, Seq{2'003}}) {
    VerifyOptions options;
    options.directory = place.directory();
    options.since = since;
    options.jobs = 2;
    options.range_events = 100;
    const auto found = verify(options);
    REQUIRE(found.has_value());
    CHECK(found->what == "");
    CHECK(found->events == kLast - (since < 2 ? 0 : (since - 1) / 7 * 7));
  }
  const std::string copy = place.directory() + "-copy";
  REQUIRE(back_up(place.directory(), copy, "").has_value());
  const std::string target = place.directory() + "-target";
  auto restoration = Restoration::prepare({copy, "", target, 1'003});
  if (!restoration) FAIL(restoration.error().message);
  REQUIRE((*restoration)->finish());
  CHECK(sound(target));
  CHECK(all_of(target).size() == 1'001);

  // A start needs neither segment.
  for (const std::string& path : {first.path, second.path}) fs::remove(path);
  {
    DiskLog disk(place.options());
    CHECK(disk.log().last() == kLast);
    disk.log().append(batch_of(kLast + 1, 7));
    disk.settle();
  }
  for (const std::string& path : {first.path, second.path}) {
    fs::copy_file(copy + path.substr(path.rfind('/')), path);
  }
  CHECK(sound(place.directory()));
  CHECK(commits_of(place.directory()).size() == before.size() + 1);
}

TEST_CASE("who reads while chunks are archived reads on", "[archive]") {
  const Place place;
  write(place, 1, kEvents);
  auto reader = LmdbReader::open(place.directory());
  REQUIRE(reader.has_value());
  const pid_t child = ::fork();
  if (child == 0) {
    const auto done = archive({place.directory(), place.directory() + "-archive", 2'000, {}});
    ::_exit(done && done->chunks > 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  Seq seen = 0;
  REQUIRE((*reader)->scan(1, kEvents, KindSet().set(), [&](const Record& record) {
    seen += record.seq == seen + 1 ? 1 : 0;
    return true;
  }));
  CHECK(seen == kEvents);
  reader->reset();
  CHECK(all_of(place.directory()).size() == kEvents);
}

// Opens what is in the directory, says so, and reads until it is killed.
class Onlooker {
 public:
  explicit Onlooker(const std::string& directory) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    child_ = ::fork();
    if (child_ == 0) {
      const auto opened = store::Environment::open({directory, 0, true, false});
      const bool told = opened && ::write(ends[1], "o", 1) == 1;
      while (told) ::pause();
      ::_exit(1);
    }
    char told = 0;
    REQUIRE(::close(ends[1]) == 0);
    REQUIRE(::read(ends[0], &told, 1) == 1);
    ::close(ends[0]);
  }
  ~Onlooker() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Onlooker(const Onlooker&) = delete;
  Onlooker& operator=(const Onlooker&) = delete;

 private:
  pid_t child_ = -1;
};

TEST_CASE("an archive that finds no room leaves nothing of itself behind", "[archive]") {
  const Place place;
  const std::string into = place.directory() + "-archive";
  const bool target = GENERATE(true, false);  // is full, or else the journal's own disk
  const std::string disk = target ? into : place.directory();
  fs::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, target ? "size=16k" : "size=8m,mode=0700") != 0) {
    WARN("no tmpfs could be mounted here: not tested");
    return;
  }
  write(place, 1, kEvents);
  const std::string ballast = disk + "/ballast";
  if (!target) {
    std::ofstream file(ballast, std::ios::binary);
    while (file.write("ballast", 7).flush()) continue;
  }
  const auto done = archive({place.directory(), into, kEvents, {}});
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message.find("No space left") != std::string::npos);
  fs::remove(ballast);
  CHECK(fs::is_empty(into));
  CHECK_FALSE(fs::exists(place.directory() + "/" + files::kCompacting));
  CHECK(sound(place.directory()));
  CHECK(::umount(disk.c_str()) == 0);
}

TEST_CASE("a lock that was made for the file before is made anew, and no commit is lost",
          "[archive]") {
  const Place place;
  const std::string data = place.directory() + "/data.mdb";
  const std::string aside = place.directory() + "-aside.mdb";
  write(place, 1, 200);
  fs::copy_file(data, aside);
  write(place, 201, 800);
  fs::rename(data, aside + ".newer");
  fs::rename(aside, data);
  fs::remove(place.directory() + "/lock.mdb");
  const Onlooker onlooker(place.directory());
  fs::rename(aside + ".newer", data);

  const auto reader = LmdbReader::open(place.directory());
  REQUIRE_FALSE(reader.has_value());
  CHECK(reader.error().code == ExitCode::kUnavailable);
  write(place, 1'001, 50);
  CHECK(all_of(place.directory()).size() == 1'050);
  CHECK(complaint(place.directory()) == "");
  CHECK(all_of(place.directory()).size() == 1'050);
}

}  // namespace daybook::archive_test
