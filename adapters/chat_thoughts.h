// What a model thought before it asked for tools and its server wants to hear again with the
// results: DeepSeek's `reasoning_content`, without which it refuses the next step, and OpenRouter's
// `reasoning_details`, signatures and all, which models behind it refuse to go on without.
//
// Law: it is given back as it came or not at all: longer than kToolTokenBytesMax, or with a part
// that cannot be read, it is missing. Each server hears its own alone.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/settings.h"

namespace daybook {

enum class ThoughtsWanted { kNone, kContent, kDetails };
ThoughtsWanted thoughts_wanted(const ProviderSettings& settings);

// Of one answer, gathered from its deltas.
class KeptThoughts {
 public:
  explicit KeptThoughts(ThoughtsWanted wanted) : wanted_(wanted) {}

  void add_text(std::string_view text);
  // The array of one delta. Parts of one detail are joined, as the whole reply would have them.
  void add_details(std::string_view json);

  // For ToolUse.token, as a whole; nullopt: nothing came since it was last asked for.
  std::optional<std::string> news();

 private:
  void give_up();

  const ThoughtsWanted wanted_;
  std::string text_;
  nlohmann::json details_ = nlohmann::json::array();
  std::size_t bytes_ = 0;
  bool given_up_ = false;
  bool changed_ = false;
};

// Puts what is in `token` where its server looks for it; another server's is left out.
void add_thoughts(ThoughtsWanted wanted, const std::string& token, nlohmann::json* message);

}  // namespace daybook
