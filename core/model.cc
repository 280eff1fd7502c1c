// Resolving a model's name. The order of the rules is the order of the table in core/model.h.
//
// Law: a name that resolves once resolves to the same for ever under the same settings and
// catalogue; a model that the catalogue does not know gets careful defaults, never a refusal.
#include "core/model.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "core/notation.h"
#include "core/settings.h"

namespace daybook {
namespace {

constexpr std::size_t kModelNameBytesMax = 200;
constexpr std::size_t kModelNameShownMax = 80;
constexpr std::size_t kNearModelsMax = 3;
constexpr std::uint32_t kUnknownContextTokens = 128'000;
constexpr std::uint32_t kUnknownOutputTokens = 4'096;
constexpr std::uint32_t kLocalContextTokens = 8'192;
constexpr std::uint32_t kLocalOutputTokens = 2'048;
constexpr std::uint32_t kEchoContextTokens = 32'000;
constexpr std::uint32_t kEchoOutputTokens = 4'096;
constexpr std::size_t kListedMax = 20;  // of a server's own list
constexpr std::string_view kGeminiDefault = "gemini-2.5-flash";
constexpr std::string_view kOpenrouterDefault = "google/gemini-2.5-flash";
constexpr std::string_view kOpenaiDefault = "gpt-4o-mini";

struct WellKnownProvider {
  std::string_view name;
  std::string_view title;
  std::string_view variable;
};
constexpr std::array<WellKnownProvider, 3> kWellKnownProviders = {{
    {"openrouter", "OpenRouter", "OPENROUTER_API_KEY"},
    {"openai", "OpenAI", "OPENAI_API_KEY"},
    {"gemini", "Gemini", "GEMINI_API_KEY"},
}};

// Vendors whose ids at OpenRouter the catalogue is sure of.
constexpr std::array<std::string_view, 3> kOfferedVendors = {"anthropic/", "openai/", "google/"};

std::string lower_letters(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Error model_error(std::string sentence) { return {std::move(sentence), ExitCode::kSettings}; }

const WellKnownProvider* well_known_provider(std::string_view name) {
  for (const WellKnownProvider& row : kWellKnownProviders) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

template <typename Rows>
const ProviderRow* find_provider(const Rows& rows, std::string_view name) {
  for (const ProviderRow& row : rows) {
    if (row.name() == name) return &row;
  }
  return nullptr;
}

bool provider_usable(const SettingsLoaded& settings, std::string_view name) {
  const ProviderRow* row = find_provider(settings.providers(), name);
  return row != nullptr && row->usable();
}

// The part of a name that two spellings of one model share: behind the last slash, without a
// variant (":free").
std::string_view bare_name(std::string_view model) {
  const std::size_t slash = model.rfind('/');
  if (slash != std::string_view::npos) model.remove_prefix(slash + 1);
  return model.substr(0, model.find(':'));
}

// In any case, dots as dashes.
bool same_letters(std::string_view one, std::string_view other) {
  const auto plain = [](char c) -> char {
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    return c == '.' ? '-' : c;
  };
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [&](char mine, char theirs) { return plain(mine) == plain(theirs); });
}

bool same_model(std::string_view one, std::string_view other) {
  return same_letters(bare_name(one), bare_name(other));
}

// How much of their names two spellings of one model share: all, all but the vendor, or the bare
// name alone.
int likeness_of(std::string_view one, std::string_view other) {
  if (same_letters(one, other)) return 2;
  const auto own = [](std::string_view name) { return name.substr(name.rfind('/') + 1); };
  return same_letters(own(one), own(other)) ? 1 : 0;
}

constexpr int kListWeight = 3;
constexpr int kShippedWeight = 2;

// When this provider listed its models; the epoch where nobody wrote that down.
Time listed_at(std::string_view provider, const CatalogueLoaded& catalogue) {
  for (const ModelList& list : catalogue.lists()) {
    if (list.provider() == provider) return from_milliseconds(list.time());
  }
  return Time{};
}

std::string day_text(Time time) { return time_text(time).substr(0, 10); }

// Whom to believe first about a model of this provider; 0: nobody's words about it.
int weight_of(const std::string& source, std::string_view provider,
              const CatalogueLoaded& catalogue) {
  if (source == kOwnRows) return 4;
  if (source.empty()) return kShippedWeight;
  if (source != provider) return well_known_provider(source) != nullptr ? 1 : 0;
  const Time time = listed_at(provider, catalogue);
  const bool outdated = time != Time{} && well_known_provider(provider) != nullptr &&
                        day_text(time + kListFresh) < catalogue.date();
  return outdated ? kShippedWeight : kListWeight;
}

// "gpt-4o" of "openai:gpt-4o": without the provider that a colon tells.
std::string_view model_part(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon != name.npos && colon < name.find('/') ? name.substr(colon + 1) : name;
}

// "gpt-4o" of "openrouter:openai/gpt-4o".
std::string own_name(std::string_view name) { return std::string(bare_name(model_part(name))); }

// Built-in providers keep their vendor's size even when a test or a relay serves them nearby.
bool small_and_local(const ProviderRow& provider) {
  if (well_known_provider(provider.name()) != nullptr) return false;
  const auto url = parse_url(provider.base_url());
  return url && is_loopback(url->origin.host);
}

ResolvedModel with_sizes(const ProviderRow& provider, std::string_view model,
                         const CatalogueLoaded& catalogue) {
  ResolvedModel resolved{provider.name(), std::string(model), kUnknownContextTokens,
                         kUnknownOutputTokens, provider.kind() != "gemini"};
  if (provider.kind() == "echo") {
    resolved.context_tokens = kEchoContextTokens;
    resolved.output_tokens = kEchoOutputTokens;
    return resolved;
  }
  if (small_and_local(provider)) {
    resolved.context_tokens = kLocalContextTokens;
    resolved.output_tokens = kLocalOutputTokens;
  }
  const std::optional<ModelRow> row = catalogue_row(provider.name(), model, catalogue);
  if (!row) return resolved;
  if (row->context_tokens() > 0) resolved.context_tokens = row->context_tokens();
  if (row->output_tokens() > 0) resolved.output_tokens = row->output_tokens();
  return resolved;
}

// How to reach the same model with a key that is there: "openai:gpt-4o"; empty if there is none.
std::string way_with_own_key(std::string_view provider, std::string_view model,
                             const SettingsLoaded& settings) {
  if (provider != "openrouter") return {};
  const std::size_t slash = model.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string vendor = lower_letters(model.substr(0, slash));
  const std::string rest(model.substr(slash + 1));
  if (rest.empty() || vendor == "openrouter") return {};
  if (vendor == "google") {
    return provider_usable(settings, "gemini") ? "gemini/" + rest : std::string{};
  }
  return provider_usable(settings, vendor) ? vendor + ":" + rest : std::string{};
}

Error key_missing(const ProviderRow& provider, std::string_view model,
                  const SettingsLoaded& settings) {
  const WellKnownProvider* known = well_known_provider(provider.name());
  std::string sentence = known == nullptr ? provider.name() : std::string(known->title);
  sentence += " has no key: set providers." + provider.name() + ".api_key";
  if (known != nullptr) sentence += " (or " + std::string(known->variable) + ")";
  const std::string way = way_with_own_key(provider.name(), model, settings);
  if (!way.empty()) sentence += ", or use " + way;
  return model_error(sentence + ".");
}

Error unknown_provider(std::string_view name, const SettingsLoaded& settings) {
  std::vector<std::string> names;
  std::string list;
  for (const ProviderRow& row : settings.providers()) {
    names.push_back(row.name());
    list += (list.empty() ? "" : ", ") + row.name();
  }
  std::string sentence = "There is no provider " + std::string(name);
  const std::string close = nearest(name, names);
  if (!close.empty()) return model_error(sentence + ": did you mean " + close + "?");
  return model_error(sentence + " (there are " + list + ").");
}

Result<ResolvedModel> resolve_with(std::string_view provider_name, std::string_view model,
                                   const SettingsLoaded& settings,
                                   const CatalogueLoaded& catalogue) {
  const ProviderRow* provider = find_provider(settings.providers(), provider_name);
  if (provider == nullptr) return unknown_provider(provider_name, settings);
  if (model.empty()) {
    return model_error("The name of a model is missing after " + std::string(provider_name) + ".");
  }
  if (provider->kind() == "echo" && model != "echo" && model != "slow") {
    return model_error("The offline model is called echo, or echo:slow for a slow one.");
  }
  if (!provider->usable()) return key_missing(*provider, model, settings);
  return with_sizes(*provider, model, catalogue);
}

bool printable_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string first_offered(const ProviderRow& row, std::string_view otherwise) {
  return row.models_size() > 0 ? row.models(0) : std::string(otherwise);
}

void add_vendor(std::vector<std::string>& names, std::string_view prefix, std::string_view vendor,
                const CatalogueLoaded& catalogue) {
  for (const ModelRow& row : catalogue.rows()) {
    const std::string_view id = row.id();
    if (!row.source().empty() && row.source() != kOwnRows) continue;  // too many to offer
    if (!id.starts_with(vendor) || id.find("gpt-oss") != std::string_view::npos) continue;
    names.push_back(std::string(prefix) + std::string(id.substr(vendor.size())));
  }
}

// What stands before a model's name at this provider.
std::string prefix_of(const std::string& provider) {
  return provider + (provider == "gemini" || provider == "openrouter" ? "/" : ":");
}

// Whether whoever lists `listed` has `model`: a variant may go without saying.
bool listed_as(std::string_view listed, std::string_view model) {
  const bool variants = listed.find(':') != listed.npos && model.find(':') != model.npos;
  if (variants) return same_letters(listed, model);
  return same_letters(listed.substr(0, listed.find(':')), model.substr(0, model.find(':')));
}

// What the provider that this name is of lists itself, if that is not offered already.
void add_listed(std::vector<std::string>& names, std::string_view name,
                const SettingsLoaded& settings, const CatalogueLoaded& catalogue) {
  const Result<ResolvedModel> model = resolve_model(name, settings, catalogue);
  if (!model) return;
  const std::set<std::string> offered(names.begin(), names.end());
  for (const ModelRow& row : catalogue.rows()) {
    const std::string listed = prefix_of(model->provider) + row.id();
    const bool known = offered.contains(listed) || offered.contains(row.id());
    if (row.source() == model->provider && !known) names.push_back(listed);
  }
}

std::vector<std::string> offered_by(const ProviderRow& provider, const CatalogueLoaded& catalogue) {
  std::vector<std::string> names;
  const std::string& name = provider.name();
  const std::string prefix = prefix_of(name);
  if (provider.models_size() > 0) {
    for (const std::string& model : provider.models()) names.push_back(prefix + model);
  } else if (provider.kind() == "echo") {
    if (name == "echo") return {"echo", "echo:slow"};
    names = {name + ":echo", name + ":slow"};
  } else if (name == "gemini") {
    add_vendor(names, "gemini/", "google/", catalogue);
  } else if (name == "openai") {
    add_vendor(names, "openai:", "openai/", catalogue);
  } else if (name == "openrouter") {
    for (const std::string_view vendor : kOfferedVendors) {
      add_vendor(names, vendor, vendor, catalogue);
    }
  } else {
    for (const ModelRow& row : catalogue.rows()) {
      if (row.source() == name && names.size() < kListedMax) names.push_back(prefix + row.id());
    }
  }
  return names;
}

}  // namespace

Result<ResolvedModel> resolve_model(std::string_view name, const SettingsLoaded& settings,
                                    const CatalogueLoaded& catalogue) {
  if (name.empty() || name.size() > kModelNameBytesMax || !printable_word(name)) {
    return model_error("A model's name is one word of at most 200 plain characters.");
  }
  const std::size_t slash = name.find('/');
  const std::size_t colon = name.find(':');
  const std::string vendor = lower_letters(name.substr(0, slash == name.npos ? 0 : slash));
  if (colon != name.npos && colon < slash) {
    const std::string provider = lower_letters(name.substr(0, colon));
    if (provider.empty() || provider.size() > kModelNameShownMax) {
      return model_error("The name of a provider must stand before the colon.");
    }
    return resolve_with(provider, name.substr(colon + 1), settings, catalogue);
  }
  if (vendor == "gemini" || vendor == "openrouter") {
    return resolve_with(vendor, name.substr(slash + 1), settings, catalogue);
  }
  const std::string lower = lower_letters(name);
  if (lower == "echo") return resolve_with("echo", lower, settings, catalogue);
  if (slash == name.npos && lower.starts_with("gemini-")) {
    return resolve_with("gemini", lower, settings, catalogue);
  }
  return resolve_with("openrouter", name, settings, catalogue);
}

std::vector<ModelTrouble> model_troubles(const SettingsLoaded& settings,
                                         const CatalogueLoaded& catalogue) {
  std::vector<ModelTrouble> troubles;
  const auto look_at = [&](const std::string& key, const std::string& name) {
    const Result<ResolvedModel> model = resolve_model(name, settings, catalogue);
    if (!model) {
      troubles.push_back({key, key + ": " + model.error().message});
      return;
    }
    const std::string unlisted = unlisted_text(*model, name, settings, catalogue);
    if (!unlisted.empty()) troubles.push_back({key, key + ", " + name + ":" + unlisted});
  };
  look_at("agent.model", settings.model());
  if (!settings.summary_model().empty()) look_at("agent.summary_model", settings.summary_model());
  for (const std::string& name : settings.fallbacks()) look_at("agent.fallbacks", name);
  return troubles;
}

std::optional<ModelRow> catalogue_row(std::string_view provider, std::string_view model,
                                      const CatalogueLoaded& catalogue) {
  struct Found {
    std::array<int, 4> rank;  // weight, all of its own name, ours before a list's, likeness
    const ModelRow* row;
  };
  std::vector<Found> found;
  for (const ModelRow& row : catalogue.rows()) {
    if (!same_model(row.id(), model)) continue;
    const int weight = weight_of(row.source(), provider, catalogue);
    const int likeness = likeness_of(row.id(), model);
    const bool ours = row.source().empty();
    if (weight == 0 || !says_anything(row)) continue;
    found.push_back({{weight, std::min(likeness, 1), ours ? 1 : 0, likeness}, &row});
  }
  const auto& local = catalogue.local();
  const bool at_home = std::find(local.begin(), local.end(), provider) != local.end();
  if (found.empty() && !at_home) return std::nullopt;
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& one, const Found& other) { return one.rank > other.rank; });
  ModelRow whole;
  // What others ask for a model is not what it costs on this machine.
  const auto priced = std::find_if(found.begin(), found.end(), [&](const Found& one) {
    return names_price(*one.row) && (!at_home || one.rank[0] >= kListWeight);
  });
  if (priced != found.end()) {
    whole = *priced->row;
    whole.clear_context_tokens();
    whole.clear_output_tokens();
  } else if (at_home) {
    whole.set_input_nanodollars(0);
    whole.set_output_nanodollars(0);
  }
  whole.set_id(found.empty() ? std::string(model) : found.front().row->id());
  whole.set_source(found.empty() ? std::string() : found.front().row->source());
  for (const auto& [rank, row] : found) {
    if (whole.context_tokens() == 0) whole.set_context_tokens(row->context_tokens());
    if (whole.output_tokens() == 0) whole.set_output_tokens(row->output_tokens());
  }
  return whole;
}

std::string old_list_text(std::string_view provider, std::string_view model,
                          const CatalogueLoaded& catalogue, Time now) {
  const std::optional<ModelRow> row = catalogue_row(provider, model, catalogue);
  const Time time = listed_at(provider, catalogue);
  const bool listed = row && row->source() == provider && time != Time{};
  if (!listed || time + kListFresh >= now) return {};
  return " What " + std::string(provider) + " said of it is of " + day_text(time) + ".";
}

bool takes_cache_marks(const ResolvedModel& model) {
  return model.provider == "openrouter" &&
         (model.model.starts_with("anthropic/") || model.model.starts_with("~anthropic/"));
}

bool names_price(const ModelRow& row) {
  return row.has_input_nanodollars() || row.has_output_nanodollars();
}

bool says_anything(const ModelRow& row) {
  return row.context_tokens() > 0 || row.output_tokens() > 0 || names_price(row) ||
         row.has_cached_nanodollars();
}

std::vector<std::string> local_providers(const SettingsLoaded& settings) {
  std::vector<std::string> names;
  for (const ProviderRow& provider : settings.providers()) {
    if (small_and_local(provider)) names.push_back(provider.name());
  }
  return names;
}

std::string default_model(const std::vector<ProviderRow>& providers) {
  const auto usable = [&providers](std::string_view name) -> const ProviderRow* {
    const ProviderRow* row = find_provider(providers, name);
    return row != nullptr && row->usable() ? row : nullptr;
  };
  if (const auto* row = usable("gemini")) return "gemini/" + first_offered(*row, kGeminiDefault);
  if (const auto* row = usable("openrouter")) {
    return "openrouter/" + first_offered(*row, kOpenrouterDefault);
  }
  if (const auto* row = usable("openai")) return "openai:" + first_offered(*row, kOpenaiDefault);
  return "echo";
}

Result<std::string> model_at(std::string_view provider, std::string_view name,
                             const SettingsLoaded& settings, const CatalogueLoaded& catalogue) {
  const std::string lower = lower_letters(provider);
  const ProviderRow* row = find_provider(settings.providers(), lower);
  if (row == nullptr) return unknown_provider(lower, settings);
  if (!row->usable()) return key_missing(*row, name, settings);
  const std::vector<std::string> offered = offered_by(*row, catalogue);
  for (const std::string& other : offered) {
    if (same_model(model_part(other), model_part(name))) return other;
  }
  const std::string usual = default_model({*row});
  if (usual != "echo") return usual;
  if (!offered.empty()) return offered.front();
  return model_error(lower + " says no models: set providers." + lower +
                     ".models, or name one with /model " + lower + ":NAME.");
}

std::vector<std::string> nearest_models(std::string_view name, const SettingsLoaded& settings,
                                        const CatalogueLoaded& catalogue) {
  std::vector<std::string> known = known_models(settings, catalogue);
  add_listed(known, name, settings, catalogue);
  std::vector<std::string> near;
  while (near.size() < kNearModelsMax) {
    std::vector<std::string> forms;
    for (const std::string& one : known) forms.push_back(own_name(one));
    std::string close = nearest(own_name(name), forms);
    auto found = std::find(forms.begin(), forms.end(), close);
    if (close.empty() || found == forms.end()) {
      forms = known;
      close = nearest(name, forms);
      found = std::find(forms.begin(), forms.end(), close);
    }
    if (close.empty() || found == forms.end()) break;
    const auto at = known.begin() + (found - forms.begin());
    near.push_back(*at);
    known.erase(at);
  }
  return near;
}

std::string near_models_text(const std::string& name, const SettingsLoaded& settings,
                             const CatalogueLoaded& catalogue) {
  const Result<ResolvedModel> itself = resolve_model(name, settings, catalogue);
  std::string text;
  for (const std::string& near : nearest_models(name, settings, catalogue)) {
    const Result<ResolvedModel> other = resolve_model(near, settings, catalogue);
    if (itself && other && *itself == *other) continue;
    text += (text.empty() ? " Near it: " : ", ") + near;
  }
  return text.empty() ? " /models lists what there is." : text + ".";
}

std::string unlisted_text(const ResolvedModel& model, const std::string& name,
                          const SettingsLoaded& settings, const CatalogueLoaded& catalogue) {
  if (!missing_in_list(model, settings, catalogue)) return {};
  return " The list of " + model.provider + " does not have it, which may be old." +
         near_models_text(name, settings, catalogue);
}

bool missing_in_list(const ResolvedModel& model, const SettingsLoaded& settings,
                     const CatalogueLoaded& catalogue) {
  const ProviderRow* provider = find_provider(settings.providers(), model.provider);
  if (provider == nullptr) return false;
  const auto& offered = provider->models();
  bool there = std::any_of(offered.begin(), offered.end(),
                           [&](const std::string& name) { return listed_as(name, model.model); });
  bool lists = false;
  for (const ModelRow& row : catalogue.rows()) {
    const bool own = row.source() == kOwnRows && same_model(row.id(), model.model);
    const bool listed = row.source() == model.provider;
    there = there || own || (listed && listed_as(row.id(), model.model));
    lists = lists || listed;
  }
  return lists && !there;
}

std::vector<std::string> known_models(const SettingsLoaded& settings,
                                      const CatalogueLoaded& catalogue) {
  std::vector<std::string> names;
  for (const ProviderRow& provider : settings.providers()) {
    if (!provider.usable()) continue;
    const auto offered = offered_by(provider, catalogue);
    names.insert(names.end(), offered.begin(), offered.end());
  }
  return names;
}

}  // namespace daybook
