// What every Log promises, as one test for all of them.
//
// A Subject has: log(), settle() (makes what is queued durable and returns the batches reported,
// in order), and reopen() (closes or crashes, and opens what is durable). A fresh one is empty.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/log.h"

namespace daybook::log_contract {

inline KindSet all_kinds() { return KindSet().set(); }

inline Record event_of(Seq seq, std::uint8_t kind = 1, std::string clear = "clear",
                       std::string content = "content") {
  Record event;
  event.seq = seq;
  event.time = from_milliseconds(1'700'000'000'000 + static_cast<std::int64_t>(seq));
  event.kind = kind;
  event.session = seq > 1 ? 1 : 0;
  event.cause = seq - 1;
  event.prev = seq > 2 ? seq - 2 : 0;
  event.clear = std::move(clear) + std::to_string(seq);
  event.content = std::move(content);
  return event;
}

// `count` events from `first` on; kinds go 1, 2, 3, 1, 2, 3 by seq.
inline Batch batch_of(Seq first, Seq count) {
  Batch batch;
  for (Seq seq = first; seq < first + count; ++seq) {
    batch.records.push_back(event_of(seq, static_cast<std::uint8_t>(1 + (seq - 1) % 3)));
  }
  return batch;
}

inline std::vector<Record> read_all(Log& log, Seq first = 1, Seq last = ~Seq{0},
                                    const KindSet& kinds = all_kinds()) {
  std::vector<Record> events;
  const Result<void> read = log.scan(first, last, kinds, [&events](const Record& event) {
    events.push_back(event);
    return true;
  });
  REQUIRE(read);
  return events;
}

inline std::vector<Seq> seqs_of(const std::vector<Record>& events) {
  std::vector<Seq> seqs;
  for (const Record& event : events) seqs.push_back(event.seq);
  return seqs;
}

inline std::vector<Record> records_of(const std::vector<Batch>& batches) {
  std::vector<Record> events;
  for (const Batch& batch : batches) {
    events.insert(events.end(), batch.records.begin(), batch.records.end());
  }
  return events;
}

template <typename Subject>
void appending_keeps_order_and_reports_once() {
  SECTION("an empty journal has nothing") {
    Subject subject;
    Log& log = subject.log();
    CHECK(log.last() == 0);
    CHECK(log.backlog_bytes() == 0);
    CHECK(log.take_durable().durable.empty());
    CHECK_FALSE(log.find("telegram", "1"));
    CHECK(read_all(log).empty());
    CHECK_FALSE(log.get(1).value());
    CHECK_FALSE(log.get(0).value());
    CHECK(log.refs().value().refs.empty());
    CHECK_FALSE(log.snapshot("work", 0).value());
    subject.reopen();
    CHECK(subject.log().last() == 0);
    CHECK(read_all(subject.log()).empty());
  }
  SECTION("last() is ahead of the disk, and batches are reported in order, unchanged, once") {
    Subject subject;
    std::vector<Batch> given;
    for (Seq first = 1; first < 40; first += 4) given.push_back(batch_of(first, 4));
    for (const Batch& batch : given) {
      subject.log().append(batch);
      CHECK(subject.log().last() == batch.records.back().seq);
    }
    const std::vector<Batch> reported = subject.settle();
    REQUIRE(reported.size() == given.size());
    CHECK(records_of(reported) == records_of(given));
    CHECK(subject.log().take_durable().durable.empty());
    CHECK(subject.log().backlog_bytes() == 0);
  }
  SECTION("what was reported is there after reopening, and appending goes on") {
    Subject subject;
    subject.log().append(batch_of(1, 5));
    subject.settle();
    subject.reopen();
    CHECK(subject.log().last() == 5);
    subject.log().append(batch_of(6, 2));
    subject.settle();
    subject.reopen();
    CHECK(read_all(subject.log()) == batch_of(1, 7).records);
  }
}

template <typename Subject>
void external_ids_are_found_at_every_stage() {
  Subject subject;
  Batch batch = batch_of(1, 3);
  batch.externals = {{"telegram", "7", 1}, {"telegram", "8", 3}};
  subject.log().append(batch);
  CHECK(subject.log().find("telegram", "7") == Seq{1});
  CHECK(subject.log().find("telegram", "8") == Seq{3});
  const std::vector<Batch> reported = subject.settle();
  REQUIRE(reported.size() == 1);
  CHECK(reported.front().externals == batch.externals);
  CHECK(subject.log().find("telegram", "7") == Seq{1});
  subject.reopen();
  CHECK(subject.log().find("telegram", "8") == Seq{3});
  CHECK_FALSE(subject.log().find("telegram", "9"));
  CHECK_FALSE(subject.log().find("telegra", "m8"));
  CHECK_FALSE(subject.log().find("console", "7"));
}

inline constexpr Seq kEvents = 3'500;  // several visits

// As many events, durable.
template <typename Subject>
std::vector<Record> append_many(Subject& subject) {
  for (Seq first = 1; first <= kEvents; first += 500) subject.log().append(batch_of(first, 500));
  subject.settle();
  return batch_of(1, kEvents).records;
}

template <typename Subject>
void reading_gives_back_what_was_appended() {
  Subject subject;
  Log& log = subject.log();
  const std::vector<Record> expected = append_many(subject);

  SECTION("get finds each, and nothing beyond the end") {
    for (const Seq seq : {Seq{1}, Seq{999}, Seq{1'000}, Seq{1'001}, kEvents}) {
      CHECK(log.get(seq).value() == expected[seq - 1]);
    }
    CHECK_FALSE(log.get(kEvents + 1).value());
    CHECK_FALSE(log.get(~Seq{0}).value());
  }
  SECTION("scan gives a range in order; its ends may lie outside") {
    CHECK(read_all(log) == expected);
    CHECK(seqs_of(read_all(log, 10, 12)) == std::vector<Seq>{10, 11, 12});
    CHECK(seqs_of(read_all(log, 0, 2)) == std::vector<Seq>{1, 2});
    CHECK(seqs_of(read_all(log, kEvents, kEvents + 9)) == std::vector<Seq>{kEvents});
    CHECK(read_all(log, 12, 10).empty());
    CHECK(read_all(log, kEvents + 1).empty());
  }
  SECTION("scan gives the wanted kinds only") {
    const std::vector<Record> found = read_all(log, 1, 3'000, KindSet().set(3));
    REQUIRE(found.size() == 1'000);
    CHECK(found.front().seq == 3);
    CHECK(found.back().seq == 3'000);
    CHECK(read_all(log, 1, kEvents, KindSet().set(200)).empty());
  }
  SECTION("a visitor stops the scan, and may read and append meanwhile") {
    std::vector<Seq> seen;
    const Result<void> read = log.scan(5, kEvents, all_kinds(), [&](const Record& event) {
      seen.push_back(event.seq);
      CHECK(log.get(event.seq).value() == event);
      if (event.seq == 7) log.append(batch_of(kEvents + 1, 1));
      return event.seq < 7;
    });
    CHECK(read);
    CHECK(seen == std::vector<Seq>{5, 6, 7});
    CHECK(subject.settle().size() == 1);
    CHECK(log.get(kEvents + 1).value());
  }
}

template <typename Subject>
void odd_records_come_back_whole() {
  Subject subject;
  Batch batch;
  const std::vector<std::size_t> sizes = {0, 1, 127, 128, 4'046, 4'047, 4'048, 4'049, 70'000};
  for (const std::size_t size : sizes) {
    Record event = event_of(batch.records.size() + 1, 255);
    event.clear = std::string(size, '\0');
    batch.records.push_back(event);
    event.seq += 1;
    event.cause = 0;
    event.clear.clear();
    event.content = std::string(size, '\xff');
    batch.records.push_back(event);
  }
  Record bare;
  bare.seq = batch.records.size() + 1;
  batch.records.push_back(bare);
  subject.log().append(batch);
  subject.settle();
  subject.reopen();
  CHECK(read_all(subject.log()) == batch.records);
  CHECK(read_all(subject.log(), 1, ~Seq{0}, KindSet().set(0)) == std::vector<Record>{bare});
  for (const Record& event : batch.records) CHECK(subject.log().get(event.seq).value() == event);
}

template <typename Subject>
void run() {
  SECTION("appending") { appending_keeps_order_and_reports_once<Subject>(); }
  SECTION("external ids are found in flight, durable and reopened") {
    external_ids_are_found_at_every_stage<Subject>();
  }
  SECTION("reading") { reading_gives_back_what_was_appended<Subject>(); }
  SECTION("empty, boundary and long bodies come back whole") {
    odd_records_come_back_whole<Subject>();
  }
}

}  // namespace daybook::log_contract
