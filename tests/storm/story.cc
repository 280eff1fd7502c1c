// Sessions take turns by chance; a turn's events lie in one row within its session, so that what
// an erasure takes along can be told without knowing which keys were used.
#include "tests/storm/story.h"

#include <algorithm>
#include <utility>

#include "journal/layout.h"

namespace daybook::storm {
namespace {

constexpr std::size_t kSessions = 4;
constexpr std::size_t kLongWords = 9'000;  // more than one value takes

}  // namespace

Story::Story(const Manner& manner, std::uint64_t seed) : manner_(manner), chance_(seed) {
  for (std::size_t group = 0; group < manner_.groups; ++group) {
    const std::uint64_t batches = chance_.below(4) == 0 ? 2 + chance_.below(3) : 1;
    std::vector<Batch> told;
    for (std::uint64_t i = 0; i < batches; ++i) told.push_back(tell_batch(group));
    groups_.push_back(std::move(told));
    if (group > 0 && chance_.below(9) == 0) stops_.insert(group);
  }
  for (const std::vector<Batch>& group : groups_) {
    for (const Batch& batch : group) {
      for (const Record& event : batch.records) events_.push_back(&event);
      ends_.insert(batch.records.back().seq);
      for (const Erased& range : batch.erased) {
        for (Seq seq = range.first; seq <= range.last; ++seq) {
          const Record& event = this->event(seq);
          if (event.session != range.session || event.content.empty()) continue;
          erased_by_.emplace(seq, batch.records.front().seq);
        }
      }
    }
  }
}

std::string Story::words(std::size_t bytes_max) {
  std::string text(chance_.below(bytes_max + 1), ' ');
  for (char& letter : text) letter = static_cast<char>('a' + chance_.below(26));
  return text;
}

Record Story::tell_event(std::size_t group) {
  Record event;
  event.seq = ++last_;
  event.time = from_milliseconds(1'700'000'000'000 + static_cast<std::int64_t>(last_));
  event.kind = static_cast<std::uint8_t>(1 + chance_.below(60));
  if (manner_.chunks && chance_.below(2) == 0) event.kind = layout::kArchivedKind;
  event.cause = chance_.below(last_);
  event.session = chance_.below(std::min<Seq>(kSessions, last_));
  event.prev = chance_.below(last_);
  event.clear = words(60);
  event.content = words(chance_.below(30) == 0 ? kLongWords : 150);
  if (event.session == 0) return event;
  Session& session = sessions_[event.session];
  if (session.left == 0) {
    session.turn = chance_.below(2) == 0 ? 0 : event.seq;
    session.turn_first = event.seq;
    session.left = session.turn == 0 ? 1 : 1 + chance_.below(12);
  }
  event.turn = session.turn;
  if (--session.left == 0) {
    erasable_.push_back({{event.session, session.turn_first, event.seq}, group});
  }
  return event;
}

void Story::add_projections(Batch& batch) {
  const Seq last = batch.records.back().seq;
  if (chance_.below(3) == 0) {
    for (std::uint64_t i = chance_.below(3); i < 3; ++i) {
      const Seq head = batch.records[chance_.below(batch.records.size())].seq;
      batch.refs.push_back({"place:" + std::to_string(i), 1, head});
    }
    batch.refs_upto = last;
  }
  if (manner_.state_bytes_max == 0 || chance_.below(4) != 0) return;
  const char* const names[] = {"work", "directory", "sessions"};
  const SessionId session = chance_.below(3);
  batch.snapshots.push_back(
      {names[chance_.below(3)], session, 1, last, words(manner_.state_bytes_max)});
}

// Of what was durable before.
void Story::add_erasure(Batch& batch, std::size_t group) {
  if (!manner_.encrypt || chance_.below(7) != 0) return;
  std::erase_if(erasable_, [&](const Erasable& one) { return one.group < group / 4; });
  for (std::uint64_t i = 1 + chance_.below(3); i > 0; --i) {
    const auto old =
        std::ranges::find_if(erasable_, [group](const Erasable& one) { return one.group < group; });
    if (old == erasable_.end()) return;
    batch.erased.push_back(old->range);
    erasable_.erase(old);
  }
}

Batch Story::tell_batch(std::size_t group) {
  Batch batch;
  const std::uint64_t events = 1 + chance_.below(manner_.events_max);
  for (std::uint64_t i = 0; i < events; ++i) {
    batch.records.push_back(tell_event(group));
    if (chance_.below(8) != 0) continue;
    batch.externals.push_back({"telegram", std::to_string(last_) + "-update", last_});
  }
  add_projections(batch);
  add_erasure(batch, group);
  return batch;
}

bool Story::must_be_erased(Seq seq, Seq last) const {
  const auto found = erased_by_.find(seq);
  return found != erased_by_.end() && found->second <= last;
}

bool Story::may_be_erased(Seq seq, Seq last) const {
  const auto found = erased_by_.find(seq);
  if (found == erased_by_.end()) return false;
  for (const std::vector<Batch>& group : groups_) {
    const Seq end = group.back().records.back().seq;
    if (end > last) return found->second <= end;  // of the commit that comes next
  }
  return true;
}

std::vector<ExternalId> Story::externals() const {
  std::vector<ExternalId> all;
  for (const std::vector<Batch>& group : groups_) {
    for (const Batch& batch : group) {
      all.insert(all.end(), batch.externals.begin(), batch.externals.end());
    }
  }
  return all;
}

std::map<std::string, Ref> Story::refs_at(Seq last) const {
  std::map<std::string, Ref> refs;
  for (const std::vector<Batch>& group : groups_) {
    for (const Batch& batch : group) {
      if (batch.records.back().seq > last) return refs;
      for (const Ref& ref : batch.refs) refs[ref.name] = ref;
    }
  }
  return refs;
}

std::map<std::string, Snapshot> Story::snapshots_at(Seq last) const {
  std::map<std::string, Snapshot> snapshots;
  for (const std::vector<Batch>& group : groups_) {
    for (const Batch& batch : group) {
      if (batch.records.back().seq > last) return snapshots;
      for (const Snapshot& snapshot : batch.snapshots) {
        snapshots[snapshot.projection + std::to_string(snapshot.session)] = snapshot;
      }
    }
  }
  return snapshots;
}

}  // namespace daybook::storm
