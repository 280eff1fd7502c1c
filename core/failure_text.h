// What a person reads when an answer failed: who could not give it, why, what was kept of it, and
// what helps.
#pragma once

#include <string>

#include "core/decide.h"

namespace daybook {

// One or more sentences. `detail` is the provider's own words, or ours; `kept`: part of the answer
// is.
std::string failure_sentence(const State& state, const OpenTurn& turn, const AttemptFailed& failed,
                             const std::string& detail, bool kept);

}  // namespace daybook
