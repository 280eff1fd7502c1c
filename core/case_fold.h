// Letters without their case: Unicode's simple case folding, one code point to one code point.
//
// Law: folding twice is folding once, whatever the locale, for ever: decisions rest on it.
// Rejected: towlower(), which asks the locale; full folding, which makes two letters of one
// ("ß" is not found by "ss"); ICU, thirty megabytes for one table. Accents are not folded, and a
// letter written as letter and combining accent is not the one written as a single code point.
#pragma once

#include <cstdint>

namespace daybook {

char32_t fold_case(char32_t letter);

}  // namespace daybook
