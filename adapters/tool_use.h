// What a model asks tools for, gathered from the deltas of its answer.
//
// Law: bounded three times, in uses, in bytes of a use, and in names; what is longer than is kept
// is cut and says so, so that it is refused in words the model reads. Arguments are text until a
// tool reads them: a stream may break off inside them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/tools.h"

namespace daybook {

struct ToolUse {
  std::string id;  // as the provider gave it; may be empty
  std::string name;
  std::string arguments;  // JSON, as far as it came
  std::string token;      // what the provider wants to hear again beside it
  bool cut = false;       // the arguments were longer

  friend bool operator==(const ToolUse&, const ToolUse&) = default;
};

inline constexpr std::size_t kToolUsesMax = 16;
inline constexpr std::size_t kToolIdBytesMax = 128;
inline constexpr std::size_t kToolNameBytesMax = 64;
inline constexpr std::size_t kToolTokenBytesMax = 64u << 10;

// Appends what is kept of it; returns that.
std::string append_arguments(ToolUse* use, std::string_view more);

// Bounds names and ids and gives an id to each that has none, or one that another has: "call_2".
void settle_tool_uses(std::vector<ToolUse>* uses);

// What the model said it wanted, or {} where that is no JSON object: a provider takes nothing else.
std::string sent_arguments(const ToolRequest& request);

}  // namespace daybook
