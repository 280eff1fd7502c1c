// Redaction by exact spelling and by pattern.
#include "tools/redactor.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "core/base64.h"
#include "core/notation.h"

namespace daybook {
namespace {

constexpr std::string_view kHidden = "[secret]";
constexpr std::size_t kTokenDigitsMin = 6;
constexpr std::size_t kTokenTailMin = 30;
constexpr std::size_t kKeyTailMin = 8;
constexpr std::size_t kGoogleTailMin = 35;
constexpr std::size_t kBearerTailMin = 20;
constexpr std::string_view kHexadecimal = "0123456789ABCDEF";
constexpr std::string_view kBearer = "bearer ";

bool is_token_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

bool is_header_letter(char c) {
  return is_token_letter(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

template <typename Predicate>
std::size_t run_of(std::string_view text, std::size_t at, Predicate predicate) {
  const auto first = text.begin() + static_cast<std::ptrdiff_t>(at);
  return static_cast<std::size_t>(std::find_if_not(first, text.end(), predicate) - first);
}

bool begins_bearer(std::string_view text) {
  if (text.size() < kBearer.size()) return false;
  return std::equal(kBearer.begin(), kBearer.end(), text.begin(), [](char wanted, char c) {
    return wanted == std::tolower(static_cast<unsigned char>(c));
  });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// How many bytes from `at` on are a token by their looks, and how many of them may stay.
struct Find {
  std::size_t bytes = 0;
  std::size_t kept = 0;
};

Find looks_secret(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (is_digit(rest[0]) && (at == 0 || !is_digit(text[at - 1]))) {
    const std::size_t digits = run_of(rest, 0, is_digit);
    if (digits >= kTokenDigitsMin && digits < rest.size() && rest[digits] == ':') {
      const std::size_t tail = run_of(rest, digits + 1, is_token_letter);
      if (tail >= kTokenTailMin) return {digits + 1 + tail, 0};
    }
  }
  const bool begins_word = at == 0 || !is_token_letter(text[at - 1]);
  if (rest.starts_with("sk-") && begins_word) {
    const std::size_t tail = run_of(rest, 3, is_token_letter);
    if (tail >= kKeyTailMin) return {3 + tail, 0};
  }
  if (rest.starts_with("AIza") && begins_word) {
    const std::size_t tail = run_of(rest, 4, is_token_letter);
    if (tail >= kGoogleTailMin) return {4 + tail, 0};
  }
  if (begins_word && begins_bearer(rest)) {
    const std::size_t bytes = run_of(rest, kBearer.size(), is_header_letter);
    const std::string_view tail = rest.substr(kBearer.size(), bytes);
    // "the bearer of news" is prose.
    const bool token = bytes >= kBearerTailMin || std::any_of(tail.begin(), tail.end(), is_digit);
    if (token) return {kBearer.size() + bytes, kBearer.size()};
  }
  return {};
}

std::string url_spelling(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_token_letter(c) || c == '.' || c == '~') {
      out += c;
    } else {
      out += {'%', kHexadecimal[byte >> 4], kHexadecimal[byte & 15]};
    }
  }
  return out;
}

std::string json_spelling(std::string_view text) {
  const std::string quoted =
      nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

// The part of the base64 that does not depend on what follows the secret.
std::string base64_spelling(std::string_view text) {
  return base64(text.substr(0, text.size() / 3 * 3));
}

std::string replaced(std::string text, std::string_view spelling) {
  std::size_t at = text.find(spelling);
  while (at != std::string::npos) {
    text.replace(at, spelling.size(), kHidden);
    at = text.find(spelling, at + kHidden.size());
  }
  return text;
}

}  // namespace

Redactor::Redactor(const std::vector<Secret>& secrets) {
  for (const Secret& secret : secrets) {
    const std::string_view text = secret.reveal();
    if (text.size() < kSecretBytesMin) continue;
    spellings_.emplace_back(std::string(text));
    spellings_.emplace_back(url_spelling(text));
    spellings_.emplace_back(json_spelling(text));
    spellings_.emplace_back(escaped(text));
    spellings_.emplace_back(base64_spelling(text));
  }
  std::sort(spellings_.begin(), spellings_.end(), [](const Secret& one, const Secret& other) {
    return one.reveal().size() > other.reveal().size();
  });
}

std::string Redactor::clean(std::string_view text) const {
  std::string exact(text);
  for (const Secret& spelling : spellings_) exact = replaced(std::move(exact), spelling.reveal());
  std::string out;
  std::size_t at = 0;
  while (at < exact.size()) {
    const Find find = looks_secret(exact, at);
    if (find.bytes == 0) {
      out += exact[at++];
      continue;
    }
    out += exact.substr(at, find.kept);
    out += kHidden;
    at += find.bytes;
  }
  return out;
}

}  // namespace daybook
