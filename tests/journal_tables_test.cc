// Rows that the events do not say: each missing, surplus or wrong one is told.
#include "journal/tables.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "journal/layout.h"
#include "journal/verify.h"
#include "tests/journal_forge.h"
#include "tests/log_contract.h"

namespace daybook::journal_tables_test {

using journal_forge::Entries;
using journal_forge::forge;
using journal_forge::read_tables;
using journal_forge::table_of;
using journal_forge::Tables;
using journal_place::DiskLog;
using journal_place::Place;
using log_contract::batch_of;
using store::Table;

constexpr Seq kEvents = 60;
constexpr Seq kRefsUpto = 45;

// Every tenth event came from outside, sessions are every twentieth event, and a snapshot holds
// "state".
class SimpleMeaning final : public RecordJudge {
 public:
  static ExternalId external_of(Seq seq) {
    if (seq % 10 != 1) return {};
    return {"telegram", std::to_string(seq), seq};
  }
  void begin(Seq first) override { first_ = first; }
  bool judge(const RecordView& event, std::string& complaint) override {
    last_ = event.seq;
    complaint = event.seq < first_ ? "it was not asked for" : "";
    return complaint.empty();
  }
  [[nodiscard]] ExternalId external(const RecordView& event) const override {
    return external_of(event.seq);
  }
  [[nodiscard]] std::vector<Erasure> erasures() const override { return {}; }
  [[nodiscard]] std::vector<Ref> refs() const override {
    std::vector<Ref> refs;
    for (Seq id = 20; id <= last_; id += 20) {
      refs.push_back({"telegram:" + std::to_string(id), id, std::min(last_, id + 7)});
    }
    return refs;
  }
  [[nodiscard]] std::uint64_t epoch() const override { return first_ == 1 ? 1 : 0; }
  [[nodiscard]] std::string judge(const Snapshot& snapshot) const override {
    return snapshot.state == "state" ? "" : "its state is another";
  }

 private:
  Seq first_ = 1;
  Seq last_ = 0;
};

struct Journal {
  Place place;

  Journal() {
    DiskLog disk(place.options());
    for (Seq seq = 1; seq <= kEvents; seq += 5) {
      Batch batch = batch_of(seq, 5);
      const ExternalId external = SimpleMeaning::external_of(seq);
      if (external.seq != 0) batch.externals = {external};
      if (seq + 4 == kRefsUpto) {
        batch.refs = {{"telegram:20", 20, 27}, {"telegram:40", 40, 45}};
        batch.refs_upto = kRefsUpto;
        batch.snapshots = {{"work", 0, 1, seq + 4, "state"}, {"session", 20, 1, seq, "state"}};
      }
      disk.log().append(batch);
      disk.settle();
    }
  }

  [[nodiscard]] Verification verified(Seq since = 0) const {
    SimpleMeaning meaning;
    VerifyOptions options;
    options.directory = place.directory();
    options.judge = &meaning;
    options.since = since;
    const Result<Verification> found = verify(options);
    if (!found) FAIL(found.error().message);
    return *found;
  }
};

std::string bytes_of(Seq seq) {
  std::string bytes;
  record::append_u64(bytes, seq);
  return bytes;
}

Entries::iterator row_of(Entries& entries, const std::string& key) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  REQUIRE(found != entries.end());
  return found;
}

TEST_CASE("tables that the events say are sound, from wherever they are heard", "[journal]") {
  const Journal journal;
  for (const Seq since : {Seq{0}, Seq{1}, Seq{11}, Seq{33}, Seq{46}, Seq{60}}) {
    const Verification found = journal.verified(since);
    INFO(since);
    CHECK(found.what == "");
    CHECK(found.sound_upto == kEvents);
    CHECK(found.first == (since == 0 ? 1 : (since - 1) / 5 * 5 + 1));
  }
}

TEST_CASE("a dedupe row that is missing, wrong or surplus is told", "[journal]") {
  const Journal journal;
  Tables tables = read_tables(journal.place.directory());
  Entries& dedupe = table_of(tables, Table::kDedupe);
  const std::string key = layout::dedupe_key("telegram", "31");
  Seq bad = 31;
  std::string what = "missing from the dedupe table";
  SECTION("missing") { dedupe.erase(row_of(dedupe, key)); }
  SECTION("wrong") {
    row_of(dedupe, key)->second = bytes_of(32);
    what = "its update is event 32";
  }
  SECTION("under another name") {
    row_of(dedupe, key)->first[0] = static_cast<char>(row_of(dedupe, key)->first[0] ^ 1);
  }
  SECTION("in the place of another's") {
    std::swap(row_of(dedupe, key)->second,
              row_of(dedupe, layout::dedupe_key("telegram", "21"))->second);
    bad = 21;
    what = "its update is event 31";
  }
  SECTION("surplus") {
    dedupe.emplace_back(layout::dedupe_key("telegram", "new"), bytes_of(31));
    bad = 0;
    what = "names event 31, which has another external id";
  }
  SECTION("beyond the end") {
    dedupe.emplace_back(layout::dedupe_key("telegram", "new"), bytes_of(kEvents + 1));
    bad = 0;
    what = "names event 61, which is not there";
  }
  SECTION("of another size") {
    row_of(dedupe, key)->second.pop_back();
    what = "damaged";
  }
  forge(journal.place, tables);
  const Verification found = journal.verified();
  INFO(found.what);
  CHECK(found.first_bad_seq == bad);
  CHECK(found.what.find(what) != std::string::npos);
  CHECK(found.remedy.find("restore") != std::string::npos);
}

TEST_CASE("a ref that is missing, wrong or surplus is told", "[journal]") {
  const Journal journal;
  Tables tables = read_tables(journal.place.directory());
  Entries& refs = table_of(tables, Table::kRefs);
  std::string what;
  SECTION("missing") {
    refs.erase(refs.begin());
    what = "the ref telegram:20 is missing";
  }
  SECTION("the last one missing") {
    refs.pop_back();
    what = "the ref telegram:40 is missing";
  }
  SECTION("surplus") {
    refs.emplace_back("telegram:30", refs[0].second);
    what = "the ref telegram:30 is of no session";
  }
  SECTION("another head") {
    refs[0].second.replace(8, 8, bytes_of(26));
    what = "leads to event 26 of session 20, and the events say 27 of 20";
  }
  SECTION("another session") {
    refs[1].second.replace(0, 8, bytes_of(20));
    what = "leads to event 45 of session 20";
  }
  SECTION("of another size") {
    refs[1].second.pop_back();
    what = "a ref cannot be read";
  }
  SECTION("correct up to another event") {
    row_of(table_of(tables, Table::kMeta), std::string(layout::kMetaRefsUpto))->second =
        bytes_of(44);
    what = "the events say 44 of 40";
  }
  SECTION("correct up to nowhere") {
    row_of(table_of(tables, Table::kMeta), std::string(layout::kMetaRefsUpto))->second =
        bytes_of(kEvents + 1);
    what = "correct up to event 61";
  }
  forge(journal.place, tables);
  const Verification found = journal.verified();
  INFO(found.what);
  CHECK(found.first_bad_seq == 0);
  CHECK(found.what.find(what) != std::string::npos);
  CHECK(found.remedy.find("start the gateway, stop it") != std::string::npos);
  CHECK(found.sound_upto == kEvents);
}

TEST_CASE("a snapshot that is damaged, ahead or meaningless is told", "[journal]") {
  const Journal journal;
  Tables tables = read_tables(journal.place.directory());
  Entries& snapshots = table_of(tables, Table::kSnapshots);
  std::string what;
  std::string remedy = "restore";
  SECTION("damaged") {
    snapshots[0].second.back() ^= 1;
    what = "a snapshot is damaged";
    remedy = "start the gateway, stop it";
  }
  SECTION("ahead") {
    snapshots[1].second = layout::snapshot_value({"work", 0, 1, kEvents + 1, "state"});
    what = "the snapshot work is of event 61, which is not there";
  }
  SECTION("of a session, and meaningless") {
    snapshots[0].second = layout::snapshot_value({"session", 20, 1, 45, "other"});
    what = "the snapshot session of 20: its state is another";
  }
  forge(journal.place, tables);
  const Verification found = journal.verified();
  INFO(found.what);
  CHECK(found.first_bad_seq == 0);
  CHECK(found.what.find(what) != std::string::npos);
  CHECK(found.remedy.find(remedy) != std::string::npos);
}

TEST_CASE("meta that does not say what it must is told", "[journal]") {
  const Journal journal;
  Tables tables = read_tables(journal.place.directory());
  Entries& meta = table_of(tables, Table::kMeta);
  meta.erase(row_of(meta, std::string(layout::kMetaEpoch)));
  forge(journal.place, tables);
  CHECK(journal.verified().what == "the journal does not say its epoch");
}

TEST_CASE("an epoch that the events do not say, and another time of birth, are told", "[journal]") {
  const Journal journal;
  Tables tables = read_tables(journal.place.directory());
  std::string what;
  SECTION("the epoch") {
    journal_forge::meta_of(tables, layout::kMetaEpoch)[0] = 3;
    what = "the journal says that it is of epoch 3, and its events say 1";
  }
  SECTION("when it was made") {
    journal_forge::meta_of(tables, layout::kMetaCreated)[0] ^= 1;
    what = "the journal says that it was made at another time than its seal vouches for";
  }
  SECTION("what vouches for that") {
    journal_forge::meta_of(tables, layout::kMetaCreatedSeal)[5] ^= 1;
    what = "the journal says that it was made at another time than its seal vouches for";
  }
  SECTION("nothing vouches for it, as in journals that older versions made") {
    Entries& meta = table_of(tables, Table::kMeta);
    meta.erase(row_of(meta, std::string(layout::kMetaCreatedSeal)));
  }
  forge(journal.place, tables);
  CHECK(journal.verified().what == what);
  CHECK(journal.verified().first_bad_seq == 0);
}

TEST_CASE("rows of events that are not heard are left alone", "[journal]") {
  const Journal journal;
  Tables tables = read_tables(journal.place.directory());
  Entries& dedupe = table_of(tables, Table::kDedupe);
  dedupe.erase(row_of(dedupe, layout::dedupe_key("telegram", "31")));
  forge(journal.place, tables);
  CHECK(journal.verified(36).what == "");
  CHECK(journal.verified(31).first_bad_seq == 31);
}

}  // namespace daybook::journal_tables_test
