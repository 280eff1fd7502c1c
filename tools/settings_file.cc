// The six layers, gathered in order; judging them is resolve_settings()' work.
#include "tools/settings_file.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/settings_keys.h"
#include "tools/settings_environment.h"
#include "tools/toml_document.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeyFileBytesMax = 8'192;
constexpr mode_t kOthersMask = 077;
constexpr std::string_view kFileKeySuffix = ".api_key_file";
constexpr std::string_view kKeySuffix = ".api_key";

// Closes a descriptor at the end of its scope.
class SettingsDescriptor {
 public:
  explicit SettingsDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~SettingsDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  SettingsDescriptor(const SettingsDescriptor&) = delete;
  SettingsDescriptor& operator=(const SettingsDescriptor&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Error unreadable(const std::string& path, const std::string& why) {
  return {path + " cannot be read: " + why + ".", ExitCode::kInputOutput};
}

Result<std::string> read_whole(int descriptor, std::size_t bytes_max, const std::string& path) {
  std::string text;
  std::array<char, 16'384> buffer{};
  while (text.size() <= bytes_max) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, std::strerror(errno));
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return unreadable(path, "it is larger than " + std::to_string(bytes_max) + " bytes");
}

std::string absolute_path(const std::string& path, const std::string& base,
                          const std::string& home) {
  if (!home.empty() && path.starts_with("~/")) return (fs::path(home) / path.substr(2)).string();
  return path.empty() ? path : (fs::path(base) / path).lexically_normal().string();
}

bool same_settings_file(const std::string& left, const std::string& right) {
  struct stat one {};
  struct stat other {};
  return ::stat(left.c_str(), &one) == 0 && ::stat(right.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

const SettingEntry* first_secret(const std::vector<SettingEntry>& entries) {
  for (const SettingEntry& entry : entries) {
    const SettingKey* row = find_setting_key(entry.key);
    const auto* text = std::get_if<std::string>(&entry.value);
    const bool filled = text == nullptr || !text->empty();
    if (row != nullptr && row->kind == SettingKind::kSecret && filled) return &entry;
  }
  return nullptr;
}

bool is_path_setting(const SettingEntry& entry) {
  const SettingKey* row = find_setting_key(entry.key);
  return row != nullptr && row->kind == SettingKind::kPath;
}

// Gathers entries layer by layer.
class SettingsGathering {
 public:
  explicit SettingsGathering(const LoadRequest& request) : request_(request) {}

  Result<LoadedFiles> load() {
    add(default_entries(request_));
    if (auto added = add_system_file(); !added) return added.error();
    if (auto added = add_user_file(); !added) return added.error();
    if (auto added = add_project_file(); !added) return added.error();
    if (auto added = add_environment(); !added) return added.error();
    add(request_.command_line);
    if (auto added = add_keys_from_files(); !added) return added.error();
    auto settings = resolve_settings(entries_);
    if (!settings) return settings.error();
    return LoadedFiles{std::move(*settings), std::move(warnings_), std::move(files_)};
  }

 private:
  // Relative paths in a file start from its folder, others from the working directory.
  void add(std::vector<SettingEntry> entries, const std::string& base = {}) {
    for (SettingEntry& entry : entries) {
      auto* text = std::get_if<std::string>(&entry.value);
      if (text != nullptr && is_path_setting(entry)) {
        *text =
            absolute_path(*text, base.empty() ? request_.working_directory : base, request_.home);
      }
      entries_.push_back(std::move(entry));
    }
  }

  Result<std::optional<FileText>> text_of(const std::string& path) {
    if (request_.replacement && request_.replacement->path == path) {
      return std::optional<FileText>({request_.replacement->text, request_.uid, 0600});
    }
    return read_settings_text(path, kTomlBytesMax);
  }

  Result<void> add_text(const FileText& file, const std::string& path, Layer layer) {
    auto entries = settings_entries(file.text, path, layer);
    if (!entries) return entries.error();
    const SettingEntry* secret = first_secret(*entries);
    if (secret != nullptr && (file.mode & kOthersMask) != 0) {
      return Error{path + ":" + std::to_string(secret->line) + ": " + secret->key +
                       " is a secret in a file that others can read: chmod 600 " + path,
                   ExitCode::kSettings};
    }
    files_.push_back(path);
    add(std::move(*entries), fs::path(path).parent_path().string());
    return {};
  }

  Result<void> add_system_file() {
    auto file = text_of(request_.system_file);
    if (!file) {
      // Often it is the daemon's own, with its token, and somebody else runs the tool.
      warnings_.push_back(file.error().message + " Going on without it.");
      return {};
    }
    return *file ? add_text(**file, request_.system_file, Layer::kSystem) : Result<void>{};
  }

  Result<void> add_user_file() {
    const std::string path = user_settings_file(request_);
    if (path.empty()) return {};
    auto file = text_of(path);
    if (!file) return file.error();
    if (*file) return add_text(**file, path, Layer::kUser);
    if (request_.config_file.empty()) return {};
    return Error{path + ": there is no such file; --config names a file of settings.",
                 ExitCode::kSettings};
  }

  // Whether the folder, the link and the file are all this user's.
  [[nodiscard]] bool own_project_file(const std::string& path, const FileText& file) const {
    const auto owner = [](const std::string& name) -> std::optional<uid_t> {
      struct stat status {};
      if (::lstat(name.c_str(), &status) != 0) return std::nullopt;
      return status.st_uid;
    };
    return file.owner == request_.uid && owner(path) == request_.uid &&
           owner(fs::path(path).parent_path().string()) == request_.uid;
  }

  Result<void> add_project_file() {
    const std::string path = project_settings_file(request_);
    if (path.empty() || same_settings_file(path, user_settings_file(request_))) return {};
    const bool replaced = request_.replacement && request_.replacement->path == path;
    auto file = text_of(path);
    if (!file) {
      warnings_.push_back(file.error().message + " Going on without it.");
      return {};
    }
    if (!*file) return {};
    if (!replaced && !own_project_file(path, **file)) {
      warnings_.push_back(path + " belongs to another user and is ignored.");
      return {};
    }
    return add_text(**file, path, Layer::kProject);
  }

  Result<void> add_environment() {
    auto credentials = credential_entries();
    if (!credentials) return credentials.error();
    add(well_known_entries(request_.environment));
    add(std::move(*credentials));
    add(variable_entries(request_.environment, entries_, warnings_));
    return {};
  }

  // systemd's LoadCredential= puts each credential into a file that only the service sees.
  Result<std::vector<SettingEntry>> credential_entries() {
    std::vector<SettingEntry> entries;
    const auto folder = request_.environment.find("CREDENTIALS_DIRECTORY");
    if (folder == request_.environment.end() || folder->second.empty()) return entries;
    for (const auto& [name, key] : {std::pair("telegram-token", "telegram.token"),
                                    std::pair("openrouter-key", "providers.openrouter.api_key"),
                                    std::pair("openai-key", "providers.openai.api_key"),
                                    std::pair("gemini-key", "providers.gemini.api_key")}) {
      const std::string path = (fs::path(folder->second) / name).string();
      auto file = read_settings_text(path, kKeyFileBytesMax);
      if (!file) return file.error();
      if (!*file) continue;
      entries.push_back({key, (*file)->text, Layer::kEnvironment, path, 0});
    }
    return entries;
  }

  // Of all that was said about a provider's key, what counts.
  [[nodiscard]] const SettingEntry* winner(const std::string& prefix) const {
    const SettingEntry* best = nullptr;
    for (const SettingEntry& entry : entries_) {
      const bool about_key = entry.key == prefix + std::string(kKeySuffix) ||
                             entry.key == prefix + std::string(kFileKeySuffix);
      if (about_key && (best == nullptr || entry.layer >= best->layer)) best = &entry;
    }
    return best;
  }

  [[nodiscard]] const SettingEntry* rival(const SettingEntry& entry,
                                          const std::string& prefix) const {
    for (const SettingEntry& other : entries_) {
      if (other.key == prefix + std::string(kKeySuffix) && other.line != 0 &&
          other.file == entry.file) {
        return &other;
      }
    }
    return nullptr;
  }

  Result<void> add_keys_from_files() {
    std::vector<SettingEntry> keys;
    for (const SettingEntry& entry : entries_) {
      if (!entry.key.ends_with(kFileKeySuffix) || find_setting_key(entry.key) == nullptr) continue;
      const std::string prefix = entry.key.substr(0, entry.key.size() - kFileKeySuffix.size());
      const auto* path = std::get_if<std::string>(&entry.value);
      // A project file is refused as a whole later; nothing is read on its word.
      if (path == nullptr || path->empty() || entry.layer == Layer::kProject) continue;
      if (const SettingEntry* other = rival(entry, prefix)) {
        return Error{other->file + ":" + std::to_string(other->line) + ": " + prefix +
                         " has both api_key and api_key_file; keep one of them.",
                     ExitCode::kSettings};
      }
      if (winner(prefix) != &entry) continue;
      auto key = key_from_file(entry, *path);
      if (!key) return key.error();
      keys.push_back({prefix + std::string(kKeySuffix), *key, entry.layer, entry.file, entry.line});
    }
    for (SettingEntry& key : keys) entries_.push_back(std::move(key));
    return {};
  }

  Result<std::string> key_from_file(const SettingEntry& entry, const std::string& path) {
    const std::string place =
        entry.file + (entry.line == 0 ? "" : ":" + std::to_string(entry.line)) + ": " + entry.key;
    const auto refused = [&place](const std::string& why) {
      return Error{place + " names a file that " + why, ExitCode::kSettings};
    };
    // The path is not quoted: people paste the key itself here.
    auto file = read_settings_text(path, kKeyFileBytesMax);
    if (!file) return refused("cannot be read.");
    if (!*file) return refused("is not there.");
    if (((*file)->mode & kOthersMask) != 0 && !is_credential(path)) {
      return refused("others can read: chmod 600 it.");
    }
    std::string key = (*file)->text;
    key.erase(key.find_last_not_of(" \t\r\n") + 1);
    if (key.empty()) return refused("is empty.");
    return key;
  }

  // systemd guards these itself, with modes of its own.
  [[nodiscard]] bool is_credential(const std::string& path) const {
    const auto folder = request_.environment.find("CREDENTIALS_DIRECTORY");
    return folder != request_.environment.end() && !folder->second.empty() &&
           path.starts_with(folder->second + "/");
  }

  const LoadRequest& request_;
  std::vector<SettingEntry> entries_;
  std::vector<std::string> warnings_;
  std::vector<std::string> files_;
};

std::string home_of_user(uid_t uid) {
  std::array<char, 16'384> buffer{};
  struct passwd entry {};
  struct passwd* found = nullptr;
  const int code = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return code == 0 && found != nullptr ? found->pw_dir : "";
}

}  // namespace

LoadRequest process_request() {
  LoadRequest request;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    request.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  request.uid = ::geteuid();
  const auto home = request.environment.find("HOME");
  const bool named = home != request.environment.end() && home->second.starts_with('/');
  request.home = named ? home->second : home_of_user(request.uid);
  std::error_code failure;
  const fs::path here = fs::current_path(failure);
  request.working_directory = failure ? "/" : here.string();
  return request;
}

Result<LoadedFiles> load_settings(const LoadRequest& request) {
  return SettingsGathering(request).load();
}

std::string user_settings_file(const LoadRequest& request) {
  if (!request.config_file.empty()) {
    return absolute_path(request.config_file, request.working_directory, request.home);
  }
  const auto xdg = request.environment.find("XDG_CONFIG_HOME");
  if (xdg != request.environment.end() && xdg->second.starts_with('/')) {
    return (fs::path(xdg->second) / "daybook/config.toml").string();
  }
  return request.home.empty() ? std::string{}
                              : (fs::path(request.home) / ".config/daybook/config.toml").string();
}

std::string project_settings_file(const LoadRequest& request) {
  const fs::path start = request.working_directory;
  for (fs::path folder = start; !folder.empty(); folder = folder.parent_path()) {
    std::string path = (folder / ".daybook/config.toml").string();
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return path;
    if (folder == folder.parent_path()) break;
  }
  return start.empty() ? std::string{} : (start / ".daybook/config.toml").string();
}

Result<std::optional<FileText>> read_settings_text(const std::string& path, std::size_t bytes_max) {
  // O_NONBLOCK: a pipe by that name must not hold the start up.
  const SettingsDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::optional<FileText>{};
  if (file.get() < 0) return unreadable(path, std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return unreadable(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(path, "it is not a regular file");
  auto text = read_whole(file.get(), bytes_max, path);
  if (!text) return text.error();
  return std::optional<FileText>({std::move(*text), status.st_uid, status.st_mode & 07777});
}

Result<std::vector<SettingEntry>> settings_entries(const std::string& text, const std::string& path,
                                                   Layer layer) {
  auto document = parse_toml(text, path);
  if (!document) return document.error();
  std::vector<SettingEntry> entries;
  for (TomlEntry& entry : document->entries) {
    entries.push_back({entry.key, std::move(entry.value), layer, path, entry.line});
  }
  return entries;
}

}  // namespace daybook
