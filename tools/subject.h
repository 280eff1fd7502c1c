// What an event belongs to: the turn (its TurnStarted) or the notice that answers a message, and
// everything that came of it.
//
// Records point backwards only, so what follows is found by reading on from the event; the reading
// ends where nothing more can follow: the turn has ended and its reader has seen all of it.
#pragma once

#include <functional>

#include "core/events.pb.h"
#include "core/result.h"
#include "tools/journal_view.h"

namespace daybook {

// The TurnStarted or NoticeIssued that `event` belongs to: itself, the one it helps along, or the
// one that answers it. An Error says what became of it instead.
Result<Event> find_subject(JournalView& view, const Event& event);

// An event, and when the one before it in the whole journal was: after a crash that is the last
// sign of life.
using SubjectVisit = std::function<bool(const Event& event, Time before)>;

// Events of the subject and of its session, chunks of other turns left out, and starts and stops of
// the gateway, from seq `from` on until all that was owed is done. `visit` returns false to stop.
// The answer is false when the journal ends before that.
Result<bool> walk_subject(JournalView& view, const Event& subject, Seq from,
                          const SubjectVisit& visit);

// The event's cause, the cause's cause and so on; the outermost last.
Result<std::vector<Event>> causes_of(JournalView& view, const Event& event);

// The events that name this one as their cause, in order.
Result<void> each_effect(JournalView& view, const Event& event,
                         const std::function<void(const Event&)>& visit);

}  // namespace daybook
