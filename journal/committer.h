// Turns queued batches into one LMDB transaction, whose last record carries its seal.
//
// Law: every put is checked and the first failure aborts the whole group; after a failed commit
// nothing is assumed, load() reads again what is there and begins a new run of keys, and what was
// locked in an older one is locked anew. Lives on the writer thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/log.h"
#include "journal/key_ring.h"
#include "journal/reading.h"
#include "journal/record.h"
#include "journal/store.h"

namespace daybook {

// A batch with everything computed that can be: while the previous commit syncs.
struct Queued {
  Batch batch;
  record::Encoded events;
  std::vector<std::string> dedupe_keys;  // of batch.externals
  std::size_t bytes = 0;
  std::uint64_t run = 0;  // of the key ring: locked with keys of this one
  KeyId keys_upto = 0;    // keys that must be durable first

  // `keys` null: words stay in clear.
  static Queued from(Batch batch, KeyRing* keys = nullptr);
};

// Tells of a commit: just before it (after = false) and once it is durable (after = true).
using CommitWatcher = std::function<void(Seq first, Seq last, bool after)>;

class Committer {
 public:
  // `keys` null: a journal in clear.
  Committer(store::Environment& environment, KeyRing* keys, std::string seal_key,
            std::string journal_id, CommitWatcher watcher);

  // Reads the last event, the last seal and the format. Before the first commit and after a failed
  // one.
  Result<void> load();

  // All of it or, when it fails, an outcome that only load() can tell. Batches whose events are
  // there already are passed over; something is written in any case.
  store::Status commit(std::vector<Queued>& group);

  // The newest durable seal.
  [[nodiscard]] const Reading::Seal& sealed() const { return sealed_; }

 private:
  store::Status destroy_keys(const std::vector<Queued>& group);
  store::Status ready_keys(std::vector<Queued>& group);
  [[nodiscard]] bool is_there(const Queued& queued) const;
  // The events of a group as one commit.
  struct Sealed {
    const Queued* queued = nullptr;  // that has the last of them; null: there are none
    std::string value;               // the last one of that
    Reading::Seal seal;
  };
  [[nodiscard]] Sealed seal(const std::vector<const Queued*>& fresh) const;
  store::Status put_events(store::WriteTransaction& transaction, const Queued& queued,
                           const Sealed& sealed);
  store::Status put_projections(store::WriteTransaction& transaction, const Queued& queued);

  store::Environment& environment_;
  KeyRing* keys_;
  std::string seal_key_;
  std::string journal_id_;
  CommitWatcher watcher_;
  Reading::Seal sealed_;
  std::uint32_t format_ = 0;  // as it is stored
};

}  // namespace daybook
