// What a message of the Bot API carries besides its words: files, who wrote it, what it quotes.
// Pure. Text from outside is cut on code points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/json_document.h"
#include "core/events.pb.h"

namespace daybook::telegram {

// At most `bytes_max` bytes of valid UTF-8, never inside a code point.
std::string cut(std::string_view text, std::size_t bytes_max);

// Of a User; empty: it has no name.
std::string name_of(const JsonValue& person);

using Attachments = google::protobuf::RepeatedPtrField<Attachment>;
// Its files, at most kAttachmentsMax.
void add_attachments(const JsonValue& message, Attachments* attachments);

// "message.photo" of one without words; "message.service" when no person sent it as such.
std::string wordless_kind(std::string_view kind, const JsonValue& message);

// Whether it replies to another. In a topic every message "replies" to the one that made the topic.
bool replies(const JsonValue& message);

// What it quotes, or the words it replies to unless they are those of user `self`, ourselves: at
// most kQuotedCharactersMax, one level deep (Bot API, "quote", "reply_to_message",
// "external_reply").
void add_quoted(const JsonValue& message, std::int64_t self, Content* content);

}  // namespace daybook::telegram
