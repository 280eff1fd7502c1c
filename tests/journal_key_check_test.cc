// The key store against who uses it: each key that is missing, damaged, in another's hands or gone
// without a reason is told, with the first event it locks.
#include "journal/key_check.h"

#include <catch2/catch.hpp>

#include "core/laws.h"
#include "journal/verify.h"
#include "tests/damage_world.h"

namespace daybook::journal_key_check_test {

using journal_place::Place;
using testing::DamageWorld;
using Kind = KeyEntry::Kind;

const std::string kJournal = "0123456789abcdef";

// Key 1 is a run, 2 of session 5, 5 of session 6; 3, 4 and 6 lock words.
struct Keys {
  Place place;

  Keys() {
    REQUIRE(files::prepare_directory(place.directory(), true));
    REQUIRE(files::replace(place.directory(), files::kKeys, KeyFile::header(kJournal)));
    put(1, {Kind::kRun, 0, crypto::Key::random()});
    put(2, {Kind::kSession, 5, crypto::Key::random()});
    put(3, {Kind::kData, 1, crypto::Key::random()});
    put(4, {Kind::kData, 1, crypto::Key::random()});
    put(5, {Kind::kSession, 6, crypto::Key::random()});
    put(6, {Kind::kData, 1, crypto::Key::random()});
  }
  [[nodiscard]] KeyFile file() const {
    auto opened = KeyFile::open(place.directory() + "/" + files::kKeys, kJournal, true);
    REQUIRE(opened);
    return *std::move(opened);
  }
  void put(KeyId id, const KeyEntry& entry) const {
    REQUIRE(file().write(id, KeyFile::encode(id, entry)).ok());
  }
  void damage(KeyId id) const { REQUIRE(file().write(id, std::string(48, 'x')).ok()); }
  [[nodiscard]] KeyCheck check() const {
    auto opened = KeyCheck::open(place.directory() + "/" + files::kKeys, kJournal);
    REQUIRE(opened);
    KeyCheck check = *std::move(opened);
    check.hear(10, 5, 3);
    check.hear(11, 5, 4);
    check.hear(12, 5, 4);
    check.hear(13, 6, 6);
    return check;
  }
};

// "11: what"; empty: nothing.
std::string told(KeyCheck check, const KeyCheck::Erasures* erasures) {
  const auto finding = check.finish(erasures);
  REQUIRE(finding);
  if (!finding->has_value()) return {};
  return std::to_string((*finding)->seq) + ": " + (*finding)->what;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a store in which every key can be had is sound", "[journal]") {
  const Keys keys;
  const KeyCheck::Erasures none;
  CHECK(told(keys.check(), nullptr) == "");
  CHECK(told(keys.check(), &none) == "");
}

TEST_CASE("a key that is missing, damaged or another session's is told with its first event",
          "[journal]") {
  const Keys keys;
  std::string wanted;
  KeyCheck check = keys.check();
  SECTION("missing") {
    check.hear(14, 5, 9);
    wanted = "14: key 9 is missing";
  }
  SECTION("of another session") {
    check.hear(14, 6, 3);
    wanted = "14: key 3 locks words of session 5 already";
  }
  SECTION("no key of words") {
    check.hear(14, 5, 2);
    wanted = "14: key 2 of";
  }
  SECTION("damaged") {
    keys.damage(4);
    wanted = "11: key 4 is missing";
  }
  SECTION("its session's") {
    keys.damage(5);
    wanted = "13: the key of session 6 is missing";
  }
  SECTION("its run") {
    keys.damage(1);
    wanted = "10: the run of key 3 is missing";
  }
  SECTION("several: the first is told") {
    keys.damage(6);
    keys.damage(4);
    check.hear(14, 5, 9);
    wanted = "11: key 4 is missing";
  }
  CHECK(holds(told(std::move(check), nullptr), wanted));
}

TEST_CASE("a destroyed key has an erasure, and an erased one is destroyed", "[journal]") {
  const Keys keys;
  const KeyCheck::Erasures none;
  const KeyCheck::Erasures asked{{4}, {}};
  const KeyCheck::Erasures done{{4}, {4}};
  CHECK(told(keys.check(), &asked) == "");
  CHECK(told(keys.check(), &done) == "11: its words were erased, and key 4 is there again");
  KeyCheck before = keys.check();
  REQUIRE(keys.file().destroy({4}).ok());
  // Asked for by an event that came after those that were heard.
  CHECK(told(std::move(before), &none) == "");
  CHECK(told(keys.check(), &none) == "11: key 4 was destroyed, and no event asked");
  CHECK(told(keys.check(), nullptr) == "");
  CHECK(told(keys.check(), &asked) == "");
  CHECK(told(keys.check(), &done) == "");
}

TEST_CASE("a store that is missing or another journal's cannot be judged", "[journal]") {
  const Keys keys;
  const auto another =
      KeyCheck::open(keys.place.directory() + "/" + files::kKeys, "another journal.");
  REQUIRE_FALSE(another);
  CHECK(another.error().code == ExitCode::kDamaged);
}

TEST_CASE("a journal whose words were erased is sound, from any event on", "[journal]") {
  const DamageWorld world(3);
  const auto verified = [&](Seq since) {
    Laws laws;
    VerifyOptions options;
    options.directory = world.place.directory();
    options.judge = &laws;
    options.since = since;
    const auto found = verify(options);
    REQUIRE(found);
    return *found;
  };
  const Verification whole = verified(0);
  CHECK(whole.what == "");
  REQUIRE(whole.events > 150);
  for (Seq since = 1; since <= whole.events; since += 7) {
    INFO(since);
    CHECK(verified(since).what == "");
  }
  // The store of before the erasure.
  journal_forge::spit(world.place.directory() + "/keys", world.sound.at("keys"));
  CHECK(verified(0).what == "");
  journal_forge::spit(world.place.directory() + "/keys", world.older[0].at("keys"));
  const Verification older = verified(0);
  CHECK(older.first_bad_seq > 0);
  CHECK(holds(older.remedy, "put back the file keys"));
  std::filesystem::remove(world.place.directory() + "/keys");
  CHECK(holds(verified(0).what, "is missing: without it no words can be read"));
}

}  // namespace daybook::journal_key_check_test
