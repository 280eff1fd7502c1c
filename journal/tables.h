// The small tables held against what the events say: dedupe and refs are made again from the
// events, snapshots and meta are read.
//
// Law: a row that is missing, surplus or wrong is told, and so is whether a start and an orderly
// stop of the gateway would write it anew. begin() before the events are walked, hear() for each of
// them in order, finish() afterwards; a writer may add to all of them meanwhile.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/judge.h"
#include "journal/reading.h"
#include "journal/store.h"

namespace daybook {

class TableCheck {
 public:
  struct Finding {
    std::string what;  // as a sentence without its end
    bool rewritten = false;
  };

  // `judge` knows what events mean; without one (null) only what a row says of itself is judged.
  // `since`: events up to this one are not heard, and what they say is not asked for.
  TableCheck(store::Environment& environment, RecordJudge* judge, Seq since);

  void begin();
  // What is wrong with this event; empty: nothing.
  std::string hear(const RecordView& event);
  // `last`: the last event heard. nullopt: all is well.
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

  std::string each_entry(store::Table table, const Judge& judge);
  std::string copy_out(store::Table table, const std::string& after, Entries& into);
  std::string judge_external(const ExternalId& external);
  std::string compare_refs() const;
  std::string judge_refs(Seq last);
  std::string judge_dedupe(Seq last);
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
  std::uint64_t externals_ = 0;  // heard
};

}  // namespace daybook
