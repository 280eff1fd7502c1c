// Facts that outlive the transaction they were read in.
#include "journal/clear_block.h"

#include <catch2/catch.hpp>

#include "core/short_bytes.h"
#include "tests/log_contract.h"

namespace daybook::journal_clear_block_test {

TEST_CASE("a block keeps facts and keys when what they were copied from is gone", "[journal]") {
  constexpr Seq kEvents = 500;
  ClearBlock block;
  for (const int round : {1, 2}) {
    block.clear();
    CHECK(block.size() == 0);
    for (Seq seq = 1; seq <= kEvents; ++seq) {
      const Record event = log_contract::event_of(seq, 7, std::string(seq % 90, 'c'), "words");
      block.add(view_of(event), static_cast<KeyId>(seq + round));
    }
    REQUIRE(block.size() == kEvents);
    for (Seq seq = 1; seq <= kEvents; ++seq) {
      const Record told = log_contract::event_of(seq, 7, std::string(seq % 90, 'c'), "words");
      const RecordView kept = block.at(seq - 1);
      CHECK((kept.seq == seq && kept.time == told.time && kept.kind == 7 &&
             kept.session == told.session && kept.cause == told.cause && kept.prev == told.prev));
      CHECK(kept.clear == told.clear);
      CHECK(kept.content.empty());
      CHECK(block.key_at(seq - 1) == seq + static_cast<Seq>(round));
    }
  }
}

TEST_CASE("a block whose first events leave keeps the others as they are", "[journal]") {
  const auto event_of = [](Seq seq) {
    return log_contract::event_of(seq, 7, std::string(seq, static_cast<char>('a' + seq)), "");
  };
  ClearBlock block;
  for (Seq seq = 1; seq <= 10; ++seq) {
    const Record event = event_of(seq);
    block.add(view_of(event), static_cast<KeyId>(seq));
  }
  block.drop(0);
  CHECK(block.size() == 10);
  block.drop(4);
  REQUIRE(block.size() == 6);
  for (Seq seq = 5; seq <= 10; ++seq) {
    CHECK(block.at(seq - 5).seq == seq);
    CHECK(block.at(seq - 5).clear == event_of(seq).clear);
    CHECK(block.key_at(seq - 5) == seq);
  }
  block.drop(6);
  CHECK(block.size() == 0);
}

TEST_CASE("short strings are copied and compared as any others are", "[core]") {
  for (std::size_t size = 0; size <= 40; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>('a' + i);
    std::string into(size + 2, '.');
    copy_short(into.data() + 1, bytes);
    REQUIRE(into == "." + bytes + ".");
    REQUIRE(equal_short(bytes, std::string(bytes)));
    REQUIRE_FALSE(equal_short(bytes, bytes + "."));
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = bytes;
      other[i] = '.';
      REQUIRE_FALSE(equal_short(bytes, other));
    }
  }
}

}  // namespace daybook::journal_clear_block_test
