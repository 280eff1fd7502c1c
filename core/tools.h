// The tools that come with the program, which a model may use: what they are called, what they are
// for, and whether what it asks for makes sense. core/tool_runner.h runs them.
//
// Law: a tool reads, and nothing else. What is said of one here stands in prompts, whose digests
// are recorded: it never changes; a tool that changes gets another name.
//
// Rejected: reading the arguments as JSON of any shape. A tool's arguments are a message of its
// own, so what cannot be read is refused before anything runs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ports.h"

namespace daybook {

// One a model may be offered. The views live as long as the program.
struct ToolDefinition {
  std::string_view name;
  std::string_view description;
  std::string_view parameters;  // of its arguments, as JSON Schema

  friend bool operator==(const ToolDefinition&, const ToolDefinition&) = default;
};

inline constexpr std::string_view kJournalSearch = "journal_search";

// What a request may hold; the rest of longer arguments is not kept.
inline constexpr std::size_t kToolArgumentsBytesMax = 16u << 10;
// A longer result is refused: it would push the conversation out of the prompt.
inline constexpr std::size_t kToolResultBytesMax = 16u << 10;
// In one turn; agent.max_steps sets another number.
inline constexpr std::uint32_t kMaxSteps = 8;

const std::vector<ToolDefinition>& tools();
// Null: there is none of that name.
const ToolDefinition* find_tool(std::string_view name);
// "journal_search, ..." of those in `names` that there are.
std::string tool_list(const std::vector<std::string>& names);

// What journal_search is to look for; nullopt: the arguments do not say so.
std::optional<std::string> search_words(const std::string& arguments);
// The same as arguments.
std::string search_arguments(const std::string& words);

// Why these arguments are of no use to the tool, as a sentence to the model; empty: they are.
std::string arguments_trouble(const ToolDefinition& tool, const std::string& arguments);

// The fact that a tool came to this result: ToolReturned, or ToolRefused when it is too long. Of
// the request it takes turn and name.
Fact tool_outcome(const Event& request, std::string result, std::vector<Seq> quotes);

}  // namespace daybook
