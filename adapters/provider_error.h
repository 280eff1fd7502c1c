// What a provider means when it says no: one of our error classes, how long to wait, its words.
//
// Law: no words of a peer leave this file unless they are valid UTF-8, at most 500 bytes, free of
// control characters and free of our own secrets (a peer may echo the Authorization header).
// The shapes are those of OpenAI, OpenRouter, Google, vLLM, llama.cpp and FastAPI; anything else
// counts as plain words. Rejected: a table per provider, because gateways pass on the errors of
// whoever stands behind them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/retry_after.h"
#include "core/events.pb.h"
#include "core/health.h"
#include "core/secret.h"
#include "core/types.h"

namespace daybook {

inline constexpr std::size_t kDetailBytesMax = 500;
inline constexpr std::size_t kErrorBodyBytesMax = 64u << 10;

struct Trouble {
  ErrorClass error = ERROR_CLASS_UNSPECIFIED;
  std::int32_t status = 0;       // HTTP status, 0: none
  std::int64_t retry_after = 0;  // milliseconds; 0: not said; else kNotToday, kNotThisRequest
  std::string detail;            // the peer's words, not yet cleaned
  bool missing_model = false;    // there is no such model, or not for this key
  bool model_alone = false;      // others of this provider need not have this trouble
};

// The answer's status was not 2xx.
Trouble http_trouble(int status, const HeaderList& headers, std::string_view body, Time now);

// An error inside a stream or a body that came with 200. Absent: there is no error in it.
std::optional<Trouble> body_trouble(std::string_view json);

// The message says that the prompt does not fit the model's context window.
bool means_overflow(std::string_view message);

// Cut, escaped and without secrets: fit for facts and logs.
std::string clean_words(std::string_view words, const std::vector<Secret>& secrets,
                        std::size_t bytes_max = kDetailBytesMax);

}  // namespace daybook
