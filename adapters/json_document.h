// Reading JSON from outside, whole: every value is seen and checked before the first is used. For
// the Bot API and the control socket; provider deltas are read on demand elsewhere.
//
// Law: a document is taken whole or refused whole (RFC 8259: UTF-8, nothing after the value,
// integers exact or refused). One thing is mended: a lone surrogate escape reads as U+FFFD, because
// one odd emoji in one message must not block a batch. Values are views into the reader, so reading
// allocates next to nothing. Rejected: a tree of std::variant; it costs one allocation a field and
// gains nothing here.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace daybook {

// Some ten kilobytes of a reader's memory. A rich message of 16 levels, each a list in an item of a
// list, comes to more than 64 by itself (Bot API, RichBlock).
inline constexpr std::size_t kJsonDepthMax = 1'024;
inline constexpr std::size_t kJsonBytesMax = 16u << 20;

// One value, or the absence of one: a question asked of the wrong type or of a missing field
// answers "none", so that a chain of lookups needs one check at its end. Valid until its reader
// reads again.
class JsonValue {
 public:
  JsonValue() = default;
  explicit JsonValue(simdjson::dom::element element) : element_(element) {}

  [[nodiscard]] bool present() const { return element_.has_value(); }
  [[nodiscard]] bool is_object() const { return is(simdjson::dom::element_type::OBJECT); }
  [[nodiscard]] bool is_array() const { return is(simdjson::dom::element_type::ARRAY); }
  [[nodiscard]] bool is_null() const { return is(simdjson::dom::element_type::NULL_VALUE); }

  // The first field of this name; linear in the number of fields.
  [[nodiscard]] JsonValue operator[](std::string_view field) const;

  [[nodiscard]] std::optional<std::string_view> string() const;  // valid UTF-8
  [[nodiscard]] std::optional<std::int64_t> integer() const;     // 7 but neither 7.0 nor 2^63
  [[nodiscard]] std::optional<bool> boolean() const;

  [[nodiscard]] std::string_view string_or(std::string_view otherwise) const;
  [[nodiscard]] std::int64_t integer_or(std::int64_t otherwise) const;
  [[nodiscard]] bool boolean_or(bool otherwise) const;

  // Of an array; empty for anything else.
  [[nodiscard]] std::vector<JsonValue> elements() const;
  // Field names of an object in order, doubled ones doubled; empty for anything else.
  [[nodiscard]] std::vector<std::string_view> names() const;

 private:
  [[nodiscard]] bool is(simdjson::dom::element_type type) const {
    return element_ && element_->type() == type;
  }

  std::optional<simdjson::dom::element> element_;
};

// Owns the padded copy and the tape; both are reused, and given back after an unusually large
// document.
class JsonReader {
 public:
  explicit JsonReader(std::size_t bytes_max = kJsonBytesMax) : bytes_max_(bytes_max) {}
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // The text is copied. An Error says in plain words what is wrong with it, never quoting it.
  Result<JsonValue> read(std::string_view text);

 private:
  std::size_t bytes_max_;
  std::string buffer_;
  simdjson::dom::parser parser_;
};

// The bytes of one field's value, as they came, in a text that a reader took and whose value is an
// object. Empty: no such field, or its name is spelled with escapes.
std::string_view json_field_text(std::string_view object, std::string_view field);

// The bytes of each element, as they came, in a text whose value is an array and was taken by a
// reader.
std::vector<std::string_view> json_element_texts(std::string_view array);

}  // namespace daybook
