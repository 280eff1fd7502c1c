// What a journal is made of adds up, and commit latencies fall into the right buckets.
#include "tools/stats.h"

#include <catch2/catch.hpp>

#include "core/codec.h"
#include "core/health.h"
#include "core/histogram.h"
#include "journal/record.h"
#include "tests/journal_place.h"
#include "tests/telling.h"
#include "tools/status.h"

namespace daybook::stats_test {

using testing::Telling;

TEST_CASE("buckets go 1, 2, 5 and end open", "[stats]") {
  CHECK(Histogram::upto(0) == 1);
  CHECK(Histogram::upto(1) == 2);
  CHECK(Histogram::upto(2) == 5);
  CHECK(Histogram::upto(3) == 10);
  CHECK(Histogram::upto(Histogram::kBuckets - 2) == 1'000'000'000);
  CHECK(Histogram::upto(Histogram::kBuckets - 1) == UINT64_MAX);
}

TEST_CASE("a figure falls into the first bucket that holds it", "[stats]") {
  Histogram histogram;
  CHECK(histogram.percentile(50) == 0);
  for (const std::uint64_t figure : {0, 1, 2, 3, 5, 6}) histogram.add(figure);
  CHECK(histogram.in(0) == 2);
  CHECK(histogram.in(1) == 1);
  CHECK(histogram.in(2) == 2);
  CHECK(histogram.in(3) == 1);
  CHECK(histogram.count() == 6);
  CHECK(histogram.largest() == 6);
  CHECK(histogram.percentile(50) == 2);
  CHECK(histogram.percentile(100) == 6);  // never beyond the largest
  histogram.add(UINT64_MAX);
  CHECK(histogram.in(Histogram::kBuckets - 1) == 1);
}

TEST_CASE("bytes are those that a record takes, long ones in several parts", "[stats]") {
  for (const std::size_t bytes : {0u, 10u, 4'000u, 4'047u, 4'048u, 5'000u, 100'000u}) {
    Record record;
    record.seq = 7;
    record.kind = Event::kNoticeIssued;
    record.clear = "clear";
    record.content = std::string(bytes, 'x');
    record::Encoded encoded;
    record::encode(record, encoded);
    INFO(bytes);
    CHECK(record::stored_bytes(record) == encoded.bytes.size());
  }
}

Stats stats_of(Telling& told) {
  Stats stats;
  const auto scanned = told.log.scan(1, told.log.last(), all_kinds(), [&](const Record& record) {
    REQUIRE(stats.add(record));
    return true;
  });
  REQUIRE(scanned);
  return stats;
}

TEST_CASE("kinds, days and the whole add up to the same", "[stats]") {
  Telling told;
  told.write("One?", 501);
  told.answer("One.", 20, 2);
  told.pass(86'400'000);
  told.write("Two?", 502);
  told.chunk(told.running(), "T");
  told.answer("Two.", 200, 3);
  const Stats stats = stats_of(told);
  Stats::Size kinds;
  for (const Stats::Size& size : stats.kinds()) {
    kinds.events += size.events;
    kinds.bytes += size.bytes;
  }
  Stats::Size days;
  for (const auto& [day, size] : stats.days()) {
    days.events += size.events;
    days.bytes += size.bytes;
  }
  CHECK(stats.all().events == told.log.last());
  CHECK(kinds.events == stats.all().events);
  CHECK(kinds.bytes == stats.all().bytes);
  CHECK(days.events == stats.all().events);
  CHECK(days.bytes == stats.all().bytes);
  CHECK(stats.days().contains("2026-02-03"));
  CHECK(stats.days().contains("2026-02-04"));
  CHECK(stats.turns() == 2);
  CHECK(stats.talk().events < stats.all().events);
}

TEST_CASE("our estimate of tokens is held against what was reported", "[stats]") {
  Telling told;
  told.write("One?", 501);
  const std::uint32_t guessed = told.event(told.running().seq()).turn_started().tokens();
  told.answer("One.", guessed * 2, 2);
  told.write("Two?", 502);
  told.answer("Two.");  // nothing was reported: nothing to compare
  const Stats stats = stats_of(told);
  REQUIRE(stats.estimates().size() == 1);
  const Stats::Estimate& estimate = stats.estimates().at("gpt-4o-mini of openai");
  CHECK(estimate.answers == 1);
  CHECK(estimate.prompt_estimated == guessed);
  CHECK(estimate.prompt_reported == guessed * 2);
  CHECK(estimate.output_reported == 2);
  CHECK(estimate.prompt_error.largest() == 50);
}

TEST_CASE("what was said before and gone on from is no estimate of what came", "[stats]") {
  Telling told;
  told.write("Count.", 501);
  const OpenTurn open = told.running();
  told.chunk(open, "one two three");
  told.fail(open, TRUNCATED, "one two three", kNotThisRequest);
  told.write("/continue", 502);
  told.answer(" four", 20, 2);
  REQUIRE(told.last("TurnCompleted").turn_completed().earlier_bytes() > 0);
  const Stats stats = stats_of(told);
  CHECK(stats.estimates().at("gpt-4o-mini of openai").output_estimated ==
        told.last("TurnCompleted").turn_completed().said_tokens());
}

TEST_CASE("the error is told as it was, and as what was learnt of the model made it", "[stats]") {
  Telling told;
  std::string question = "How are you,";
  for (int i = 0; i < 250; ++i) question += " friend";
  for (int i = 0; i < 40; ++i) {
    told.write(question, 501 + i);
    const std::uint32_t guessed = told.event(told.running().seq()).turn_started().tokens();
    told.answer("Well.", guessed * 2, 2);
  }
  const Stats stats = stats_of(told);
  const Stats::Estimate& estimate = stats.estimates().at("gpt-4o-mini of openai");
  CHECK(estimate.prompt_error.percentile(50) == 50);
  CHECK(estimate.corrected_error.percentile(50) <= 1);
  CHECK(estimate.corrected_error.largest() == 50);  // of the first one, before anything was learnt
}

TEST_CASE("the writer counts every commit", "[stats]") {
  const journal_place::Place place;
  journal_place::DiskLog disk(place.options());
  CHECK(disk.log().commit_latency().count() == 0);
  for (Seq seq = disk.log().last() + 1; seq <= 3; ++seq) {
    Record record;
    record.seq = seq;
    record.kind = Event::kGatewayStopped;
    Batch batch;
    batch.records.push_back(record);
    disk.log().append(std::move(batch));
    disk.settle();
  }
  CHECK(disk.log().commit_latency().count() == 3);
}

TEST_CASE("the status tells latencies in one object and in one line", "[stats]") {
  Histogram latency;
  for (const std::uint64_t figure : {900, 1'100, 1'200, 40'000}) latency.add(figure);
  const StatusJson status = status_histogram(latency);
  CHECK(status["count"] == 4);
  CHECK(status["buckets"].size() == 3);
  CHECK(status["buckets"][2][0] == 40'000);
  CHECK(status_histogram_text(status) ==
        "4, half within 2000 us, 99 % within 40000 us, the longest 40000 us");
}

}  // namespace daybook::stats_test
