// Coming back: what was written while nobody was there to answer.
//
// A message that is recorded longer after it was written than the settings allow comes late. It is
// held for a moment, because others like it follow, and one answer is given to all of them, which
// says so. Law: how late it is follows from the message's own date and the time of its record, so a
// replay finds the same ones late; that the moment is over is a fact.
//
// Law: late messages of a conversation are settled in the order they were written, and a command
// among them is one of them: what it changes is what stands before it. One that only shows
// something is answered at once, and so are /erase, that no model is told meanwhile, and /stop,
// which leaves what was asked for after it was written. A command that came in time acts at once,
// too, except that it waits behind late commands, so that none of long ago has the last word; what
// stops or drops goes before them all. Rejected: late commands that answer first what waits and
// then act at once; a /reset would stop the answer to what was written before it.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "core/ports.h"
#include "core/state.pb.h"
#include "core/work.h"

namespace daybook {

// What DeadlinePassed says when a session's held messages have waited.
inline constexpr std::string_view kGathered = "gathered";
// How long after the last late message no other one is expected.
inline constexpr Duration kGatherPause{3'000};
// How long after a piece of a long message its next one is expected, and what may be such a piece:
// clients cut at 4,096.
inline constexpr Duration kPiecePause{1'500};
inline constexpr std::size_t kPieceLettersMin = 4'000;

// How late this message came; nullopt: in time, or nobody knows when it was written.
std::optional<Duration> lateness(const Event& message, Duration stale_after);

// When its writer sent it, in whole seconds; of one without a date, when it was recorded.
Time written_at(const Event& message);

// Late messages of this session wait.
bool has_late(const SessionState& session);
// They do, or pieces of a long one: core/decide_paste.cc.
bool has_held(const SessionState& session);

// "3 hours", "2 days", "45 minutes".
std::string age_text(Duration age);

// Asks for the DeadlinePassed of every session whose held messages have waited. Not an adapter of
// the outside world, but asked like one: time reaches decide() only as a fact.
class Gatherer final : public Adapter {
 public:
  explicit Gatherer(const Work& work) : work_(work) {}  // must outlive it

  [[nodiscard]] std::string_view name() const override { return "gatherer"; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override { return work_.held.empty(); }
  // What is held is held on at the next start.
  [[nodiscard]] bool idle_by(Time) const override { return true; }

 private:
  const Work& work_;
  bool taking_in_ = true;
  std::set<SessionId> asked_;  // whose fact is on its way to the disk
};

}  // namespace daybook
