// `daybook config`: each setting and where it comes from; changing one keeps the file's comments.
#include <unistd.h>

#include "core/notation.h"
#include "tools/config_edit.h"
#include "tools/json_line.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace daybook {
namespace {

struct ConfigOptions {
  std::string key;
  std::string value;
  bool project = false;
  bool user = false;
};

std::string origin_of(const SettingRow& row) {
  return std::string(layer_name(row.layer)) + (row.origin.empty() ? "" : ", " + row.origin);
}

void print_row(const Tool& tool, const SettingRow& row) {
  if (tool.json) {
    print_json({{"key", row.key},
                {"value", row.value},
                {"layer", layer_name(row.layer)},
                {"origin", row.origin}});
    return;
  }
  print_line(terminal_text(row.key + " = " + row.value) + "  " +
             dimmed(tool, "# " + terminal_text(origin_of(row))));
}

void print_warnings(const LoadedFiles& loaded) {
  for (const std::string& warning : loaded.warnings) {
    std::fprintf(stderr, "daybook: %s\n", warning.c_str());
  }
}

Result<void> run_config_list(const Tool& tool) {
  auto loaded = tool.settings();
  if (!loaded) return loaded.error();
  print_warnings(*loaded);
  for (const SettingRow& row : loaded->settings.rows) print_row(tool, row);
  return {};
}

Result<void> run_config_get(const Tool& tool, const std::string& key) {
  auto loaded = tool.settings();
  if (!loaded) return loaded.error();
  std::vector<std::string> keys;
  for (const SettingRow& row : loaded->settings.rows) {
    keys.push_back(row.key);
    if (row.key != key) continue;
    if (tool.json) {
      print_row(tool, row);
    } else {
      print_line(terminal_text(row.value));
    }
    return {};
  }
  const std::string close = nearest(key, keys);
  return Error{
      "there is no setting " + escaped(key, 80) +
          (close.empty() ? "; `daybook config` lists them" : "; did you mean " + close + "?"),
      ExitCode::kUsage};
}

Result<void> run_config_edit(const Tool& tool, const ConfigOptions& options, bool set) {
  ConfigEdit edit;
  edit.request = tool.request();
  edit.layer = options.project ? Layer::kProject : Layer::kUser;
  edit.key = options.key;
  if (set) edit.value = options.value;
  auto edited = edit_config(edit);
  if (!edited) return edited.error();
  if (tool.json) {
    print_json({{"key", options.key}, {"file", edited->file}, {"changed", edited->changed}});
    return {};
  }
  if (!edited->changed) {
    print_line(terminal_text(edited->file + (set ? " says so already" : " does not set it")));
    return {};
  }
  print_line(terminal_text((set ? "set " : "unset ") + options.key + " in " + edited->file +
                           "; a running daybookd takes it up with `daybook reload`"));
  return {};
}

// The value comes from stdin.
Result<void> run_config_set_unseen(const Tool& tool, ConfigOptions options) {
  const bool typed = isatty(STDIN_FILENO) != 0 && !tool.json;
  auto value = ask_secret(typed ? "Value (not shown as you type): " : "");
  if (!value.has_value()) {
    return Error{"nothing came on stdin, so nothing was changed", ExitCode::kUsage};
  }
  options.value = std::move(*value);
  return run_config_edit(tool, options, true);
}

void add_edit_flags(CLI::App* verb, Tool& tool, ConfigOptions* options) {
  CLI::Option* user = verb->add_flag("--user", options->user, "in the user's file (the default)");
  verb->add_flag("--project", options->project, "in the nearest .daybook/config.toml")
      ->excludes(user);
  verb->add_flag("--json", tool.json, "what was done as a JSON object");
}

}  // namespace

void add_config(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "config", Group::kRun, "settings, and where each comes from",
                            "daybook config set agent.model openai:gpt-4o");
  verb->add_flag("--json", tool.json, "one JSON object a line");
  const auto options = std::make_shared<ConfigOptions>();  // lives as long as the callback
  CLI::App* get = verb->add_subcommand("get", "print one setting");
  get->add_option("key", options->key, "like agent.model")->required();
  get->add_flag("--json", tool.json, "as a JSON object");
  CLI::App* set = verb->add_subcommand("set", "write one setting, keeping the file's comments");
  set->add_option("key", options->key, "like agent.model")->required();
  set->add_option("value", options->value, "what to set it to; - reads it from stdin, unseen")
      ->required();
  add_edit_flags(set, tool, options.get());
  CLI::App* unset = verb->add_subcommand("unset", "take one setting out of the file");
  unset->add_option("key", options->key, "like agent.model")->required();
  add_edit_flags(unset, tool, options.get());
  verb->require_subcommand(0, 1);
  verb->callback([&tool, options, get, set, unset] {
    tool.chosen = [&tool, options, get, set, unset]() -> Result<void> {
      if (get->parsed()) return run_config_get(tool, options->key);
      if (unset->parsed()) return run_config_edit(tool, *options, false);
      if (!set->parsed()) return run_config_list(tool);
      // A secret on a command line would show in /proc.
      if (options->value == "-") return run_config_set_unseen(tool, *options);
      return run_config_edit(tool, *options, true);
    };
  });
}

}  // namespace daybook
