// One place knows how an event becomes bytes. Reflection finds the body by its field number, so a
// new kind needs no line here.
#include "core/codec.h"

#include <string>

namespace daybook {

namespace {

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
  const auto* field = body_field(record.kind);
  CHECK(field != nullptr, "an event without body is never recorded");
  const auto& body = event.GetReflection()->GetMessage(event, field);
  CHECK(body.SerializeToString(&record.clear), "a body always serialises");
  if (event.has_content()) {
    CHECK(event.content().SerializeToString(&record.content), "content always serialises");
  }
  return record;
}

Result<Event> from_record(const Record& record) {
  Event event;
  event.set_seq(record.seq);
  event.set_time(to_milliseconds(record.time));
  event.set_session(record.session);
  event.set_cause(record.cause);
  event.set_prev(record.prev);
  if (!record.content.empty() && !event.mutable_content()->ParseFromString(record.content)) {
    return Error{"event " + std::to_string(record.seq) + " holds content that does not parse",
                 ExitCode::kDamaged};
  }
  if (const auto* field = body_field(record.kind); field != nullptr) {
    auto* body = event.GetReflection()->MutableMessage(&event, field);
    if (!body->ParseFromString(record.clear)) {
      return Error{"event " + std::to_string(record.seq) + " (" + kind_name(record.kind) +
                       ") holds a body that does not parse",
                   ExitCode::kDamaged};
    }
  }
  return event;
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
