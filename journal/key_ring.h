// Who gets which key. A journal's words are locked with data keys: one a turn, and one for every
// other event that has words, so that each can be destroyed alone; each is wrapped by the key of
// its session, so that a session goes whole.
//
// Law: nothing is committed before the keys it uses are durable, and after begin_run() no key is
// used that was used before: a run has a salt and data keys of its own. Keys are drawn ahead, in
// pools, by the writer thread, so that a turn costs no sync. Rejected: deriving a turn's key from
// its session's; then no turn could be forgotten alone.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/result.h"
#include "core/types.h"
#include "journal/crypto.h"
#include "journal/key_file.h"

namespace daybook {

// Hears of every plaintext before it is locked: for tests.
using KeyWatcher = std::function<void(const KeyUse&, Seq, std::string_view plaintext)>;

class KeyRing {
 public:
  // So many keys are drawn at first, then twice as many each time, up to the second number.
  static constexpr std::size_t kPoolFirst = 8;
  static constexpr std::size_t kPoolMost = 256;
  // Ciphers kept ready.
  static constexpr std::size_t kCiphersMax = 512;

  static Result<std::unique_ptr<KeyRing>> open(const std::string& directory,
                                               std::string_view journal_id, bool writable);
  // Use open().
  explicit KeyRing(KeyFile file) : file_(std::move(file)) {}
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  void watch(KeyWatcher watcher) { watcher_ = std::move(watcher); }

  // ---- any thread

  // From now on these count as destroyed: they are to be, and nobody has done it yet.
  void treat_as_destroyed(std::vector<KeyId> ids);  // ascending

  // Decrypts in place. False: the key was destroyed. An Error when it cannot be had.
  Result<bool> unlock(SessionId session, KeyId id, Seq seq, std::string& content);
  // The working key itself, for who hands the words on: it unlocks what `id` locks, nothing else.
  // nullopt: it was destroyed.
  Result<std::optional<crypto::Key>> disclose(SessionId session, KeyId id);

  // While it lives no run begins: what is taken belongs to one.
  class Hold {
   public:
    explicit Hold(KeyRing& ring) : ring_(ring), lock_(ring.mutex_) {}
    // `turn`: what shares a key; 0: this event has one alone. Good until the next take() and the
    // end of the Hold.
    KeyUse take(SessionId session, Seq turn);
    // Tells the watcher, if there is one.
    void tell(const KeyUse& use, Seq seq, std::string_view plaintext) const;
    [[nodiscard]] std::uint64_t run() const { return ring_.run_; }
    // What must be durable before anything taken so far is committed.
    [[nodiscard]] KeyId upto() const { return ring_.next_ - 1; }

   private:
    KeyRing& ring_;
    std::lock_guard<std::mutex> lock_;
  };

  // ---- writer thread

  // Overwrites these keys, durably; nothing is unlocked with them any more. begin_run() must
  // follow: what is in memory of the present run may share them.
  store::Status destroy(const std::vector<KeyId>& ids);

  // Draws a salt. Keys handed out before are good for nothing any more.
  void begin_run();
  // Counts the runs of this process.
  [[nodiscard]] std::uint64_t run() const { return run_; }
  store::Status make_durable(KeyId upto);
  // After a commit: draws the next pool before the present one is empty, and makes it durable.
  store::Status refill();

 private:
  struct SessionKey {
    KeyId id = 0;
    crypto::Key key;
  };
  struct Drawn {
    KeyId id = 0;
    crypto::Key wrapped;
  };
  struct Assigned {
    KeyId id = 0;
    std::unique_ptr<crypto::Cipher> cipher;
  };

  KeyUse take(SessionId session, Seq turn);
  Assigned assign(SessionId session);
  const crypto::Key& session_key(SessionId session);
  KeyId allocate(const KeyEntry& entry);
  void draw_pool();
  // nullopt: destroyed.
  Result<std::optional<crypto::Key>> working_key_of(SessionId session, KeyId id);
  Result<void> learn();
  Error missing(SessionId session, KeyId id) const;

  KeyWatcher watcher_;

  std::mutex mutex_;  // guards what follows
  KeyFile file_;
  std::unordered_map<KeyId, crypto::Salt> salts_;
  std::unordered_map<SessionId, SessionKey> sessions_;
  std::unordered_map<KeyId, std::unique_ptr<crypto::Cipher>> ciphers_;  // to unlock with
  KeyId learnt_ = 0;                    // of the file: runs and sessions up to here are known
  std::vector<KeyId> to_be_destroyed_;  // ascending
  std::vector<KeyId> half_destroyed_;   // by who died over it; a writer finishes it when it opens

  std::atomic<std::uint64_t> run_ = 0;
  KeyId run_id_ = 0;
  KeyId next_ = 1;
  std::string pending_;  // entries from durable_ + 1 on, up to next_
  std::deque<Drawn> pool_;
  std::size_t pool_drawn_ = 0;                           // keys, the last time
  std::map<std::pair<SessionId, Seq>, Assigned> turns_;  // in this run
  Assigned alone_;                                       // given to an event outside any turn

  std::atomic<KeyId> durable_ = 0;
};

}  // namespace daybook
