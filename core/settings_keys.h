// The table of every setting: its name, what may stand in it, its default and who may set it.
//
// Law: a value that leaves this file is valid in itself, whoever wrote it, and no sentence made
// here quotes a secret. What takes two settings to judge (an address and its provider's
// `insecure`) is judged by resolve_settings().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/settings.h"

namespace daybook {

using SettingValue = decltype(SettingEntry::value);

enum class SettingKind {
  kText,
  kWord,  // no spaces, no control characters: a model, a name
  kSecret,
  kChoice,
  kNumber,
  kMoney,   // dollars, also with a fraction; a checked value counts nanodollars
  kWeight,  // a number, also with a fraction; a checked value counts hundredths
  kSwitch,
  kDuration,  // "500ms", "1s", "2m", "1h", or whole milliseconds
  kIds,
  kLadder,  // whole numbers, each less than the one before
  kWords,
  kUrl,
  kPath,
};

struct SettingKey {
  std::string_view name;  // "agent.model"; "providers.NAME.kind" stands for every provider
  SettingKind kind = SettingKind::kText;
  std::optional<SettingValue> initial;  // none: there is no default, or it depends on others
  std::int64_t least = 0;               // numbers; milliseconds for durations; of lists, each
  std::int64_t most = 0;                // and bytes for texts
  std::string_view choices;             // "text|json"; of lists, what may be in them
  bool project = false;                 // a project file may set it
  std::string_view meaning;             // one line for people
};

// By name.
const std::vector<SettingKey>& setting_keys();

// The row for a key as written ("providers.local.kind"); null if there is none.
const SettingKey* find_setting_key(std::string_view key);

// The keys of one provider: "providers.local.api_key", ...
std::vector<std::string> provider_keys(std::string_view provider);

// "local" of "providers.local.kind"; empty for any other key.
std::string_view provider_of_key(std::string_view key);

// The key that somebody who wrote `key` most likely meant; empty when nothing is close.
std::string nearest_setting_key(std::string_view key);

// The value in the type of its kind (durations as milliseconds). Environment and command line speak
// in strings, so there "50" is a number; in a file it is not. The Error is the rest of a sentence
// that begins with the key: "must be ..., not ...".
Result<SettingValue> checked_value(const SettingKey& key, const SettingEntry& entry);

// As TOML would spell a checked value; secrets in full.
std::string toml_spelling(SettingKind kind, const SettingValue& value);

// "********1f3a": the last four characters of a long secret, nothing of a short one.
std::string masked(std::string_view secret);

}  // namespace daybook
