// The journal on disk: the Log port over LMDB. One writer thread owns the only write
// transaction; it joins whatever waits into one commit, and reports back through take_durable().
//
// Law: a batch is reported only after its commit has returned success, and nothing is assumed of
// one whose commit failed. No timer: the next commit starts when the last is done, at least
// `commit_interval` after that one began. Rejected: committing on the loop's thread; a slow disk
// would stop every stream.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/histogram.h"
#include "core/log.h"
#include "journal/committer.h"
#include "journal/latecomers.h"
#include "journal/opening.h"
#include "journal/pieces.h"
#include "journal/reading.h"

namespace daybook {

// All calls from one thread, except those marked.
class LmdbLog final : public Log {
 public:
  static constexpr std::size_t kMapBytes = std::size_t{64} << 30;
  // EIO with less than this free counts as a full disk.
  static constexpr std::uint64_t kFullBytes = 16u << 20;

  struct Options {
    std::string directory;
    std::chrono::microseconds commit_interval{1'000};
    std::function<void()> waker;  // called on the writer thread: take_durable() has news
    std::size_t map_bytes = kMapBytes;
    bool create_if_missing = true;
    bool encrypt = true;      // of a journal that is made; one that is there stays what it is
    CommitWatcher at_commit;  // called on the writer thread
    KeyWatcher at_encrypt;    // called on any thread
    std::chrono::milliseconds space_poll{1'000};
    // a commit this long after the last time writes the head and frees the slots of dead readers
    std::chrono::milliseconds head_interval{60'000};
  };

  // kBusy: another daemon holds it (named by pid). kDamaged: refused, nothing was changed.
  static Result<std::unique_ptr<LmdbLog>> open(Options options);
  // What open() found; use open().
  LmdbLog(Options options, Opened opened);
  // Commits what is queued (unless stopped or the disk is full), writes the head, closes.
  ~LmdbLog() override;
  LmdbLog(const LmdbLog&) = delete;
  LmdbLog& operator=(const LmdbLog&) = delete;

  [[nodiscard]] Seq last() const override { return last_; }
  void append(Batch batch) override;
  [[nodiscard]] std::size_t backlog_bytes() const override;
  Progress take_durable() override;
  std::optional<Seq> find(std::string_view source, std::string_view id) override;
  Result<std::optional<Record>> get(Seq seq) override;
  Result<std::optional<Record>> get_clear(Seq seq) override;
  Result<void> walk(Seq head, Seq until,
                    const std::function<bool(const RecordView&)>& visit) override;
  Result<void> scan(Seq first, Seq last, const KindSet& kinds,
                    const std::function<bool(const Record&)>& visit) override;
  Result<std::optional<Snapshot>> snapshot(std::string_view projection, SessionId session) override;
  Result<Refs> refs() override;

  // Sentences for the log: what was noticed at open that is not yet wrong.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return opened_.warnings; }
  // Of the file system the journal lies on. Any thread.
  [[nodiscard]] std::uint64_t free_bytes() const;
  [[nodiscard]] const std::string& journal_id() const { return opened_.journal_id; }
  // Its words are encrypted: they can be erased.
  [[nodiscard]] bool locked() const { return opened_.keys != nullptr; }
  // How long commits took since it was opened, in microseconds. Any thread.
  [[nodiscard]] Histogram commit_latency() const;
  // Other processes that read an old state; none that died.
  [[nodiscard]] std::vector<Latecomer> late_readers() const;

 private:
  Result<void> start();

  // Writer thread.
  void write_loop();
  bool take(std::vector<Queued>& group);
  bool commit(std::vector<Queued>& group);
  store::Status commit_once(std::vector<Queued>& group);
  bool wait_for_space(std::vector<Queued>& group);
  std::optional<bool> resume(std::vector<Queued>& group);
  void report(std::vector<Queued>& group);
  void draw_keys_ahead();
  void stop(Error error);  // any thread
  void write_head();
  bool free_dead_readers();
  [[nodiscard]] bool disk_is_full(store::Status status) const;
  void wake();

  const Options options_;
  Opened opened_;
  Reading reading_;

  // The caller's thread.
  Seq last_ = 0;
  std::unordered_map<std::string, Seq> in_flight_;  // dedupe keys queued and not yet reported

  // The writer's thread.
  Committer committer_;
  std::chrono::steady_clock::time_point commit_began_{};
  std::chrono::steady_clock::time_point head_written_{};
  Seq head_seq_ = 0;

  // Between the two.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Queued> queue_;
  std::vector<Queued> durable_;
  std::size_t backlog_bytes_ = 0;
  Histogram commit_latency_;
  std::optional<Error> stopped_;
  bool waiting_for_space_ = false;
  bool closing_ = false;

  std::thread writer_;  // last: it uses all of the above
};

// The same journal for tools that only read, beside a running daemon or without one. No lock, so
// append() is our bug; take_durable() has nothing to say; last() looks at the file.
class LmdbReader final : public Log {
 public:
  static Result<std::unique_ptr<LmdbReader>> open(const std::string& directory);
  // What open() found; use open().
  explicit LmdbReader(Opened opened);

  [[nodiscard]] Seq last() const override;
  void append(Batch batch) override;
  [[nodiscard]] std::size_t backlog_bytes() const override { return 0; }
  Progress take_durable() override { return {}; }
  std::optional<Seq> find(std::string_view source, std::string_view id) override;
  Result<std::optional<Record>> get(Seq seq) override;
  Result<std::optional<Record>> get_clear(Seq seq) override;
  Result<void> walk(Seq head, Seq until,
                    const std::function<bool(const RecordView&)>& visit) override;
  Result<void> scan(Seq first, Seq last, const KindSet& kinds,
                    const std::function<bool(const Record&)>& visit) override;
  Result<std::optional<Snapshot>> snapshot(std::string_view projection, SessionId session) override;
  Result<Refs> refs() override;

  [[nodiscard]] bool locked() const { return opened_.keys != nullptr; }
  // Sentences: nothing is wrong with the journal itself.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return opened_.warnings; }
  // The newest seal; nullopt: the journal is empty.
  Result<std::optional<Reading::Seal>> sealed() { return reading_.last_seal(); }
  // What every start of the writer examines: the last events, their seals, and the head.
  Result<void> examine_tail() {
    return daybook::examine_tail(opened_, opened_.environment->directory());
  }
  struct Space {
    std::uint64_t used_bytes = 0;  // of data.mdb
    std::uint64_t map_bytes = 0;
  };
  [[nodiscard]] Space space() const {
    return {opened_.environment->used_bytes(), opened_.environment->map_bytes()};
  }

  // The reader of another process that sees the oldest state; nullopt: none is behind.
  [[nodiscard]] std::optional<Latecomer> latecomer() const;

  // Reads these words as erased from now on, though their keys are still there. The next call says
  // it anew.
  Result<void> treat_as_erased(std::vector<Erased> words);

  // Valid while this object lives.
  [[nodiscard]] StoredReading stored() { return StoredReading(*opened_.environment); }
  // The key of one turn or event, to be handed on with its words; nullopt: they are in clear, or
  // erased.
  Result<std::optional<crypto::Key>> disclose(SessionId session, KeyId id) {
    if (id == 0 || opened_.keys == nullptr) return std::optional<crypto::Key>();
    return opened_.keys->disclose(session, id);
  }

  // Another data.mdb has taken the place of the one that is read: archived, or restored. What is
  // open goes on reading the old one.
  [[nodiscard]] bool replaced() const;

  // The same as scan(), by several threads at once.
  Result<void> scan_in_pieces(Seq first, Seq last, const KindSet& kinds, unsigned threads,
                              const PieceVisitor& visitor) {
    const KeyMaker keys = [this]() -> Result<std::unique_ptr<KeyRing>> {
      if (opened_.keys == nullptr) return std::unique_ptr<KeyRing>();
      auto ring = KeyRing::open(opened_.environment->directory(), opened_.journal_id, false);
      if (ring) (*ring)->treat_as_destroyed(to_be_destroyed_);
      return ring;
    };
    return scan_pieces(*opened_.environment, keys, first, last, kinds, threads, visitor);
  }

 private:
  Opened opened_;
  mutable Reading reading_;
  std::vector<KeyId> to_be_destroyed_;
};

}  // namespace daybook
