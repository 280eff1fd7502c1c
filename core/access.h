// Who may talk: deny by default. A stranger's first message gives one notice with a pairing code,
// good for an hour, and no model call; whoever runs the gateway approves the code.
//
// Allowed are numeric ids alone, of users and of groups with all who are in them: names can be
// re-assigned. Only the digest of a code is kept.
#pragma once

#include <string>
#include <string_view>

#include "core/directory.h"
#include "core/events.pb.h"
#include "core/ports.h"
#include "core/result.h"

namespace daybook {

inline constexpr Duration kPairingLifetime{3'600'000};
inline constexpr std::size_t kPairingsMax = 20;  // open at once; further strangers get no notice

// The fact itself, or the refusal it turns into: a stranger's words are not kept.
Fact admitted(const Directory& directory, Fact fact);

// The code of the PairingRequested that follows from event `refused`: eight letters and digits.
std::string pairing_code(std::string_view entropy, Seq refused);

// PairingApproved for whoever was given this code; an Error when it is unknown or too old.
Result<Fact> approve_code(const Directory& directory, std::string_view code, std::string_view by,
                          Time now);

// PairingApproved without a code, for somebody known to be the right one.
Fact approve_user(const Directory& directory, std::int64_t user, std::string_view place,
                  std::string_view by);

Result<Fact> revoke_user(const Directory& directory, std::int64_t user, std::string_view by);

}  // namespace daybook
