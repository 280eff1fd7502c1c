// UTF-8 from outside: is it whole, and if not, what would a browser make of it.
//
// Law: what repair() returns is always valid, and valid text comes back unchanged. Each maximal
// subpart of an ill-formed sequence becomes one U+FFFD (WHATWG Encoding, Unicode 15 section 3.9).
// Rejected: refusing ill-formed text, because one bad byte in a model's answer must not lose it.
#pragma once

#include <string>
#include <string_view>

namespace daybook::utf8 {

[[nodiscard]] bool is_valid(std::string_view bytes);

// Linear; at most three times as long as `bytes`.
[[nodiscard]] std::string repair(std::string_view bytes);

}  // namespace daybook::utf8
