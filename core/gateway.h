// The loop body. record(fact) appends a fact and the decisions that follow from it in one
// transaction; committed() tells the world; turn() is both, with due() between: always in one
// direction.
//
// Two positions. Staged: directory and sessions, ahead of the disk by what is in flight, read by
// decide() alone. Committed: Work, the only state an adapter can reach. No effect is ever ahead of
// the disk.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/context.h"
#include "core/decide.h"
#include "core/directory.h"
#include "core/log.h"
#include "core/ports.h"
#include "core/relevance.h"
#include "core/session.h"
#include "core/sessions.h"
#include "core/work.h"

namespace daybook {

struct GatewayLimits {
  SessionLimits sessions;
  // Directory and work snapshots are rewritten after this many events.
  Seq snapshot_every = 16'384;
};

class Gateway : public History, public Prompts {
 public:
  // Above this many queued bytes adapters are told not to take more work in.
  static constexpr std::size_t kBacklogBytesMax = 8u << 20;
  // Raised whenever a fold would add up old events differently; older snapshots are ignored.
  static constexpr std::uint32_t kSnapshotVersion = 8;

  // What follows from an event; decide() unless a replay asks for another answer.
  using Decider = std::function<std::vector<Event>(const State&, const Event&)>;

  // The log must outlive the gateway. Reads snapshots and the tail; writes nothing.
  static Result<std::unique_ptr<Gateway>> open(Log& log, const GatewayLimits& limits = {});

  // Adapters, in the order they are asked, and what carries their calls. Call before the first
  // turn.
  void connect(const std::vector<Adapter*>& adapters, Transport& transport);

  void decide_by(Decider decider) { decide_ = std::move(decider); }

  // Appends the fact and its decisions to the batch of this turn. Returns the fact's seq; 0 when it
  // changes nothing: a redelivered update, or a chunk of an attempt that is over.
  Seq record(Fact fact, Time now);

  // One turn of the loop. Never blocks.
  void turn(Time now);

  // Queues what was recorded outside a turn.
  void flush();

  // Records GatewayStopped and queues the last snapshots. Nothing may be recorded afterwards.
  void stop(std::string reason, Time now);

  // From now on no new work is taken in; what is open goes on.
  void stop_taking_in() { taking_in_ = false; }
  // The grace is over: adapters show at once what there is.
  void hurry() { hurry_ = true; }
  [[nodiscard]] bool idle() const;  // nothing open, nothing owed, nothing in flight
  // A stop at `until` gains nothing by waiting: a turn that waits for its time, or that has not
  // begun, goes on at the next start.
  [[nodiscard]] bool idle_by(Time until) const;
  [[nodiscard]] bool durable() const;  // nothing in flight to the disk

  // When turn() should run though nothing happens.
  [[nodiscard]] Time wake_at(Time now) const;

  // Set once the log has stopped: the process must end.
  [[nodiscard]] const std::optional<Error>& stopped() const { return stopped_; }

  [[nodiscard]] const Directory& directory() const { return directory_; }
  [[nodiscard]] const Work& work() const { return work_; }
  // Loads the session on first touch; null if there is none. Good until something is flushed.
  const Session* session(SessionId id);
  [[nodiscard]] const Sessions& sessions() const { return sessions_; }
  [[nodiscard]] bool waiting_for_space() const { return waiting_for_space_; }

  // History, Prompts.
  std::optional<Event> event(Seq seq) override;
  std::optional<Event> clear_event(Seq seq) override;
  Result<std::vector<Event>> chain(Seq head, Seq until) override;
  std::string text(Seq seq) override;
  std::string told(Seq seq) override;
  Digest told_sha256(Seq seq) override;
  PromptMemo* prompt_memo(SessionId id) override;
  std::unordered_map<Seq, Marks>* marks_memo() override;
  Result<Prompt> prompt(Seq turn) override;

 private:
  Gateway(Log& log, const GatewayLimits& limits)
      : log_(log),
        snapshot_every_(limits.snapshot_every),
        decide_(decide),
        sessions_(log, *this, limits.sessions) {}

  Result<void> load();
  std::optional<Event> decoded(const Result<std::optional<Record>>& record,
                               Result<Event> (*decode)(const Record&));
  Result<void> fold(Seq after, const KindSet& kinds,
                    const std::function<void(const Event&)>& apply);
  Result<void> fold_skipped();
  bool known(const std::string& source, const std::string& id);
  bool place_in_session(Event* fact, Time now);
  Seq append(Event event, Time now);
  void destroy_keys(const Event& destroyed);
  void forget_memos();
  void take_replies(Time now);
  void absorb();
  void show(Seq seq);
  void start_due(std::size_t index, Time now);
  [[nodiscard]] bool may_act(const Adapter& adapter) const;
  [[nodiscard]] bool taking_in() const;
  [[nodiscard]] Snapshot work_snapshot() const;
  void add_snapshots();

  struct Connected {
    Adapter* adapter = nullptr;
    Seq barrier = 0;  // newest seq recorded on its behalf
  };

  Log& log_;
  const Seq snapshot_every_;
  Decider decide_;
  Transport* transport_ = nullptr;
  std::deque<Connected> adapters_;  // references survive connect()

  Directory directory_;  // staged
  Sessions sessions_;    // staged
  Work work_;            // committed

  Batch batch_;                     // of this turn
  std::map<Seq, Event> in_flight_;  // recorded and not yet durable
  // Of words that were in a prompt: the next one is made of nearly the same.
  std::unordered_map<Seq, Digest> digests_;
  std::unordered_map<SessionId, PromptMemo> memos_;
  std::unordered_map<Seq, Marks> marks_;
  bool lost_words_read_ = false;  // since the memos were last true
  Seq next_ = 1;
  Seq snapshot_seq_ = 0;
  Seq recovered_seq_ = 0;  // nothing outside is due before the restart's decisions are durable
  Time last_time_{};
  bool taking_in_ = true;
  bool hurry_ = false;
  bool more_due_ = false;
  bool stopping_ = false;
  bool work_saved_ = false;
  bool waiting_for_space_ = false;
  std::optional<Error> stopped_;
};

}  // namespace daybook
