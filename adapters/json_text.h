// JSON from a stream: one reused padded buffer, and strings that forgive split surrogates.
//
// Law: what comes out is valid UTF-8, and joining the pieces of a stream gives the text its writer
// meant: a server may cut "\ud83d\ude00" between two deltas, so half a pair is held until its other
// half comes. Rejected: the parser's own unescaping, which refuses the half that comes first and
// makes ill-formed bytes of the half that comes second.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace daybook {

// Copies each text behind the padding the parser wants. No allocation once it has grown.
class JsonBuffer {
 public:
  // The document is valid until the next call. Ill-formed UTF-8 is repaired.
  simdjson::error_code iterate(std::string_view text, simdjson::ondemand::document* document);

 private:
  void copy(std::string_view text);

  std::string bytes_;
  simdjson::ondemand::parser parser_;
};

// One stream of text cut into JSON strings.
class JsonText {
 public:
  // Appends what `token` says (a raw JSON token, from its opening quote on). False: it is not a
  // string, or an escape in it is wrong; then `out` may hold a part.
  [[nodiscard]] bool append(std::string_view token, std::string* out);
  // The stream is over: a half still held becomes U+FFFD.
  void finish(std::string* out);

 private:
  bool escape(std::string_view& rest, std::string* out);
  void code_unit(std::uint32_t unit, std::string* out);
  void release(std::string* out);

  std::uint32_t held_ = 0;  // a high surrogate, or 0
};

// A whole string on its own; empty when the value is no string.
std::string json_string(simdjson::ondemand::value& value);

// A count that a peer may write as 12, 12.0, null or not at all; never negative.
std::uint64_t json_count(simdjson::ondemand::value& value);

}  // namespace daybook
