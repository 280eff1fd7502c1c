// Every edit is made on the text and then read again: what the parser finds must differ from before
// in the one key alone. So no shape of TOML needs to be foreseen to be safe.
#include "tools/config_edit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "core/settings_keys.h"
#include "tools/toml_document.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kUserFileMode = 0600;
constexpr mode_t kProjectFileMode = 0644;
constexpr mode_t kFolderMode = 0700;

std::string section_of(const std::string& key) { return key.substr(0, key.rfind('.')); }
std::string field_of(const std::string& key) { return key.substr(key.rfind('.') + 1); }

std::string newline_of(const std::string& text) {
  return text.find("\r\n") == std::string::npos ? "\n" : "\r\n";
}

const TomlEntry* find_entry(const TomlDocument& document, const std::string& key) {
  for (const TomlEntry& entry : document.entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

const TomlSection* find_section(const TomlDocument& document, const std::string& name) {
  for (const TomlSection& section : document.sections) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

// Past the end of the line that holds `at`.
std::size_t next_line(const std::string& text, std::size_t at) {
  const std::size_t end = text.find('\n', at);
  return end == std::string::npos ? text.size() : end + 1;
}

std::size_t line_begin(const std::string& text, std::size_t at) {
  const std::size_t end = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  return end == std::string::npos ? 0 : end + 1;
}

// `line` as a line of its own after the one that holds `at`.
std::string with_line_after(std::string text, std::size_t at, const std::string& line) {
  const std::string newline = newline_of(text);
  std::size_t place = next_line(text, at);
  if (place == text.size() && !text.empty() && text.back() != '\n') {
    text += newline;
    place = text.size();
  }
  return text.insert(place, line + newline);
}

// The last entry that stands between `begin` and `end`.
const TomlEntry* last_entry_between(const TomlDocument& document, std::size_t begin,
                                    std::size_t end) {
  const TomlEntry* last = nullptr;
  for (const TomlEntry& entry : document.entries) {
    if (entry.key_begin > begin && entry.key_begin < end) last = &entry;
  }
  return last;
}

std::string with_entry_under_header(const std::string& text, const TomlDocument& document,
                                    const TomlSection& section, const std::string& line) {
  std::size_t next = text.size();
  for (const TomlSection& other : document.sections) {
    const bool later = other.table == TomlTable::kHeader && other.begin > section.begin;
    if (later) next = std::min(next, other.begin);
  }
  const TomlEntry* last = last_entry_between(document, section.begin, next);
  return with_line_after(text, last == nullptr ? section.begin : last->value_end - 1, line);
}

std::string with_entry_in_braces(std::string text, const TomlDocument& document,
                                 const TomlSection& section, const std::string& line) {
  const TomlEntry* last = last_entry_between(document, section.begin, section.end);
  if (last == nullptr) return text.insert(section.begin + 1, " " + line);
  return text.insert(last->value_end, ", " + line);
}

// Beside a sibling that is written as section.field, in the same spelling.
std::string with_dotted_entry(const std::string& text, const TomlDocument& document,
                              const std::string& section, const std::string& line) {
  const TomlEntry* sibling = nullptr;
  for (const TomlEntry& entry : document.entries) {
    if (section_of(entry.key) == section) sibling = &entry;
  }
  if (sibling == nullptr) return text;
  const std::size_t begin = line_begin(text, sibling->key_begin);
  const std::string prefix = text.substr(begin, sibling->key_begin - begin);
  return with_line_after(text, sibling->value_end - 1, prefix + line);
}

std::string with_new_section(std::string text, const std::string& section,
                             const std::string& line) {
  const std::string newline = newline_of(text);
  if (!text.empty() && text.back() != '\n') text += newline;
  if (!text.empty()) text += newline;
  return text + "[" + section + "]" + newline + line + newline;
}

std::string with_new_entry(const std::string& text, const TomlDocument& document,
                           const std::string& key, const std::string& spelling) {
  const std::string section_name = section_of(key);
  const std::string line = field_of(key) + " = " + spelling;
  const TomlSection* section = find_section(document, section_name);
  if (section == nullptr) return with_new_section(text, section_name, line);
  if (section->table == TomlTable::kHeader) {
    return with_entry_under_header(text, document, *section, line);
  }
  if (section->table == TomlTable::kInline) {
    return with_entry_in_braces(text, document, *section, line);
  }
  return with_dotted_entry(text, document, section_name, line);
}

std::map<std::string, SettingValue> values_of(const TomlDocument& document) {
  std::map<std::string, SettingValue> values;
  for (const TomlEntry& entry : document.entries) values.emplace(entry.key, entry.value);
  return values;
}

Error by_hand(const std::string& file, const std::string& key) {
  return {file + ": " + key +
              " stands where it cannot be changed safely; edit the file by hand. Nothing was "
              "changed.",
          ExitCode::kSettings};
}

// The edited text, if it says of every other key what the text before said.
Result<std::string> proven_edit(const TomlDocument& before, const std::string& after,
                                const std::string& key, const std::optional<SettingValue>& value,
                                const std::string& file) {
  const auto document = parse_toml(after, file);
  if (!document) return by_hand(file, key);
  auto expected = values_of(before);
  expected.erase(key);
  if (value) expected.emplace(key, *value);
  if (values_of(*document) != expected) return by_hand(file, key);
  return after;
}

Error write_failed(const std::string& path) {
  return {path + " cannot be written: " + std::strerror(errno) + ".", ExitCode::kInputOutput};
}

// Owns a temporary file beside its target until it takes the target's name.
class ReplacementFile {
 public:
  explicit ReplacementFile(const std::string& target)
      : target_(target),
        path_(target + ".XXXXXX"),
        descriptor_(::mkostemp(path_.data(), O_CLOEXEC)) {}
  ~ReplacementFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!renamed_) ::unlink(path_.c_str());
  }
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;

  Result<void> write(std::string_view text, mode_t mode, std::optional<uid_t> owner) {
    if (descriptor_ < 0 || ::fchmod(descriptor_, mode) != 0) return write_failed(target_);
    const bool foreign = owner && *owner != ::geteuid();
    if (foreign && ::fchown(descriptor_, *owner, static_cast<gid_t>(-1)) != 0) {
      return write_failed(target_);
    }
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return write_failed(target_);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(descriptor_) != 0) return write_failed(target_);
    return {};
  }

  Result<void> take_place() {
    if (::rename(path_.c_str(), target_.c_str()) != 0) return write_failed(target_);
    renamed_ = true;
    const std::string folder = fs::path(target_).parent_path().string();
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
    if (descriptor >= 0) ::close(descriptor);
    return synced ? Result<void>{} : write_failed(target_);
  }

 private:
  std::string target_;
  std::string path_;
  int descriptor_;
  bool renamed_ = false;
};

Result<void> make_folder(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  std::error_code failure;
  if (fs::is_directory(folder, failure)) return {};
  fs::create_directories(folder.parent_path(), failure);
  if (failure) errno = failure.value();
  if (failure || ::mkdir(folder.c_str(), kFolderMode) != 0) return write_failed(folder.string());
  return {};
}

// Through a link to the file itself: people keep such files elsewhere and link to them.
std::string behind_links(const std::string& path) {
  std::error_code failure;
  const fs::path real = fs::canonical(path, failure);
  return failure ? path : real.string();
}

// People may type a list as TOML does, or plainly.
Result<std::string> spelled_value(const SettingKey& row, const ConfigEdit& edit) {
  SettingEntry entry{edit.key, *edit.value, Layer::kCommandLine, "", 0};
  const bool list = row.kind == SettingKind::kIds || row.kind == SettingKind::kWords ||
                    row.kind == SettingKind::kLadder;
  if (list && edit.value->starts_with('[')) {
    const auto document = parse_toml("list = " + *edit.value, edit.key);
    if (!document || document->entries.size() != 1) {
      return Error{edit.key + " must be a list such as 1,2 or [1, 2].", ExitCode::kSettings};
    }
    entry.value = document->entries[0].value;
  }
  const auto value = checked_value(row, entry);
  if (!value) return Error{edit.key + " " + value.error().message + ".", ExitCode::kSettings};
  return toml_spelling(row.kind, *value);
}

Result<std::string> edited_text(const ConfigEdit& edit, const std::string& text,
                                const std::string& file) {
  if (!edit.value) return text_without_setting(text, edit.key, file);
  const SettingKey* row = find_setting_key(edit.key);
  if (row == nullptr || edit.key.find("NAME") != std::string::npos) {
    const std::string close = nearest_setting_key(edit.key);
    return Error{
        "There is no setting of that name" +
            (close.empty() ? "; daybook config lists them all." : ": did you mean " + close + "?"),
        ExitCode::kSettings};
  }
  const auto spelling = spelled_value(*row, edit);
  if (!spelling) return spelling.error();
  return text_with_setting(text, edit.key, *spelling, file);
}

}  // namespace

Result<std::string> text_with_setting(const std::string& text, const std::string& key,
                                      const std::string& spelling, const std::string& file) {
  const auto document = parse_toml(text, file);
  if (!document) return document.error();
  const auto wanted = parse_toml("value = " + spelling, file);
  CHECK(wanted && wanted->entries.size() == 1, "a spelled value is TOML");
  const TomlEntry* entry = find_entry(*document, key);
  std::string after = text;
  if (entry == nullptr) {
    after = with_new_entry(text, *document, key, spelling);
  } else if (entry->value != wanted->entries[0].value) {
    after.replace(entry->value_begin, entry->value_end - entry->value_begin, spelling);
  }
  return proven_edit(*document, after, key, wanted->entries[0].value, file);
}

Result<std::string> text_without_setting(const std::string& text, const std::string& key,
                                         const std::string& file) {
  const auto document = parse_toml(text, file);
  if (!document) return document.error();
  const TomlEntry* entry = find_entry(*document, key);
  if (entry == nullptr) return text;
  std::string after = text;
  const std::size_t begin = line_begin(text, entry->key_begin);
  after.erase(begin, next_line(text, entry->value_end - 1) - begin);
  return proven_edit(*document, after, key, std::nullopt, file);
}

Result<ConfigEdited> edit_config(const ConfigEdit& edit) {
  CHECK(edit.layer == Layer::kUser || edit.layer == Layer::kProject, "only these are edited");
  const bool user = edit.layer == Layer::kUser;
  const std::string file =
      user ? user_settings_file(edit.request) : project_settings_file(edit.request);
  if (file.empty()) {
    return Error{"There is no home to keep settings in; set HOME.", ExitCode::kSettings};
  }
  auto before = read_settings_text(file, kTomlBytesMax);
  if (!before) return before.error();
  const std::optional<FileText>& old = *before;
  if (!user && old && old->owner != edit.request.uid) {
    return Error{file + " belongs to another user.", ExitCode::kSettings};
  }
  const std::string text = old ? old->text : std::string{};
  auto after = edited_text(edit, text, file);
  if (!after) return after.error();
  if (*after == text) return ConfigEdited{file, false};
  LoadRequest judged = edit.request;
  judged.replacement = LoadRequest::Replacement{file, *after};
  if (const auto loaded = load_settings(judged); !loaded) return loaded.error();
  if (auto made = make_folder(file); !made) return made.error();
  ReplacementFile replacement(behind_links(file));
  const mode_t mode = user ? kUserFileMode : old ? old->mode : kProjectFileMode;
  const auto owner = old ? std::optional<uid_t>(old->owner) : std::nullopt;
  if (auto written = replacement.write(*after, mode, owner); !written) return written.error();
  if (auto placed = replacement.take_place(); !placed) return placed.error();
  return ConfigEdited{file, true};
}

}  // namespace daybook
