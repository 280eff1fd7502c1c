// Takes secrets out of text that leaves us: log lines, exports.
//
// What goes: every secret in force, as it is and as URLs, JSON and base64 would carry it, and
// whatever looks like a bot token, an API key or a bearer header. It can know no other secrets: a
// password that somebody wrote in a chat is text like any other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/secret.h"

namespace daybook {

class Redactor {
 public:
  // Shorter secrets would blank out ordinary words.
  static constexpr std::size_t kSecretBytesMin = 6;

  Redactor() = default;
  explicit Redactor(const std::vector<Secret>& secrets);

  [[nodiscard]] std::string clean(std::string_view text) const;

 private:
  std::vector<Secret> spellings_;  // longest first
};

}  // namespace daybook
