// The journal's twin in memory, for the simulator and for tests: the same port, the same contract
// (tests/log_contract.h), and nothing durable until it is told.
//
// Law: what crash() leaves is exactly what commit() made durable. One thread; no clock, no disk.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/log.h"

namespace daybook {

class MemoryLog final : public Log {
 public:
  // `waker` is called whenever take_durable() has news, from inside commit() or stop().
  explicit MemoryLog(std::function<void()> waker = {}) : waker_(std::move(waker)) {}

  // ---- the port
  [[nodiscard]] Seq last() const override { return last_; }
  void append(Batch batch) override;
  [[nodiscard]] std::size_t backlog_bytes() const override;
  Progress take_durable() override;
  std::optional<Seq> find(std::string_view source, std::string_view id) override;
  Result<std::optional<Record>> get(Seq seq) override;
  Result<std::optional<Record>> get_clear(Seq seq) override;
  Result<void> scan(Seq first, Seq last, const KindSet& kinds,
                    const std::function<bool(const Record&)>& visit) override;
  Result<std::optional<Snapshot>> snapshot(std::string_view projection, SessionId session) override;
  Result<Refs> refs() override;

  // ---- the disk, as the simulator plays it

  // Makes the oldest queued batch durable. False: nothing is queued, the disk is full, or the log
  // has stopped or crashed.
  bool commit();
  // Everything queued; how many batches.
  std::size_t commit_all();
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] Seq durable_last() const { return events_.size(); }

  // From here on commit() stops dead at the batch that holds `seq`: before it is durable, or right
  // after, unreported. crashed() then says so, until crash().
  enum class Moment { kBefore, kAfter };
  void crash_at(Seq seq, Moment moment) { crash_point_ = {seq, moment}; }
  [[nodiscard]] bool crashed() const { return crashed_; }

  // The process dies and the journal is opened again: what is not durable is forgotten, and what
  // was not yet reported never will be.
  void crash();

  // All of them, durable or queued: what a cache may do at any time.
  void forget_snapshots();

  // A full disk: commit() does nothing and Progress says so.
  void set_waiting_for_space(bool waiting);
  // The outcome of all that is queued is unknown; nothing more is accepted. Until crash().
  void stop(Error error);

 private:
  using ExternalKey = std::pair<std::string, std::string>;  // source, id
  using SnapshotKey = std::pair<std::string, SessionId>;

  struct CrashPoint {
    Seq seq = 0;  // 0: none
    Moment moment = Moment::kBefore;
  };

  void make_durable(const Batch& batch);
  void wake();

  std::function<void()> waker_;
  Seq last_ = 0;
  std::deque<Batch> queue_;
  std::map<ExternalKey, Seq> in_flight_;
  std::vector<Batch> reported_;  // durable, not yet taken
  std::optional<Error> stopped_;
  bool waiting_for_space_ = false;
  bool crashed_ = false;
  CrashPoint crash_point_;

  // The durable part.
  std::vector<Record> events_;
  std::map<ExternalKey, Seq> externals_;
  std::map<SnapshotKey, Snapshot> snapshots_;
  std::map<std::string, Ref> refs_;
  Seq refs_upto_ = 0;
};

}  // namespace daybook
