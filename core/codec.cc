// One place knows how an event becomes bytes. Content and body are fields of Event on protobuf's
// wire, the body's number is the kind: so both are cut out of an event's bytes and put together
// again, and a new kind needs no line here. Rejected: reflection; it is slower, and a daemon that
// never asks for a descriptor does not hold them in memory.
#include "core/codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <string>

namespace daybook {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Smaller numbers are Event's other fields.
constexpr std::uint8_t kFirstKind = Event::kGatewayStartedFieldNumber;

void take_message(CodedInputStream& wire, std::string* into) {
  std::uint32_t bytes = 0;
  const bool taken = wire.ReadVarint32(&bytes) && wire.ReadString(into, static_cast<int>(bytes));
  CHECK(taken, "what was just written can be read");
}

void add_number(std::string* wire, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) wire->push_back(static_cast<char>(number | 0x80));
  wire->push_back(static_cast<char>(number));
}

void add_message(std::string* wire, int field, std::string_view message) {
  add_number(wire, WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  add_number(wire, message.size());
  wire->append(message);
}

Error does_not_parse(const RecordView& record) {
  const std::string event = "event " + std::to_string(record.seq);
  const auto size = static_cast<int>(record.content.size());
  if (!Content().ParseFromArray(record.content.data(), size)) {
    return {event + " holds content that does not parse", ExitCode::kDamaged};
  }
  return {event + " (" + kind_name(record.kind) + ") holds a body that does not parse",
          ExitCode::kDamaged};
}

Result<Event> read_event(const RecordView& record, bool erased) {
  std::string wire;
  wire.reserve(record.clear.size() + record.content.size() + 16);
  if (!record.content.empty()) add_message(&wire, Event::kContentFieldNumber, record.content);
  if (record.kind >= kFirstKind) add_message(&wire, record.kind, record.clear);
  Event event;
  if (!event.ParseFromString(wire)) return does_not_parse(record);
  if (event.body_case() == Event::BODY_NOT_SET) event.DiscardUnknownFields();
  if (erased) {
    event.mutable_content()->set_text(std::string(kErasedText));
    event.mutable_content()->set_erased(true);
  }
  event.set_seq(record.seq);
  event.set_time(to_milliseconds(record.time));
  event.set_session(record.session);
  event.set_cause(record.cause);
  event.set_prev(record.prev);
  return event;
}

const google::protobuf::OneofDescriptor* event_bodies() {
  return Event::descriptor()->FindOneofByName("body");
}

// The field whose number is this kind; null for a kind this program does not know.
const google::protobuf::FieldDescriptor* body_field(std::uint8_t kind) {
  const auto* field = Event::descriptor()->FindFieldByNumber(kind);
  return field != nullptr && field->containing_oneof() == event_bodies() ? field : nullptr;
}

}  // namespace

Record to_record(const Event& event) {
  Record record;
  record.seq = event.seq();
  record.time = from_milliseconds(event.time());
  record.kind = static_cast<std::uint8_t>(event.body_case());
  record.session = event.session();
  record.cause = event.cause();
  record.prev = event.prev();
  // What a tool returned repeats words of others, and goes when they do: it has a key of its own.
  record.turn = event.has_tool_returned() ? 0 : turn_of(event);
  CHECK(record.kind != 0, "an event without body is never recorded");
  std::string whole;
  CHECK(event.SerializeToString(&whole), "an event always serialises");
  CodedInputStream wire(reinterpret_cast<const std::uint8_t*>(whole.data()),
                        static_cast<int>(whole.size()));
  while (const std::uint32_t tag = wire.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (field == Event::kContentFieldNumber) {
      take_message(wire, &record.content);
    } else if (field == record.kind) {
      take_message(wire, &record.clear);
    } else {
      CHECK(WireFormatLite::SkipField(&wire, tag), "what was just written can be read");
    }
  }
  return record;
}

Result<Event> from_record(const Record& record) {
  return read_event(view_of(record), record.erased);
}

Result<Event> clear_from_record(const Record& record) {
  RecordView clear = view_of(record);
  clear.content = {};
  return read_event(clear, record.erased);
}

Result<Event> clear_from_record(const RecordView& record) {
  RecordView clear = record;
  clear.content = {};
  return read_event(clear, false);
}

Seq turn_of(const Event& event) {
  if (event.has_chunk_received()) return event.chunk_received().turn();
  if (event.has_turn_completed()) return event.turn_completed().turn();
  if (event.has_attempt_failed()) return event.attempt_failed().turn();
  if (event.has_turn_retried()) return event.turn_retried().turn();
  if (event.has_turn_failed()) return event.turn_failed().turn();
  if (event.has_turn_cancelled()) return event.turn_cancelled().turn();
  if (event.has_turn_abandoned()) return event.turn_abandoned().turn();
  if (event.has_tool_requested()) return event.tool_requested().turn();
  if (event.has_tool_attempted()) return event.tool_attempted().turn();
  if (event.has_tool_returned()) return event.tool_returned().turn();
  if (event.has_tool_refused()) return event.tool_refused().turn();
  if (event.has_step_completed()) return event.step_completed().turn();
  if (event.has_step_started()) return event.step_started().turn();
  return 0;
}

Seq last_chunk_of(const Event& event) {
  if (event.has_turn_completed()) return event.turn_completed().last_chunk();
  if (event.has_attempt_failed()) return event.attempt_failed().last_chunk();
  if (event.has_step_completed()) return event.step_completed().last_chunk();
  if (event.has_turn_failed()) return event.turn_failed().last_chunk();
  if (event.has_turn_retried()) return event.turn_retried().last_chunk();
  if (event.has_turn_cancelled()) return event.turn_cancelled().last_chunk();
  if (event.has_turn_abandoned()) return event.turn_abandoned().last_chunk();
  return 0;
}

std::string_view text_of(const Record& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.content.data());
  CodedInputStream wire(bytes, static_cast<int>(record.content.size()));
  while (const std::uint32_t tag = wire.ReadTag()) {
    const bool text = WireFormatLite::GetTagFieldNumber(tag) == Content::kTextFieldNumber;
    std::uint32_t size = 0;
    if (!text) {
      if (!WireFormatLite::SkipField(&wire, tag)) break;
    } else if (wire.ReadVarint32(&size)) {
      return std::string_view(record.content)
          .substr(static_cast<std::size_t>(wire.CurrentPosition()), size);
    }
  }
  return {};
}

std::optional<ExternalId> external_id_of(const Event& event) {
  const auto named = [&](const auto& body) -> std::optional<ExternalId> {
    if (body.external_id().empty()) return std::nullopt;
    return ExternalId{body.source(), body.external_id(), event.seq()};
  };
  if (event.has_message_received()) return named(event.message_received());
  if (event.has_message_edited()) return named(event.message_edited());
  if (event.has_button_pressed()) return named(event.button_pressed());
  if (event.has_message_refused()) return named(event.message_refused());
  if (event.has_place_moved()) return named(event.place_moved());
  return std::nullopt;
}

std::string kind_name(std::uint8_t kind) {
  const auto* field = body_field(kind);
  return field != nullptr ? field->message_type()->name() : "Unknown(" + std::to_string(kind) + ")";
}

std::uint8_t kind_of(std::string_view name) {
  const auto* bodies = event_bodies();
  for (int i = 0; i < bodies->field_count(); ++i) {
    if (bodies->field(i)->message_type()->name() == name) {
      return static_cast<std::uint8_t>(bodies->field(i)->number());
    }
  }
  return 0;
}

KindSet all_kinds() { return KindSet().set(); }

KindSet all_but_chunks() { return KindSet().set().reset(Event::kChunkReceived); }

}  // namespace daybook
