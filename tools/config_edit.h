// Changing one setting in a TOML file as a careful person would: that one place in the text, and
// comments, order and spacing stay.
//
// Law: after an edit every other setting of the file means what it meant before and the whole of
// the settings is still valid; otherwise nothing is written. The file is replaced in one step.
// Rejected: writing the parsed tree back, which forgets everything but the values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/settings.h"
#include "tools/settings_file.h"

namespace daybook {

struct ConfigEdit {
  LoadRequest request;         // where the files are, and what else is in force
  Layer layer = Layer::kUser;  // kUser or kProject
  std::string key;
  std::optional<std::string> value;  // as a person types it: text, 50, 1s, "1,2"; none: unset
};

struct ConfigEdited {
  std::string file;
  bool changed = false;  // false: it was so already
};

// The user's file gets mode 0600 and its folder, when new, 0700. Files on the disk stay as they are
// on any Error.
Result<ConfigEdited> edit_config(const ConfigEdit& edit);

// The text with `key` = `spelling` (a TOML value), and the text without `key`. `file` is for an
// Error.
Result<std::string> text_with_setting(const std::string& text, const std::string& key,
                                      const std::string& spelling, const std::string& file);
Result<std::string> text_without_setting(const std::string& text, const std::string& key,
                                         const std::string& file);

}  // namespace daybook
