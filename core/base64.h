// Base64 as RFC 4648 §4 spells it, with padding: bytes inside JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace daybook {

std::string base64(std::string_view bytes);

// nullopt: not the base64 that base64() writes. One spelling only, so that two texts are never one
// value.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace daybook
