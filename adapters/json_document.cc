// What simdjson does not do for us.
//
// The raw-text helpers walk text that simdjson has already found valid, so they only need to know
// where a value ends.
#include "adapters/json_document.h"

#include <algorithm>
#include <cstring>

namespace daybook {
namespace {

// Above this the memory is given back before the next, smaller document.
constexpr std::size_t kJsonKeptBytes = 256u << 10;

// The code unit of "\uXXXX" at `at`; nullopt if there is none.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const char c = text[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    unit = unit * 16 + digit;
  }
  return unit;
}

bool is_high_surrogate(unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; }

// U+FFFD takes as many bytes to spell, so nothing moves.
void mend_lone_surrogates(std::string& text, std::size_t size) {
  const std::string_view all(text.data(), size);
  std::size_t at = 0;
  while ((at = all.find('\\', at)) != std::string_view::npos) {
    const auto unit = escaped_unit(all, at);
    if (!unit) {
      at += 2;
      continue;
    }
    const auto next = escaped_unit(all, at + 6);
    if (is_high_surrogate(*unit) && next && is_low_surrogate(*next)) {
      at += 12;
      continue;
    }
    if (is_high_surrogate(*unit) || is_low_surrogate(*unit)) {
      std::memcpy(text.data() + at + 2, "fffd", 4);
    }
    at += 6;
  }
}

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_json_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_json_space(text[at])) ++at;
  return at;
}

// Past the closing quote of the string that opens at `at`.
std::size_t skip_json_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

// Past the value that begins at `at`.
std::size_t skip_json_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_json_string(text, at);
      if (depth == 0) return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_json_space(c))) return at;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
    if (depth == 0 && (c == '}' || c == ']')) return at;
  }
  return at;
}

}  // namespace

JsonValue JsonValue::operator[](std::string_view field) const {
  if (!is_object()) return {};
  simdjson::dom::element found;
  if (element_->at_key(field).get(found) != simdjson::SUCCESS) return {};
  return JsonValue(found);
}

std::optional<std::string_view> JsonValue::string() const {
  std::string_view text;
  if (!element_ || element_->get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<std::int64_t> JsonValue::integer() const {
  std::int64_t number = 0;
  if (!element_ || element_->get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::optional<bool> JsonValue::boolean() const {
  bool truth = false;
  if (!element_ || element_->get(truth) != simdjson::SUCCESS) return std::nullopt;
  return truth;
}

std::string_view JsonValue::string_or(std::string_view otherwise) const {
  return string().value_or(otherwise);
}

std::int64_t JsonValue::integer_or(std::int64_t otherwise) const {
  return integer().value_or(otherwise);
}

bool JsonValue::boolean_or(bool otherwise) const { return boolean().value_or(otherwise); }

std::vector<JsonValue> JsonValue::elements() const {
  std::vector<JsonValue> all;
  simdjson::dom::array array;
  if (!element_ || element_->get(array) != simdjson::SUCCESS) return all;
  for (const simdjson::dom::element element : array) all.emplace_back(element);
  return all;
}

std::vector<std::string_view> JsonValue::names() const {
  std::vector<std::string_view> all;
  simdjson::dom::object object;
  if (!element_ || element_->get(object) != simdjson::SUCCESS) return all;
  for (const auto& field : object) all.push_back(field.key);
  return all;
}

Result<JsonValue> JsonReader::read(std::string_view text) {
  if (text.size() > bytes_max_) {
    return Error{"the JSON is longer than " + std::to_string(bytes_max_) + " bytes",
                 ExitCode::kUnavailable};
  }
  if (parser_.capacity() > kJsonKeptBytes && text.size() <= kJsonKeptBytes) {
    parser_ = simdjson::dom::parser();
    buffer_ = std::string();
  }
  // resize() would keep the old bytes' copy; assign() and a zeroed tail give the parser its
  // padding.
  buffer_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  buffer_.assign(text);
  buffer_.append(simdjson::SIMDJSON_PADDING, '\0');
  mend_lone_surrogates(buffer_, text.size());
  if (parser_.capacity() < text.size() || parser_.max_depth() != kJsonDepthMax) {
    const std::size_t capacity = std::max<std::size_t>(text.size(), 4096);
    if (parser_.allocate(capacity, kJsonDepthMax) != simdjson::SUCCESS) {
      return Error{"there is no memory for a JSON document", ExitCode::kInternal};
    }
  }
  simdjson::dom::element root;
  const auto error = parser_.parse(buffer_.data(), text.size(), false).get(root);
  if (error != simdjson::SUCCESS) {
    return Error{std::string("not valid JSON: ") + simdjson::error_message(error),
                 ExitCode::kUnavailable};
  }
  return JsonValue(root);
}

std::string_view json_field_text(std::string_view object, std::string_view field) {
  std::size_t at = skip_json_space(object, 0);
  if (at >= object.size() || object[at] != '{') return {};
  at = skip_json_space(object, at + 1);
  while (at < object.size() && object[at] == '"') {
    const std::size_t name_end = skip_json_string(object, at);
    const std::string_view name = object.substr(at + 1, name_end - at - 2);
    const std::size_t colon = skip_json_space(object, name_end);
    const std::size_t begin = skip_json_space(object, colon + 1);
    const std::size_t end = skip_json_value(object, begin);
    if (name == field) return object.substr(begin, end - begin);
    at = skip_json_space(object, end);
    if (at < object.size() && object[at] == ',') at = skip_json_space(object, at + 1);
  }
  return {};
}

std::vector<std::string_view> json_element_texts(std::string_view array) {
  std::vector<std::string_view> all;
  std::size_t at = skip_json_space(array, 0);
  if (at >= array.size() || array[at] != '[') return all;
  at = skip_json_space(array, at + 1);
  while (at < array.size() && array[at] != ']') {
    const std::size_t end = skip_json_value(array, at);
    all.push_back(array.substr(at, end - at));
    at = skip_json_space(array, end);
    if (at < array.size() && array[at] == ',') at = skip_json_space(array, at + 1);
  }
  return all;
}

}  // namespace daybook
