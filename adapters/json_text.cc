// Strings and numbers of a stream of JSON. The common string has no backslash and is copied once,
// straight from its token; the others go through a small unescaper of our own, which holds a high
// surrogate until it is known what follows.
#include "adapters/json_text.h"

#include <cmath>

#include "adapters/wire/utf8.h"

namespace daybook {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::uint32_t kHighFirst = 0xD800;
constexpr std::uint32_t kLowFirst = 0xDC00;
constexpr std::uint32_t kLowLast = 0xDFFF;

void append_code_point(std::uint32_t code, std::string* out) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (code < 0x80) {
    out->push_back(byte(code));
  } else if (code < 0x800) {
    out->push_back(byte(0xC0 | (code >> 6)));
    out->push_back(byte(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out->push_back(byte(0xE0 | (code >> 12)));
    out->push_back(byte(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(byte(0x80 | (code & 0x3F)));
  } else {
    out->push_back(byte(0xF0 | (code >> 18)));
    out->push_back(byte(0x80 | ((code >> 12) & 0x3F)));
    out->push_back(byte(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(byte(0x80 | (code & 0x3F)));
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool take_hex(std::string_view& rest, std::uint32_t* unit) {
  if (rest.size() < 4) return false;
  *unit = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int value = hex_value(rest[i]);
    if (value < 0) return false;
    *unit = *unit * 16 + static_cast<std::uint32_t>(value);
  }
  rest.remove_prefix(4);
  return true;
}

// What stands for a one-letter escape; 0 for none.
char simple_escape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// The inside of a string token, its quotes and the blanks behind it taken off.
bool inside_quotes(std::string_view token, std::string_view* inside) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return false;
  *inside = token.substr(1, token.size() - 2);
  return true;
}

}  // namespace

void JsonBuffer::copy(std::string_view text) {
  const std::size_t wanted = text.size() + simdjson::SIMDJSON_PADDING;
  if (bytes_.size() < wanted) bytes_.resize(wanted * 2);
  text.copy(bytes_.data(), text.size());
}

simdjson::error_code JsonBuffer::iterate(std::string_view text,
                                         simdjson::ondemand::document* document) {
  copy(text);
  const auto parse = [&](std::size_t size) {
    return parser_.iterate(simdjson::padded_string_view(bytes_.data(), size, bytes_.size()))
        .get(*document);
  };
  const simdjson::error_code error = parse(text.size());
  if (error != simdjson::UTF8_ERROR) return error;
  const std::string repaired = utf8::repair(text);
  copy(repaired);
  return parse(repaired.size());
}

void JsonText::release(std::string* out) {
  if (held_ != 0) out->append(kReplacement);
  held_ = 0;
}

void JsonText::finish(std::string* out) { release(out); }

void JsonText::code_unit(std::uint32_t unit, std::string* out) {
  const bool low = unit >= kLowFirst && unit <= kLowLast;
  if (low && held_ != 0) {
    append_code_point(0x10000 + ((held_ - kHighFirst) << 10) + (unit - kLowFirst), out);
    held_ = 0;
    return;
  }
  release(out);
  if (low) {
    out->append(kReplacement);
  } else if (unit >= kHighFirst && unit < kLowFirst) {
    held_ = unit;
  } else {
    append_code_point(unit, out);
  }
}

bool JsonText::escape(std::string_view& rest, std::string* out) {
  if (rest.empty()) return false;
  const char letter = rest.front();
  rest.remove_prefix(1);
  if (letter == 'u') {
    std::uint32_t unit = 0;
    if (!take_hex(rest, &unit)) return false;
    code_unit(unit, out);
    return true;
  }
  const char plain = simple_escape(letter);
  if (plain == 0) return false;
  release(out);
  out->push_back(plain);
  return true;
}

bool JsonText::append(std::string_view token, std::string* out) {
  std::string_view rest;
  if (!inside_quotes(token, &rest)) return false;
  while (!rest.empty()) {
    const std::size_t plain = std::min(rest.find('\\'), rest.size());
    if (plain > 0) {
      release(out);
      out->append(rest.substr(0, plain));
      rest.remove_prefix(plain);
    }
    if (rest.empty()) break;
    rest.remove_prefix(1);
    if (!escape(rest, out)) return false;
  }
  return true;
}

std::string json_string(simdjson::ondemand::value& value) {
  std::string text;
  JsonText reader;
  if (!reader.append(value.raw_json_token(), &text)) return {};
  reader.finish(&text);
  return text;
}

std::uint64_t json_count(simdjson::ondemand::value& value) {
  // Times a price, and many of them summed, it still fits.
  constexpr std::uint64_t kMost = 1'000'000'000'000;
  std::uint64_t count = 0;
  if (value.get_uint64().get(count) == simdjson::SUCCESS) return std::min(count, kMost);
  double number = 0;
  if (value.get_double().get(number) != simdjson::SUCCESS) return 0;
  return number > 0 ? static_cast<std::uint64_t>(std::min(number, double{kMost})) : 0;
}

}  // namespace daybook
