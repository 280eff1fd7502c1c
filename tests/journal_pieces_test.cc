// A scan in pieces sees what a scan in order sees, each record once.
#include "journal/pieces.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/journal_place.h"

namespace daybook::journal_pieces_test {

using journal_place::DiskLog;
using journal_place::Place;

constexpr Seq kEvents = 3 * kPieceEvents + 5;

void write_events(const Place& place) {
  DiskLog disk(place.options());
  Batch batch;
  for (Seq seq = 1; seq <= kEvents; ++seq) {
    Record record;
    record.seq = seq;
    record.time = from_milliseconds(static_cast<std::int64_t>(seq));
    record.kind = seq % 3 == 0 ? 57 : 58;
    record.clear = "c";
    if (seq % 64 == 2) record.content = "word " + std::to_string(seq);
    batch.records.push_back(std::move(record));
  }
  disk.log().append(std::move(batch));
  disk.settle();
}

TEST_CASE("pieces by several threads give every record of its kind once, in order", "[journal]") {
  const Place place;
  write_events(place);
  auto reader = LmdbReader::open(place.directory());
  REQUIRE(reader);
  KindSet kinds;
  kinds.set(58);
  for (const unsigned threads : {1U, 3U, 16U}) {
    for (const auto& [first, last] :
         {std::pair<Seq, Seq>{1, kEvents}, {0, kEvents + 9}, {5, 5}, {4, kPieceEvents + 4}}) {
      std::vector<std::vector<Seq>> found(pieces_of(std::max<Seq>(first, 1), last));
      std::vector<int> wrong(found.size());
      std::size_t reported = 0;
      PieceVisitor visitor;
      visitor.visit = [&](std::size_t piece, const Record& record) {
        found[piece].push_back(record.seq);
        const bool worded = record.seq % 64 == 2;
        wrong[piece] +=
            record.content != (worded ? "word " + std::to_string(record.seq) : std::string());
      };
      visitor.progress = [&](std::size_t done) { reported = std::max(reported, done); };
      REQUIRE((*reader)->scan_in_pieces(first, last, kinds, threads, visitor));
      CHECK(reported == found.size());
      CHECK(wrong == std::vector<int>(found.size()));
      std::vector<Seq> expected;
      for (Seq seq = std::max<Seq>(first, 1); seq <= std::min(last, kEvents); ++seq) {
        if (seq % 3 != 0) expected.push_back(seq);
      }
      std::vector<Seq> all;
      for (const auto& piece : found) all.insert(all.end(), piece.begin(), piece.end());
      CHECK(all == expected);
    }
  }
}

TEST_CASE("nothing in range is no piece", "[journal]") {
  CHECK(pieces_of(1, 0) == 0);
  CHECK(pieces_of(7, 7) == 1);
  CHECK(pieces_of(1, kPieceEvents) == 1);
  CHECK(pieces_of(1, kPieceEvents + 1) == 2);
}

}  // namespace daybook::journal_pieces_test
