// Merging: every entry is checked, the latest layer wins key by key, then what needs two settings
// to judge is judged. A bad entry is refused even when a later layer hides it.
#include "core/settings.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include "core/model.h"
#include "core/policy.h"
#include "core/route.h"
#include "core/settings_keys.h"
#include "core/sha256.h"
#include "core/summarising.h"

namespace daybook {
namespace {

constexpr std::size_t kKeyPartShownMax = 24;  // a longer one may be a secret in the wrong place
constexpr std::uint32_t kAttemptsMax = 3;

struct ChosenSetting {
  SettingValue value;
  Layer layer = Layer::kBuiltIn;
  std::string origin;
};
using ChosenSettings = std::map<std::string, ChosenSetting>;

struct BuiltInProvider {
  std::string_view name;
  std::string_view kind;
  std::string_view base_url;
};

constexpr std::string_view kGeminiUrl = "https://generativelanguage.googleapis.com/v1beta";
constexpr std::array<BuiltInProvider, 4> kBuiltInProviders = {{
    {"openrouter", "openai", "https://openrouter.ai/api/v1"},
    {"openai", "openai", "https://api.openai.com/v1"},
    {"gemini", "gemini", kGeminiUrl},
    {"echo", "echo", ""},
}};

const BuiltInProvider* built_in_provider(std::string_view name) {
  for (const BuiltInProvider& row : kBuiltInProviders) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string origin_of(const SettingEntry& entry) {
  return entry.line == 0 ? entry.file : entry.file + ":" + std::to_string(entry.line);
}

std::string place_of(Layer layer, const std::string& origin) {
  return (origin.empty() ? std::string(layer_name(layer)) : origin) + ": ";
}

Error settings_error(const SettingEntry& entry, std::string_view sentence) {
  return {place_of(entry.layer, origin_of(entry)) + std::string(sentence), ExitCode::kSettings};
}

Error settings_error(const ChosenSetting& chosen, std::string_view sentence) {
  return {place_of(chosen.layer, chosen.origin) + std::string(sentence), ExitCode::kSettings};
}

std::string shown_key(std::string_view key) {
  std::size_t part_bytes = 0;
  for (const char c : key) {
    part_bytes = c == '.' ? 0 : part_bytes + 1;
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.';
    if (!plain || part_bytes > kKeyPartShownMax) return "of that name";
  }
  return std::string(key);
}

Error unknown_key(const SettingEntry& entry) {
  std::string sentence = "there is no setting " + shown_key(entry.key);
  const std::string close = nearest_setting_key(entry.key);
  sentence += close.empty() ? "; daybook config lists them all." : "; did you mean " + close + "?";
  return settings_error(entry, sentence);
}

Result<SettingValue> checked_entry(const SettingEntry& entry) {
  const SettingKey* row = find_setting_key(entry.key);
  if (row == nullptr) return unknown_key(entry);
  if (entry.layer == Layer::kProject && !row->project) {
    return settings_error(entry, entry.key +
                                     " may not be set by a project file, which could come from "
                                     "anybody; put it into your own config.toml.");
  }
  auto value = checked_value(*row, entry);
  if (!value) return settings_error(entry, entry.key + " " + value.error().message + ".");
  return value;
}

Result<ChosenSettings> choose(const std::vector<SettingEntry>& entries) {
  std::vector<const SettingEntry*> in_order;
  for (const SettingEntry& entry : entries) in_order.push_back(&entry);
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](const SettingEntry* left, const SettingEntry* right) {
                     return left->layer < right->layer;
                   });
  ChosenSettings chosen;
  for (const SettingEntry* entry : in_order) {
    auto value = checked_entry(*entry);
    if (!value) return value.error();
    chosen[entry->key] = {std::move(*value), entry->layer, origin_of(*entry)};
  }
  for (const SettingKey& row : setting_keys()) {
    if (row.name.starts_with("providers.") || !row.initial) continue;
    chosen.try_emplace(std::string(row.name), ChosenSetting{*row.initial, Layer::kBuiltIn, {}});
  }
  return chosen;
}

const ChosenSetting* find_chosen(const ChosenSettings& chosen, const std::string& key) {
  const auto found = chosen.find(key);
  return found == chosen.end() ? nullptr : &found->second;
}

template <typename T>
T chosen_value(const ChosenSettings& chosen, const std::string& key, T otherwise = {}) {
  const ChosenSetting* found = find_chosen(chosen, key);
  return found == nullptr ? otherwise : std::get<T>(found->value);
}

std::string without_last_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

// A server's address as settings keep it.
Result<std::string> server_address(const std::string& key, const ChosenSetting& chosen,
                                   std::string_view if_plain) {
  const auto& text = std::get<std::string>(chosen.value);
  auto url = parse_url(text);
  if (!url) return settings_error(chosen, key + ": " + url.error().message + ".");
  if (url->path.find('?') != std::string::npos) {
    return settings_error(chosen, key + ": the address must not hold a query (?...).");
  }
  if (!url->origin.tls && !if_plain.empty() && !is_loopback(url->origin.host)) {
    return settings_error(chosen, key + ": " + std::string(if_plain));
  }
  return without_last_slash(text);
}

Result<std::string> proxy_address(const ChosenSetting& chosen) {
  if (std::get<std::string>(chosen.value).empty()) return std::string{};
  auto address = server_address("network.proxy", chosen, "");
  if (!address) return address;
  const auto url = parse_url(*address);
  if (url->origin.tls || !url->path.empty()) {
    return settings_error(chosen, "network.proxy: a proxy is written http://host:port.");
  }
  return address;
}

Result<void> add_address(ProviderSettings& provider, const ChosenSettings& chosen) {
  const std::string key = "providers." + provider.name + ".base_url";
  const ChosenSetting* written = find_chosen(chosen, key);
  if (provider.kind == "echo") {
    provider.needs_key = false;
    if (written == nullptr) return {};
    return settings_error(*written, key + ": the kind echo has no server.");
  }
  const BuiltInProvider* built_in = built_in_provider(provider.name);
  if (written == nullptr) {
    if (built_in != nullptr) provider.base_url = built_in->base_url;
    if (provider.kind == "gemini") provider.base_url = kGeminiUrl;
    return {};
  }
  auto address = server_address(
      key, *written,
      provider.insecure ? ""
                        : "plain http:// to another machine shows your key to the network; use "
                          "https://, or set providers." +
                              provider.name + ".insecure = true.");
  if (!address) return address.error();
  provider.base_url = *address;
  const bool local = is_loopback(parse_url(*address)->origin.host);
  if (built_in == nullptr && local) provider.needs_key = !provider.api_key.empty();
  return {};
}

// The first thing that anybody said about a provider, to point at.
const ChosenSetting& first_word(std::string_view name, const ChosenSettings& chosen) {
  const auto found = std::find_if(chosen.begin(), chosen.end(), [name](const auto& row) {
    return provider_of_key(row.first) == name;
  });
  CHECK(found != chosen.end(), "a provider is known because something was said about it");
  return found->second;
}

Result<ProviderSettings> make_provider(const std::string& name, const ChosenSettings& chosen) {
  const std::string prefix = "providers." + name + ".";
  const BuiltInProvider* built_in = built_in_provider(name);
  ProviderSettings provider;
  provider.name = name;
  const std::string usual_kind(built_in == nullptr ? "openai" : built_in->kind);
  provider.kind = chosen_value<std::string>(chosen, prefix + "kind", usual_kind);
  if (built_in != nullptr && provider.kind != built_in->kind) {
    return settings_error(*find_chosen(chosen, prefix + "kind"),
                          prefix + "kind: " + name + " is built in with kind " + usual_kind +
                              "; give a provider of your own another name.");
  }
  provider.insecure = chosen_value<bool>(chosen, prefix + "insecure", false);
  provider.api_key = Secret(chosen_value<std::string>(chosen, prefix + "api_key"));
  provider.models = chosen_value<std::vector<std::string>>(chosen, prefix + "models");
  auto added = add_address(provider, chosen);
  if (!added) return added.error();
  if (provider.base_url.empty() && provider.kind != "echo") {
    return settings_error(first_word(name, chosen),
                          "providers." + name + " has no server: set " + prefix +
                              "base_url, or correct the name if you meant another provider.");
  }
  return provider;
}

Result<std::vector<ProviderSettings>> make_providers(const ChosenSettings& chosen) {
  std::vector<std::string> names;
  for (const BuiltInProvider& row : kBuiltInProviders) names.emplace_back(row.name);
  std::set<std::string, std::less<>> own;
  for (const auto& [key, value] : chosen) {
    const std::string_view name = provider_of_key(key);
    if (!name.empty() && built_in_provider(name) == nullptr) own.emplace(name);
  }
  names.insert(names.end(), own.begin(), own.end());
  std::vector<ProviderSettings> providers;
  for (const std::string& name : names) {
    auto provider = make_provider(name, chosen);
    if (!provider) return provider.error();
    providers.push_back(std::move(*provider));
  }
  return providers;
}

std::vector<ProviderRow> rows_of(const std::vector<ProviderSettings>& providers) {
  std::vector<ProviderRow> rows;
  for (const ProviderSettings& provider : providers) {
    ProviderRow& row = rows.emplace_back();
    row.set_name(provider.name);
    row.set_kind(provider.kind);
    row.set_base_url(provider.base_url);
    row.set_usable(provider.usable());
    for (const std::string& model : provider.models) row.add_models(model);
  }
  std::sort(rows.begin(), rows.end(), [](const ProviderRow& left, const ProviderRow& right) {
    return left.name() < right.name();
  });
  return rows;
}

std::uint32_t chosen_count(const ChosenSettings& chosen, const std::string& key) {
  return static_cast<std::uint32_t>(chosen_value<std::int64_t>(chosen, key));
}

void fill_counts(const ChosenSettings& chosen, const std::string& key,
                 google::protobuf::RepeatedField<std::uint32_t>* counts) {
  for (const std::int64_t count : chosen_value<std::vector<std::int64_t>>(chosen, key)) {
    counts->Add(static_cast<std::uint32_t>(count));
  }
}

void fill_tuning(const ChosenSettings& chosen, PolicyTuning* tuning) {
  fill_counts(chosen, "agent.legacy_keep_last", tuning->mutable_legacy_keep_last());
  fill_counts(chosen, "agent.overflow_keep_last", tuning->mutable_overflow_keep_last());
  tuning->set_cut_keep_last(chosen_count(chosen, "agent.cut_keep_last"));
  fill_counts(chosen, "agent.cut_bytes", tuning->mutable_cut_bytes());
  tuning->set_cut_last_bytes(chosen_count(chosen, "agent.cut_last_bytes"));
  tuning->set_continuation_bytes(chosen_count(chosen, "agent.continuation_bytes"));
  tuning->set_reference_weight(chosen_count(chosen, "agent.reference_weight"));
  tuning->set_number_weight(chosen_count(chosen, "agent.number_weight"));
  tuning->set_name_weight(chosen_count(chosen, "agent.name_weight"));
  tuning->set_distance_weight(chosen_count(chosen, "agent.distance_weight"));
  tuning->set_legacy_percent(chosen_count(chosen, "agent.legacy_percent"));
  tuning->set_legacy_last_percent(chosen_count(chosen, "agent.legacy_last_percent"));
  tuning->set_legacy_spare_tokens(chosen_count(chosen, "agent.legacy_spare_tokens"));
  tuning->set_answer_tokens(chosen_count(chosen, "agent.answer_tokens"));
  tuning->set_part_entries(chosen_count(chosen, "agent.part_entries"));
  tuning->set_part_tokens(chosen_count(chosen, "agent.part_tokens"));
  tuning->set_part_tokens_min(chosen_count(chosen, "agent.part_tokens_min"));
  tuning->set_parts_percent(chosen_count(chosen, "agent.parts_percent"));
}

void fill_route(const ChosenSettings& chosen, RouteTuning* tuning) {
  tuning->set_caution(chosen_count(chosen, "agent.route_caution"));
  tuning->set_margin(chosen_count(chosen, "agent.route_margin"));
  tuning->set_prior(chosen_count(chosen, "agent.route_prior"));
  tuning->set_memory_percent(chosen_count(chosen, "agent.route_memory_percent"));
  tuning->set_explore_percent(chosen_count(chosen, "agent.route_explore_percent"));
}

std::uint32_t cache_minutes(std::string_view choice) {
  if (choice == "off") return 0;
  return choice == "1h" ? 60 : 5;
}

void fill_agent(Settings& settings, const ChosenSettings& chosen) {
  settings.agent.model = chosen_value<std::string>(chosen, "agent.model");
  settings.agent.model_chosen = !settings.agent.model.empty();
  if (!settings.agent.model_chosen) {
    settings.agent.model = default_model(rows_of(settings.providers));
  }
  settings.agent.system_prompt = chosen_value<std::string>(chosen, "agent.system_prompt");
  settings.agent.max_history_messages = chosen_count(chosen, "agent.max_history_messages");
  settings.agent.context_window_percent = chosen_count(chosen, "agent.context_window_percent");
  settings.agent.auto_compact = chosen_value<bool>(chosen, "agent.auto_compact");
  settings.agent.auto_resume = chosen_count(chosen, "agent.auto_resume");
  settings.agent.branch_summary = chosen_value<bool>(chosen, "agent.branch_summary");
  settings.agent.compact_percent = chosen_count(chosen, "agent.compact_percent");
  settings.agent.summary_model = chosen_value<std::string>(chosen, "agent.summary_model");
  settings.agent.summary_prompt = chosen_value<std::string>(chosen, "agent.summary_prompt");
  settings.agent.context_tokens_max = chosen_count(chosen, "agent.context_tokens_max");
  settings.agent.policy = chosen_value<std::string>(chosen, "agent.policy");
  settings.agent.reset_threshold = chosen_count(chosen, "agent.reset_threshold");
  settings.agent.incremental_budget = chosen_count(chosen, "agent.incremental_budget");
  settings.agent.keep_last = chosen_count(chosen, "agent.keep_last");
  fill_tuning(chosen, &settings.agent.tuning);
  fill_route(chosen, &settings.agent.route_tuning);
  settings.agent.cache_minutes =
      cache_minutes(chosen_value<std::string>(chosen, "agent.prompt_cache"));
  settings.agent.fallbacks = chosen_value<std::vector<std::string>>(chosen, "agent.fallbacks");
  settings.agent.route = chosen_value<std::string>(chosen, "agent.route");
  settings.agent.recovery = chosen_value<std::string>(chosen, "agent.recovery");
  const auto money = [&](const std::string& key) {
    return static_cast<std::uint64_t>(chosen_value<std::int64_t>(chosen, key));
  };
  settings.budget.daily_nanodollars = money("budget.daily_usd");
  settings.budget.user_daily_nanodollars = money("budget.user_daily_usd");
  settings.agent.tools = chosen_value<std::vector<std::string>>(chosen, "agent.tools");
  settings.agent.max_steps = chosen_count(chosen, "agent.max_steps");
  settings.agent.stale_after = Duration(chosen_value<std::int64_t>(chosen, "agent.stale_after"));
  settings.recovery.max_turns = chosen_count(chosen, "recovery.max_turns");
}

Result<void> fill_telegram(Settings& settings, const ChosenSettings& chosen) {
  settings.telegram.token = Secret(chosen_value<std::string>(chosen, "telegram.token"));
  auto api_root = server_address("telegram.api_root", *find_chosen(chosen, "telegram.api_root"),
                                 "plain http:// is accepted for this machine alone, because every "
                                 "call carries the bot's token; use https://.");
  if (!api_root) return api_root.error();
  settings.telegram.api_root = *api_root;
  settings.telegram.allow = chosen_value<std::vector<std::int64_t>>(chosen, "telegram.allow");
  settings.telegram.owner = chosen_value<std::int64_t>(chosen, "telegram.owner");
  settings.telegram.edit_chars = chosen_count(chosen, "telegram.edit_chars");
  const auto interval = chosen_value<std::int64_t>(chosen, "telegram.edit_interval");
  if (interval > 0) settings.telegram.edit_interval = Duration(interval);
  return {};
}

Result<void> fill_gateway(Settings& settings, const ChosenSettings& chosen) {
  auto proxy = proxy_address(*find_chosen(chosen, "network.proxy"));
  if (!proxy) return proxy.error();
  settings.network.proxy = *proxy;
  settings.catalogue.file = chosen_value<std::string>(chosen, "catalogue.file");
  settings.catalogue.refresh = chosen_value<bool>(chosen, "catalogue.refresh");
  settings.sessions.idle = Duration(chosen_value<std::int64_t>(chosen, "sessions.idle"));
  settings.sessions.model_titles = chosen_value<std::string>(chosen, "sessions.titles") == "model";
  settings.queue.mode = chosen_value<std::string>(chosen, "queue.mode");
  settings.journal.dir = chosen_value<std::string>(chosen, "journal.dir");
  settings.journal.commit_interval =
      Duration(chosen_value<std::int64_t>(chosen, "journal.commit_interval"));
  settings.journal.encrypt = chosen_value<bool>(chosen, "journal.encrypt");
  settings.tls.ca_file = chosen_value<std::string>(chosen, "tls.ca_file");
  settings.log.level = chosen_value<std::string>(chosen, "log.level");
  settings.log.format = chosen_value<std::string>(chosen, "log.format");
  settings.shutdown.grace = Duration(chosen_value<std::int64_t>(chosen, "shutdown.grace"));
  return {};
}

Result<Settings> make_settings(const ChosenSettings& chosen) {
  Settings settings;
  auto providers = make_providers(chosen);
  if (!providers) return providers.error();
  settings.providers = std::move(*providers);
  fill_agent(settings, chosen);
  if (auto filled = fill_telegram(settings, chosen); !filled) return filled.error();
  if (auto filled = fill_gateway(settings, chosen); !filled) return filled.error();
  return settings;
}

// What is in force although nobody wrote it.
std::string unwritten_value(const std::string& key, const Settings& settings) {
  if (key == "agent.model") return toml_spelling(SettingKind::kWord, settings.agent.model);
  const ProviderSettings* provider = settings.provider(provider_of_key(key));
  if (provider == nullptr) return {};
  if (key.ends_with(".kind")) return toml_spelling(SettingKind::kChoice, provider->kind);
  if (key.ends_with(".base_url")) return toml_spelling(SettingKind::kUrl, provider->base_url);
  const SettingKey* row = find_setting_key(key);
  return toml_spelling(row->kind, *row->initial);
}

SettingRow make_row(const std::string& key, const ChosenSettings& chosen,
                    const Settings& settings) {
  const ChosenSetting* found = find_chosen(chosen, key);
  if (found == nullptr) return {key, unwritten_value(key, settings), Layer::kBuiltIn, {}};
  const SettingKind kind = find_setting_key(key)->kind;
  const SettingValue shown = kind == SettingKind::kSecret
                                 ? SettingValue(masked(std::get<std::string>(found->value)))
                                 : found->value;
  return {key, toml_spelling(kind, shown), found->layer, found->origin};
}

std::vector<SettingRow> make_rows(const ChosenSettings& chosen, const Settings& settings) {
  std::set<std::string> keys;
  for (const SettingKey& row : setting_keys()) {
    if (!row.name.starts_with("providers.")) keys.emplace(row.name);
  }
  for (const ProviderSettings& provider : settings.providers) {
    for (const std::string& key : provider_keys(provider.name)) keys.insert(key);
  }
  std::vector<SettingRow> rows;
  for (const std::string& key : keys) rows.push_back(make_row(key, chosen, settings));
  return rows;
}

// So that another key of one name is known for another one.
void mark_keys(const std::vector<ProviderSettings>& providers, std::string_view seal_key,
               SettingsLoaded* body) {
  if (seal_key.empty()) return;
  for (ProviderRow& row : *body->mutable_providers()) {
    const auto of_row = std::find_if(providers.begin(), providers.end(),
                                     [&](const auto& one) { return one.name == row.name(); });
    if (of_row == providers.end() || of_row->api_key.empty()) continue;
    HmacSha256 code(seal_key);
    code.update("daybook provider key 1\n" + row.name() + "\n");
    code.update(of_row->api_key.reveal());
    const Digest digest = code.finish();
    std::uint64_t mark = 0;
    std::memcpy(&mark, digest.data(), sizeof mark);
    row.set_key_mark(mark);
  }
}

}  // namespace

std::string_view layer_name(Layer layer) {
  switch (layer) {
    case Layer::kBuiltIn:
      return "built-in";
    case Layer::kSystem:
      return "system";
    case Layer::kUser:
      return "user";
    case Layer::kProject:
      return "project";
    case Layer::kEnvironment:
      return "environment";
    case Layer::kCommandLine:
      return "command line";
  }
  CHECK(false, "every layer has a name");
}

const ProviderSettings* Settings::provider(std::string_view name) const {
  const auto found =
      std::find_if(providers.begin(), providers.end(),
                   [name](const ProviderSettings& each) { return each.name == name; });
  return found == providers.end() ? nullptr : &*found;
}

std::vector<Secret> Settings::secrets() const {
  std::vector<Secret> all;
  if (!telegram.token.empty()) all.push_back(telegram.token);
  for (const ProviderSettings& each : providers) {
    if (!each.api_key.empty()) all.push_back(each.api_key);
  }
  return all;
}

Result<LoadedSettings> resolve_settings(const std::vector<SettingEntry>& entries) {
  auto chosen = choose(entries);
  if (!chosen) return chosen.error();
  auto settings = make_settings(*chosen);
  if (!settings) return settings.error();
  LoadedSettings loaded;
  loaded.rows = make_rows(*chosen, *settings);
  loaded.values = std::move(*settings);
  return loaded;
}

Event settings_loaded(const Settings& settings, std::string_view seal_key) {
  Event event;
  event.mutable_content()->set_text(settings.agent.system_prompt);
  if (settings.agent.summary_prompt != kSummaryPrompt) {
    event.mutable_content()->set_detail(settings.agent.summary_prompt);
  }
  SettingsLoaded& body = *event.mutable_settings_loaded();
  body.set_model(settings.agent.model);
  body.set_model_chosen(settings.agent.model_chosen);
  body.set_max_history_messages(settings.agent.max_history_messages);
  body.set_context_window_percent(settings.agent.context_window_percent);
  body.set_context_tokens_max(settings.agent.context_tokens_max);
  body.set_policy(settings.agent.policy);
  body.set_queue_mode(settings.queue.mode);
  body.set_idle(settings.sessions.idle.count());
  body.set_model_titles(settings.sessions.model_titles);
  body.set_reset_threshold(settings.agent.reset_threshold);
  body.set_incremental_budget(settings.agent.incremental_budget);
  body.set_keep_last(settings.agent.keep_last);
  const PolicyTuning& tuning = settings.agent.tuning;
  if (tuning.SerializeAsString() != usual_tuning().SerializeAsString()) {
    *body.mutable_tuning() = tuning;
  }
  const RouteTuning& route = settings.agent.route_tuning;
  if (route.SerializeAsString() != usual_route_tuning().SerializeAsString()) {
    *body.mutable_route_tuning() = route;
  }
  body.set_cache_minutes(settings.agent.cache_minutes);
  for (const std::string& model : settings.agent.fallbacks) body.add_fallbacks(model);
  body.set_route(settings.agent.route);
  body.set_recovery(settings.agent.recovery);
  body.set_budget_nanodollars(settings.budget.daily_nanodollars);
  body.set_user_budget_nanodollars(settings.budget.user_daily_nanodollars);
  for (const std::string& tool : settings.agent.tools) body.add_tools(tool);
  body.set_max_steps(settings.agent.max_steps);
  body.set_stale_after(settings.agent.stale_after.count());
  body.set_recovery_turns(settings.recovery.max_turns);
  for (const std::int64_t id : settings.telegram.allow) body.add_telegram_allow(id);
  body.set_telegram_owner(settings.telegram.owner);
  for (ProviderRow& row : rows_of(settings.providers)) *body.add_providers() = std::move(row);
  mark_keys(settings.providers, seal_key, &body);
  body.set_attempts_max(kAttemptsMax);
  body.set_auto_compact(settings.agent.auto_compact);
  body.set_auto_resume(settings.agent.auto_resume);
  body.set_branch_summary(settings.agent.branch_summary);
  body.set_compact_percent(settings.agent.compact_percent);
  body.set_summary_model(settings.agent.summary_model);
  return event;
}

}  // namespace daybook
