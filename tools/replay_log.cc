// Comparison happens on append, before the next fact is read.
#include "tools/replay_log.h"

#include <algorithm>
#include <utility>

#include "core/codec.h"

namespace daybook {

namespace {

// What was said in a record whose words are destroyed cannot be compared.
bool same(const Record& replayed, const Record& recorded) {
  if (!recorded.erased) return recorded == replayed;
  Record wordless = replayed;
  wordless.content.clear();
  return recorded == wordless;
}

}  // namespace

void ReplayLog::append(Batch batch) {
  for (const Record& record : batch.records) {
    CHECK(record.seq == last_ + 1, "seqs follow one another");
    last_ = record.seq;
    if (divergence_.has_value() || failure_.has_value()) continue;
    const Result<const Record*> then = recorded(record.seq);
    if (!then) {
      failure_ = then.error();
    } else if (*then == nullptr) {
      divergence_ = Divergence{record, std::nullopt};
    } else if (!same(record, **then)) {
      divergence_ = Divergence{record, **then};
    }
  }
  appended_.push_back(std::move(batch));
}

Result<const Record*> ReplayLog::recorded(Seq seq) {
  const bool there =
      ahead_count_ > 0 && seq >= ahead_.front().seq && seq < ahead_.front().seq + ahead_count_;
  if (!there) {
    ahead_count_ = 0;
    std::size_t bytes = 0;
    const Result<void> read = journal_.scan(
        seq, seq + kAheadEvents - 1, all_kinds(), [this, &bytes](const Record& record) {
          if (ahead_count_ == ahead_.size()) ahead_.emplace_back();
          ahead_[ahead_count_++] = record;  // its strings have their room already
          bytes += record.clear.size() + record.content.size();
          return bytes < kAheadBytes;
        });
    if (!read) return read.error();
  }
  if (ahead_count_ == 0) return nullptr;
  return &ahead_[static_cast<std::size_t>(seq - ahead_.front().seq)];
}

Log::Progress ReplayLog::take_durable() {
  Progress progress;
  progress.durable = std::exchange(appended_, {});
  return progress;
}

std::optional<Seq> ReplayLog::find(std::string_view source, std::string_view id) {
  const auto found = journal_.find(source, id);
  return found.has_value() && *found <= last_ ? found : std::nullopt;
}

Result<std::optional<Record>> ReplayLog::get(Seq seq) {
  if (seq > last_) return std::optional<Record>();
  auto record = journal_.get(seq);
  if (record && record->has_value() && (*record)->erased) ++erased_read_;
  return record;
}

Result<std::optional<Record>> ReplayLog::get_clear(Seq seq) {
  if (seq > last_) return std::optional<Record>();
  return journal_.get_clear(seq);
}

Result<void> ReplayLog::scan(Seq first, Seq last, const KindSet& kinds,
                             const std::function<bool(const Record&)>& visit) {
  if (first > last_) return {};
  return journal_.scan(first, std::min(last, last_), kinds, visit);
}

Result<std::optional<Snapshot>> ReplayLog::snapshot(std::string_view, SessionId) {
  return std::optional<Snapshot>();
}

Result<Log::Refs> ReplayLog::refs() { return Refs(); }

}  // namespace daybook
