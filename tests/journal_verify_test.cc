// Damage of every kind, made on purpose: each is found and named, none is served.
#include "journal/verify.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "journal/chain.h"
#include "journal/layout.h"
#include "journal/opening.h"
#include "journal/pages.h"
#include "journal/reading.h"
#include "journal/store.h"
#include "tests/journal_forge.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"

namespace daybook::journal_verify_test {

using journal_forge::Entries;
using journal_forge::forge;
using journal_forge::read_tables;
using journal_forge::rewritten;
using journal_forge::row_key;
using journal_forge::sealed;
using journal_forge::seals_to_table;
using journal_forge::slurp;
using journal_forge::spit;
using journal_forge::table_of;
using journal_forge::Tables;
using journal_forge::unsealed;
using journal_place::DiskLog;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::read_all;
using store::Table;

namespace fs = std::filesystem;

constexpr Seq kEvents = 30;  // in commits of ten

// Ten events a commit, with something in every table.
void fill(const Place& place, Seq first = 1, Seq last = kEvents) {
  DiskLog disk(place.options());
  for (Seq seq = first; seq <= last; seq += 10) {
    Batch batch = batch_of(seq, 10);
    batch.records[4].content = std::string(9'000, 'w');
    batch.externals = {{"telegram", std::to_string(seq), seq}};
    batch.refs = {{"telegram:1", 1, seq + 9}};
    batch.refs_upto = seq + 9;
    batch.snapshots = {{"work", 0, 1, seq, "state"}};
    disk.log().append(batch);
    disk.settle();
  }
}

VerifyOptions options_of(const Place& place) {
  VerifyOptions options;
  options.directory = place.directory();
  return options;
}

// One thread and several, whole and in small ranges: the answer is the same.
Verification verified(const Place& place) {
  VerifyOptions options = options_of(place);
  const Result<Verification> found = verify(options);
  if (!found) FAIL(found.error().message);
  options.jobs = 3;
  options.range_events = 7;
  const Result<Verification> shared = verify(options);
  if (!shared) FAIL(shared.error().message);
  CHECK(shared->what == found->what);
  CHECK(shared->first_bad_seq == found->first_bad_seq);
  CHECK(shared->events == found->events);
  CHECK(shared->seals == found->seals);
  return *found;
}

TEST_CASE("a sound journal verifies, whole and at every start", "[journal]") {
  Place place;
  fill(place);
  const Verification found = verified(place);
  CHECK(found.what.empty());
  CHECK(found.sound());
  CHECK(found.events == kEvents);
  CHECK(found.seals == kEvents / 10);
  CHECK(found.first_bad_seq == 0);
}

TEST_CASE("an empty journal verifies", "[journal]") {
  Place place;
  { const DiskLog disk(place.options()); }
  CHECK(verified(place).sound());
  CHECK(verified(place).events == 0);
}

TEST_CASE("verify tells how far it has come", "[journal]") {
  Place place;
  fill(place, 1, 2'510);
  std::vector<Seq> reached;
  VerifyOptions options = options_of(place);
  options.range_events = 1'000;
  options.progress = [&](std::string_view what, Seq covered, Seq last) {
    if (what != "verifying events") return;
    CHECK(last == 2'510);
    reached.push_back(covered);
  };
  REQUIRE(verify(options));
  CHECK(reached == std::vector<Seq>{1'000, 2'000, 2'510});
}

// Another process, since one has a journal open once. Appends when it is told to, and says so.
class Writer {
 public:
  Writer(const Place& place, Seq first) {
    REQUIRE(::pipe2(orders_, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(answers_, O_CLOEXEC) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ > 0) return;
    char order = 0;
    if (::read(orders_[0], &order, 1) == 1) fill(place, first, first + 9);
    ::_exit(::write(answers_[1], &order, 1) == 1 ? 0 : 1);
  }
  ~Writer() {
    int status = 0;
    ::waitpid(child_, &status, 0);
    for (const int end : {orders_[0], orders_[1], answers_[0], answers_[1]}) ::close(end);
  }

  void append() {
    char byte = 'a';
    CHECK(::write(orders_[1], &byte, 1) == 1);
    CHECK(::read(answers_[0], &byte, 1) == 1);
  }

 private:
  int orders_[2] = {};
  int answers_[2] = {};
  pid_t child_ = 0;
};

TEST_CASE("what is appended meanwhile is verified too", "[journal]") {
  Place place;
  fill(place, 1, 2'510);
  Writer writer(place, 2'511);
  VerifyOptions options = options_of(place);
  options.jobs = GENERATE(1u, 3u);
  options.range_events = 50;
  bool told = false;
  options.progress = [&](std::string_view what, std::uint64_t, std::uint64_t) {
    if (what == "verifying events" && !std::exchange(told, true)) writer.append();
  };
  const Result<Verification> found = verify(options);
  REQUIRE(found);
  CHECK(found->what == "");
  CHECK(told);
  CHECK(found->events == 2'520);
  CHECK(found->seals == 252);
  CHECK(found->sound_upto == 2'520);
}

// Its number, that is; it lies behind the events of a thousand leaves.
TEST_CASE("a damaged leaf is named with what lies before it vouched for", "[journal]") {
  Place place;
  fill(place, 1, 2'510);
  const std::string path = place.directory() + "/data.mdb";
  std::string bytes = slurp(path);
  const auto file = PageFile::open(path);
  REQUIRE(file);
  PageFile::Events events;
  REQUIRE(file->judge_tree(file->newest(), events).value().empty());
  const PageFile::Leaf& leaf = events.leaves[events.leaves.size() / 2];
  bytes[leaf.page * 4'096] ^= 1;
  spit(path, bytes);
  const Verification found = verified(place);
  const Seq first = record::seq_of(leaf.first_key);
  CHECK(found.what.find("data.mdb, events, page " + std::to_string(leaf.page) +
                        ": its number is another") != std::string::npos);
  CHECK(found.first_bad_seq == first);
  CHECK(found.sound_upto == (first - 1) / 10 * 10);
  CHECK(found.remedy.find("It is good up to event " + std::to_string(found.sound_upto)) == 0);
}

TEST_CASE("a flipped bit anywhere in an event's value is found and named", "[journal]") {
  Place place;
  fill(place);
  const std::string path = place.directory() + "/data.mdb";
  const std::string sound = slurp(path);
  const Tables tables = read_tables(place.directory());
  for (const Seq seq : {Seq{1}, Seq{7}, Seq{30}}) {
    std::string key;
    record::append_u64(key, record::key_of(seq));
    const Entries& events = tables[static_cast<unsigned>(Table::kEvents)];
    const auto entry = std::find_if(events.begin(), events.end(),
                                    [&](const auto& candidate) { return candidate.first == key; });
    REQUIRE(entry != events.end());
    for (std::size_t bit = 0; bit < entry->second.size() * 8; bit += 3) {
      std::string damaged = sound;
      // Every copy: a page that LMDB has replaced keeps the older one.
      for (std::size_t at = damaged.find(entry->second); at != std::string::npos;
           at = damaged.find(entry->second, at)) {
        damaged[at + bit / 8] = static_cast<char>(damaged[at + bit / 8] ^ (1 << (bit % 8)));
      }
      spit(path, damaged);
      const Verification found = verified(place);
      REQUIRE_FALSE(found.sound());
      const bool seal = bit >= record::without_seal(entry->second).size() * 8;
      REQUIRE(found.first_bad_seq == (seal ? 21 : seq));
    }
  }
  spit(path, sound);
  CHECK(verified(place).sound());
}

TEST_CASE("a start refuses a journal whose newest events are damaged", "[journal]") {
  Place place;
  fill(place);
  Tables tables = read_tables(place.directory());
  std::string& value = table_of(tables, Table::kEvents).back().second;
  std::string named;
  SECTION("the event") {
    value[record::kHeaderBytes] ^= 1;
    named = "at event 30";
  }
  SECTION("its commit's seal") {
    value.back() ^= 1;
    named = "at event 21";
  }
  forge(place, tables);
  const auto refused = LmdbLog::open(place.options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::kDamaged);
  CHECK(refused.error().message.find(named) != std::string::npos);
}

TEST_CASE("a removed, reordered, changed or inserted event is found and named", "[journal]") {
  const bool inside = GENERATE(true, false);  // its seals lie in records, or in the table
  INFO("seals inside: " << inside);
  Place place;
  fill(place);
  if (!inside) seals_to_table(place);
  REQUIRE(verified(place).sound());
  Tables tables = read_tables(place.directory());
  Entries& events = table_of(tables, Table::kEvents);
  const auto seq_at = [&](std::size_t i) {
    return record::seq_of(record::load_u64(events[i].first));
  };
  constexpr std::size_t kAt = 14;  // the parts of event 5 lie before it
  const Seq seq = seq_at(kAt);
  REQUIRE(seq_at(kAt + 1) == seq + 1);
  Seq bad = seq - (seq - 1) % 10;  // where its commit begins: what a seal can tell

  SECTION("removed") {
    events.erase(events.begin() + kAt);
    bad = seq;
  }
  SECTION("a part of a long one removed") {
    events.erase(events.begin() + 5);
    REQUIRE(seq_at(4) == 5);
    bad = 5;
  }
  SECTION("swapped as they are") {
    std::swap(events[kAt].second, events[kAt + 1].second);
    bad = seq;
  }
  SECTION("swapped with new checksums") {
    const std::string first = events[kAt].second;
    events[kAt].second = rewritten(events[kAt + 1].first, events[kAt + 1].second, seq);
    events[kAt + 1].second = rewritten(events[kAt].first, first, seq + 1);
  }
  SECTION("changed with a new checksum") {
    events[kAt].second = rewritten(events[kAt].first, events[kAt].second, seq);
  }
  SECTION("the first one changed with a new checksum") {
    events[0].second = rewritten(events[0].first, events[0].second, 1);
    bad = 1;
  }
  SECTION("one more at the end") {
    std::string key;
    record::append_u64(key, record::key_of(kEvents + 1));
    const std::string value = rewritten(events.back().first, events.back().second, kEvents + 1);
    events.emplace_back(key, value);
    bad = kEvents + 1;
  }
  SECTION("the last events removed, and the seal left where it lies in the table") {
    events.erase(events.end() - 3, events.end());
    bad = inside ? 21 : kEvents - 2;
  }
  forge(place, tables);
  const Verification found = verified(place);
  CHECK_FALSE(found.sound());
  CHECK(found.first_bad_seq == bad);
}

TEST_CASE("a removed, changed or inserted seal is found and named", "[journal]") {
  const bool inside = GENERATE(true, false);
  INFO("seals inside: " << inside);
  Place place;
  fill(place);
  if (!inside) seals_to_table(place);
  Tables tables = read_tables(place.directory());
  Entries& seals = table_of(tables, Table::kSeals);
  Entries& events = table_of(tables, Table::kEvents);
  REQUIRE(seals.size() == (inside ? 0 : 3));
  const auto event = [&](Seq seq) -> Entries::value_type& {
    return *std::find_if(events.begin(), events.end(),
                         [seq](const auto& entry) { return journal_forge::seq_of(entry) == seq; });
  };
  auto& [key, value] = event(20);
  const std::string seal(inside ? std::string(record::seal_in(value)) : seals[1].second);
  const std::string another(sizeof(Digest), 's');
  Seq bad = 11;
  SECTION("changed") { (inside ? value : seals[1].second).back() ^= 1; }
  SECTION("removed") {
    if (inside) {
      value = unsealed(key, value);
    } else {
      seals.erase(seals.begin() + 1);
    }
  }
  SECTION("cut") {
    (inside ? value : seals[1].second).pop_back();
    value = journal_forge::checked(key, value);
  }
  SECTION("one more in the table") {
    seals.emplace_back(row_key(15), another);
    bad = inside ? 15 : 11;  // among older ones it could be one
  }
  SECTION("one more in a record") {
    auto& [at, plain] = event(16);
    plain = sealed(at, plain, another);
  }
  SECTION("one more in the middle of an event") {
    auto& [at, part] = event(25);
    part = sealed(at, part, another);
    bad = 25;
  }
  SECTION("a second one of the same commit") {
    if (inside) {
      seals.emplace_back(row_key(20), seal);
    } else {
      value = sealed(key, value, seal);
    }
    bad = 20;
  }
  SECTION("moved to the other place") {
    if (inside) {
      seals.emplace_back(row_key(20), seal);
      value = unsealed(key, value);
      bad = 20;
    } else {
      seals.erase(seals.begin() + 1);
      value = sealed(key, value, seal);
    }
  }
  forge(place, tables);
  const Verification found = verified(place);
  CHECK_FALSE(found.sound());
  CHECK(found.first_bad_seq == bad);
}

TEST_CASE("a tail cut with its seals shows against the head", "[journal]") {
  Place place;
  fill(place, 1, 20);
  const std::string older = slurp(place.directory() + "/data.mdb");
  fill(place, 21, 30);
  spit(place.directory() + "/data.mdb", older);
  const Verification found = verified(place);
  CHECK(found.first_bad_seq == 21);
  CHECK(found.what.find("the tail was cut") != std::string::npos);
  const auto refused = LmdbLog::open(place.options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::kDamaged);

  fs::remove(place.directory() + "/head");  // nothing else can show it
  CHECK(verified(place).sound());
  const DiskLog disk(place.options());
  REQUIRE(disk.warnings().size() >= 1);
  CHECK(disk.warnings()[0].find("head is missing") != std::string::npos);
}

TEST_CASE("another chain under the same key shows against the head", "[journal]") {
  Place place;
  fill(place, 1, 20);
  const std::string older = slurp(place.directory() + "/data.mdb");
  fill(place, 21, 30);
  const std::string head = slurp(place.directory() + "/head");
  spit(place.directory() + "/data.mdb", older);
  fs::remove(place.directory() + "/head");
  {
    DiskLog disk(place.options());
    disk.log().append(batch_of(21, 10));  // without the long body
    disk.settle();
  }
  CHECK(verified(place).sound());
  spit(place.directory() + "/head", head);
  CHECK(verified(place).first_bad_seq == 21);
  CHECK(LmdbLog::open(place.options()).error().code == ExitCode::kDamaged);
}

TEST_CASE("small tables that point nowhere are found", "[journal]") {
  Place place;
  fill(place);
  Tables tables = read_tables(place.directory());
  std::string beyond;
  record::append_u64(beyond, kEvents + 1);
  SECTION("an external id") { table_of(tables, Table::kDedupe)[0].second = beyond; }
  SECTION("a ref") { table_of(tables, Table::kRefs)[0].second.replace(8, 8, beyond); }
  SECTION("a snapshot") { table_of(tables, Table::kSnapshots)[0].second[9] ^= 1; }
  forge(place, tables);
  const Verification found = verified(place);
  CHECK_FALSE(found.sound());
  CHECK(found.first_bad_seq == 0);
  CHECK(found.events == kEvents);
}

TEST_CASE("a cut, empty or overwritten file is refused and left as it is", "[journal]") {
  Place place;
  fill(place);
  const std::string path = place.directory() + "/data.mdb";
  const std::string sound = slurp(path);
  std::string damaged;
  SECTION("empty") { damaged = ""; }
  SECTION("cut inside the meta pages") { damaged = sound.substr(0, 5'000); }
  SECTION("cut after the meta pages") { damaged = sound.substr(0, 8'192); }
  SECTION("cut by one byte") { damaged = sound.substr(0, sound.size() - 1); }
  SECTION("zeros") { damaged = std::string(sound.size(), '\0'); }
  SECTION("not LMDB at all") { damaged = std::string(sound.size(), 'x'); }
  spit(path, damaged);
  const auto refused = LmdbLog::open(place.options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::kDamaged);
  CHECK(refused.error().message.find(place.directory()) != std::string::npos);
  const Result<Verification> found = verify(options_of(place));
  CHECK((found ? !found->sound() : found.error().code == ExitCode::kDamaged));
  CHECK(slurp(path) == damaged);
}

TEST_CASE("a scan names a missing event wherever in it that lies", "[journal]") {
  const Place place;
  fill(place);
  Tables tables = read_tables(place.directory());
  std::erase_if(table_of(tables, Table::kEvents), [](const auto& entry) {
    return record::seq_of(record::load_u64(entry.first)) == 20;
  });
  forge(place, tables);
  auto reader = LmdbReader::open(place.directory());
  REQUIRE(reader);
  const auto scan = [&](Seq first, Seq last) {
    return (*reader)->scan(first, last, KindSet().set(), [](const Record&) { return true; });
  };
  for (const auto& [first, last] :
       {std::pair<Seq, Seq>{1, ~Seq{0}}, {1, 30}, {20, 20}, {15, 20}, {20, 25}}) {
    const auto scanned = scan(first, last);
    INFO("events " << first << " to " << last);
    REQUIRE_FALSE(scanned);
    CHECK(scanned.error().message.find("event 20 ") != std::string::npos);
  }
  CHECK(scan(1, 19));
  CHECK(scan(21, 30));
}

TEST_CASE("a journal with a file missing is refused, not made again", "[journal]") {
  Place place;
  fill(place);
  SECTION("the data") { fs::remove(place.directory() + "/data.mdb"); }
  SECTION("the seal key is there and cut") { spit(place.directory() + "/seal.key", "short"); }
  SECTION("the head is there and torn") {
    spit(place.directory() + "/head", "daybook head 1\nseq ");
  }
  const auto refused = LmdbLog::open(place.options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::kDamaged);
}

TEST_CASE("a journal of a newer format is refused as such, and one of none as damaged",
          "[journal]") {
  const auto [format, code, words] = GENERATE(table<int, ExitCode, const char*>({
      {16, ExitCode::kSettings, "format 16"},
      {26, ExitCode::kSettings, "format 26"},
      {3, ExitCode::kDamaged, "it has no format that exists"},
      {0, ExitCode::kDamaged, "it has no format that exists"},
  }));
  INFO(format);
  Place place;
  fill(place);
  Tables tables = read_tables(place.directory());
  for (auto& [name, value] : table_of(tables, Table::kMeta)) {
    if (name == layout::kMetaFormat) value[0] = static_cast<char>(format);
  }
  forge(place, tables);
  const auto refused = LmdbLog::open(place.options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == code);
  CHECK(refused.error().message.find(words) != std::string::npos);
  CHECK(LmdbReader::open(place.directory()).error() == refused.error());
  const auto found = verify(options_of(place));
  REQUIRE_FALSE(found);
  CHECK(found.error() == refused.error());
}

TEST_CASE("another journal's key or id does not verify", "[journal]") {
  Place place;
  fill(place);
  std::string key = slurp(place.directory() + "/seal.key");
  key[0] = static_cast<char>(key[0] ^ 1);
  spit(place.directory() + "/seal.key", key);
  CHECK(verified(place).first_bad_seq == 1);
}

// 0: sound and the events are those of `expected`; 1: damage was found; 2: served wrong events.
[[noreturn]] void judge_in_child(const Place& place, const std::vector<Record>& expected) {
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(nowhere, STDERR_FILENO);
  const Result<Verification> found = verify(options_of(place));
  if (!found || !found->sound()) ::_exit(1);
  auto reader = LmdbReader::open(place.directory());
  std::vector<Record> events;
  const auto keep = [&events](const Record& event) {
    events.push_back(event);
    return true;
  };
  if (!reader || !(*reader)->scan(1, ~Seq{0}, KindSet().set(), keep)) ::_exit(1);
  ::_exit(events == expected ? 0 : 2);
}

TEST_CASE("a flipped bit anywhere in the file is harmless or reported, never served", "[journal]") {
  Place place;
  fill(place);
  const std::string path = place.directory() + "/data.mdb";
  const std::string sound = slurp(path);
  std::vector<Record> expected;
  {
    DiskLog disk(place.options());
    expected = read_all(disk.log());
  }
  int harmless = 0;
  int reported = 0;
  const std::size_t step = sound.size() * 8 / 400 | 1;
  for (std::size_t bit = 5; bit < sound.size() * 8; bit += step) {
    std::string damaged = sound;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    spit(path, damaged);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) judge_in_child(place, expected);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    const bool served_wrong = WIFEXITED(status) && WEXITSTATUS(status) == 2;
    REQUIRE_FALSE(served_wrong);
    const bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ++(fine ? harmless : reported);  // dying of it is a report too: that is why it is a child
  }
  CHECK(harmless > 0);
  CHECK(reported > 0);
}

}  // namespace daybook::journal_verify_test
