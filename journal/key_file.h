// The key store on disk: `keys`, beside data.mdb and never in it, because LMDB does not erase what
// it deletes. FORMAT.md describes it; tests/keys_test.cc holds golden bytes.
//
// An array of entries of 48 bytes; an entry's place is its id, and entry 0 says whose store it is.
// Law: entries are appended and synced before anything refers to them, and no id is given to a
// second key; destroy() alone changes what is there. What a torn append leaves behind is an entry
// that nothing refers to, and what a torn destruction leaves behind counts as destroyed.
// Rejected: a table of variable rows; finding a key would need an index that has to be kept true.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/types.h"
#include "journal/crypto.h"
#include "journal/files.h"
#include "journal/store.h"

namespace daybook {

struct KeyEntry {
  enum class Kind : std::uint8_t {
    kRun = 1,        // key: the salt, then zeros
    kSession = 2,    // owner: the session
    kData = 3,       // owner: the run that may use it; key: wrapped
    kDestroyed = 4,  // was a data key
  };

  Kind kind = Kind::kData;
  std::uint64_t owner = 0;
  crypto::Key key;
};

class KeyFile {
 public:
  static constexpr std::size_t kEntryBytes = 48;

  // What a store without entries holds.
  static std::string header(std::string_view journal_id);
  static std::string encode(KeyId id, const KeyEntry& entry);
  // nullopt: damaged. A destroyed entry whose key is not all zeros is half destroyed.
  static std::optional<KeyEntry> parse(KeyId id, std::string_view bytes);

  // kDamaged: it is missing, or another journal's.
  static Result<KeyFile> open(const std::string& path, std::string_view journal_id, bool writable);

  // The highest id an entry of the file may have, damaged ones included.
  Result<KeyId> last() const;
  // An entry that does not exist or is damaged is an Error with kDamaged. Not for two threads.
  Result<KeyEntry> read(KeyId id);
  // Runs and sessions' keys from `first` on.
  Result<void> scan(KeyId first, const std::function<void(KeyId, const KeyEntry&)>& visit) const;

  // Puts `bytes`, entries from `first` on, where they belong and syncs.
  store::Status write(KeyId first, std::string_view bytes);

  // Overwrites these data keys where they stand and syncs: first what lies in the sector in which
  // an entry begins, then the rest, so that a half destroyed entry is known by its beginning. Done
  // twice it does no harm.
  store::Status destroy(const std::vector<KeyId>& ids);

  // Opens the path again when another file stands there by now. False: it is the same, or none.
  Result<bool> reopen_if_replaced();

 private:
  KeyFile(std::string path, std::string journal_id, bool writable)
      : path_(std::move(path)), journal_id_(std::move(journal_id)), writable_(writable) {}

  Result<void> open_path();
  store::Status put(std::uint64_t at, std::string_view bytes);
  store::Status sync();
  void forget_block();
  Result<std::string> read_at(KeyId first, std::size_t entries) const;

  std::string path_;
  std::string journal_id_;
  bool writable_ = false;
  files::Descriptor file_;
  std::string block_;  // read last: neighbours are wanted next
  KeyId block_first_ = 0;
};

}  // namespace daybook
