// The schema on disk: what a kind's bytes meant once they mean for ever.
//
// tests/golden/events.txt holds one line for every kind and for Content (kind 0): number, name,
// the bytes of a message in which every field is set. Fields are filled from their names, so a
// field that is renumbered, retyped or swapped with another reads back wrong. A field added later
// gets a further line for its kind; lines that are there never change. `make golden` adds what is
// missing.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "tests/places.h"

namespace daybook::schema_test {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

const std::string kGoldenFile = source_directory() + "/tests/golden/events.txt";

// ---- a message with every field set, each by its name

std::uint32_t number_of(std::string_view name) {
  std::uint32_t hash = 2'166'136'261U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return hash % 1'000'000U + 1;
}

void fill(Message& message);

void add_value(Message& message, const FieldDescriptor& field, std::uint32_t index) {
  const Reflection& access = *message.GetReflection();
  const std::uint32_t number = number_of(field.name()) + index;
  const EnumDescriptor* choices = field.enum_type();
  const auto set = [&](auto singular, auto repeated, auto value) {
    field.is_repeated() ? (access.*repeated)(&message, &field, value)
                        : (access.*singular)(&message, &field, value);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return set(&Reflection::SetInt32, &Reflection::AddInt32, -static_cast<std::int32_t>(number));
    case FieldDescriptor::CPPTYPE_INT64:
      return set(&Reflection::SetInt64, &Reflection::AddInt64,
                 -static_cast<std::int64_t>(number) * 4'294'967'296);
    case FieldDescriptor::CPPTYPE_UINT32:
      return set(&Reflection::SetUInt32, &Reflection::AddUInt32, number);
    case FieldDescriptor::CPPTYPE_UINT64:
      return set(&Reflection::SetUInt64, &Reflection::AddUInt64,
                 static_cast<std::uint64_t>(number) * 4'294'967'296U);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return set(&Reflection::SetDouble, &Reflection::AddDouble, number + 0.5);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return set(&Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(number) + 0.5F);
    case FieldDescriptor::CPPTYPE_BOOL:
      return set(&Reflection::SetBool, &Reflection::AddBool, true);
    case FieldDescriptor::CPPTYPE_ENUM:
      return set(
          &Reflection::SetEnumValue, &Reflection::AddEnumValue,
          choices->value(1 + static_cast<int>(number) % (choices->value_count() - 1))->number());
    case FieldDescriptor::CPPTYPE_STRING:
      return set(&Reflection::SetString, &Reflection::AddString,
                 "the " + field.name() + " " + std::to_string(index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return fill(field.is_repeated() ? *access.AddMessage(&message, &field)
                                      : *access.MutableMessage(&message, &field));
  }
}

void fill(Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    for (std::uint32_t index = 0; index < (field.is_repeated() ? 2U : 1U); ++index) {
      add_value(message, field, index);
    }
  }
}

// ---- kinds

const FieldDescriptor* field_of_kind(int kind) {
  const FieldDescriptor* field = Event::descriptor()->FindFieldByNumber(kind);
  return field != nullptr && field->containing_oneof() != nullptr ? field : nullptr;
}

std::map<int, std::string> kinds() {
  std::map<int, std::string> found = {{0, "Content"}};
  const auto& body = *Event::descriptor()->oneof_decl(0);
  for (int i = 0; i < body.field_count(); ++i) {
    found[body.field(i)->number()] = body.field(i)->message_type()->name();
  }
  return found;
}

// The message a kind's bytes are parsed into; lives in `event`.
Message* body_of(Event& event, int kind) {
  if (kind == 0) return event.mutable_content();
  const FieldDescriptor* field = field_of_kind(kind);
  return field == nullptr ? nullptr : event.GetReflection()->MutableMessage(&event, field);
}

std::string filled_bytes(int kind) {
  Event event;
  Message& body = *body_of(event, kind);
  fill(body);
  return body.SerializeAsString();
}

// ---- golden lines

struct Line {
  int kind = 0;
  std::string name;
  std::string bytes;
};

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4U];
    text += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return text;
}

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<Line> golden_lines() {
  std::vector<Line> lines;
  std::ifstream file(kGoldenFile);
  for (std::string text; std::getline(file, text);) {
    if (text.empty() || text[0] == '#') continue;
    std::istringstream words(text);
    Line line;
    std::string hex;
    words >> line.kind >> line.name >> hex;
    line.bytes = from_hex(hex);
    lines.push_back(std::move(line));
  }
  return lines;
}

bool has_unknown_fields(const Message& message) {
  const Reflection& access = *message.GetReflection();
  if (!access.GetUnknownFields(message).empty()) return true;
  std::vector<const FieldDescriptor*> fields;
  access.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? access.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (has_unknown_fields(field->is_repeated() ? access.GetRepeatedMessage(message, field, i)
                                                  : access.GetMessage(message, field))) {
        return true;
      }
    }
  }
  return false;
}

// A copy of `filled` with only those fields that `seen` has too, at every depth.
void keep_only(Message& filled, const Message& seen) {
  const Reflection& access = *filled.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  access.ListFields(filled, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated() ? access.FieldSize(seen, field) == 0 : !access.HasField(seen, field)) {
      access.ClearField(&filled, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated()) {
      keep_only(*access.MutableMessage(&filled, field), access.GetMessage(seen, field));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const int count = std::min(access.FieldSize(filled, field), access.FieldSize(seen, field));
      for (int i = 0; i < count; ++i) {
        keep_only(*access.MutableRepeatedMessage(&filled, field, i),
                  access.GetRepeatedMessage(seen, field, i));
      }
    }
  }
}

// Adds a line for every kind whose fullest line does not show what the schema holds today.
void add_missing_lines() {
  std::set<std::pair<int, std::string>> seen;
  for (const Line& line : golden_lines()) seen.emplace(line.kind, line.bytes);
  std::ofstream file(kGoldenFile, std::ios::app);
  if (seen.empty()) {
    file << "# kind, name, the bytes of its message with every field set: see "
            "tests/schema_test.cc.\n"
         << "# Lines are added by `make golden` and never changed or removed.\n";
  }
  for (const auto& [kind, name] : kinds()) {
    const std::string bytes = filled_bytes(kind);
    if (!seen.contains({kind, bytes})) file << kind << ' ' << name << ' ' << to_hex(bytes) << '\n';
  }
}

TEST_CASE("every kind has golden bytes that show all its fields", "[schema][golden]") {
  const char* wish = std::getenv("DAYBOOK_GOLDEN");
  if (wish != nullptr && std::string_view(wish) == "write") add_missing_lines();
  std::set<std::pair<int, std::string>> seen;
  for (const Line& line : golden_lines()) seen.emplace(line.kind, line.bytes);
  for (const auto& [kind, name] : kinds()) {
    INFO(kind << " " << name << ": run `make golden` and commit the line it adds");
    CHECK(seen.contains({kind, filled_bytes(kind)}));
  }
}

TEST_CASE("golden bytes read back as they were meant and write back as they were", "[schema]") {
  for (const Line& line : golden_lines()) {
    INFO(line.kind << " " << line.name);
    Event event;
    Message* body = body_of(event, line.kind);
    REQUIRE(body != nullptr);
    CHECK(body->GetDescriptor()->name() == line.name);
    REQUIRE(body->ParseFromString(line.bytes));
    CHECK_FALSE(has_unknown_fields(*body));
    CHECK(body->SerializeAsString() == line.bytes);
    Event fresh;
    Message& filled = *body_of(fresh, line.kind);
    fill(filled);
    keep_only(filled, *body);
    CHECK(body->DebugString() == filled.DebugString());
  }
}

TEST_CASE("no kind that was ever written is gone", "[schema]") {
  for (const Line& line : golden_lines()) {
    INFO(line.kind << " " << line.name);
    CHECK(kinds()[line.kind] == line.name);
  }
}

// ---- laws over the descriptors

template <typename Visit>
void each_field(const Visit& visit) {
  for (const auto* file : {Event::descriptor()->file(), DirectoryState::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      for (int j = 0; j < file->message_type(i)->field_count(); ++j) {
        visit(*file->message_type(i)->field(j));
      }
    }
  }
}

TEST_CASE("a kind fits the byte it has in a record, and its name is spelled in both ways",
          "[schema]") {
  for (const auto& [kind, name] : kinds()) {
    if (kind == 0) continue;
    INFO(kind << " " << name);
    CHECK(kind >= 16);
    CHECK(kind <= 255);
    CHECK(field_of_kind(kind)->camelcase_name().substr(1) == name.substr(1));
  }
}

TEST_CASE("no field is a map: their order on disk is not stable", "[schema]") {
  each_field([](const FieldDescriptor& field) {
    INFO(field.full_name());
    CHECK_FALSE(field.is_map());
  });
}

TEST_CASE("no field is made for a secret", "[schema]") {
  const std::set<std::string> secrets = {"token",  "api_key",       "secret", "password",
                                         "bearer", "authorization", "cookie", "credential"};
  each_field([&](const FieldDescriptor& field) {
    INFO(field.full_name());
    CHECK_FALSE(secrets.contains(field.name()));
  });
}

TEST_CASE("words stand in Content alone: no other message holds one", "[schema]") {
  each_field([](const FieldDescriptor& field) {
    if (field.message_type() != Content::descriptor()) return;
    INFO(field.full_name());
    CHECK(field.containing_type() == Event::descriptor());
  });
}

}  // namespace daybook::schema_test
