// From a directory to an open journal: locked, made if there is none, examined before use.
//
// Law: what is there is never made again. A journal that is cut, unreadable, of a newer format or
// behind its own head is refused with one sentence. Making one is the only moment in which LMDB
// is not crash-safe, so it happens in a directory of its own inside the journal's, under the lock,
// and data.mdb moves into place last. Rejected: making it in a sibling directory and renaming the
// whole; a state directory given by the system exists beforehand and its parent is not ours.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "journal/files.h"
#include "journal/key_ring.h"
#include "journal/store.h"
#include "journal/stored.h"

namespace daybook {

// Events and seals examined at every start; verify() examines all.
inline constexpr Seq kPreflightEvents = 1'000;

struct Opened {
  files::Descriptor lock;  // not valid when read-only
  std::unique_ptr<store::Environment> environment;
  std::string seal_key;
  std::string journal_id;
  std::uint32_t format = 0;           // journal/layout.h
  std::unique_ptr<KeyRing> keys;      // null: words are in clear, or nobody asked for the keys
  std::vector<std::string> warnings;  // sentences for the log; nothing is wrong yet
};

// What a journal begins with.
struct Genesis {
  std::string seal_key;
  JournalIdentity identity;
  std::optional<std::string> keys;  // the whole key store; nullopt: words in clear
  std::size_t map_bytes = 0;
  // Writes what it holds from the start; nothing when empty.
  std::function<Result<void>(store::Environment&)> fill;
};
// A key and an id of its own, made now.
Result<Genesis> new_genesis(bool encrypt);
// Under the writer's lock, where no journal has ever been. It is there whole, durable, or not at
// all.
Result<void> make_journal(const std::string& directory, const Genesis& genesis);

// Takes the writer's lock. kBusy: another daemon has it. kDamaged: see above.
// `encrypt`: of a journal that is made; one that is there stays what it is.
Result<Opened> open_for_writing(const std::string& directory, std::size_t map_bytes, bool create,
                                bool encrypt = true);

// Of a restore that died, until it is run again: neither journal is in place whole.
std::optional<Error> interrupted_restore(const std::string& directory);

// The last kPreflightEvents events, their seals, and the head. kDamaged says what is wrong.
Result<void> examine_tail(Opened& opened, const std::string& directory);
// The same of a journal that somebody may be writing to.
Result<void> examine_end(const std::string& directory);

// No lock; may run beside the writer, in another process. Examines nothing but the format, and
// has no keys yet: a chain is verified without them.
Result<Opened> open_for_reading(const std::string& directory);
// The keys, where there are any.
Result<void> open_keys(Opened& opened, bool writable);

}  // namespace daybook
