#include "core/told.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <string_view>

#include "core/codec.h"
#include "core/notation.h"

namespace daybook {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr int kAttachments = MessageReceived::kAttachmentsFieldNumber;
static_assert(int{MessageEdited::kAttachmentsFieldNumber} == kAttachments);

// Whether these bytes of a message have such a field.
bool has_field(std::string_view bytes, int field) {
  CodedInputStream wire(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                        static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = wire.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) == field) return true;
    if (!WireFormatLite::SkipField(&wire, tag)) break;
  }
  return false;
}

std::string attachment_line(const Attachment& attachment) {
  std::string kind = attachment.kind();
  std::replace(kind.begin(), kind.end(), '_', ' ');
  const bool sound = kind == "voice" || kind == "audio";
  return "[" + kind + " attached; it cannot be " + (sound ? "heard" : "seen") + " here]\n";
}

std::string quoted_line(const Content& content) {
  std::string name = escaped(content.quoted_name());
  std::replace(name.begin(), name.end(), '[', '(');
  std::replace(name.begin(), name.end(), ']', ')');
  if (!name.empty()) name.insert(0, " to ");
  return "[In reply" + name + ": \"" + escaped(content.quoted()) + "\"]\n";
}

}  // namespace

std::string told_before(const Event& event) {
  const auto& attachments = event.has_message_edited() ? event.message_edited().attachments()
                                                       : event.message_received().attachments();
  if (event.content().erased()) return {};
  std::string lines;
  for (const Attachment& attachment : attachments) {
    if (attachment.unread()) lines += attachment_line(attachment);
  }
  if (!event.content().quoted().empty()) lines += quoted_line(event.content());
  return lines;
}

std::string told_text(const Event& event) { return told_before(event) + event.content().text(); }

std::string told_text(const Record& record) {
  if (record.erased) return std::string(kErasedText);
  const bool message =
      record.kind == Event::kMessageReceived || record.kind == Event::kMessageEdited;
  if (message && (has_field(record.clear, kAttachments) ||
                  has_field(record.content, Content::kQuotedFieldNumber))) {
    if (const Result<Event> event = from_record(record)) return told_text(*event);
  }
  return std::string(text_of(record));
}

}  // namespace daybook
