// One line for one event, the same everywhere: `daybook log`, the simulator, scripts, debug logs.
//
//      42 12:03:04.123 s7 <41 ChunkReceived turn=40 "word "
//
// seq, time of day (UTC), session, cause, kind, then the body's fields that are set, in the order
// of events.proto, then the words. Law: the same event gives the same line for ever, and a line is
// always one line: control characters and broken UTF-8 are written as escapes.
#pragma once

#include <string>
#include <string_view>

#include "core/events.pb.h"
#include "core/types.h"

namespace daybook {

struct NotationStyle {
  bool head = true;             // seq, time, session and cause before the kind
  std::size_t words_max = 100;  // bytes of each piece of content; 0: all of it
};

std::string notation(const Event& event, const NotationStyle& style = {});

// The fields alone, "turn=40 attempt=1", of any message; nested ones in braces.
std::string notation_fields(const google::protobuf::Message& message);

// "2026-02-03T04:05:06.007Z" (RFC 3339, UTC).
std::string time_text(Time time);
// "1 message", "3 messages"
std::string messages_text(std::int64_t count);

// Control characters, quotes, backslashes and bytes that are not UTF-8 as \n, \t, \", \\, \x1b.
// Cut before `bytes_max` at a code point, with "..." (0: never).
std::string escaped(std::string_view text, std::size_t bytes_max = 0);

}  // namespace daybook
