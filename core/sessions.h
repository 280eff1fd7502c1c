// The conversations decide() works with: loaded when first touched, and let go, least recently used
// first, when they take more room than they may. Staged position.
//
// A load reads the newest snapshot and the chain back to it. Snapshots cost no commit of their own:
// they ride on those that happen anyway, of sessions that have grown and of sessions that go.
// Law: what is let go makes no difference to any answer, only to what is in memory. A session with
// an open turn, or with events that are not durable yet, stays.
// Rejected: a snapshot at every end of a turn; it would write more than the turn did.
#pragma once

#include <cstddef>
#include <list>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/log.h"
#include "core/ports.h"
#include "core/session.h"
#include "core/state.pb.h"

namespace daybook {

struct SessionLimits {
  // In memory. Some hundreds of conversations of a hundred messages; little even for a Raspberry
  // Pi.
  std::size_t bytes_max = 8u << 20;
  // A snapshot is due after this many events (chunks are none), or after an eighth as many as there
  // are entries: so reading one is never dear, and writing them never dearer than what they save.
  // What goes is worth one after a quarter of that.
  std::size_t grown_events = 64;
};

class Sessions {
 public:
  static constexpr std::string_view kProjection = "session";
  static constexpr std::uint32_t kVersion = 4;

  // References must outlive it.
  Sessions(Log& log, History& history, const SessionLimits& limits)
      : log_(log), history_(history), limits_(limits) {}
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // Null unless it is in memory.
  [[nodiscard]] const Session* held(SessionId id) const;
  // Loads it on first touch. Good until settle().
  Result<const Session*> get(const SessionRow& row);
  // SessionOpened: there is nothing to load.
  void begin(SessionId id);
  // Of a session in memory; others are loaded with the event in their chain.
  void apply(const Event& event);

  // Adds the snapshots that are due, then lets go of what is too much. Events up to `durable` are.
  void settle(Seq durable, std::vector<Snapshot>* snapshots);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // Since the start.
  struct Counts {
    std::size_t loaded = 0;
    std::size_t from_snapshot = 0;  // of these
    std::size_t let_go = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Held {
    Session session;
    std::size_t bytes = 0;
    std::size_t unsaved = 0;  // events since its snapshot
    bool grown = false;       // listed in grown_
    std::list<SessionId>::iterator place;
  };

  Result<SessionState> saved(const SessionRow& row);
  Held& hold(SessionId id, Session session);
  void weigh(Held& held);
  void save(Held& held, std::vector<Snapshot>* snapshots);

  Log& log_;
  History& history_;
  const SessionLimits limits_;
  std::unordered_map<SessionId, Held> held_;
  std::list<SessionId> order_;    // of use, the newest first
  std::vector<SessionId> grown_;  // a snapshot is due
  std::size_t bytes_ = 0;
  Counts counts_;
};

// About what a session takes in memory; computed from sizes alone.
std::size_t bytes_of(const SessionState& state);

}  // namespace daybook
