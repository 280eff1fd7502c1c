// What an answer had come to when a limit ended it: the model's output limit, or the steps of a run
// of tools. RunCheckpointed says so, right behind the end of the turn; what goes on with the answer
// is told of it.
//
// Law: it is made of what the journal says of each request, its ToolReturned or ToolRefused, and
// its words are made of it alone. Rejected: what was done as the model's words tell it; a model may
// be wrong about what it did.
#pragma once

#include <optional>
#include <string>

#include "core/events.pb.h"
#include "core/ports.h"

namespace daybook {

// Of so many uses of tools the words tell, the newest, and of each argument the beginning.
inline constexpr int kActionsToldMax = 32;
inline constexpr std::size_t kActionBytesMax = 200;

// As a decision on the TurnCompleted that ended the turn, whose last prompt this was. Nothing: no
// limit did, or nothing was said. Walks the turn's own events.
std::optional<Event> checkpoint_of(const Event& completed, const Event& turn,
                                   const TurnStarted& prompt, History& history);

// Of one whose steps were used up: what a run that goes on is told.
std::string checkpoint_text(const RunCheckpointed& checkpoint, History& history);

}  // namespace daybook
