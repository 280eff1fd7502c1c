// How many tokens a text is, estimated: nobody but the provider knows, and it says so afterwards.
//
// Law: the same text under the same rules gives the same number for ever, since prompts were made
// by it. Measured against a tokenizer of today (o200k) the estimate is 30 % below to 15 % above for
// nearly every language and for code; digests and other encoded bytes are 40 % more than it says.
// Rejected: a real tokenizer; 4 MB of tables for one vendor, and the next model has another one.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/types.h"

namespace daybook {

// What a message costs beside its words, in every chat format we know.
inline constexpr std::uint32_t kMessageTokens = 4;
// What it costs to ask for an answer.
inline constexpr std::uint32_t kAnswerTokens = 3;

// By class of character; never below 1 for non-empty text. Before rules version 3: ASCII 4 bytes a
// token, anything else 2.
std::uint32_t estimate_tokens(std::string_view text, std::uint32_t rules = kRulesVersion);

// What a model of this name reports for 1,000 of our estimate, before it has reported anything:
// more of Claude's newer ones, which cut texts finer.
std::uint32_t first_calibration(std::string_view model);

}  // namespace daybook
