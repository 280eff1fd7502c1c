// The two facts by which a person at the terminal changes who may talk, made the same way by the
// control socket and by a tool that holds the journal itself.
#pragma once

#include <string_view>

#include "core/directory.h"
#include "core/events.pb.h"
#include "core/result.h"
#include "core/types.h"

namespace daybook {

// PairingApproved for the stranger who was shown this code. Spaces, dashes and case do not matter.
// An unknown or expired code is a sentence.
Result<Event> approve_pairing(const Directory& directory, std::string_view code,
                              std::string_view by, Time now);

// PairingApproved for a user known by number, for setup.
Event approve_user(const Directory& directory, std::int64_t user, std::string_view place,
                   std::string_view by);

// AccessRevoked; an Error when the user has no access that the journal gave.
Result<Event> revoke_access(const Directory& directory, std::int64_t user, std::string_view by);

}  // namespace daybook
