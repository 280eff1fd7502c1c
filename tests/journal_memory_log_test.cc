// The memory twin: the contract, and the hooks that the simulator plays with.
#include "journal/memory_log.h"

#include <catch2/catch.hpp>

#include "tests/log_clear.h"
#include "tests/log_contract.h"
#include "tests/log_erasure.h"
#include "tests/log_projections.h"

namespace daybook::journal_memory_log_test {

using log_contract::batch_of;
using log_contract::read_all;

class MemorySubject {
 public:
  Log& log() { return log_; }
  std::vector<Batch> settle() {
    log_.commit_all();
    return log_.take_durable().durable;
  }
  void reopen() { log_.crash(); }

 private:
  MemoryLog log_;
};

TEST_CASE("the memory log keeps the contract of the port", "[journal]") {
  log_contract::run<MemorySubject>();
}

TEST_CASE("MemoryLog keeps the newest snapshot and ref of each name", "[journal]") {
  log_contract::projections_are_replaced_by_name<MemorySubject>();
}

TEST_CASE("MemoryLog gives facts without words, by seq and back along a chain", "[journal]") {
  log_contract::facts_are_read_without_words<MemorySubject>();
}

TEST_CASE("words erased from the memory log are gone, and no others", "[journal]") {
  log_contract::erased_words_are_gone_for_good<MemorySubject>();
}

TEST_CASE("batches become durable one by one, and the waker tells", "[journal]") {
  int woken = 0;
  MemoryLog log([&woken] { ++woken; });
  log.append(batch_of(1, 2));
  log.append(batch_of(3, 1));
  CHECK(log.backlog_bytes() > 0);
  CHECK(read_all(log).empty());
  CHECK(log.take_durable().durable.empty());
  CHECK(woken == 0);
  CHECK(log.commit());
  CHECK(woken == 1);
  CHECK(log.durable_last() == 2);
  CHECK(log.take_durable().durable.size() == 1);
  CHECK(log.commit());
  CHECK_FALSE(log.commit());
  CHECK(log.backlog_bytes() == 0);
}

TEST_CASE("a crash forgets what is not durable and nothing else", "[journal]") {
  MemoryLog log;
  Batch first = batch_of(1, 2);
  first.externals = {{"telegram", "1", 1}};
  log.append(first);
  Batch second = batch_of(3, 2);
  second.externals = {{"telegram", "2", 4}};
  second.refs = {{"console", 1, 4}};
  log.append(second);
  log.commit();
  log.crash();
  CHECK(log.last() == 2);
  CHECK(read_all(log) == first.records);
  CHECK(log.find("telegram", "1") == Seq{1});
  CHECK_FALSE(log.find("telegram", "2"));
  CHECK(log.refs().value().refs.empty());
  CHECK(log.take_durable().durable.empty());  // durable, and the one who waited for it is gone
  log.append(batch_of(3, 1));
  CHECK(log.commit());
}

TEST_CASE("a crash point stops the log before or after the commit of its event", "[journal]") {
  MemoryLog log;
  log.crash_at(4, MemoryLog::Moment::kBefore);
  log.append(batch_of(1, 2));
  log.append(batch_of(3, 3));
  CHECK(log.commit_all() == 1);
  CHECK(log.crashed());
  CHECK(log.durable_last() == 2);
  log.crash();
  CHECK_FALSE(log.crashed());
  log.crash_at(4, MemoryLog::Moment::kAfter);
  log.append(batch_of(3, 3));
  log.append(batch_of(6, 1));
  log.commit_all();
  CHECK(log.crashed());
  CHECK(log.durable_last() == 5);
  CHECK(log.take_durable().durable.empty());
  log.crash();
  CHECK(log.last() == 5);
}

TEST_CASE("a full disk keeps batches and a stopped log loses them", "[journal]") {
  MemoryLog log;
  log.append(batch_of(1, 1));
  log.set_waiting_for_space(true);
  CHECK_FALSE(log.commit());
  CHECK(log.take_durable().waiting_for_space);
  log.set_waiting_for_space(false);
  CHECK(log.commit());
  log.stop(Error{"the disk failed", ExitCode::kInputOutput});
  log.append(batch_of(2, 1));
  CHECK_FALSE(log.commit());
  CHECK(log.take_durable().stopped == Error{"the disk failed", ExitCode::kInputOutput});
  log.crash();
  CHECK(log.last() == 1);
  CHECK_FALSE(log.take_durable().stopped);
}

}  // namespace daybook::journal_memory_log_test
