// Settings out of environment variables: DAYBOOK_SECTION_KEY, the well-known names of tokens and
// keys, and the defaults that depend on where we run. Pure: the variables come as a map.
//
// An empty variable is as good as none. DAYBOOK_PROVIDERS_MY_BOX_API_KEY is about the provider
// my_box, or about my-box when a file speaks of that one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/settings.h"

namespace daybook {

struct LoadRequest;

using EnvironmentMap = std::map<std::string, std::string>;

// journal.dir: $STATE_DIRECTORY, else $XDG_STATE_HOME/daybook, else ~/.local/state/daybook.
std::vector<SettingEntry> default_entries(const LoadRequest& request);

// TELEGRAM_BOT_TOKEN, OPENROUTER_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY, https_proxy.
std::vector<SettingEntry> well_known_entries(const EnvironmentMap& environment);

// DAYBOOK_...; `known` are the entries so far. A name in one of our sections that is no setting
// becomes an entry, so that it is refused like any other; another one gets a warning.
std::vector<SettingEntry> variable_entries(const EnvironmentMap& environment,
                                           const std::vector<SettingEntry>& known,
                                           std::vector<std::string>& warnings);

}  // namespace daybook
