// Other key stores of a journal below its directory: that of a journal which a restore replaced, of
// a draft, or of a copy put there. What is destroyed in the journal's own store goes there, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/result.h"
#include "journal/crypto.h"
#include "journal/store.h"

namespace daybook {

// Destroys those of these keys that are the same in the store of `directory`, which has them still:
// after a restore one id may name two keys. A store that cannot be written to is left as it is.
store::Status destroy_in_copies(const std::string& directory, std::string_view journal_id,
                                const std::vector<KeyId>& ids);

// In the store at `keys`, the copy's own: what the events of the copied journal in `directory` ask
// to be destroyed, and nobody has done yet.
Result<void> destroy_due(const std::string& directory, const std::string& keys);

// In another journal, as far as it has one history with that in `directory`: the keys of these
// words. One that nobody can read is left as it is.
Result<void> destroy_in_history(const std::string& directory, const std::string& other,
                                std::vector<Erased> words);

}  // namespace daybook
