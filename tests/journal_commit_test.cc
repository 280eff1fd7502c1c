// One group, one transaction; and what becomes of the log when a commit fails.
#include "journal/committer.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/journal_place.h"
#include "tests/log_contract.h"

namespace daybook::journal_commit_test {

using journal_place::DiskLog;
using journal_place::FileSizeLimit;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::read_all;

store::Status commit(Committer& committer, KeyRing* keys, std::vector<Batch> batches) {
  std::vector<Queued> group;
  for (Batch& batch : batches) group.push_back(Queued::from(std::move(batch), keys));
  return committer.commit(group);
}

TEST_CASE("a commit whose outcome was unknown is repeated without doubling", "[journal]") {
  Place place;
  auto opened = open_for_writing(place.directory(), 16u << 20, true);
  REQUIRE(opened);
  store::Environment& environment = *opened->environment;
  int commits = 0;
  KeyRing* const keys = opened->keys.get();
  Committer committer(environment, keys, opened->seal_key, opened->journal_id,
                      [&commits](Seq, Seq, bool after) { commits += after ? 1 : 0; });
  REQUIRE(committer.load());
  Batch first = batch_of(1, 3);
  first.externals = {{"telegram", "1", 2}};
  REQUIRE(commit(committer, keys, {first}).ok());
  const Reading::Seal sealed = committer.sealed();
  CHECK(sealed.last == 3);

  REQUIRE(environment.reopen());
  REQUIRE(committer.load());
  CHECK(committer.sealed().digest == sealed.digest);
  REQUIRE(commit(committer, keys, {first}).ok());
  CHECK(committer.sealed().last == 3);
  REQUIRE(commit(committer, keys, {first, batch_of(4, 2)}).ok());
  CHECK(committer.sealed().last == 5);
  CHECK(commits == 2);
  Reading reading(environment, keys);
  CHECK(reading.last().value() == 5);
  CHECK(reading.get(2).value() == first.records[1]);
}

TEST_CASE("the last record of a commit carries its seal, whatever the group is made of",
          "[journal]") {
  const bool encrypt = GENERATE(true, false);
  Place place;
  auto opened = open_for_writing(place.directory(), 16u << 20, true, encrypt);
  REQUIRE(opened);
  KeyRing* const keys = opened->keys.get();
  Committer committer(*opened->environment, keys, opened->seal_key, opened->journal_id, nullptr);
  REQUIRE(committer.load());
  Batch parts = batch_of(3, 2);
  parts.records.back().content = std::string(9'000, 'w');
  Batch beside;
  beside.snapshots = {{"work", 0, 1, 4, "state"}};
  REQUIRE(commit(committer, keys, {batch_of(1, 2), parts, beside}).ok());
  REQUIRE(commit(committer, keys, {beside}).ok());
  CHECK(committer.sealed().last == 4);
  REQUIRE(commit(committer, keys, {batch_of(5, 1)}).ok());

  store::Visit visit(*opened->environment);
  REQUIRE(visit.begin().ok());
  store::Cursor seals(visit, store::Table::kSeals);
  CHECK(seals.first().not_found());
  std::vector<std::uint64_t> sealed;
  store::Cursor events(visit, store::Table::kEvents);
  for (auto status = events.first(); status.ok(); status = events.next()) {
    if (!record::seal_in(events.value()).empty()) sealed.push_back(events.number());
  }
  CHECK(sealed == std::vector<std::uint64_t>{record::key_of(4, 2), record::key_of(5)});
  Reading reading(*opened->environment, keys);
  CHECK(reading.get(4).value() == parts.records.back());
  CHECK(reading.seal_before(5).value()->last == 4);
  CHECK(reading.last_seal().value()->digest == committer.sealed().digest);
  CHECK(examine_tail(*opened, place.directory()));
}

TEST_CASE("a commit that fails stops the log; what was acknowledged is there again", "[journal]") {
  Place place;
  {
    DiskLog disk(place.options());
    disk.log().append(batch_of(1, 3));
    disk.settle();
    const FileSizeLimit limit(std::filesystem::file_size(place.directory() + "/data.mdb"));
    Batch large = batch_of(4, 100);
    for (Record& event : large.records) event.content = std::string(4'000, 'w');
    disk.log().append(large);
    const Log::Progress progress = disk.settle_or_wait();
    REQUIRE(progress.stopped);
    CHECK(progress.stopped->code == ExitCode::kInputOutput);
    CHECK(progress.stopped->message.find(place.directory()) != std::string::npos);
    CHECK(progress.durable.empty());
    disk.log().append(batch_of(104, 1));  // accepted by nobody
    CHECK(disk.log().take_durable().durable.empty());
    CHECK(disk.log().take_durable().stopped);
  }
  DiskLog disk(place.options());
  CHECK(disk.log().last() == 3);
  CHECK(read_all(disk.log()) == batch_of(1, 3).records);
}

}  // namespace daybook::journal_commit_test
