// The log without a disk. Batches move from the queue to the durable part one commit() at a time.
#include "journal/memory_log.h"

#include <algorithm>

#include "core/check.h"

namespace daybook {

void MemoryLog::append(Batch batch) {
  for (const Record& event : batch.records) {
    ++last_;
    CHECK(event.seq == last_, "seqs follow one another");
    CHECK(event.prev < event.seq && event.cause < event.seq,
          "a record may only point to an earlier one");
  }
  if (stopped_) return;
  for (const ExternalId& external : batch.externals) {
    CHECK(!batch.records.empty() && external.seq >= batch.records.front().seq &&
              external.seq <= batch.records.back().seq,
          "an external id names an event of its own batch");
    const ExternalKey key{external.source, external.id};
    CHECK(!externals_.contains(key), "an external id is looked for before it is recorded");
    const bool added = in_flight_.emplace(key, external.seq).second;
    CHECK(added, "an external id is looked for before it is recorded");
  }
  queue_.push_back(std::move(batch));
}

std::size_t MemoryLog::backlog_bytes() const {
  std::size_t bytes = 0;
  for (const Batch& batch : queue_) {
    for (const Record& event : batch.records) bytes += event.clear.size() + event.content.size();
    for (const Snapshot& snapshot : batch.snapshots) {
      bytes += snapshot.projection.size() + snapshot.state.size();
    }
    for (const Ref& ref : batch.refs) bytes += ref.name.size();
  }
  return bytes;
}

Log::Progress MemoryLog::take_durable() {
  Progress progress;
  progress.durable.swap(reported_);
  progress.stopped = stopped_;
  progress.waiting_for_space = waiting_for_space_;
  return progress;
}

std::optional<Seq> MemoryLog::find(std::string_view source, std::string_view id) {
  const ExternalKey key{source, id};
  if (const auto found = in_flight_.find(key); found != in_flight_.end()) return found->second;
  if (const auto found = externals_.find(key); found != externals_.end()) return found->second;
  return std::nullopt;
}

Result<std::optional<Record>> MemoryLog::get(Seq seq) {
  if (seq == 0 || seq > events_.size()) return std::optional<Record>();
  return std::optional<Record>(events_[seq - 1]);
}

Result<std::optional<Record>> MemoryLog::get_clear(Seq seq) {
  Result<std::optional<Record>> record = get(seq);
  // As a log that locks words does it: who reads them here must learn of it in a test.
  if (record && record->has_value()) (*record)->content.clear();
  return record;
}

Result<void> MemoryLog::scan(Seq first, Seq last, const KindSet& kinds,
                             const std::function<bool(const Record&)>& visit) {
  Record event;
  for (Seq seq = std::max<Seq>(first, 1); seq <= last && seq <= events_.size(); ++seq) {
    if (!kinds.test(events_[seq - 1].kind)) continue;
    event = events_[seq - 1];  // a copy: the visitor may append and commit
    if (!visit(event)) break;
  }
  return {};
}

Result<std::optional<Snapshot>> MemoryLog::snapshot(std::string_view projection,
                                                    SessionId session) {
  const auto found = snapshots_.find({std::string(projection), session});
  if (found == snapshots_.end()) return std::optional<Snapshot>();
  return std::optional<Snapshot>(found->second);
}

Result<Log::Refs> MemoryLog::refs() {
  Refs refs;
  refs.upto = refs_upto_;
  for (const auto& [name, ref] : refs_) refs.refs.push_back(ref);
  return refs;
}

bool MemoryLog::commit() {
  if (queue_.empty() || stopped_ || waiting_for_space_ || crashed_) return false;
  const Batch& batch = queue_.front();
  const bool last_one = crash_point_.seq != 0 && !batch.records.empty() &&
                        batch.records.back().seq >= crash_point_.seq;
  crashed_ = last_one;
  if (last_one && crash_point_.moment == Moment::kBefore) return false;
  make_durable(batch);
  if (!last_one) reported_.push_back(std::move(queue_.front()));
  queue_.pop_front();
  if (!last_one) wake();
  return true;
}

std::size_t MemoryLog::commit_all() {
  std::size_t batches = 0;
  while (commit()) ++batches;
  return batches;
}

void MemoryLog::make_durable(const Batch& batch) {
  for (const Erased& erased : batch.erased) {
    CHECK(erased.last <= events_.size(), "what is erased was durable before");
    for (Seq seq = erased.first; seq <= erased.last; ++seq) {
      Record& event = events_[seq - 1];
      if (event.session != erased.session || event.content.empty()) continue;
      event.content.clear();
      event.erased = true;
    }
  }
  events_.insert(events_.end(), batch.records.begin(), batch.records.end());
  for (const ExternalId& external : batch.externals) {
    const ExternalKey key{external.source, external.id};
    in_flight_.erase(key);
    externals_.emplace(key, external.seq);
  }
  for (const Snapshot& snapshot : batch.snapshots) {
    snapshots_[{snapshot.projection, snapshot.session}] = snapshot;
  }
  for (const Ref& ref : batch.refs) refs_[ref.name] = ref;
  if (!batch.refs.empty()) refs_upto_ = batch.refs_upto;
}

void MemoryLog::crash() {
  queue_.clear();
  in_flight_.clear();
  reported_.clear();
  stopped_.reset();
  waiting_for_space_ = false;
  crashed_ = false;
  crash_point_ = {};
  last_ = events_.size();
}

void MemoryLog::forget_snapshots() {
  snapshots_.clear();
  for (Batch& batch : queue_) batch.snapshots.clear();
}

void MemoryLog::set_waiting_for_space(bool waiting) {
  waiting_for_space_ = waiting;
  wake();
}

void MemoryLog::stop(Error error) {
  stopped_ = std::move(error);
  wake();
}

void MemoryLog::wake() {
  if (waker_) waker_();
}

}  // namespace daybook
