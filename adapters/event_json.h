// An event as one JSON object: what `daybook log --json` prints and the control socket streams.
//
//   {"seq":42,"time":"2026-02-03T04:05:06.007Z","session":7,"kind":"ChunkReceived","cause":41,
//    "turn":40,"attempt":1,"chunk_kind":"TEXT","text":"word "}
//
// Law: head, then every plain field of the body under its name in events.proto (nested messages
// only when set), then the words that are there. Numbers are numbers, except fixed64 digests, which
// a JSON number cannot hold; bytes are base64, as in protobuf's own JSON. A body field that would
// hide one of the head is spelled after its type ("turn_kind", "chunk_kind").
#pragma once

#include <string>

#include "core/events.pb.h"

namespace daybook {

// Without a newline.
std::string event_json(const Event& event);

// Any message as an object, by the same rules.
std::string message_json(const google::protobuf::Message& message);

}  // namespace daybook
