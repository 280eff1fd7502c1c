// A moment of the journal as people write it: after --at, after @, and where a turn is named.
//
//   42                        event 42
//   2026-02-03T04:05:06.007Z  the newest event at or before that time; also 2026-02-03, 10m, 2h, 3d
//   m77                       where the channel's message 77 was recorded, theirs or ours
//   telegram:12345@m77        the same, where no session is named otherwise
//
// Events never run backwards in time, so a time is found by halving. Rejected: '#' for messages; a
// shell takes the rest of the line for a comment.
#pragma once

#include <string_view>

#include "core/result.h"
#include "tools/journal_view.h"

namespace daybook {

// For the help of --at.
inline constexpr const char* kMomentHelp =
    "an event (42), a time (2026-02-03T04:05:06Z, 10m, 2h) or a message (m77, "
    "telegram:12345@m77)";

// Beyond the end means the end. `session` 0: none is known. An Error is one sentence for a person.
Result<Seq> moment_of(JournalView& view, std::string_view text, SessionId session = 0);

// "SESSION@MOMENT", or a session alone: its newest event.
struct SessionMoment {
  SessionId session = 0;
  Seq upto = 0;
  bool event = false;  // upto is an event that was named, not just where a time falls
};
Result<SessionMoment> session_moment_of(JournalView& view, std::string_view text);

// The same with the moment after --at instead, unless that is empty. An Error when the session was
// not yet opened then.
Result<SessionMoment> session_then(JournalView& view, std::string_view text, std::string_view at);
// After --until: the end when it is empty.
Result<Seq> until_of(JournalView& view, std::string_view text, SessionId session = 0);

// The newest event at or before `time`; 0 when all are later.
Result<Seq> seq_at(Log& log, Time time);

}  // namespace daybook
