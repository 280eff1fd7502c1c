// What a copy that is made and one that is put back share: private files, data.mdb by itself, and
// the examination of the whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/types.h"
#include "journal/crypto.h"
#include "journal/files.h"
#include "journal/store.h"
#include "journal/verify.h"

namespace daybook {

// A new file of our own, synced.
Result<void> copy_file(const std::string& from, const std::string& to,
                       const VerifyProgress& progress = {});
// Nothing when it is not there.
Result<void> remove_file(const std::string& path);

// All that the journal holds now as a new data.mdb at `path`, compacted and synced.
Result<void> copy_data(store::Environment& environment, const std::string& path);

// Where its chain stands.
Result<files::Head> head_of(store::Environment& environment);

// The keys that were destroyed in a key store, ascending.
Result<std::vector<KeyId>> destroyed_in(const std::string& path, std::string_view journal_id);

// As verify() does. `keys`: empty where the words are in clear, or the keys beside them.
Result<Verification> examine(const std::string& directory, const std::string& keys,
                             const VerifyProgress& progress);
// "at event 7, its checksum does not match".
std::string damage_text(const Verification& found);

}  // namespace daybook
