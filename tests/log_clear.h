// What every Log promises to who reads facts and no words; subjects are those of log_contract.h.
#pragma once

#include "tests/log_contract.h"

namespace daybook::log_contract {

template <typename Subject>
void facts_are_read_without_words() {
  Subject subject;
  Log& log = subject.log();
  const std::vector<Record> expected = append_many(subject);

  SECTION("get_clear finds the same facts") {
    for (const Seq seq : {Seq{1}, kEvents}) {
      Record clear = log.get_clear(seq).value().value();
      clear.content = expected[seq - 1].content;
      CHECK(clear == expected[seq - 1]);
    }
    CHECK_FALSE(log.get_clear(kEvents + 1).value());
  }
  SECTION("walk goes back along prev, from event to event, until it is told to stop") {
    std::vector<Seq> seen;
    const auto see = [&](const RecordView& event) {
      const Record& told = expected[event.seq - 1];
      CHECK((event.clear == told.clear && event.kind == told.kind && event.time == told.time &&
             event.session == told.session && event.cause == told.cause));
      seen.push_back(event.seq);
      return seen.size() < kEvents / 2 - 3;
    };
    REQUIRE(log.walk(kEvents, 0, see));
    CHECK(seen.size() == kEvents / 2 - 3);
    CHECK(seen.back() == kEvents - 2 * (kEvents / 2 - 4));
    seen.clear();
    REQUIRE(log.walk(kEvents, kEvents - 4, see));
    CHECK(seen == std::vector<Seq>{kEvents, kEvents - 2});
    seen.clear();
    REQUIRE(log.walk(5, 5, see));
    CHECK(seen.empty());
    CHECK(log.walk(kEvents + 1, 0, see).error().code == ExitCode::kDamaged);
  }
}

}  // namespace daybook::log_contract
