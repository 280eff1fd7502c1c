// decide(state, event) -> decisions. Called once, when an event is first recorded, fact and
// decision alike; never on replay: live decides, replay applies.
//
// State is the staged position with `event` already folded in. Decisions come without seq, time,
// cause and prev; the gateway fills them in, folds all of them, then asks decide() about each in
// turn. One function per trigger; the dispatcher is one screen.
#pragma once

#include <functional>
#include <vector>

#include "core/directory.h"
#include "core/events.pb.h"
#include "core/ports.h"
#include "core/session.h"

namespace daybook {

struct State {
  const Directory& directory;
  std::function<const Session*(SessionId)> session;  // loads on first touch; null if there is none
  History& history;
  Time now{};  // the time of the event being decided
};

using Decisions = std::vector<Event>;

Decisions decide(const State& state, const Event& event);

}  // namespace daybook
