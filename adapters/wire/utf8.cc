// Validity is simdjson's (vector instructions where there are any); the repair is a walk over lead
// bytes, taken only by text that is not valid.
#include "adapters/wire/utf8.h"

#include <simdjson.h>

#include <cstdint>

namespace daybook::utf8 {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// What may follow a lead byte: how many continuations, and the bounds of the first of them, which
// are narrower where overlong forms, surrogates or values above U+10FFFF would begin.
struct Lead {
  std::size_t continuations = 0;  // 0: not a lead byte of a longer sequence
  std::uint8_t lowest = 0x80;
  std::uint8_t highest = 0xBF;
};

Lead lead_of(std::uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};
  if (byte == 0xED) return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {2};
  if (byte == 0xF0) return {3, 0x90, 0xBF};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  if (byte >= 0xF1 && byte <= 0xF3) return {3};
  return {};
}

// Length of the sequence that begins at `at`, and whether it is well formed.
struct Sequence {
  std::size_t length = 1;
  bool whole = false;
};

Sequence sequence_at(std::string_view bytes, std::size_t at) {
  const auto first = static_cast<std::uint8_t>(bytes[at]);
  if (first < 0x80) return {1, true};
  const Lead lead = lead_of(first);
  std::size_t seen = 0;
  while (seen < lead.continuations && at + 1 + seen < bytes.size()) {
    const auto byte = static_cast<std::uint8_t>(bytes[at + 1 + seen]);
    const std::uint8_t lowest = seen == 0 ? lead.lowest : std::uint8_t{0x80};
    const std::uint8_t highest = seen == 0 ? lead.highest : std::uint8_t{0xBF};
    if (byte < lowest || byte > highest) break;
    ++seen;
  }
  return {1 + seen, lead.continuations > 0 && seen == lead.continuations};
}

}  // namespace

bool is_valid(std::string_view bytes) {
  return bytes.empty() || simdjson::validate_utf8(bytes.data(), bytes.size());
}

std::string repair(std::string_view bytes) {
  if (is_valid(bytes)) return std::string(bytes);
  std::string repaired;
  repaired.reserve(bytes.size() + kReplacement.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Sequence sequence = sequence_at(bytes, at);
    repaired += sequence.whole ? bytes.substr(at, sequence.length) : kReplacement;
    at += sequence.length;
  }
  return repaired;
}

}  // namespace daybook::utf8
