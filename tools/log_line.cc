// Redaction by exact spelling and by pattern, and the spdlog sink that applies it.
#include "tools/log_line.h"

#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/notation.h"

namespace daybook {
namespace {

constexpr std::string_view kHidden = "[secret]";
constexpr std::size_t kTokenDigitsMin = 6;
constexpr std::size_t kTokenTailMin = 30;
constexpr std::size_t kKeyTailMin = 8;

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
  if (rest.starts_with("sk-") && (at == 0 || !is_token_letter(text[at - 1]))) {
    const std::size_t tail = run_of(rest, 3, is_token_letter);
    if (tail >= kKeyTailMin) return {3 + tail, 0};
  }
  if (rest.starts_with("Bearer ") || rest.starts_with("bearer ")) {
    const std::size_t tail = run_of(rest, 7, is_header_letter);
    if (tail > 0) return {7 + tail, 7};
  }
  return {};
}

std::string url_spelling(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_token_letter(c) || c == '.' || c == '~') {
      out += c;
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
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
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at + 3 <= text.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t index = 0; index < 3; ++index) {
      group = group << 8 | static_cast<unsigned char>(text[at + index]);
    }
    for (int shift = 18; shift >= 0; shift -= 6) out += kAlphabet[(group >> shift) & 63];
  }
  return out;
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

class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LineSink(std::FILE* output) : output_(output) {}

  void configure(bool json, Redactor redactor) {
    const std::lock_guard<std::mutex> lock(mutex_);
    json_ = json;
    redactor_ = std::move(redactor);
  }

  std::string clean(std::string_view text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return redactor_.clean(text);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& entry) override {
    const auto time = std::chrono::time_point_cast<Duration>(entry.time);
    const std::string words = redactor_.clean({entry.payload.data(), entry.payload.size()});
    const spdlog::string_view_t level = spdlog::level::to_string_view(entry.level);
    const std::string level_name(level.data(), level.size());
    std::string line;
    if (json_) {
      const nlohmann::ordered_json object = {
          {"time", time_text(time)}, {"level", level_name}, {"message", words}};
      line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    } else {
      line = time_text(time) + " " + level_name + " " + escaped_line(words);
    }
    line += '\n';
    // A log that cannot be written has nowhere to say so.
    static_cast<void>(std::fwrite(line.data(), 1, line.size(), output_));
  }

  void flush_() override { static_cast<void>(std::fflush(output_)); }

 private:
  // Quotes are harmless in a line; what moves a cursor is not.
  static std::string escaped_line(std::string_view words) {
    std::string out;
    std::size_t from = 0;
    for (std::size_t at = 0; at <= words.size(); ++at) {
      const bool plain = at < words.size() && words[at] != '"' && words[at] != '\\';
      if (plain) continue;
      out += escaped(words.substr(from, at - from));
      if (at < words.size()) out += words[at];
      from = at + 1;
    }
    return out;
  }

  std::FILE* output_;
  bool json_ = false;
  Redactor redactor_;
};

DaemonLog::DaemonLog(std::FILE* output)
    : sink_(std::make_shared<LineSink>(output)),
      logger_(std::make_unique<spdlog::logger>("daybookd", sink_)) {
  logger_->flush_on(spdlog::level::trace);
}

void DaemonLog::configure(const std::string& level, const std::string& format, Redactor redactor) {
  sink_->configure(format == "json", std::move(redactor));
  logger_->set_level(spdlog::level::from_str(level));
}

std::string DaemonLog::clean(std::string_view text) const { return sink_->clean(text); }

}  // namespace daybook
