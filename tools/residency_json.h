// Where each entry is in a prompt, as --json tells it: an array, one object an entry.
#pragma once

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "tools/json_line.h"

namespace daybook {

// `session` as the prompt was made of it; of `turn` its record.
JsonLine residency_json(const SessionState& session, const TurnStarted& turn);

}  // namespace daybook
