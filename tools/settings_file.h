// Where settings come from: files, environment, command line. The only reader of all three.
//
//   system    /etc/daybook/config.toml
//   user      $XDG_CONFIG_HOME/daybook/config.toml, else ~/.config/daybook/config.toml; a file
//             named on the command line takes its place
//   project   the nearest .daybook/config.toml from the working directory upwards
//
// Law: a file that holds a secret and that group or others may touch is refused, and a project file
// of another user is ignored.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/settings.h"

namespace daybook {

struct LoadRequest {
  std::string config_file;                 // --config; empty: none
  std::vector<SettingEntry> command_line;  // layer kCommandLine, file is the option's name
  std::string working_directory;           // absolute
  std::map<std::string, std::string> environment;
  std::string home;  // absolute; empty: none
  uid_t uid = 0;
  std::string system_file = "/etc/daybook/config.toml";

  // Stands for a file on the disk, so that an edit can be judged before it is written.
  struct Replacement {
    std::string path;
    std::string text;
  };
  std::optional<Replacement> replacement;
};

// The request of this process: its environment, directory and user.
LoadRequest process_request();

struct LoadedFiles {
  LoadedSettings settings;
  std::vector<std::string> warnings;  // whole lines
  std::vector<std::string> files;     // read, in order
};

Result<LoadedFiles> load_settings(const LoadRequest& request);

// Where the user's own settings are, or would be; empty without a home.
std::string user_settings_file(const LoadRequest& request);

// The nearest project file; without one, where it would be in the working directory.
std::string project_settings_file(const LoadRequest& request);

// A whole regular file of at most `bytes_max`; nullopt when there is none; else kInputOutput.
struct FileText {
  std::string text;
  uid_t owner = 0;
  mode_t mode = 0;
};
Result<std::optional<FileText>> read_settings_text(const std::string& path, std::size_t bytes_max);

// Entries of a settings text as `layer` sees them.
Result<std::vector<SettingEntry>> settings_entries(const std::string& text, const std::string& path,
                                                   Layer layer);

}  // namespace daybook
