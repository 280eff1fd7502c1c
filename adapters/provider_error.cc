// What a provider means when it says no. Errors are rare and small, so this side of the wire reads
// them with the DOM and with patience: every field may be missing, of another type, or hold a
// second JSON text.
#include "adapters/provider_error.h"

#include <simdjson.h>

#include <algorithm>
#include <array>

#include "adapters/wire/utf8.h"

namespace daybook {
namespace {

using simdjson::dom::element;

// A daily quota that begins anew sooner is none.
constexpr Duration kQuotaWaitMin{300'000};

// Everything an error body may tell, whatever its shape.
struct PeerError {
  std::int32_t status = 0;  // a number where the code stands
  std::string message;
  std::vector<std::string> words;  // codes, types and reasons, in lower case
  std::optional<Duration> retry;
  bool moderation = false;
  bool per_day = false;
  bool per_minute = false;
  bool per_model = false;  // the daily quota is this model's
  std::string reset;       // X-RateLimit-Reset, where the body repeats it
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool text_at(element from, std::string_view key, std::string_view* text) {
  return from[key].get_string().get(*text) == simdjson::SUCCESS;
}

void add_word(element from, std::string_view key, PeerError& error) {
  std::string_view word;
  if (text_at(from, key, &word) && !word.empty()) error.words.push_back(lower_case(word));
}

bool has_word(const PeerError& error, std::initializer_list<std::string_view> parts) {
  return std::any_of(error.words.begin(), error.words.end(), [&](const std::string& word) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return word.find(part) != std::string::npos; });
  });
}

// google.rpc.QuotaFailure, RetryInfo and ErrorInfo.
void read_google_detail(element detail, PeerError& error) {
  std::string_view text;
  if (text_at(detail, "retryDelay", &text)) error.retry = parse_duration(text);
  add_word(detail, "reason", error);
  simdjson::dom::array violations;
  if (detail["violations"].get_array().get(violations)) return;
  for (element violation : violations) {
    if (!text_at(violation, "quotaId", &text)) continue;
    std::string_view value;
    const bool none = text_at(violation, "quotaValue", &value) && value == "0";
    const bool day = none || text.find("PerDay") != std::string_view::npos;
    error.per_day |= day;
    error.per_minute |= text.find("PerMinute") != std::string_view::npos;
    error.per_model |= day && text.find("PerModel") != std::string_view::npos;
  }
}

void read_metadata(element metadata, PeerError& error) {
  add_word(metadata, "error_type", error);
  add_word(metadata, "limit_source", error);
  add_word(metadata, "reason", error);
  element ignored;
  error.moderation |= metadata["flagged_input"].get(ignored) == simdjson::SUCCESS ||
                      metadata["reasons"].get(ignored) == simdjson::SUCCESS;
  std::string_view text;
  if (text_at(metadata, "raw", &text)) error.message += ": " + std::string(text);
  element headers;
  if (metadata["headers"].get(headers) != simdjson::SUCCESS) return;
  if (text_at(headers, "X-RateLimit-Reset", &text)) error.reset = text;
}

// FastAPI: "detail" is a text, or a list of {msg}.
void read_detail(element from, PeerError& error) {
  element detail;
  std::string_view text;
  if (from["detail"].get(detail) || !error.message.empty()) return;
  if (detail.get_string().get(text) == simdjson::SUCCESS) error.message = text;
  simdjson::dom::array rows;
  if (detail.get_array().get(rows)) return;
  for (element row : rows) {
    if (text_at(row, "msg", &text))
      error.message += (error.message.empty() ? "" : "; ") + std::string(text);
  }
}

void read_error_object(element from, PeerError& error) {
  std::string_view text;
  std::int64_t number = 0;
  if (text_at(from, "message", &text)) error.message = text;
  if (from["code"].get_int64().get(number) == simdjson::SUCCESS && number >= 400 && number < 600) {
    error.status = static_cast<std::int32_t>(number);
  }
  for (const std::string_view key : {"code", "type", "status", "error_type"}) {
    add_word(from, key, error);
  }
  element metadata;
  if (from["metadata"].get(metadata) == simdjson::SUCCESS) read_metadata(metadata, error);
  element details;
  simdjson::dom::array rows;
  if (from["details"].get(details) == simdjson::SUCCESS) add_word(details, "error_code", error);
  if (from["details"].get_array().get(rows) == simdjson::SUCCESS) {
    for (element detail : rows) read_google_detail(detail, error);
  }
  read_detail(from, error);
}

// Where the error stands in a body; false: nowhere.
bool find_error(element root, element* found) {
  if (root["error"].get(*found) == simdjson::SUCCESS && !found->is_null()) return true;
  if (root["choices"].at(0)["error"].get(*found) == simdjson::SUCCESS && !found->is_null()) {
    return true;
  }
  *found = root;
  element ignored;
  const auto has = [&](std::string_view key) {
    return root[key].get(ignored) == simdjson::SUCCESS;
  };
  return (has("message") || has("detail")) && !has("choices") && !has("candidates");
}

std::optional<PeerError> read_peer_error(std::string_view body) {
  simdjson::dom::parser parser;
  element root;
  const std::string repaired = utf8::repair(body);
  if (parser.parse(repaired).get(root)) return std::nullopt;
  if (root.is_array() && root.at(0).get(root)) return std::nullopt;
  element found;
  if (!root.is_object() || !find_error(root, &found)) return std::nullopt;
  PeerError error;
  std::string_view text;
  if (found.get_string().get(text) == simdjson::SUCCESS) {
    error.message = text;
  } else if (found.is_object()) {
    read_error_object(found, error);
  }
  return error;
}

// A message may itself be the JSON of whoever stands behind the provider.
void unwrap_message(PeerError& error) {
  if (!error.message.starts_with('{') && !error.message.starts_with('[')) return;
  auto inner = read_peer_error(error.message);
  if (!inner || inner->message.empty()) return;
  error.message = inner->message;
  error.words.insert(error.words.end(), inner->words.begin(), inner->words.end());
  if (!error.retry) error.retry = inner->retry;
  error.per_day |= inner->per_day;
  error.per_minute |= inner->per_minute;
  error.per_model |= inner->per_model;
}

// OpenRouter's quota of models that cost nothing: those that cost something may be asked.
void note_free_quota(PeerError& error) {
  if (lower_case(error.message).find("free-models-per-day") == std::string::npos) return;
  error.per_day = true;
  error.per_model = true;
}

// "Please retry in 34.07s.", "Please try again in 6m0s."
std::optional<Duration> retry_in_words(std::string_view message) {
  const std::string lower = lower_case(message);
  for (const std::string_view phrase : {"retry in ", "try again in "}) {
    const std::size_t at = lower.find(phrase);
    if (at == std::string::npos) continue;
    std::string_view rest = std::string_view(lower).substr(at + phrase.size());
    rest = rest.substr(0, rest.find_first_not_of("0123456789.hms"));
    while (rest.ends_with('.')) rest.remove_suffix(1);
    if (const auto wait = parse_duration(rest)) return wait;
  }
  return std::nullopt;
}

ErrorClass class_of_words(const PeerError& error) {
  if (error.per_day) return FUNDS;
  if (has_word(error, {"insufficient_quota", "billing_error", "payment_required"})) return FUNDS;
  if (has_word(error, {"rate_limit", "resource_exhausted", "too_many_requests"})) return RATE;
  if (has_word(error, {"api_key_invalid", "authentication", "invalid_api_key"})) return AUTH;
  if (has_word(error, {"content_policy", "content_filter", "moderation"})) return REFUSED;
  if (has_word(error, {"refusal"})) return REFUSED;
  if (has_word(error, {"overloaded", "unavailable", "server", "internal", "timeout"})) {
    return OVERLOAD;
  }
  if (has_word(error, {"invalid", "not_found", "permission"})) return REQUEST;
  return ERROR_CLASS_UNSPECIFIED;
}

// Words that look like an overflow and are none. `text` is in lower case.
bool speaks_of_rate(std::string_view text) {
  return text.find("rate limit") != std::string_view::npos ||
         text.find("too many requests") != std::string_view::npos ||
         text.starts_with("throttling error:") || text.starts_with("service unavailable:");
}

bool overflows(const PeerError& error, int status) {
  if (status == 401 || status == 402 || status == 403 || status == 429) return false;
  if (has_word(error, {"rate_limit"})) return false;
  const bool said =
      has_word(error, {"context_length_exceeded", "context_window_exceeded", "request_too_large"});
  return said || means_overflow(error.message);
}

// Of a pattern a star stands for anything.
bool matches(std::string_view text, std::string_view pattern) {
  while (true) {
    const std::size_t star = pattern.find('*');
    const std::size_t at = text.find(pattern.substr(0, star));
    if (at == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    text.remove_prefix(at + star);
    pattern.remove_prefix(star + 1);
  }
}

template <typename Patterns>
bool matches_any(std::string_view text, const Patterns& patterns) {
  return std::any_of(std::begin(patterns), std::end(patterns),
                     [&](std::string_view pattern) { return matches(text, pattern); });
}

// Most say so with a 404; in other answers only the words do. `message` is in lower case.
// OpenRouter ("is not a valid model ID"), OpenAI and whoever speaks like it, DeepSeek, Mistral,
// Gemini.
bool names_no_model(const PeerError& error, const std::string& message) {
  constexpr std::string_view kPatterns[] = {"valid model", "model not exist",
                                            "model*does not exist", "model*not found",
                                            "unexpected model name"};
  return has_word(error, {"model_not_found", "invalid_model"}) || matches_any(message, kPatterns);
}

// What is wrong is the model that was asked for, not the key: others may be asked. How it is worded
// is a guess.
bool about_the_model(const PeerError& error, const std::string& message) {
  constexpr std::string_view kPatterns[] = {
      "access to model",   "access to the model", "access model",     "permission*model",
      "model*not allowed", "not allowed*model",   "model*not enabled"};
  return names_no_model(error, message) || matches_any(message, kPatterns);
}

ErrorClass class_of_403(const PeerError& error) {
  const std::string message = lower_case(error.message);
  const bool refused = error.moderation || class_of_words(error) == REFUSED ||
                       message.find("moderation") != std::string::npos ||
                       message.find("flagged") != std::string::npos;
  if (refused) return REFUSED;
  return about_the_model(error, message) ? REQUEST : AUTH;
}

// Of an account that is not used up, but may not spend more (Anthropic).
bool spent(const PeerError& error) { return has_word(error, {"enforced_spend_limit_reached"}); }

// What a day allows is used up like funds: no pause that anybody waits for helps.
ErrorClass class_of_429(const PeerError& error) {
  const bool funds = has_word(error, {"insufficient_quota", "billing_error", "quota_exhausted"});
  return funds || error.per_day ? FUNDS : RATE;
}

ErrorClass class_of_400(const PeerError& error) {
  const bool key = has_word(error, {"api_key_invalid", "invalid_api_key"}) ||
                   error.message.find("API key not valid") != std::string::npos;
  if (key) return AUTH;
  return class_of_words(error) == REFUSED ? REFUSED : REQUEST;
}

ErrorClass class_of(const PeerError& error, int status) {
  if (spent(error)) return FUNDS;
  if (overflows(error, status)) return OVERFLOW;
  if (status >= 500) return OVERLOAD;
  switch (status) {
    case 401:
      return AUTH;
    case 402:
      return has_word(error, {"in_flight", "weight_exceeds_budget"}) ? RATE : FUNDS;
    case 403:
      return class_of_403(error);
    case 429:
      return class_of_429(error);
    case 408:
    case 498:
    case 499:
      return OVERLOAD;
    case 413:
      // Whatever its code says: a request that is over a limit by itself is so after any wait.
      return speaks_of_rate(lower_case(error.message)) ? RATE : OVERFLOW;
    default:
      break;
  }
  if (status >= 400) return class_of_400(error);
  return status >= 300 ? SETTINGS : class_of_words(error);
}

// When a daily quota begins anew. Google tells short pauses beside one, which mend nothing.
std::int64_t quota_wait(const PeerError& error, std::optional<Duration> reset) {
  if (reset && reset->count() > 0) return reset->count();
  if (error.retry && *error.retry > kQuotaWaitMin) {
    return std::min(*error.retry, kResetWaitMax).count();
  }
  return kNotToday;
}

// Of a server that counts requests, when the next may come. What is left of them says that another
// limit was meant.
std::optional<Duration> reset_of(int status, const HeaderList& headers, const PeerError& error,
                                 Time now) {
  const std::string_view left = header_value(headers, "x-ratelimit-remaining");
  if (status != 429 || (!left.empty() && left != "0")) return std::nullopt;
  const std::string_view reset = header_value(headers, "x-ratelimit-reset");
  return parse_reset(reset.empty() ? std::string_view(error.reset) : reset, now);
}

std::int64_t wait_of(const PeerError& error, ErrorClass error_class,
                     std::optional<Duration> from_headers, std::optional<Duration> reset) {
  if (error.per_day) return quota_wait(error, reset);
  if (from_headers && from_headers->count() > 0) return from_headers->count();
  if (reset && reset->count() > 0) return reset->count();
  if (error_class != RATE && error_class != OVERLOAD) return 0;
  auto wait = error.retry ? error.retry : retry_in_words(error.message);
  if (!wait && error.per_minute) wait = std::chrono::minutes(1);
  return std::clamp(wait.value_or(Duration(0)), Duration(0), kRetryWaitMax).count();
}

// What of it is about the model that was asked, and not about its provider.
void name_model(const PeerError& error, Trouble* trouble) {
  const bool denied = trouble->status == 403 || trouble->status == 404;
  trouble->missing_model =
      trouble->error == REQUEST && (denied || names_no_model(error, lower_case(error.message)));
  trouble->model_alone = trouble->error == FUNDS && error.per_model;
}

std::string words_of(const PeerError& error, int status) {
  if (!error.message.empty()) return error.message;
  if (!error.words.empty()) return error.words.front();
  if (status == 0) return "the provider reported an error without words";
  return "HTTP status " + std::to_string(status) + " without words";
}

// Patterns in lower case. Vendors as of 2026: OpenAI, Anthropic,
// Google, xAI, Groq, Together, Mistral, Kimi, Qwen, MiniMax, Z.ai, Bedrock, LiteLLM, llama.cpp,
// LM Studio, Ollama.
constexpr std::array<std::string_view, 22> kOverflowPatterns = {
    "prompt is too long",
    "prompt too long",
    "prompt exceeds max length",
    "request_too_large",
    "input is too long for requested model",
    "exceeds the context window",
    "exceeds*maximum context length",
    "maximum context length is*tokens",
    "maximum allowed input length of",
    "context window exceeded",
    "context window exceeds limit",
    "context length exceeded",
    "context_length_exceeded",
    "input token count*exceeds the maximum",
    "maximum prompt length is",
    "reduce the length of the messages",
    "is longer than the model*context length",
    "exceeds the available context size",
    "greater than the context length",
    "exceeded model token limit",
    "too large for model with*maximum context length",
    "range of input length should be",
};

void remove_secret(std::string_view secret, std::string* text) {
  constexpr std::string_view kMark = "[secret]";
  if (secret.empty()) return;
  for (std::size_t at = text->find(secret); at != std::string::npos;
       at = text->find(secret, at + kMark.size())) {
    text->replace(at, secret.size(), kMark);
  }
  // A body that broke off may end within the secret.
  constexpr std::size_t kTelling = 4;
  for (std::size_t size = std::min(secret.size(), text->size()); size >= kTelling; --size) {
    if (!text->ends_with(secret.substr(0, size))) continue;
    text->replace(text->size() - size, size, kMark);
    return;
  }
}

std::string escape_controls(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte == '\n' || byte == '\r' || byte == '\t') {
      out += ' ';
    } else if (byte < 0x20 || byte == 0x7F || c1) {
      const auto code = c1 ? static_cast<unsigned char>(text[++i]) : byte;
      out += "\\x";
      out += kHex[code >> 4];
      out += kHex[code & 15];
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

bool means_overflow(std::string_view message) {
  const std::string lower = lower_case(message);
  const std::string_view text = lower;
  if (speaks_of_rate(text)) return false;
  const bool generic = text.find("too many tokens") != std::string_view::npos ||
                       text.find("token limit exceeded") != std::string_view::npos;
  return generic || std::any_of(kOverflowPatterns.begin(), kOverflowPatterns.end(),
                                [&](std::string_view pattern) { return matches(text, pattern); });
}

Trouble http_trouble(int status, const HeaderList& headers, std::string_view body, Time now) {
  auto error = read_peer_error(body);
  if (!error) {
    error.emplace();
    error->message = body;
  }
  unwrap_message(*error);
  note_free_quota(*error);
  Trouble trouble;
  trouble.error = class_of(*error, status);
  trouble.status = status;
  trouble.retry_after = wait_of(*error, trouble.error, retry_after(headers, now),
                                reset_of(status, headers, *error, now));
  const bool not_again = header_value(headers, "x-should-retry") == "false";
  if (not_again && !error->per_day) trouble.retry_after = kNotThisRequest;
  name_model(*error, &trouble);
  trouble.detail = words_of(*error, status);
  if (status >= 300 && status < 400) {
    trouble.detail = "the provider redirects to another address; correct base_url in the settings";
  }
  return trouble;
}

std::optional<Trouble> body_trouble(std::string_view json) {
  auto error = read_peer_error(json);
  if (!error) return std::nullopt;
  unwrap_message(*error);
  note_free_quota(*error);
  Trouble trouble;
  trouble.error = class_of(*error, error->status);
  if (trouble.error == ERROR_CLASS_UNSPECIFIED) {
    trouble.error = error->status == 0 && error->words.empty() ? PEER : OVERLOAD;
  }
  trouble.status = error->status;
  trouble.retry_after = wait_of(*error, trouble.error, std::nullopt, std::nullopt);
  name_model(*error, &trouble);
  trouble.detail = words_of(*error, 0);
  return trouble;
}

std::string clean_words(std::string_view words, const std::vector<Secret>& secrets,
                        std::size_t bytes_max) {
  std::string text = utf8::repair(words.substr(0, kErrorBodyBytesMax));
  for (const Secret& secret : secrets) remove_secret(secret.reveal(), &text);
  text = escape_controls(text);
  for (const Secret& secret : secrets) remove_secret(secret.reveal(), &text);
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace daybook
