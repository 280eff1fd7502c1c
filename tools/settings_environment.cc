// Names of variables to names of settings.
#include "tools/settings_environment.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "core/settings_keys.h"
#include "tools/settings_file.h"

namespace daybook {
namespace {

constexpr std::string_view kVariablePrefix = "DAYBOOK_";
constexpr std::string_view kTestPrefix = "DAYBOOK_TEST_";  // hooks of the tests, no settings
constexpr std::string_view kProviderVariablePrefix = "DAYBOOK_PROVIDERS_";

struct WellKnownVariable {
  std::string_view variable;
  std::string_view key;
};
constexpr std::array<WellKnownVariable, 6> kWellKnownVariables = {{
    {"TELEGRAM_BOT_TOKEN", "telegram.token"},
    {"OPENROUTER_API_KEY", "providers.openrouter.api_key"},
    {"OPENAI_API_KEY", "providers.openai.api_key"},
    {"GEMINI_API_KEY", "providers.gemini.api_key"},
    {"HTTPS_PROXY", "network.proxy"},
    {"https_proxy", "network.proxy"},
}};

std::string variable_value(const EnvironmentMap& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string{} : found->second;
}

std::string variable_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '.' || c == '-') c = '_';
  }
  return out;
}

std::string key_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string provider_name(std::string_view upper, const std::vector<SettingEntry>& known) {
  for (const SettingEntry& entry : known) {
    const std::string_view name = provider_of_key(entry.key);
    if (!name.empty() && variable_case(name) == upper) return std::string(name);
  }
  return key_case(upper);
}

std::optional<std::string> provider_key(std::string_view variable,
                                        const std::vector<SettingEntry>& known) {
  if (!variable.starts_with(kProviderVariablePrefix)) return std::nullopt;
  variable.remove_prefix(kProviderVariablePrefix.size());
  for (const std::string& key : provider_keys("x")) {
    const std::string field = key.substr(key.rfind('.') + 1);
    const std::string suffix = "_" + variable_case(field);
    if (!variable.ends_with(suffix) || variable.size() == suffix.size()) continue;
    const auto name = variable.substr(0, variable.size() - suffix.size());
    return "providers." + provider_name(name, known) + "." + field;
  }
  return std::nullopt;
}

// "agent.modle" of DAYBOOK_AGENT_MODLE; nothing when the section is none of ours.
std::optional<std::string> misspelt_key(std::string_view variable) {
  variable.remove_prefix(kVariablePrefix.size());
  const std::size_t underscore = variable.find('_');
  if (underscore == std::string_view::npos) return std::nullopt;
  const std::string section = key_case(variable.substr(0, underscore)) + ".";
  const bool ours =
      std::any_of(setting_keys().begin(), setting_keys().end(),
                  [&section](const SettingKey& row) { return row.name.starts_with(section); });
  if (!ours) return std::nullopt;
  return section + key_case(variable.substr(underscore + 1));
}

std::optional<std::string> key_of_variable(std::string_view variable,
                                           const std::vector<SettingEntry>& known) {
  for (const SettingKey& row : setting_keys()) {
    if (variable.substr(kVariablePrefix.size()) == variable_case(row.name) &&
        !row.name.starts_with("providers.")) {
      return std::string(row.name);
    }
  }
  if (auto key = provider_key(variable, known)) return key;
  return misspelt_key(variable);
}

}  // namespace

std::vector<SettingEntry> default_entries(const LoadRequest& request) {
  namespace fs = std::filesystem;
  const auto entry = [](std::string folder, std::string origin) {
    return std::vector<SettingEntry>{
        {"journal.dir", std::move(folder), Layer::kBuiltIn, std::move(origin), 0}};
  };
  const std::string given = variable_value(request.environment, "STATE_DIRECTORY");
  const std::string first = given.substr(0, given.find(':'));
  if (first.starts_with('/')) return entry(first, "STATE_DIRECTORY");
  const std::string state = variable_value(request.environment, "XDG_STATE_HOME");
  if (state.starts_with('/'))
    return entry((fs::path(state) / "daybook").string(), "XDG_STATE_HOME");
  if (request.home.empty()) return {};
  return entry((fs::path(request.home) / ".local/state/daybook").string(), "");
}

std::vector<SettingEntry> well_known_entries(const EnvironmentMap& environment) {
  std::vector<SettingEntry> entries;
  for (const WellKnownVariable& row : kWellKnownVariables) {
    const std::string variable(row.variable);
    std::string value = variable_value(environment, variable);
    if (value.empty()) continue;
    // Other programs take a proxy without its scheme.
    const bool bare = row.key == "network.proxy" && value.find("://") == std::string::npos;
    if (bare) value.insert(0, "http://");
    entries.push_back({std::string(row.key), value, Layer::kEnvironment, variable, 0});
  }
  return entries;
}

std::vector<SettingEntry> variable_entries(const EnvironmentMap& environment,
                                           const std::vector<SettingEntry>& known,
                                           std::vector<std::string>& warnings) {
  std::vector<SettingEntry> entries;
  for (const auto& [variable, value] : environment) {
    if (!variable.starts_with(kVariablePrefix) || variable.starts_with(kTestPrefix)) continue;
    if (value.empty()) continue;
    const auto key = key_of_variable(variable, known);
    if (key) {
      entries.push_back({*key, value, Layer::kEnvironment, variable, 0});
    } else {
      warnings.push_back("The variable " + variable + " is no setting and is ignored.");
    }
  }
  return entries;
}

}  // namespace daybook
