// The few words everything else is written in: a position in the journal, a session, a moment.
//
// Law: time is always an argument; nothing in core asks what time it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace daybook {

// Position in the journal, from 1; 0 means none.
using Seq = std::uint64_t;

// The seq of the SessionOpened that began it; 0 means the gateway itself.
using SessionId = std::uint64_t;

// Wall-clock time, UTC. Always passed in, never asked for; the reactor samples it once per
// iteration and never lets it run backwards.
using Duration = std::chrono::milliseconds;
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

inline constexpr Time kNever = Time::max();

constexpr std::int64_t to_milliseconds(Time time) { return time.time_since_epoch().count(); }
constexpr Time from_milliseconds(std::int64_t since_epoch) { return Time(Duration(since_epoch)); }

// Version of decide() and prompt(). Raised whenever either would answer an old fact differently;
// old ones stay callable.
//   1  the first
//   2  /search, /erase
//   3  branches: /undo, /redo, /retry, /fork, /branches, /switch, /save, /compact undo, edits;
//      policies, tokens by class of letter, /policy, /context, /pin, /unpin; a conversation's own
//      settings, /set, /thinking, /temperature, /system, /provider; queue modes, /queue;
//      conversations: /sessions, /session, /title, /forget, /export, titles, closing when idle
inline constexpr std::uint32_t kRulesVersion = 3;

}  // namespace daybook
