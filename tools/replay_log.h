// A log that writes nothing and compares: what a gateway appends to it must be what the journal
// below holds at that seq. Feed the gateway the recorded facts, and every decision is made again.
//
// Law: reads see only what was replayed so far, so that no decision can look into its future.
// Memory stays flat: records are compared and dropped. Rejected: replaying into a log in memory and
// comparing the two afterwards; it needs the whole journal twice.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"

namespace daybook {

class ReplayLog final : public Log {
 public:
  // `journal` must outlive it.
  explicit ReplayLog(Log& journal) : journal_(journal) {}

  [[nodiscard]] Seq last() const override { return last_; }
  void append(Batch batch) override;
  // Goes on behind `seq` without comparing.
  void skip(Seq seq) { last_ = seq; }
  [[nodiscard]] std::size_t backlog_bytes() const override { return 0; }
  Progress take_durable() override;
  std::optional<Seq> find(std::string_view source, std::string_view id) override;
  Result<std::optional<Record>> get(Seq seq) override;
  Result<std::optional<Record>> get_clear(Seq seq) override;
  Result<void> scan(Seq first, Seq last, const KindSet& kinds,
                    const std::function<bool(const Record&)>& visit) override;
  Result<std::optional<Snapshot>> snapshot(std::string_view projection, SessionId session) override;
  Result<Refs> refs() override;

  // What the journal holds at `seq`, null behind its end; good until the next call. A replay goes
  // forward, so what follows is read along: event by event it would take five times as long.
  Result<const Record*> recorded(Seq seq);
  // How many records whose words are destroyed were read by whoever decides.
  [[nodiscard]] std::size_t erased_read() const { return erased_read_; }

  // What was appended first that the journal does not hold like this.
  struct Divergence {
    Record replayed;
    std::optional<Record> recorded;  // nullopt: the journal ends before
  };
  [[nodiscard]] const std::optional<Divergence>& divergence() const { return divergence_; }
  // The journal could not be read.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  static constexpr std::size_t kAheadEvents = 512;
  static constexpr std::size_t kAheadBytes = 1u << 20;

  Log& journal_;
  Seq last_ = 0;
  std::vector<Record> ahead_;  // the first ahead_count_ are consecutive, what follows is older
  std::size_t ahead_count_ = 0;
  std::size_t erased_read_ = 0;
  std::vector<Batch> appended_;
  std::optional<Divergence> divergence_;
  std::optional<Error> failure_;
};

}  // namespace daybook
