// The key store: its bytes, what a torn write leaves, and who is given which key.
#include "journal/key_ring.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "core/sha256.h"
#include "journal/key_file.h"
#include "tests/journal_place.h"

namespace daybook::keys_test {

using crypto::Key;
using journal_place::Place;

const std::string kJournal = "0123456789abcdef";

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void spit(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.flush());
}

// A directory with an empty store in it.
struct StorePlace {
  Place place;
  std::string path = place.directory() + "/keys";

  StorePlace() {
    REQUIRE(files::prepare_directory(place.directory(), true));
    REQUIRE(files::replace(place.directory(), files::kKeys, KeyFile::header(kJournal)));
  }
  [[nodiscard]] KeyFile file() const {
    Result<KeyFile> opened = KeyFile::open(place.directory() + "/" + files::kKeys, kJournal, true);
    if (!opened) FAIL(opened.error().message);
    return std::move(*opened);
  }
  [[nodiscard]] std::unique_ptr<KeyRing> ring(bool writable = true) const {
    auto opened = KeyRing::open(place.directory(), kJournal, writable);
    if (!opened) FAIL(opened.error().message);
    if (writable) (*opened)->begin_run();
    return std::move(*opened);
  }
};

struct Locked {
  KeyId id = 0;
  KeyId upto = 0;
  std::string content;
};

Locked lock(KeyRing& ring, SessionId session, Seq turn, Seq seq, std::string content) {
  KeyRing::Hold hold(ring);
  const KeyUse use = hold.take(session, turn);
  use.cipher->apply(seq, content.data(), content.size());
  return {use.id, hold.upto(), std::move(content)};
}

std::string unlocked(KeyRing& ring, SessionId session, Seq seq, const Locked& locked) {
  std::string content = locked.content;
  const Result<bool> done = ring.unlock(session, locked.id, seq, content);
  return done ? content : done.error().message;
}

TEST_CASE("golden bytes of the key store", "[journal]") {
  const KeyEntry entry{KeyEntry::Kind::kSession, 70'000, Key(std::string(32, 'k'))};
  CHECK(hex(KeyFile::header(kJournal)) ==
        "17d3d406000000000000000000000000646179626f6f6b206b65797320310000"
        "30313233343536373839616263646566");
  CHECK(hex(KeyFile::encode(7, entry)) ==
        "3b0b7694020000007011010000000000"
        "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b");
}

TEST_CASE("an entry reads as it was written, in its place alone", "[journal]") {
  const KeyEntry entry{KeyEntry::Kind::kData, 3, Key::random()};
  const std::string bytes = KeyFile::encode(9, entry);
  REQUIRE(KeyFile::parse(9, bytes));
  CHECK(KeyFile::parse(9, bytes)->kind == entry.kind);
  CHECK(KeyFile::parse(9, bytes)->owner == entry.owner);
  CHECK(KeyFile::parse(9, bytes)->key.reveal() == entry.key.reveal());
  CHECK_FALSE(KeyFile::parse(10, bytes));
  CHECK_FALSE(KeyFile::parse(9, bytes.substr(1)));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE_FALSE(KeyFile::parse(9, flipped));
  }
}

TEST_CASE("a store that is missing, cut or another journal's is refused", "[journal]") {
  const StorePlace store;
  SECTION("missing") { std::filesystem::remove(store.path); }
  SECTION("empty") { spit(store.path, ""); }
  SECTION("cut in its first entry") { spit(store.path, KeyFile::header(kJournal).substr(0, 47)); }
  SECTION("another journal's") { spit(store.path, KeyFile::header("fedcba9876543210")); }
  const auto refused = KeyRing::open(store.place.directory(), kJournal, true);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::kDamaged);
  CHECK(refused.error().message.find(store.path) != std::string::npos);
}

TEST_CASE("what a torn append leaves is never given to anything", "[journal]") {
  const StorePlace store;
  {
    auto ring = store.ring();
    const Locked first = lock(*ring, 1, 5, 10, "words");
    REQUIRE(ring->make_durable(first.upto).ok());
  }
  const std::string whole = slurp(store.path);
  for (std::size_t torn = 1; torn <= 2 * KeyFile::kEntryBytes; ++torn) {
    spit(store.path, whole + std::string(torn, torn % 2 == 0 ? '\0' : 'x'));
    const KeyId last = store.file().last().value();
    auto ring = store.ring();
    const Locked next = lock(*ring, 1, 6, 11, "words");
    REQUIRE(ring->make_durable(next.upto).ok());
    REQUIRE(next.id > last);
    REQUIRE(unlocked(*store.ring(false), 1, 11, next) == "words");
  }
}

TEST_CASE("words come back through the file alone, and under their own session only", "[journal]") {
  const StorePlace store;
  std::vector<Locked> all;
  {
    auto ring = store.ring();
    for (Seq seq = 1; seq <= 1'000; ++seq) {
      all.push_back(lock(*ring, seq % 7, seq / 3, seq, "words " + std::to_string(seq)));
    }
    REQUIRE(ring->make_durable(all.back().upto).ok());
    CHECK(unlocked(*ring, 1, 1, all[0]) == "words 1");
  }
  auto reader = store.ring(false);
  for (Seq seq = 1; seq <= 1'000; ++seq) {
    REQUIRE(unlocked(*reader, seq % 7, seq, all[seq - 1]) == "words " + std::to_string(seq));
  }
  CHECK(unlocked(*store.ring(false), 2, 1, all[0]) != "words 1");
  auto other = store.ring(false);
  std::string content = "x";
  CHECK_FALSE(other->unlock(8, all[0].id, 1, content));            // no such session
  CHECK_FALSE(other->unlock(1, all.back().upto + 1, 1, content));  // no such key
  CHECK_FALSE(other->unlock(1, 1, 1, content));                    // a run's, not a data key
}

TEST_CASE("words of one turn share a key, and no two other events do", "[journal]") {
  const StorePlace store;
  auto ring = store.ring();
  const KeyId turn = lock(*ring, 1, 5, 10, "a").id;
  CHECK(lock(*ring, 1, 5, 11, "b").id == turn);
  CHECK(lock(*ring, 1, 6, 12, "c").id != turn);
  CHECK(lock(*ring, 1, 5, 13, "d").id == turn);
  std::set<KeyId> alone;
  for (Seq seq = 20; seq < 40; ++seq) alone.insert(lock(*ring, 1, 0, seq, "e").id);
  CHECK(alone.size() == 20);
  CHECK_FALSE(alone.contains(turn));
}

TEST_CASE("a reader beside the writer learns of new runs, sessions and keys", "[journal]") {
  const StorePlace store;
  auto ring = store.ring();
  auto reader = store.ring(false);
  for (SessionId session = 1; session <= 5; ++session) {
    ring->begin_run();
    const Locked locked = lock(*ring, session, 0, session, "words");
    REQUIRE(ring->make_durable(locked.upto).ok());
    CHECK(unlocked(*reader, session, session, locked) == "words");
  }
}

TEST_CASE("keys are drawn ahead: a turn asks for no write of its own", "[journal]") {
  const StorePlace store;
  auto ring = store.ring();
  REQUIRE(ring->make_durable(lock(*ring, 1, 1, 1, "first").upto).ok());
  std::uintmax_t writes = 0;
  std::uintmax_t bytes = std::filesystem::file_size(store.path);
  for (Seq turn = 2; turn <= 2'000; ++turn) {
    const Locked locked = lock(*ring, 1, turn, turn, "words");
    REQUIRE(ring->make_durable(locked.upto).ok());
    REQUIRE(std::filesystem::file_size(store.path) == bytes);  // nothing had to be written
    REQUIRE(ring->refill().ok());
    const std::uintmax_t now = std::filesystem::file_size(store.path);
    writes += now == bytes ? 0 : 1;
    bytes = now;
  }
  CHECK(writes < 2'000 / (KeyRing::kPoolMost / 4));
}

TEST_CASE("a pool that never suffices is drawn larger", "[journal]") {
  const StorePlace store;
  auto ring = store.ring();
  constexpr Seq kTurns = KeyRing::kPoolFirst;  // of a commit
  std::uintmax_t writes = 0;
  std::uintmax_t bytes = 0;
  KeyId upto = lock(*ring, 1, 1, 1, "words").upto;
  for (Seq turn = 2; turn < 2'000; ++turn) {
    upto = lock(*ring, 1, turn, turn, "words").upto;
    if (turn % kTurns != 1) continue;
    REQUIRE(ring->make_durable(upto).ok());
    REQUIRE(ring->refill().ok());
    const std::uintmax_t now = std::filesystem::file_size(store.path);
    writes += now == bytes ? 0 : 1;
    bytes = now;
  }
  CHECK(writes < 2'000 / (KeyRing::kPoolMost / 4));
}

TEST_CASE("what was drawn and not yet durable is forgotten with its run", "[journal]") {
  const StorePlace store;
  auto ring = store.ring();
  const Locked before = lock(*ring, 1, 1, 1, "words");
  ring->begin_run();
  const Locked after = lock(*ring, 1, 1, 1, "words");
  CHECK(after.id == before.id);  // never written, so never used
  CHECK(after.content != before.content);
  REQUIRE(ring->make_durable(after.upto).ok());
  ring->begin_run();
  const Locked third = lock(*ring, 1, 1, 1, "words");
  CHECK(third.id > after.upto);
  REQUIRE(ring->make_durable(third.upto).ok());
  auto reader = store.ring(false);
  CHECK(unlocked(*reader, 1, 1, after) == "words");
  CHECK(unlocked(*reader, 1, 1, third) == "words");
}

TEST_CASE("a store that cannot be written says so, and can be written later", "[journal]") {
  const StorePlace store;
  auto ring = store.ring();
  const Locked locked = lock(*ring, 1, 1, 1, "words");
  {
    const journal_place::FileSizeLimit limit(60);
    CHECK_FALSE(ring->make_durable(locked.upto).ok());
  }
  REQUIRE(ring->make_durable(locked.upto).ok());
  CHECK(unlocked(*store.ring(false), 1, 1, locked) == "words");
}

TEST_CASE("a destroyed key is overwritten where it stood, and unlocks nothing for anyone",
          "[journal]") {
  const StorePlace store;
  auto ring = store.ring();
  const Locked secret = lock(*ring, 1, 1, 1, "secret");
  const Locked kept = lock(*ring, 1, 2, 2, "kept");
  REQUIRE(ring->make_durable(kept.upto).ok());
  CHECK(unlocked(*ring, 1, 1, secret) == "secret");
  const std::string before = slurp(store.path);
  const auto place = [&](const std::string& bytes, KeyId id) {
    return bytes.substr(id * KeyFile::kEntryBytes, KeyFile::kEntryBytes);
  };
  for (const int times : {1, 2}) {
    INFO(times);
    REQUIRE(ring->destroy({secret.id}).ok());
    ring->begin_run();
    const std::string after = slurp(store.path);
    CHECK(after.size() == before.size());
    CHECK(place(after, kept.id) == place(before, kept.id));
    CHECK(after.find(place(before, secret.id).substr(16)) == std::string::npos);
    CHECK(place(after, secret.id) ==
          KeyFile::encode(secret.id, {KeyEntry::Kind::kDestroyed, 0, {}}));
    const auto reader = store.ring(false);
    for (KeyRing* const one : {ring.get(), reader.get()}) {
      std::string content = secret.content;
      const Result<bool> found = one->unlock(1, secret.id, 1, content);
      REQUIRE(found);
      CHECK_FALSE(*found);
    }
    CHECK(unlocked(*ring, 1, 2, kept) == "kept");
  }
  CHECK(hex(KeyFile::encode(7, {KeyEntry::Kind::kDestroyed, 0, {}})) ==
        "56db83ec040000000000000000000000" + std::string(64, '0'));
}

TEST_CASE("a destruction torn at the end of a sector counts as done, and a writer finishes it",
          "[journal]") {
  constexpr std::size_t kSector = 512;
  const StorePlace store;
  Locked across;
  std::size_t cut = 0;  // where the sector in which its entry begins ends
  std::size_t end = 0;
  std::string before;
  {
    auto ring = store.ring();
    for (Seq seq = 1; cut >= end; ++seq) {
      across = lock(*ring, 1, seq, seq, "words");
      const std::size_t begin = across.id * KeyFile::kEntryBytes;
      cut = (begin / kSector + 1) * kSector;
      end = begin + KeyFile::kEntryBytes;
    }
    REQUIRE(ring->make_durable(across.upto).ok());
    before = slurp(store.path);
    REQUIRE(ring->destroy({across.id}).ok());
  }
  const std::string done = slurp(store.path);
  std::string torn = done;
  torn.replace(cut, end - cut, before.substr(cut, end - cut));
  REQUIRE(torn != done);
  spit(store.path, torn);
  std::string content = across.content;
  const Result<bool> unlocked = store.ring(false)->unlock(1, across.id, 1, content);
  REQUIRE(unlocked);
  CHECK_FALSE(*unlocked);
  CHECK(slurp(store.path) == torn);
  CHECK(store.ring() != nullptr);
  CHECK(slurp(store.path) == done);
}

}  // namespace daybook::keys_test
