// The model rows this program ships with: what a model holds and what it costs.
//
// A table of public facts that ages; it is copied into the journal as CatalogueLoaded when it
// changes, so that an old prompt stays explainable. Ids are spelled as OpenRouter spells them;
// core/model.cc finds them by the last part, dots and dashes alike.
#include <algorithm>
#include <array>

#include "core/model.h"

namespace daybook {
namespace {

constexpr const char* kCatalogueDate = "2026-11-10";

struct ShippedModel {
  const char* id;
  std::uint32_t context_tokens;
  std::uint32_t output_tokens;
  std::uint64_t input_nanodollars;  // per token; a dollar per million tokens is 1,000
  std::uint64_t output_nanodollars;
  std::uint64_t cached_nanodollars;  // of the input, what the provider had cached; 0: as the rest
  // For prompts of more than so many tokens; 0: the same.
  std::uint32_t long_from_tokens = 0;
  std::uint64_t long_input_nanodollars = 0;
  std::uint64_t long_output_nanodollars = 0;
};

constexpr auto kShippedModels = std::to_array<ShippedModel>({
    {"anthropic/claude-fable-5.2", 1'000'000, 128'000, 8'000, 40'000, 200},
    {"anthropic/claude-opus-5.5", 1'000'000, 128'000, 4'000, 20'000, 200},
    {"anthropic/claude-opus-5", 1'000'000, 128'000, 5'000, 25'000, 500},
    {"anthropic/claude-opus-4.8", 1'000'000, 128'000, 5'000, 25'000, 500},
    {"anthropic/claude-opus-4.7", 1'000'000, 128'000, 5'000, 25'000, 500},
    {"anthropic/claude-opus-4.6", 1'000'000, 128'000, 5'000, 25'000, 500},
    {"anthropic/claude-opus-4.5", 200'000, 64'000, 5'000, 25'000, 500},
    {"anthropic/claude-sonnet-5.5", 1'000'000, 128'000, 2'000, 10'000, 100},
    {"anthropic/claude-sonnet-5", 1'000'000, 128'000, 2'000, 10'000, 200},
    {"anthropic/claude-sonnet-4.6", 1'000'000, 128'000, 3'000, 15'000, 300},
    {"anthropic/claude-sonnet-4.5", 200'000, 64'000, 3'000, 15'000, 300},
    {"anthropic/claude-haiku-5.5", 1'000'000, 128'000, 100, 500, 10, 100'000, 500, 2'500},
    {"anthropic/claude-haiku-4.5", 200'000, 64'000, 1'000, 5'000, 100},
    {"openai/gpt-6-astra", 1'050'000, 128'000, 10'000, 50'000, 1'000, 272'000, 20'000, 75'000},
    {"openai/gpt-6.1-sol", 1'050'000, 128'000, 2'000, 10'000, 100, 272'000, 4'000, 15'000},
    {"openai/gpt-6.1-terra", 1'050'000, 128'000, 1'000, 5'000, 50, 272'000, 2'000, 7'500},
    {"openai/gpt-6-sol", 1'050'000, 128'000, 2'000, 10'000, 200, 272'000, 4'000, 15'000},
    {"openai/gpt-6-luna", 1'050'000, 128'000, 100, 500, 10, 272'000, 200, 750},
    {"openai/gpt-5.6-sol", 1'050'000, 128'000, 4'000, 20'000, 400, 272'000, 8'000, 30'000},
    {"openai/gpt-5.6-terra", 1'050'000, 128'000, 2'000, 12'000, 200, 272'000, 4'000, 18'000},
    {"openai/gpt-5.6-luna", 1'050'000, 128'000, 200, 1'200, 20, 272'000, 400, 1'800},
    {"openai/gpt-5.5", 1'050'000, 128'000, 5'000, 30'000, 500, 272'000, 10'000, 45'000},
    {"openai/gpt-5.4", 1'050'000, 128'000, 2'500, 15'000, 250, 272'000, 5'000, 22'500},
    {"openai/gpt-5.4-mini", 400'000, 128'000, 750, 4'500, 75},
    {"openai/gpt-5.4-nano", 400'000, 128'000, 200, 1'250, 20},
    {"openai/gpt-5.2", 400'000, 128'000, 1'750, 14'000, 175},
    {"openai/gpt-5.1", 400'000, 128'000, 1'250, 10'000, 125},
    {"openai/gpt-5-mini", 400'000, 128'000, 250, 2'000, 25},
    {"openai/gpt-5-nano", 400'000, 128'000, 50, 400, 5},
    {"openai/gpt-4.1", 1'047'576, 32'768, 2'000, 8'000, 500},
    {"openai/gpt-4.1-mini", 1'047'576, 32'768, 400, 1'600, 100},
    {"openai/gpt-4o", 128'000, 16'384, 2'500, 10'000, 1'250},
    {"openai/gpt-4o-mini", 128'000, 16'384, 150, 600, 75},
    {"openai/o3", 200'000, 100'000, 2'000, 8'000, 500},
    {"openai/o4-mini", 200'000, 100'000, 1'100, 4'400, 275},
    {"google/gemini-4-argon", 1'048'576, 32'768, 2'000, 10'000, 100},
    {"google/gemini-3.8-flash", 1'048'576, 65'536, 750, 3'750, 75},
    {"google/gemini-3.5-flash", 1'048'576, 65'536, 1'500, 9'000, 150},
    {"google/gemini-3.5-flash-lite", 1'048'576, 65'536, 300, 2'500, 30},
    {"google/gemini-3.1-pro-preview", 1'048'576, 65'536, 2'000, 12'000, 200, 200'000, 4'000,
     18'000},
    {"google/gemini-3.1-flash-lite", 1'048'576, 65'536, 250, 1'500, 25},
    {"google/gemini-2.5-pro", 1'048'576, 65'536, 1'250, 10'000, 125, 200'000, 2'500, 15'000},
    {"google/gemini-2.5-flash", 1'048'576, 65'536, 300, 2'500, 30},
    {"google/gemini-2.5-flash-lite", 1'048'576, 65'536, 100, 400, 10},
    {"deepseek/deepseek-flash", 1'000'000, 384'000, 300, 1'200, 6},
    {"deepseek/deepseek-v4-pro", 1'000'000, 384'000, 1'320, 3'960, 44},
    {"x-ai/grok-4.7", 500'000, 500'000, 2'000, 6'000, 500, 200'000, 4'000, 12'000},
    {"x-ai/grok-4.3", 1'000'000, 30'000, 1'250, 2'500, 200, 200'000, 2'500, 5'000},
    {"mistralai/mistral-large-4", 1'048'576, 262'144, 700, 2'100, 70},
    {"mistralai/mistral-medium-3.5", 262'144, 262'144, 1'500, 7'500, 0},
    {"mistralai/mistral-small-latest", 262'144, 256'000, 150, 600, 15},
    {"moonshotai/kimi-k3.1-pro", 1'048'576, 1'048'576, 2'000, 10'000, 200},
    {"moonshotai/kimi-k3", 1'048'576, 1'048'576, 3'000, 15'000, 300},
    {"moonshotai/kimi-k2.6", 262'144, 262'144, 950, 4'000, 160},
    {"z-ai/glm-5.3", 1'000'000, 131'072, 1'400, 4'400, 260},
    {"z-ai/glm-5.3-flash", 1'000'000, 131'072, 150, 500, 30},
    {"minimax/minimax-m3", 1'000'000, 524'288, 300, 1'200, 60, 512'000, 600, 2'400},
    {"minimax/minimax-m3.1-flash", 1'000'000, 524'288, 150, 600, 15},
    {"openai/gpt-oss-120b", 131'072, 65'536, 150, 600, 75},
    {"openai/gpt-oss-20b", 131'072, 65'536, 75, 300, 38},
    {"meta-llama/llama-3.3-70b-versatile", 131'072, 32'768, 590, 790, 0},
    {"qwen/qwen3.8-27b", 131'072, 16'384, 800, 4'000, 0},
});

}  // namespace

const CatalogueLoaded& built_in_catalogue() {
  static const CatalogueLoaded kCatalogue = [] {
    CatalogueLoaded catalogue;
    catalogue.set_date(kCatalogueDate);
    for (const ShippedModel& shipped : kShippedModels) {
      ModelRow& row = *catalogue.add_rows();
      row.set_id(shipped.id);
      row.set_context_tokens(shipped.context_tokens);
      row.set_output_tokens(shipped.output_tokens);
      row.set_input_nanodollars(shipped.input_nanodollars);
      row.set_output_nanodollars(shipped.output_nanodollars);
      if (shipped.cached_nanodollars > 0) row.set_cached_nanodollars(shipped.cached_nanodollars);
      if (shipped.long_from_tokens == 0) continue;
      row.set_long_from_tokens(shipped.long_from_tokens);
      row.set_long_input_nanodollars(shipped.long_input_nanodollars);
      row.set_long_output_nanodollars(shipped.long_output_nanodollars);
    }
    return catalogue;
  }();
  return kCatalogue;
}

CatalogueLoaded catalogue_of(const CatalogueLoaded& recorded, const CatalogueLoaded& own,
                             const std::vector<std::string>& local) {
  CatalogueLoaded catalogue = built_in_catalogue();
  for (const ModelRow& row : recorded.rows()) {
    if (!row.source().empty() && row.source() != kOwnRows) *catalogue.add_rows() = row;
  }
  for (const ModelRow& row : own.rows()) {
    ModelRow& added = *catalogue.add_rows();
    added = row;
    added.set_source(std::string(kOwnRows));
  }
  *catalogue.mutable_lists() = recorded.lists();
  catalogue.mutable_local()->Assign(local.begin(), local.end());
  return catalogue;
}

CatalogueLoaded with_list(CatalogueLoaded catalogue, const std::string& provider,
                          const std::vector<ModelRow>& rows, Time now) {
  auto* kept = catalogue.mutable_rows();
  kept->erase(std::remove_if(kept->begin(), kept->end(),
                             [&](const ModelRow& row) { return row.source() == provider; }),
              kept->end());
  for (const ModelRow& row : rows) {
    ModelRow& added = *catalogue.add_rows();
    added = row;
    added.set_source(provider);
  }
  auto* lists = catalogue.mutable_lists();
  lists->erase(std::remove_if(lists->begin(), lists->end(),
                              [&](const ModelList& list) { return list.provider() == provider; }),
               lists->end());
  ModelList& list = *catalogue.add_lists();
  list.set_provider(provider);
  list.set_time(to_milliseconds(now));
  return catalogue;
}

}  // namespace daybook
