#include "core/residency.h"

#include <algorithm>

#include "core/context.h"
#include "core/layout.h"

namespace daybook {

namespace {

using Positions = std::vector<bool>;

void assign(const SessionState& session, const Positions& positions,
            google::protobuf::RepeatedPtrField<Range>* ranges) {
  const std::vector<Range> found = ranges_of(session, positions);
  ranges->Assign(found.begin(), found.end());
}

Positions pinned_among(const SessionState& session, const Positions& kept) {
  Positions pinned(kept.size());
  for (const Seq entry : session.pinned()) {
    const int after = position_after(session, entry);
    if (after == 0) continue;
    const auto position = static_cast<std::size_t>(after - 1);
    pinned[position] = kept[position];
  }
  return pinned;
}

// Entries that a summary stands for.
Positions told_of(const SessionState& session, const Kept& kept) {
  Positions told(kept.entries.size());
  const int covered = kept.summary ? position_after(session, session.summary_last()) : 0;
  std::fill(told.begin(), told.begin() + covered, true);
  for (const ToldPart& part : kept.parts) {
    std::fill(told.begin() + part.begin, told.begin() + part.end, true);
  }
  for (std::size_t position = 0; position < told.size(); ++position) {
    if (kept.entries[position]) told[position] = false;
  }
  return told;
}

class Rows {
 public:
  explicit Rows(const SessionState& session)
      : session_(session), rows_(static_cast<std::size_t>(session.entries_size())) {}

  void mark(int begin, int end, const EntryResidency& as) {
    std::fill(rows_.begin() + begin, rows_.begin() + end, as);
  }
  void mark(const google::protobuf::RepeatedPtrField<Range>& ranges, const EntryResidency& as) {
    if (ranges.empty()) return;
    const Positions positions = positions_of(session_, ranges);
    for (std::size_t position = 0; position < rows_.size(); ++position) {
      if (positions[position]) rows_[position] = as;
    }
  }
  std::vector<EntryResidency> take() { return std::move(rows_); }

 private:
  const SessionState& session_;
  std::vector<EntryResidency> rows_;
};

}  // namespace

void record_choice(const SessionState& session, const Choice& choice, TurnStarted* turn) {
  const Kept& kept = choice.kept;
  Positions left = kept.entries;
  left.flip();
  turn->clear_summarised();
  if (kept.summary || !kept.parts.empty()) {
    const Positions told = told_of(session, kept);
    assign(session, told, turn->mutable_summarised());
    for (std::size_t position = 0; position < told.size(); ++position) {
      if (told[position]) left[position] = false;
    }
  }
  assign(session, kept.entries, turn->mutable_taken());
  assign(session, left, turn->mutable_dropped());
  turn->clear_pinned();
  if (!session.pinned().empty()) {
    assign(session, pinned_among(session, kept.entries), turn->mutable_pinned());
  }
  turn->set_summary(kept.summary ? session.summary() : 0);
  turn->clear_parts();
  for (const ToldPart& part : kept.parts) turn->add_parts(part.completed);
  turn->clear_branches();
  for (const ToldBranch& branch : kept.branches) turn->add_branches(branch.completed);
  turn->mutable_provenance()->Assign(choice.provenance.begin(), choice.provenance.end());
  turn->clear_cut();
  for (const auto& [position, part] : choice.cut) {
    CutEntry* cut = turn->add_cut();
    cut->set_entry(session.entries(position).seq());
    cut->set_bytes(part.bytes);
  }
  turn->set_anew(choice.anew);
  turn->set_tokens(static_cast<std::uint32_t>(std::min<std::uint64_t>(choice.tokens, UINT32_MAX)));
}

std::vector<EntryResidency> residency_of(const SessionState& session, const TurnStarted& turn) {
  Rows rows(session);
  if (turn.summary() != 0) {
    rows.mark(0, position_after(session, session.summary_last()),
              {Residency::kSummary, 0, turn.summary()});
  }
  for (const ToldPart& part : told_parts(session, turn)) {
    rows.mark(part.begin, part.end, {Residency::kPart, 0, part.completed});
  }
  rows.mark(turn.dropped(), {Residency::kLeftOut});
  rows.mark(turn.taken(), {Residency::kWhole});
  rows.mark(turn.pinned(), {Residency::kPinned});
  for (const CutEntry& cut : turn.cut()) {
    const int after = position_after(session, cut.entry());
    if (after > 0) rows.mark(after - 1, after, {Residency::kCut, cut.bytes()});
  }
  return rows.take();
}

std::vector<ResidencyRun> residency_runs(const SessionState& session,
                                         const std::vector<EntryResidency>& residency) {
  std::vector<ResidencyRun> runs;
  for (std::size_t position = 0; position < residency.size(); ++position) {
    const Seq seq = session.entries(static_cast<int>(position)).seq();
    if (runs.empty() || runs.back().as != residency[position]) {
      runs.push_back({seq, seq, 0, residency[position]});
    }
    runs.back().last = seq;
    ++runs.back().entries;
  }
  return runs;
}

std::string_view name_of(Residency residency) {
  switch (residency) {
    case Residency::kWhole:
      return "whole";
    case Residency::kPinned:
      return "pinned";
    case Residency::kCut:
      return "cut";
    case Residency::kSummary:
      return "summary";
    case Residency::kPart:
      return "part";
    case Residency::kLeftOut:
      return "left_out";
    case Residency::kOutside:
      return "outside";
  }
  return "outside";
}

std::string residency_text(const EntryResidency& one) {
  switch (one.residency) {
    case Residency::kWhole:
      return "whole";
    case Residency::kPinned:
      return "whole, as it is pinned";
    case Residency::kCut:
      return "cut to " + std::to_string(one.bytes) + " bytes";
    case Residency::kSummary:
      return "told by summary " + std::to_string(one.told_by);
    case Residency::kPart:
      return "told by summary " + std::to_string(one.told_by) + " of this part";
    case Residency::kLeftOut:
      return "left out";
    case Residency::kOutside:
      return "not looked at";
  }
  return "not looked at";
}

std::string residency_text(const ResidencyRun& run) {
  std::string text = std::to_string(run.first);
  if (run.entries > 1) {
    text += " to " + std::to_string(run.last) + " (" + std::to_string(run.entries) + ")";
  }
  return text + ": " + residency_text(run.as);
}

}  // namespace daybook
