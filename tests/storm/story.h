// What one journal is told, by a seed: commits of one batch or several, turns whose words share a
// key, long events, external ids, refs, snapshots, erasures, clean stops. And what a journal must
// hold that was told any part of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/log.h"
#include "tests/sim/chance.h"

namespace daybook::storm {

struct Manner {
  const char* name = "";
  bool encrypt = true;
  std::size_t groups = 24;
  std::size_t events_max = 9;           // of a batch
  std::size_t map_bytes = 16u << 20;    // a small one must grow on the way
  std::size_t state_bytes_max = 1'500;  // of a snapshot; 0: none is taken
  bool chunks = false;                  // every second event can be archived
};

class Story {
 public:
  Story(const Manner& manner, std::uint64_t seed);

  [[nodiscard]] const Manner& manner() const { return manner_; }
  // Each is to become one commit; the first of several may be one of its own.
  [[nodiscard]] const std::vector<std::vector<Batch>>& groups() const { return groups_; }
  // The journal is closed after this group, and opened again.
  [[nodiscard]] bool stops_after(std::size_t group) const { return stops_.contains(group); }

  // ---- of a journal that holds the events up to `last`

  // It could end there: batches are there whole or not at all.
  [[nodiscard]] bool may_end_at(Seq last) const { return last == 0 || ends_.contains(last); }
  [[nodiscard]] const Record& event(Seq seq) const { return *events_[seq - 1]; }
  [[nodiscard]] bool must_be_erased(Seq seq, Seq last) const;
  // Its words may be gone: those who asked have not been told yet.
  [[nodiscard]] bool may_be_erased(Seq seq, Seq last) const;
  [[nodiscard]] std::vector<ExternalId> externals() const;
  [[nodiscard]] std::map<std::string, Ref> refs_at(Seq last) const;
  [[nodiscard]] std::map<std::string, Snapshot> snapshots_at(Seq last) const;

 private:
  struct Session {
    Seq turn = 0;
    Seq turn_first = 0;
    std::uint64_t left = 0;  // events of the turn still to come
  };
  struct Erasable {
    Erased range;
    std::size_t group = 0;
  };

  Batch tell_batch(std::size_t group);
  Record tell_event(std::size_t group);
  void add_projections(Batch& batch);
  void add_erasure(Batch& batch, std::size_t group);
  std::string words(std::size_t bytes_max);

  Manner manner_;
  sim::Chance chance_;
  std::vector<std::vector<Batch>> groups_;
  std::set<std::size_t> stops_;
  std::vector<const Record*> events_;
  std::set<Seq> ends_;
  std::map<Seq, Seq> erased_by_;  // an event, and the first that says it is erased

  // While it is made up.
  Seq last_ = 0;
  std::map<SessionId, Session> sessions_;
  std::vector<Erasable> erasable_;
};

}  // namespace daybook::storm
