// An event as a record and back: body and content apart, nothing lost, nothing invented.
#include "core/codec.h"

#include <catch2/catch.hpp>

namespace daybook::codec_test {

Event of_kind(const google::protobuf::FieldDescriptor& body) {
  Event event;
  event.set_seq(300);
  event.set_time(1'795'219'200'000);
  event.set_session(7);
  event.set_cause(298);
  event.set_prev(299);
  event.mutable_content()->set_text(std::string(300, 'w'));
  auto* message = event.GetReflection()->MutableMessage(&event, &body);
  const auto* first = message->GetDescriptor()->field(0);
  if (!first->is_repeated() && first->cpp_type() == first->CPPTYPE_STRING) {
    message->GetReflection()->SetString(message, first, std::string(200, 'b'));
  }
  return event;
}

TEST_CASE("every kind survives its record, body and words apart", "[core]") {
  const auto* bodies = Event::descriptor()->FindOneofByName("body");
  for (int i = 0; i < bodies->field_count(); ++i) {
    const Event event = of_kind(*bodies->field(i));
    const Record record = to_record(event);
    CHECK(record.kind == bodies->field(i)->number());
    const auto& body = event.GetReflection()->GetMessage(event, bodies->field(i));
    CHECK(record.clear == body.SerializeAsString());
    CHECK(record.content == event.content().SerializeAsString());
    const Result<Event> back = from_record(record);
    REQUIRE(back);
    CHECK(back->SerializeAsString() == event.SerializeAsString());
  }
}

TEST_CASE("without its words an event is the same but for them", "[core]") {
  Event event = of_kind(*Event::descriptor()->FindFieldByName("turn_completed"));
  const Result<Event> clear = clear_from_record(to_record(event));
  REQUIRE(clear);
  event.clear_content();
  CHECK(clear->SerializeAsString() == event.SerializeAsString());
}

TEST_CASE("a kind this program does not know gives an event without body", "[core]") {
  for (const int kind : {0, 1, 6, 15, 31, 255}) {
    Record record;
    record.seq = 9;
    record.kind = static_cast<std::uint8_t>(kind);
    record.clear = "\x08\x01";
    const Result<Event> event = from_record(record);
    REQUIRE(event);
    CHECK(event->body_case() == Event::BODY_NOT_SET);
    Event bare;
    bare.set_seq(9);
    CHECK(event->SerializeAsString() == bare.SerializeAsString());
  }
}

TEST_CASE("bytes that do not parse are damage, and said to be where they are", "[core]") {
  Record record = to_record(of_kind(*Event::descriptor()->FindFieldByName("turn_completed")));
  Record body = record;
  body.clear = "\x0a\x7f";
  REQUIRE_FALSE(from_record(body));
  CHECK(from_record(body).error().code == ExitCode::kDamaged);
  CHECK(from_record(body).error().message ==
        "event 300 (TurnCompleted) holds a body that does not parse");
  record.content = "\x0a\x7f";
  REQUIRE_FALSE(from_record(record));
  CHECK(from_record(record).error().message == "event 300 holds content that does not parse");
}

}  // namespace daybook::codec_test
