// One line for one event, by reflection over the schema: a new kind needs no line here.
//
// Law: nothing of a raw update and no whole digest is printed, only how long the one is and how
// the other begins; a line is for people, `daybook log --json` is for programs.
#include "core/notation.h"

#include <array>
#include <cstdio>
#include <vector>

#include "core/health.h"

namespace daybook {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kDigestBytesShown = 4;
// Longer lists of messages show their length alone: a catalogue has dozens of rows.
constexpr int kNestedShown = 6;
constexpr std::size_t kSeqWidth = 5;

// Length of the well-formed UTF-8 sequence that starts here; 0: none does (RFC 3629 §4).
std::size_t sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  return length;
}

void append_hexadecimal(std::string_view bytes, std::string* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *out += kDigits[byte >> 4];
    *out += kDigits[byte & 15];
  }
}

// C1 controls (U+0080 to U+009F) move a terminal's cursor just as C0 ones do.
bool is_c1_control(std::string_view sequence) {
  return sequence.size() == 2 && static_cast<unsigned char>(sequence[0]) == 0xC2 &&
         static_cast<unsigned char>(sequence[1]) < 0xA0;
}

void append_escaped(std::string_view sequence, std::string* out) {
  const char first = sequence[0];
  const auto byte = static_cast<unsigned char>(first);
  if (first == '\n') {
    *out += "\\n";
  } else if (first == '\t') {
    *out += "\\t";
  } else if (first == '\r') {
    *out += "\\r";
  } else if (first == '"' || first == '\\') {
    *out += '\\';
    *out += first;
  } else if (byte < 0x20 || byte == 0x7F) {
    *out += "\\x";
    append_hexadecimal(sequence, out);
  } else if (is_c1_control(sequence)) {
    *out += "\\x";
    append_hexadecimal(sequence.substr(1), out);
  } else {
    *out += sequence;
  }
}

bool is_plain_word(std::string_view text) {
  constexpr std::string_view kPlain = "_-.:/@+%*";
  if (text.empty()) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && kPlain.find(c) == std::string_view::npos) return false;
  }
  return true;
}

std::string word(const std::string& text) {
  return is_plain_word(text) ? text : "\"" + escaped(text) + "\"";
}

std::string digest_text(const std::string& bytes) {
  std::string out;
  append_hexadecimal(std::string_view(bytes).substr(0, kDigestBytesShown), &out);
  return out;
}

// What stands for a pause that nobody asked for.
std::string number_text(std::int64_t number, const FieldDescriptor& field) {
  if (field.name() == "retry_after" && number == kNotToday) return "\"not today\"";
  if (field.name() == "retry_after" && number == kNotThisRequest) return "\"not this request\"";
  return std::to_string(number);
}

// The value of a field: `index` counts within a repeated one and is ignored otherwise.
std::string value_text(const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  const bool many = field.is_repeated();
  std::string scratch;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(many ? reflection.GetRepeatedInt32(message, &field, index)
                                 : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return number_text(many ? reflection.GetRepeatedInt64(message, &field, index)
                              : reflection.GetInt64(message, &field),
                         field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(many ? reflection.GetRepeatedUInt32(message, &field, index)
                                 : reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(many ? reflection.GetRepeatedUInt64(message, &field, index)
                                 : reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return many || reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value = many ? reflection.GetRepeatedEnum(message, &field, index)
                               : reflection.GetEnum(message, &field);
      return std::string(value->name());
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string& text =
          many ? reflection.GetRepeatedStringReference(message, &field, index, &scratch)
               : reflection.GetStringReference(message, &field, &scratch);
      return field.type() == FieldDescriptor::TYPE_BYTES ? digest_text(text) : word(text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Message& nested = many ? reflection.GetRepeatedMessage(message, &field, index)
                                   : reflection.GetMessage(message, &field);
      return "{" + notation_fields(nested) + "}";
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "?";  // the schema has none
  }
  return "?";
}

std::string list_text(const Message& message, const FieldDescriptor& field) {
  std::string out = "[";
  const int size = message.GetReflection()->FieldSize(message, &field);
  const bool nested = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (nested && size > kNestedShown) {
    return out + std::to_string(size) + " " + std::string(field.name()) + "]";
  }
  for (int index = 0; index < size; ++index) {
    if (index > 0) out += ' ';
    out += value_text(message, field, index);
  }
  return out + "]";
}

std::string field_text(const Message& message, const FieldDescriptor& field) {
  return field.is_repeated() ? list_text(message, field) : value_text(message, field, 0);
}

struct Calendar {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  std::string clock;  // "03:04:05.006"
};

Calendar calendar_of(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Duration> since(time - day);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%03d",
                static_cast<int>(since.hours().count()), static_cast<int>(since.minutes().count()),
                static_cast<int>(since.seconds().count()),
                static_cast<int>(since.subseconds().count()));
  return {static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()), text.data()};
}

std::string head_text(const Event& event) {
  std::string out = std::to_string(event.seq());
  if (out.size() < kSeqWidth) out.insert(0, kSeqWidth - out.size(), ' ');
  out += ' ' + calendar_of(from_milliseconds(event.time())).clock;
  out += event.session() == 0 ? std::string(" -") : " s" + std::to_string(event.session());
  if (event.cause() != 0) out += " <" + std::to_string(event.cause());
  return out + " ";
}

void append_words(std::string_view label, const std::string& text, std::size_t words_max,
                  std::string* out) {
  if (text.empty()) return;
  *out += ' ';
  *out += label;
  *out += '"' + escaped(text, words_max) + '"';
}

void append_content(const Content& content, std::size_t words_max, std::string* out) {
  append_words("name=", content.name(), words_max, out);
  append_words("arguments=", content.arguments(), words_max, out);
  append_words("detail=", content.detail(), words_max, out);
  append_words("quoted_name=", content.quoted_name(), words_max, out);
  append_words("quoted=", content.quoted(), words_max, out);
  if (!content.raw().empty()) *out += " raw=" + std::to_string(content.raw().size()) + "B";
  append_words("", content.text(), words_max, out);
}

}  // namespace

std::string escaped(std::string_view text, std::size_t bytes_max) {
  std::string out;
  const std::size_t limit = bytes_max == 0 ? text.size() : bytes_max;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    const std::size_t length = sequence_bytes(rest);
    if (at + (length == 0 ? 1 : length) > limit) return out + "...";
    if (length == 0) {
      out += "\\x";
      append_hexadecimal(rest.substr(0, 1), &out);
    } else {
      append_escaped(rest.substr(0, length), &out);
    }
    at += length == 0 ? 1 : length;
  }
  return out;
}

std::string messages_text(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " message" : " messages");
}

std::string time_text(Time time) {
  const Calendar calendar = calendar_of(time);
  std::array<char, 32> date{};
  std::snprintf(date.data(), date.size(), "%04d-%02u-%02uT", calendar.year, calendar.month,
                calendar.day);
  return date.data() + calendar.clock + "Z";
}

std::string notation_fields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::string out;
  for (const FieldDescriptor* field : fields) {
    if (!out.empty()) out += ' ';
    out += std::string(field->name()) + "=" + field_text(message, *field);
  }
  return out;
}

std::string notation(const Event& event, const NotationStyle& style) {
  std::string out = style.head ? head_text(event) : std::string();
  const FieldDescriptor* body = event.GetReflection()->GetOneofFieldDescriptor(
      event, event.GetDescriptor()->FindOneofByName("body"));
  if (body == nullptr) return out + "Unknown";
  out += std::string(body->message_type()->name());
  const std::string fields = notation_fields(event.GetReflection()->GetMessage(event, body));
  if (!fields.empty()) out += " " + fields;
  append_content(event.content(), style.words_max, &out);
  return out;
}

}  // namespace daybook
