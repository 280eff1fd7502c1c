// Comparison happens on append, before the next fact is read.
#include "tools/replay_log.h"

#include <algorithm>
#include <utility>

namespace daybook {

void ReplayLog::append(Batch batch) {
  for (const Record& record : batch.records) {
    CHECK(record.seq == last_ + 1, "seqs follow one another");
    last_ = record.seq;
    if (divergence_.has_value() || failure_.has_value()) continue;
    auto recorded = journal_.get(record.seq);
    if (!recorded) {
      failure_ = recorded.error();
    } else if (*recorded != std::optional<Record>(record)) {
      divergence_ = Divergence{record, std::move(recorded).value()};
    }
  }
  appended_.push_back(std::move(batch));
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
  return journal_.get(seq);
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
