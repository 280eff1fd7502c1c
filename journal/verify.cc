// The whole walk, and then the tables that point into it.
#include "journal/verify.h"

#include "journal/layout.h"
#include "journal/opening.h"
#include "journal/reading.h"
#include "journal/record.h"
#include "journal/sweep.h"

namespace daybook {
namespace {

using store::Cursor;
using store::Status;
using store::Table;
using store::Visit;

constexpr std::size_t kTableVisitEntries = 1'000;

// Judges every entry of a table; the first complaint ends it.
using Judge = std::function<std::string(std::string_view key, std::string_view value, Seq last)>;

std::string judge_table(store::Environment& environment, Table table, const Judge& judge) {
  std::string resume;
  for (bool end = false; !end;) {
    Visit visit(environment);
    Status status = visit.begin();
    if (!status.ok()) return status.text();
    // Of the same view: a writer beside us may add events and what points at them.
    Cursor events(visit, Table::kEvents);
    status = events.last();
    if (!status.ok() && !status.not_found()) return status.text();
    const Seq last = status.ok() ? record::seq_of(events.number()) : 0;
    Cursor cursor(visit, table);
    status = resume.empty() ? cursor.first() : cursor.seek_key(resume);
    if (status.ok() && cursor.key() == resume) status = cursor.next();
    std::size_t entries = 0;
    for (; status.ok() && entries < kTableVisitEntries; ++entries, status = cursor.next()) {
      std::string complaint = judge(cursor.key(), cursor.value(), last);
      if (!complaint.empty()) return complaint;
      resume = cursor.key();
    }
    if (!status.ok() && !status.not_found()) return status.text();
    end = !status.ok();
  }
  return {};
}

std::string judge_external(std::string_view key, std::string_view value, Seq last) {
  if (key.size() != layout::kDedupeKeyBytes || value.size() != sizeof(Seq)) {
    return "an external id is damaged";
  }
  const Seq seq = record::load_u64(value);
  if (seq >= 1 && seq <= last) return {};
  return "an external id names event " + std::to_string(seq) + ", which is not there";
}

std::string judge_ref(std::string_view key, std::string_view value, Seq last) {
  const std::optional<Ref> ref = layout::parse_ref(key, value);
  if (!ref) return "the ref " + std::string(key) + " is damaged";
  if (ref->head <= last) return {};
  return "the ref " + ref->name + " names event " + std::to_string(ref->head) +
         ", which is not there";
}

std::string judge_snapshot(std::string_view key, std::string_view value, Seq last) {
  const std::optional<Snapshot> snapshot = layout::parse_snapshot(key, value);
  if (!snapshot) return "a snapshot is damaged";
  if (snapshot->seq <= last) return {};
  return "the snapshot " + snapshot->projection + " is ahead of the events";
}

std::string judge_small_tables(store::Environment& environment) {
  std::string complaint = judge_table(environment, Table::kDedupe, judge_external);
  if (complaint.empty()) complaint = judge_table(environment, Table::kRefs, judge_ref);
  if (complaint.empty()) complaint = judge_table(environment, Table::kSnapshots, judge_snapshot);
  return complaint;
}

}  // namespace

Result<Verification> verify(const VerifyOptions& options) {
  Result<Opened> opened = open_for_reading(options.directory);
  if (!opened) return opened.error();
  const Result<std::string> key = files::read_seal_key(options.directory);
  if (!key) return key.error();
  std::optional<files::Head> checkpoint = options.checkpoint;
  if (!checkpoint) {
    const Result<std::optional<files::Head>> head = files::read_head(options.directory);
    if (!head) return head.error();
    checkpoint = *head;
  }

  SweepOptions options_of_sweep;
  options_of_sweep.seal_key = *key;
  options_of_sweep.from = {0, layout::first_seal(*key, opened->journal_id)};
  options_of_sweep.jobs = options.jobs;
  options_of_sweep.range_events = options.range_events;
  options_of_sweep.progress = options.progress;
  if (checkpoint && checkpoint->seq > 0) {
    options_of_sweep.checkpoints.push_back({{checkpoint->seq, checkpoint->seal}, "the head file"});
  }
  const Swept swept = sweep(*opened->environment, options_of_sweep);

  Verification found;
  found.events = swept.covered;
  found.seals = swept.seals;
  if (swept.damage) {
    found.first_bad_seq = swept.damage->seq;
    found.what = swept.damage->what;
    return found;
  }
  found.what = judge_small_tables(*opened->environment);
  return found;
}

}  // namespace daybook
