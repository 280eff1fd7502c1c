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

// "refused our key", of what only its owner can mend; of other trouble, that it pauses or fails.
std::string trouble_words(const AttemptFailed& failed);

// Why nobody is asked, until when, and what helps. `owner`: whoever reads it can do something;
// `goes_on`: it is an answer that is not gone on with.
std::string held_sentence(const State& state, const PassedModel& held, bool owner, bool goes_on);

}  // namespace daybook
