// Other key stores of a journal below its directory: that of a journal which a restore replaced, of
// a draft, or of a copy put there. What is destroyed in the journal's own store goes there, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "journal/crypto.h"
#include "journal/store.h"

namespace daybook {

// Destroys those of these keys that are the same in the store of `directory`, which has them still:
// after a restore one id may name two keys. A store that cannot be written to is left as it is.
store::Status destroy_in_copies(const std::string& directory, std::string_view journal_id,
                                const std::vector<KeyId>& ids);

}  // namespace daybook
