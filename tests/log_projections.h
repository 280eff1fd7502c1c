// What every Log promises about snapshots and refs; subjects are those of log_contract.h.
#pragma once

#include "tests/log_contract.h"

namespace daybook::log_contract {

template <typename Subject>
void projections_are_replaced_by_name() {
  Subject subject;
  Batch batch = batch_of(1, 4);
  batch.snapshots = {{"work", 0, 1, 4, "first"}, {"session", 2, 1, 4, std::string(50'000, 'x')}};
  batch.refs = {{"telegram:2", 2, 3}, {"console", 1, 4}};
  batch.refs_upto = 4;
  subject.log().append(batch);
  CHECK(subject.settle().front().snapshots == batch.snapshots);

  Batch newer;  // no events: a snapshot alone is a batch too
  newer.snapshots = {{"work", 0, 2, 4, ""}};
  newer.refs = {{"telegram:2", 2, 4}};
  newer.refs_upto = 4;
  subject.log().append(newer);
  CHECK(subject.settle().size() == 1);
  subject.log().append(batch_of(5, 1));  // and changes no ref
  subject.settle();
  subject.reopen();

  Log& log = subject.log();
  CHECK(log.last() == 5);
  CHECK(log.snapshot("work", 0).value() == newer.snapshots[0]);
  CHECK(log.snapshot("session", 2).value() == batch.snapshots[1]);
  CHECK_FALSE(log.snapshot("session", 0).value());
  CHECK_FALSE(log.snapshot("wor", 0).value());
  const Log::Refs refs = log.refs().value();
  CHECK(refs.upto == 4);
  CHECK(refs.refs == std::vector<Ref>{{"console", 1, 4}, {"telegram:2", 2, 4}});
}

}  // namespace daybook::log_contract
