// The small tables held against what the events say: dedupe and refs are made again from the
// events, snapshots and meta are read.
//
// Law: a row that is missing, surplus or wrong is told, and so is whether a start and an orderly
// stop of the gateway would write it anew. begin() before the events are walked, hear() for each of
// them in order, the others afterwards; a writer may add to all of them meanwhile.
// Rejected: looking up the row of each event; that takes longer than hashing the event does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/judge.h"
#include "core/sha256.h"
#include "journal/reading.h"
#include "journal/store.h"

namespace daybook {

class TableCheck {
 public:
  struct Finding {
    std::string what;  // as a sentence without its end
    bool rewritten = false;
    Seq seq = 0;  // the event whose row it is; 0: none's
  };

  // `judge` knows what events mean; without one (null) only what a row says of itself is judged.
  // `since`: events up to this one are not heard, and what they say is not asked for.
  TableCheck(store::Environment& environment, RecordJudge* judge, Seq since);

  void begin();
  // False: `complaint` says what is wrong with this event.
  bool hear(const RecordView& event, std::string& complaint);
  // Both after the last event, `last`, was heard. nullopt: all is well.
  //
  // The first event whose external id does not lead to it.
  std::optional<Finding> judge_externals(Seq last);
  // Afterwards: whatever else is wrong.
  std::optional<Finding> finish(Seq last);

 private:
  // Entries of a table, copied out of one view.
  struct Entries {
    std::vector<std::pair<std::string, std::string>> entries;
    Seq last = 0;  // the view's last event
    bool end = false;
  };
  // Judges one entry; the first complaint ends it.
  using Judge = std::function<std::string(std::string_view key, std::string_view value, Seq last)>;

  // Rows of the dedupe table, in whatever order: how many, and the sum of their hashes. What makes
  // these differ is drawn anew each time, so that nobody can make other rows with the same sum.
  struct Rows {
    std::uint64_t count = 0;
    Digest sum{};

    friend bool operator==(const Rows&, const Rows&) = default;
  };

  void add(std::string_view key, Seq seq, Rows& into) const;
  std::string each_entry(store::Table table, const Judge& judge);
  std::string copy_out(store::Table table, const std::string& after, Entries& into);
  void hear_external(const ExternalId& external);
  std::string judge_external(const ExternalId& external);
  std::optional<Finding> find_lost(Seq last);
  std::string compare_refs() const;
  std::string judge_refs(Seq last);
  std::string judge_meta();
  std::string name_surplus(Seq last);
  Result<ExternalId> external_at(Seq seq);
  std::optional<Finding> judge_snapshots();

  store::Environment& environment_;
  Reading reading_;
  RecordJudge* judge_;
  Seq since_;

  Log::Refs refs_;
  std::string refs_complaint_;
  Sha256 salted_;
  Rows heard_;  // that the events heard say
  std::string rows_complaint_;
};

}  // namespace daybook
