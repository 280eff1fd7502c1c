// Ranges, threads and turns: every event is judged once and in order, and the first complaint ends
// it.
#include "journal/sweep.h"

#include <catch2/catch.hpp>

#include "journal/layout.h"
#include "journal/opening.h"
#include "tests/journal_place.h"
#include "tests/log_contract.h"

namespace daybook::journal_sweep_test {

using journal_place::DiskLog;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::event_of;

constexpr Seq kEvents = 300;

struct Journal {
  Place place;
  Opened opened;
  SweepOptions options;

  // In commits of three, with an event in several parts among each ten.
  Journal() {
    {
      DiskLog disk(place.options());
      for (Seq seq = 1; seq <= kEvents; seq += 3) {
        Batch batch = batch_of(seq, 3);
        if (seq % 10 == 1) batch.records[1].content = std::string(9'000, 'w');
        disk.log().append(batch);
        disk.settle();
      }
    }
    opened = *open_for_reading(place.directory());
    options.seal_key = opened.seal_key;
    options.from = {0, layout::first_seal(opened.seal_key, opened.journal_id)};
  }
  Swept run() { return sweep(*opened.environment, options); }
};

TEST_CASE("every event is judged once, in order, however many threads there are", "[journal]") {
  Journal journal;
  for (const unsigned jobs : {1u, 2u, 5u}) {
    for (const Seq range : {Seq{1}, Seq{10}, Seq{1'000}}) {
      journal.options.jobs = jobs;
      journal.options.range_events = range;
      Seq judged = 0;
      Seq covered = 0;
      int wrong = 0;
      const auto judge = [&](const RecordView& event) {
        const Record expected = event_of(judged + 1);
        const bool same = event.seq == expected.seq && event.time == expected.time &&
                          event.session == expected.session && event.cause == expected.cause &&
                          event.prev == expected.prev && event.clear == expected.clear;
        if (!same || !event.content.empty()) ++wrong;
        judged = event.seq;
      };
      journal.options.judge = [&](const ClearBlock& block, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) judge(block.at(i));
        return std::nullopt;
      };
      journal.options.progress = [&](Seq seq) {
        if (seq < covered) ++wrong;
        covered = seq;
      };
      const Swept swept = journal.run();
      CHECK_FALSE(swept.damage.has_value());
      CHECK(swept.covered == kEvents);
      CHECK(swept.seals == kEvents / 3);
      CHECK(judged == kEvents);
      CHECK(covered == kEvents);
      CHECK(wrong == 0);
    }
  }
}

// Of the journal's file, to be read on the way.
struct Pages {
  PageFile file;
  PageFile::Events events;

  explicit Pages(Journal& journal)
      : file(*PageFile::open(journal.place.directory() + "/" + files::kData)) {
    REQUIRE(file.judge_tree(file.newest(), events).value().empty());
    journal.options.file = &file;
    journal.options.pages = &events;
  }
};

TEST_CASE("out of the file's pages the same is judged as through LMDB", "[journal]") {
  Journal journal;
  for (const unsigned jobs : {1u, 2u, 5u}) {
    for (const Seq range : {Seq{1}, Seq{10}, Seq{1'000}}) {
      Pages pages(journal);
      journal.options.jobs = jobs;
      journal.options.range_events = range;
      Seq judged = 0;
      bool in_order = true;
      journal.options.judge = [&](const ClearBlock& block, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) in_order = in_order && block.at(i).seq == ++judged;
        return std::nullopt;
      };
      const Swept swept = journal.run();
      INFO(jobs << " threads, ranges of " << range);
      CHECK_FALSE(swept.damage.has_value());
      CHECK_FALSE(swept.outrun);
      CHECK(swept.covered == kEvents);
      CHECK(swept.reached.last == kEvents);
      CHECK(swept.seals == kEvents / 3);
      CHECK(judged == kEvents);
      CHECK(in_order);
    }
  }
}

TEST_CASE("pages that two events lie on are named with the second of them", "[journal]") {
  Journal journal;
  Pages pages(journal);
  journal.options.jobs = GENERATE(1u, 3u);
  journal.options.range_events = 5;
  PageFile::Walk walk(pages.file, pages.events);
  for (bool there = walk.seek(0); there;) there = walk.next();
  REQUIRE(walk.overflows().size() > 10);
  const page::Overflow& taken = walk.overflows()[10];
  REQUIRE(PageFile::take(pages.events, taken).empty());
  journal.options.judge = [](const ClearBlock&, std::size_t) { return std::nullopt; };
  const Swept swept = journal.run();
  REQUIRE(swept.damage.has_value());
  CHECK(swept.damage->seq == record::seq_of(taken.key));
  CHECK(swept.damage->what.find("events, page " + std::to_string(taken.first) +
                                ": it is in use twice") != std::string::npos);
  CHECK(swept.covered == swept.damage->seq - 1);
}

// In the middle of the first range.
TEST_CASE("a sweep that somebody outruns goes on from where it came to", "[journal]") {
  Journal journal;
  journal.opened.environment.reset();
  journal.opened = *open_for_writing(journal.place.directory(), 64u << 20, false, true);
  Pages pages(journal);
  journal.options.jobs = GENERATE(2u, 3u);
  journal.options.range_events = 5;
  Seq judged = 0;
  bool in_order = true;
  journal.options.judge = [&](const ClearBlock& block, std::size_t count) {
    if (judged == 0) {
      store::WriteTransaction transaction(*journal.opened.environment);
      CHECK(transaction.begin().ok());
      CHECK(transaction.put(store::Table::kSnapshots, "somebody", "writes").ok());
      CHECK(transaction.commit().ok());
    }
    for (std::size_t i = 0; i < count; ++i) in_order = in_order && block.at(i).seq == ++judged;
    return std::nullopt;
  };
  const Swept swept = journal.run();
  CHECK(swept.outrun);
  CHECK_FALSE(swept.damage.has_value());
  CHECK(swept.covered < kEvents);
  CHECK(swept.reached.last == swept.covered);
  CHECK(judged == swept.covered);
  journal.options.from = swept.reached;
  journal.options.pages = nullptr;
  journal.options.file = nullptr;
  CHECK(journal.run().covered == kEvents);
  CHECK(judged == kEvents);
  CHECK(in_order);
}

TEST_CASE("the first complaint ends a sweep and is the one it tells", "[journal]") {
  Journal journal;
  journal.options.jobs = 4;
  journal.options.range_events = 5;
  journal.options.judge = [](const ClearBlock& block, std::size_t count) {
    std::optional<ChainWalk::Damage> damage;
    for (std::size_t i = 0; i < count && !damage; ++i) {
      const Seq seq = block.at(i).seq;
      if (seq >= 100) damage = ChainWalk::Damage{seq, "it is number " + std::to_string(seq)};
    }
    return damage;
  };
  const Swept swept = journal.run();
  REQUIRE(swept.damage.has_value());
  CHECK(swept.damage->seq == 100);
  CHECK(swept.damage->what == "it is number 100");
  CHECK(swept.covered == 99);
}

TEST_CASE("a sweep may begin at any seal", "[journal]") {
  Journal journal;
  const auto seal = Reading(*journal.opened.environment).seal_at(148);
  REQUIRE((seal && *seal));
  REQUIRE((*seal)->last == 150);
  journal.options.from = **seal;
  CHECK(journal.run().covered == kEvents);
  CHECK(journal.run().seals == 50);
  journal.options.from.digest[3] ^= 1;
  const Swept swept = journal.run();
  REQUIRE(swept.damage.has_value());
  CHECK(swept.damage->seq == 151);
}

TEST_CASE("a checkpoint is met in whatever range it lies", "[journal]") {
  Journal journal;
  journal.options.range_events = 7;
  Reading reading(*journal.opened.environment);
  for (const Seq at : {Seq{3}, Seq{150}, Seq{300}}) {
    const Reading::Seal seal = **reading.seal_at(at);
    journal.options.checkpoints = {{seal, "a friend"}};
    CHECK_FALSE(journal.run().damage.has_value());
    journal.options.checkpoints[0].seal.digest[0] ^= 1;
    REQUIRE(journal.run().damage.has_value());
    CHECK(journal.run().damage->seq == at - 2);
    CHECK(journal.run().damage->what.find("a friend knows") != std::string::npos);
    journal.options.checkpoints[0].seal = {at - 1, seal.digest};
    CHECK(journal.run().damage->seq == at - 2);
  }
  journal.options.checkpoints = {{{kEvents + 1, {}}, "a friend"}};
  REQUIRE(journal.run().damage.has_value());
  CHECK(journal.run().damage->seq == kEvents + 1);
  CHECK(journal.run().damage->what.find("the tail was cut") != std::string::npos);
}

}  // namespace daybook::journal_sweep_test
