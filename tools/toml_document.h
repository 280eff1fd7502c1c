// A TOML text as flat entries with their places in the text. The one place that knows the TOML
// library.
//
// Law: an Error names file and line, and quotes nothing longer than a few characters of the text,
// since what stands there may be a secret.
// Rejected: letting the library write files; it would lose comments, order and spacing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/settings_keys.h"

namespace daybook {

inline constexpr std::size_t kTomlBytesMax = 1u << 20;

// Places are bytes from the beginning of the text; ends are one past the last byte.
struct TomlEntry {
  std::string key;  // dotted, "agent.model"
  SettingValue value;
  std::uint32_t line = 0;  // where the key begins, from 1
  std::size_t key_begin = 0;
  std::size_t value_begin = 0;
  std::size_t value_end = 0;
};

enum class TomlTable {
  kHeader,  // [name]
  kInline,  // name = { ... }
  kDotted,  // made by name.key = ... or by [name.other]
};

struct TomlSection {
  std::string name;  // "providers.local"
  TomlTable table = TomlTable::kDotted;
  std::size_t begin = 0;  // of the header or of the braces; meaningless for kDotted
  std::size_t end = 0;
};

struct TomlDocument {
  std::vector<TomlEntry> entries;  // in the order of the text
  std::vector<TomlSection> sections;
};

// `file` is for the Error alone (kSettings). Dates, tables in lists and lists of anything but texts
// and whole numbers are errors: no setting takes them.
Result<TomlDocument> parse_toml(std::string_view text, const std::string& file);

}  // namespace daybook
