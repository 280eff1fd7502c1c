// A turn while it runs, as its own events tell: the same for the session that has it and for the
// provider that is asked.
#pragma once

#include <string>

#include "core/events.pb.h"
#include "core/state.pb.h"

namespace daybook {

// "openai:gpt-4o": how settings, routes and beliefs name a model beyond doubt.
std::string model_name(const std::string& provider, const std::string& model);

// Of a TurnStarted.
OpenTurn opened_turn(const Event& event);
// What a TurnRetried makes of it: another attempt, maybe with another prompt or model.
void retry_open_turn(OpenTurn* turn, const Event& event);
// Attempts with the model that it asks now.
std::uint32_t attempts_of_model(const OpenTurn& turn);

}  // namespace daybook
