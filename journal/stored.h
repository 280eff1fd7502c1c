// Events as their bytes lie in the journal, commit by commit with the seals: what a proof is made
// of, and what a copy must hold to be the same journal.
//
// Law: bytes are copied out before anyone sees them and no transaction is open while a caller's
// code runs, as in journal/reading.h.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/sha256.h"
#include "journal/crypto.h"
#include "journal/store.h"

namespace daybook {

// What the bytes say, words as they lie there: `key` says what locks them.
struct StoredRecord {
  Record record;
  KeyId key = 0;
};

// One event. Its hash is what seals are made of (journal/record.h).
struct StoredEvent {
  Seq seq = 0;
  std::vector<std::string> parts;  // values, part 0 first; the last one may carry a seal

  [[nodiscard]] Digest hash() const;
  // Of the commit that it ends, when that lies in its record.
  [[nodiscard]] std::optional<Digest> seal() const;
  // An Error with kDamaged says what is wrong with its bytes.
  [[nodiscard]] Result<StoredRecord> decode() const;
};

// One commit: which events it holds, and the chain before and after it.
struct StoredCommit {
  Seq first = 0;
  Seq last = 0;
  std::optional<Digest> before;  // nullopt: it is the first, and follows from the journal's id
  Digest seal{};

  friend bool operator==(const StoredCommit&, const StoredCommit&) = default;
};

// What a journal is, beside its events.
struct JournalIdentity {
  std::string id;  // 16 bytes
  Time created{};
  std::uint64_t epoch = 0;
  std::uint32_t format = 0;    // journal/layout.h
  std::string created_seal{};  // 32 bytes; empty: made before there was one
};

class StoredReading {
 public:
  // `environment` must outlive it. Any one thread.
  explicit StoredReading(store::Environment& environment) : environment_(environment) {}

  // The commit that holds this event; nullopt when none does (yet).
  Result<std::optional<StoredCommit>> commit_of(Seq seq);
  // Events first..last, in order. `visit` returns false to stop.
  Result<void> events(Seq first, Seq last, const std::function<bool(const StoredEvent&)>& visit);
  Result<JournalIdentity> identity();

 private:
  Result<Seq> copy_block(Seq first, Seq last, std::vector<StoredEvent>& into);

  store::Environment& environment_;
};

}  // namespace daybook
