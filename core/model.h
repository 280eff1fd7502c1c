// From what a person calls a model to who answers: provider row, the provider's own name for it,
// context window, price.
//
//   gemini/X, bare gemini-*   Gemini
//   NAME:model                the configured provider NAME
//   openrouter/X              OpenRouter with X
//   echo, echo:slow           the built-in offline model
//   everything else           OpenRouter with the string as it is: "anthropic/claude-...",
//                             "openai/gpt-4o", "meta-llama/llama-4-maverick"
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/result.h"
#include "core/types.h"

namespace daybook {

struct ResolvedModel {
  std::string provider;  // row name
  std::string model;     // what the provider is told
  std::uint32_t context_tokens = 0;
  std::uint32_t output_tokens = 0;
  bool shares_window = true;  // between prompt and answer; Gemini counts them apart

  friend bool operator==(const ResolvedModel&, const ResolvedModel&) = default;
};

// An Error is one sentence for the chat: unknown provider, or a missing key with the setting that
// would give it (and "use openai:gpt-4o" when that vendor's own key is set).
Result<ResolvedModel> resolve_model(std::string_view name, const SettingsLoaded& settings,
                                    const CatalogueLoaded& catalogue);

// A setting that names a model which nobody has or its provider does not list, and why.
struct ModelTrouble {
  std::string key;
  std::string text;  // begins with the key
};
// Of agent.model, agent.summary_model and agent.fallbacks, in this order.
std::vector<ModelTrouble> model_troubles(const SettingsLoaded& settings,
                                         const CatalogueLoaded& catalogue);

// Whether it is told by marks in the prompt how much of it to cache: Anthropic's models, to which
// OpenRouter hands them on. Others cache by themselves; servers that know no marks may refuse them.
bool takes_cache_marks(const ResolvedModel& model);

// What is known of the model that a provider calls so, however it spells it: sizes and prices, each
// from the settings, else from the provider's own list, else from anybody. nullopt: nothing is. A
// list of a provider that the user named says something of that provider's models alone, and goes
// before the rows of this program for ever; one of a provider that is built in does until it is
// kListFresh older than these. A model of a provider on this machine costs what one of the first
// two says, else nothing. A row without a number says nothing of any.
std::optional<ModelRow> catalogue_row(std::string_view provider, std::string_view model,
                                      const CatalogueLoaded& catalogue);

// For so long what a provider listed needs no date beside it.
inline constexpr Duration kListFresh = std::chrono::days(30);

// A sentence for a person, behind others, with the day of the list that this model's row is from,
// where that is longer ago. Empty: it is not, or no list says anything of it.
std::string old_list_text(std::string_view provider, std::string_view model,
                          const CatalogueLoaded& catalogue, Time now);

// Whether it says what its model costs, be it nothing.
bool names_price(const ModelRow& row);

// Whether it says more than that there is such a model.
bool says_anything(const ModelRow& row);

// The providers on this machine that the user named.
std::vector<std::string> local_providers(const SettingsLoaded& settings);

// The first usable provider's default: Gemini key, OpenRouter key, OpenAI key, else "echo".
std::string default_model(const std::vector<ProviderRow>& providers);

// The rows this program ships with, and their date.
const CatalogueLoaded& built_in_catalogue();

// What a start finds in force: the rows that this program ships with, those that providers listed,
// as the journal has them, and the user's own; and which providers are local.
CatalogueLoaded catalogue_of(const CatalogueLoaded& recorded, const CatalogueLoaded& own,
                             const std::vector<std::string>& local = {});

// The same with what a provider lists now in place of what it listed before.
CatalogueLoaded with_list(CatalogueLoaded catalogue, const std::string& provider,
                          const std::vector<ModelRow>& rows, Time now);

inline constexpr std::string_view kOwnRows = "settings";  // ModelRow.source

// The name of this model at another provider, or that provider's default where it offers none like
// it. An Error is one sentence for the chat.
Result<std::string> model_at(std::string_view provider, std::string_view name,
                             const SettingsLoaded& settings, const CatalogueLoaded& catalogue);

// Up to three of those worth offering, and of what the provider it names lists, that look most like
// this name, the likest first.
std::vector<std::string> nearest_models(std::string_view name, const SettingsLoaded& settings,
                                        const CatalogueLoaded& catalogue);

// " Near it: a, b.", those of them that resolve to another model; or where to look for them.
std::string near_models_text(const std::string& name, const SettingsLoaded& settings,
                             const CatalogueLoaded& catalogue);

// What is said where it is missing in the list of its provider, with what is near; else empty.
std::string unlisted_text(const ResolvedModel& model, const std::string& name,
                          const SettingsLoaded& settings, const CatalogueLoaded& catalogue);

// Its provider lists its models, and this is none of them. The list may be old.
bool missing_in_list(const ResolvedModel& model, const SettingsLoaded& settings,
                     const CatalogueLoaded& catalogue);

// Names worth offering for these settings, for /models and "did you mean".
std::vector<std::string> known_models(const SettingsLoaded& settings,
                                      const CatalogueLoaded& catalogue);

}  // namespace daybook
