// The file's own structure: a sound file passes whatever was done to it, and what LMDB goes by
// cannot be changed unseen.
#include "journal/pages.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "journal/leaf.h"
#include "journal/page_judge.h"
#include "journal/store.h"
#include "tests/journal_forge.h"

namespace daybook::journal_pages_test {

using journal_forge::slurp;
using journal_forge::spit;
using journal_place::Place;
using store::Environment;
using store::Table;
using store::WriteTransaction;

namespace fs = std::filesystem;

constexpr std::size_t kPageBytes = 4'096;
constexpr unsigned kSeed = 20'261'128;

using Damages = std::vector<PageFile::Damage>;

// A file with all tables, written by hand.
struct Written {
  Place place;
  std::unique_ptr<Environment> environment;
  std::mt19937 chance{kSeed};
  std::uint64_t next = 1;

  Written() {
    fs::create_directory(place.directory());
    auto opened = Environment::open({place.directory(), 64u << 20, false, true});
    REQUIRE(opened);
    environment = std::move(*opened);
  }
  [[nodiscard]] std::string path() const { return place.directory() + "/data.mdb"; }

  std::size_t up_to(std::size_t most) { return chance() % (most + 1); }

  // Appends, and values of all lengths that replace one another: pages are freed, used again, and
  // overflow pages outlast what they held.
  void commit() {
    WriteTransaction transaction(*environment);
    REQUIRE(transaction.begin().ok());
    for (std::size_t count = up_to(60); count > 0; --count) {
      REQUIRE(transaction.append(Table::kEvents, next++, std::string(up_to(4'080), 'e')).ok());
    }
    for (std::size_t count = up_to(20); count > 0; --count) {
      const std::string key = "key" + std::to_string(up_to(90));
      const std::size_t bytes = up_to(3) == 0 ? up_to(40'000) : up_to(300);
      REQUIRE(transaction.put(Table::kSnapshots, key, std::string(bytes, 's')).ok());
      REQUIRE(transaction.put(Table::kDedupe, key + std::string(up_to(200), 'd'), "8").ok());
    }
    REQUIRE(transaction.commit().ok());
  }
};

std::string text_of(const Damages& damages) {
  std::string text;
  for (const PageFile::Damage& damage : damages) text += damage.table + ": " + damage.what + "; ";
  return text;
}

// Of the events, as somebody finds it who goes through them.
std::string problem_of_walk(const PageFile& file, PageFile::Events& events) {
  PageFile::Walk walk(file, events);
  bool there = walk.seek(0);
  while (there) there = walk.next();
  std::string problem;
  for (const page::Overflow& overflow : walk.overflows()) {
    if (problem.empty()) problem = PageFile::take(events, overflow);
  }
  return problem.empty() ? walk.problem() : problem;
}

// The same whether the leaves of the events are looked at by one thread, by two or on the way.
Damages judge(const std::string& path) {
  const auto file = PageFile::open(path);
  REQUIRE(file);
  const std::string complaint = file->judge_metas();
  if (!complaint.empty()) return {{"", complaint, 0}};
  std::vector<std::string> found;
  Damages damages;
  for (const unsigned jobs : {0u, 1u, 2u}) {
    PageFile::Events events;
    damages = file->judge_tree(file->newest(), events).value();
    if (jobs == 0) {
      found.push_back(problem_of_walk(*file, events));
      continue;
    }
    auto damage = file->judge_leaves(events, jobs);
    found.push_back(damage ? damage->what : "");
    if (damage) damages.insert(damages.begin(), *std::move(damage));
  }
  CHECK(found[0] == found[1]);
  CHECK(found[1] == found[2]);
  return damages;
}

TEST_CASE("a sound file passes after every transaction", "[journal]") {
  Written written;
  CHECK(text_of(judge(written.path())) == "");
  for (int i = 0; i < 150; ++i) {
    written.commit();
    const Damages damages = judge(written.path());
    INFO("seed " << kSeed << ", transaction " << i);
    REQUIRE(text_of(damages) == "");
  }
}

// Values that lie beside their keys and such that lie on pages of their own, in any order.
TEST_CASE("a cursor steps over what was appended, whatever the lengths", "[journal]") {
  Written written;
  for (int i = 0; i < 40; ++i) written.commit();
  store::Visit visit(*written.environment);
  REQUIRE(visit.begin().ok());
  store::Cursor cursor(visit, Table::kEvents);
  for (const std::uint64_t first : {std::uint64_t{1}, written.next / 2, written.next - 1}) {
    std::uint64_t number = first;
    for (auto status = cursor.seek(first); status.ok(); status = cursor.next(), ++number) {
      std::string_view value;
      REQUIRE(cursor.number() == number);
      REQUIRE(visit.get(Table::kEvents, number, value).ok());
      REQUIRE(cursor.value().data() == value.data());
      REQUIRE(cursor.value().size() == value.size());
    }
    REQUIRE(number == written.next);
  }
}

TEST_CASE("the pages that were judged hold the events that LMDB reads", "[journal]") {
  Written written;
  for (int i = 0; i < 40; ++i) written.commit();
  store::Visit visit(*written.environment);
  REQUIRE(visit.begin().ok());
  const auto file = PageFile::open(written.path());
  REQUIRE(file);
  PageFile::Events events;
  REQUIRE(file->judge_tree(file->newest(), events).value().empty());
  REQUIRE(events.transaction == visit.transaction());
  PageFile::Walk walk(*file, events);
  for (const std::uint64_t first : {std::uint64_t{0}, written.next / 2, written.next - 1}) {
    std::uint64_t number = std::max(first, std::uint64_t{1});
    for (bool there = walk.seek(first); there; there = walk.next(), ++number) {
      std::uint64_t key = 0;
      std::string_view value;
      REQUIRE(walk.key().size() == sizeof key);
      std::memcpy(&key, walk.key().data(), sizeof key);
      REQUIRE(key == number);
      REQUIRE(visit.get(Table::kEvents, number, value).ok());
      REQUIRE(walk.value() == value);
    }
    REQUIRE(number == written.next);
  }
  CHECK_FALSE(walk.seek(written.next));
  const PageFile::Events none;
  CHECK_FALSE(PageFile::Walk(*file, none).seek(0));
}

std::uint16_t number_at(const std::string& bytes, std::size_t at) {
  std::uint16_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// Pages of the newest tree that are branches or leaves: one bit of the number of any of them shows.
std::vector<std::size_t> live_pages(const std::string& path, const std::string& sound) {
  std::vector<std::size_t> live;
  for (std::size_t page = 2; page < sound.size() / kPageBytes; ++page) {
    std::string damaged = sound;
    damaged[page * kPageBytes] ^= 64;
    spit(path, damaged);
    if (!judge(path).empty() && number_at(sound, page * kPageBytes + 10) <= 2) live.push_back(page);
  }
  spit(path, sound);
  return live;
}

TEST_CASE("every bit that LMDB goes by is looked at", "[journal]") {
  Written written;
  for (int i = 0; i < 8; ++i) written.commit();
  const std::string path = written.path();
  const std::string sound = slurp(path);
  const std::vector<std::size_t> live = live_pages(path, sound);
  REQUIRE(live.size() > 20);
  for (const std::size_t page : live) {
    const std::size_t begin = page * kPageBytes;
    const std::size_t lower = number_at(sound, begin + 12);
    for (std::size_t at = 0; at < lower; ++at) {
      if (at == 8 || at == 9) continue;  // unused
      std::string damaged = sound;
      damaged[begin + at] = static_cast<char>(damaged[begin + at] ^ 1 << written.up_to(7));
      spit(path, damaged);
      INFO("page " << page << ", byte " << at);
      REQUIRE_FALSE(judge(path).empty());
    }
  }
}

TEST_CASE("either meta page is looked at", "[journal]") {
  Written written;
  for (int i = 0; i < 3; ++i) written.commit();
  const std::string path = written.path();
  const std::string sound = slurp(path);
  const auto with = [&](std::size_t at, char byte) {
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ byte);
    spit(path, damaged);
    return text_of(judge(path));
  };
  for (const std::size_t page : {std::size_t{0}, kPageBytes}) {
    INFO(page);
    CHECK(with(page, 4).find("its number is another") != std::string::npos);
    CHECK(with(page + 10, 1).find("its kind") != std::string::npos);
    CHECK(with(page + 16, 1).find("does not say that it is one") != std::string::npos);
    CHECK(with(page + 20, 2).find("its version") != std::string::npos);
    CHECK(with(page + 41, 1).find("page size") != std::string::npos);
    CHECK(with(page + 35, 4).find("beyond its map") != std::string::npos);
    CHECK(with(page + 137, 4).find("beyond the file") != std::string::npos);
    CHECK(with(page + 88 + 42, 1).find("begins nowhere") != std::string::npos);
    CHECK(with(page + 144, 8).find("do not follow one another") != std::string::npos);
  }
  spit(path, sound.substr(0, kPageBytes));
  CHECK_FALSE(judge(path).empty());
  spit(path, "");
  CHECK_FALSE(PageFile::open(path));
  CHECK_FALSE(PageFile::open(path + ".none"));
}

TEST_CASE("a page in the place of another, an older one, and one used twice are named",
          "[journal]") {
  Written written;
  for (int i = 0; i < 6; ++i) written.commit();
  const std::string path = written.path();
  const std::string older = slurp(path);
  for (int i = 0; i < 6; ++i) written.commit();
  const std::string sound = slurp(path);
  const std::vector<std::size_t> live = live_pages(path, sound);
  const auto page_of = [](const std::string& bytes, std::size_t page) {
    return bytes.substr(page * kPageBytes, kPageBytes);
  };
  std::string swapped = sound;
  swapped.replace(live[3] * kPageBytes, kPageBytes, page_of(sound, live[4]));
  swapped.replace(live[4] * kPageBytes, kPageBytes, page_of(sound, live[3]));
  spit(path, swapped);
  CHECK(text_of(judge(path)).find("its number is another") != std::string::npos);
  for (const std::size_t page : live) {
    std::string zeroed = sound;
    zeroed.replace(page * kPageBytes, kPageBytes, kPageBytes, '\0');
    spit(path, zeroed);
    CHECK_FALSE(judge(path).empty());
  }
  // The meta pages of before over the pages of now.
  std::string mixed = sound;
  mixed.replace(0, 2 * kPageBytes, older, 0, 2 * kPageBytes);
  spit(path, mixed);
  CHECK_FALSE(judge(path).empty());
}

TEST_CASE("a plain node of a leaf lies in its page, whatever the page says", "[journal]") {
  std::mt19937 chance(kSeed);
  std::vector<char> page(kPageBytes);
  std::size_t plain = 0;
  for (int pages = 0; pages < 2'000; ++pages) {
    for (char& byte : page) byte = static_cast<char>(chance() % 4 == 0 ? chance() : 0);
    // Offsets that may be, of nodes that may be: a key of 8 bytes and no flags.
    for (std::size_t at = 12; at < 80; at += 2) page[at + 1] = static_cast<char>(chance() % 18);
    for (std::size_t at = 20; at + 8 < kPageBytes; at += 24)
      std::memcpy(&page[at], "\0\0\x08\0", 4);
    const store::Leaf leaf(page.data(), page.size());
    for (std::size_t node = 0; node < 64; ++node) {
      if (!leaf.has_plain(node)) continue;
      ++plain;
      CHECK(leaf.key(node).data() >= page.data());
      CHECK(leaf.value(node).data() + leaf.value(node).size() <= page.data() + page.size());
    }
  }
  CHECK(plain > 0);
}

}  // namespace daybook::journal_pages_test
