// An event as one JSON object, by reflection over the schema: a new kind needs no line here.
//
// Rejected: protobuf's own JsonFormat; it writes 64-bit numbers as strings and renames fields.
#include "adapters/event_json.h"

#include <cctype>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/base64.h"
#include "core/codec.h"
#include "core/notation.h"

namespace daybook {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::ordered_json;

// "TurnKind" -> "turn_kind".
std::string snake_case(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isupper(byte) != 0 && !out.empty()) out += '_';
    out += static_cast<char>(std::tolower(byte));
  }
  return out;
}

Json object_of(const Message& message);

Json text_value(const FieldDescriptor& field, const std::string& text) {
  return field.type() == FieldDescriptor::TYPE_BYTES ? Json(base64(text)) : Json(text);
}

Json fixed_or_number(const FieldDescriptor& field, std::uint64_t value) {
  return field.type() == FieldDescriptor::TYPE_FIXED64 ? Json(std::to_string(value)) : Json(value);
}

Json single_value(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  std::string scratch;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return fixed_or_number(field, reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return std::string(reflection.GetEnum(message, &field)->name());
    case FieldDescriptor::CPPTYPE_STRING:
      return text_value(field, reflection.GetStringReference(message, &field, &scratch));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return object_of(reflection.GetMessage(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return nullptr;  // the schema has none
  }
  return nullptr;
}

Json repeated_value(const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  std::string scratch;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.GetRepeatedInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetRepeatedUInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return fixed_or_number(field, reflection.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetRepeatedBool(message, &field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return std::string(reflection.GetRepeatedEnum(message, &field, index)->name());
    case FieldDescriptor::CPPTYPE_STRING:
      return text_value(field,
                        reflection.GetRepeatedStringReference(message, &field, index, &scratch));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return object_of(reflection.GetRepeatedMessage(message, &field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return nullptr;
  }
  return nullptr;
}

Json list_value(const Message& message, const FieldDescriptor& field) {
  Json list = Json::array();
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int index = 0; index < size; ++index) list.push_back(repeated_value(message, field, index));
  return list;
}

// Body and words share one object with the head, so a name that is taken gives way.
std::string free_name(const Json& object, const FieldDescriptor& field) {
  std::string name(field.name());
  if (!object.contains(name)) return name;
  if (field.enum_type() != nullptr) return snake_case(field.enum_type()->name());
  return snake_case(field.containing_type()->name()) + "_" + name;
}

void append_fields(const Message& message, bool unset_too, Json* object) {
  const auto& descriptor = *message.GetDescriptor();
  for (int index = 0; index < descriptor.field_count(); ++index) {
    const FieldDescriptor& field = *descriptor.field(index);
    const bool nested = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (field.is_repeated()) {
      if (unset_too || message.GetReflection()->FieldSize(message, &field) > 0) {
        (*object)[free_name(*object, field)] = list_value(message, field);
      }
      continue;
    }
    const bool set = message.GetReflection()->HasField(message, &field);
    if (set || (unset_too && !nested)) {
      (*object)[free_name(*object, field)] = single_value(message, field);
    }
  }
}

Json object_of(const Message& message) {
  Json object = Json::object();
  append_fields(message, true, &object);
  return object;
}

// Text read from a journal may be anything; what is not UTF-8 is replaced, never thrown at.
std::string dumped(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string event_json(const Event& event) {
  Json object = Json::object();
  object["seq"] = event.seq();
  object["time"] = time_text(from_milliseconds(event.time()));
  object["session"] = event.session();
  object["kind"] = kind_name(event);
  object["cause"] = event.cause();
  const FieldDescriptor* body = event.GetReflection()->GetOneofFieldDescriptor(
      event, event.GetDescriptor()->FindOneofByName("body"));
  if (body != nullptr) {
    append_fields(event.GetReflection()->GetMessage(event, body), true, &object);
  }
  append_fields(event.content(), false, &object);
  return dumped(object);
}

std::string message_json(const Message& message) { return dumped(object_of(message)); }

}  // namespace daybook
