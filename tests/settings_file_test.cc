// Laws of the six layers on a disk of their own: files, variables, modes, the example.
#include "tools/settings_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/settings_keys.h"
#include "tests/places.h"
#include "tools/settings_environment.h"
#include "tools/toml_document.h"

namespace daybook::settings_file_test {

namespace fs = std::filesystem;

constexpr const char* kToken = "123456:AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";

// A home, a working directory and a system file of their own, gone at the end.
class Place {
 public:
  Place() {
    std::string pattern = (fs::temp_directory_path() / "daybook-settings-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ / "home/work/deep");
    request.home = (root_ / "home").string();
    request.working_directory = (root_ / "home/work/deep").string();
    request.system_file = path("etc/config.toml");
    request.uid = ::geteuid();
  }
  ~Place() { fs::remove_all(root_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return (root_ / name).string(); }

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    ::chmod(path(name).c_str(), mode);
    return path(name);
  }
  std::string user(const std::string& text, mode_t mode = 0600) const {
    return write("home/.config/daybook/config.toml", text, mode);
  }

  [[nodiscard]] LoadedFiles load() const {
    auto loaded = load_settings(request);
    if (!loaded) FAIL(loaded.error().message);
    return std::move(*loaded);
  }
  [[nodiscard]] Settings values() const { return load().settings.values; }
  [[nodiscard]] std::string refusal(ExitCode code = ExitCode::kSettings) const {
    const auto loaded = load_settings(request);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == code);
    return loaded.error().message;
  }

  LoadRequest request;

 private:
  fs::path root_;
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

SettingRow row(const LoadedFiles& loaded, const std::string& key) {
  for (const SettingRow& each : loaded.settings.rows) {
    if (each.key == key) return each;
  }
  FAIL("no row " << key);
  return {};
}

TEST_CASE("six layers, later ones win, each value says where it came from", "[settings]") {
  Place place;
  const auto model = [&place] { return place.values().agent.model; };
  CHECK(model() == "echo");
  place.write("etc/config.toml", "[agent]\nmodel = \"system\"\n");
  CHECK(model() == "system");
  place.user("[agent]\n\nmodel = \"user\"\n");
  CHECK(model() == "user");
  CHECK(row(place.load(), "agent.model").origin ==
        place.path("home/.config/daybook/config.toml:3"));
  place.write("home/work/.daybook/config.toml", "agent.model = \"project\"\n");
  CHECK(model() == "project");
  place.request.environment["DAYBOOK_AGENT_MODEL"] = "environment";
  CHECK(model() == "environment");
  place.request.command_line = {{"agent.model", "line", Layer::kCommandLine, "--model", 0}};
  CHECK(model() == "line");
  CHECK(place.load().files.size() == 3);
  CHECK(place.load().warnings.empty());
}

TEST_CASE("the nearest project file counts, and only it", "[settings]") {
  Place place;
  place.write("home/work/.daybook/config.toml", "agent.model = \"far\"\nlog.level = \"warn\"\n");
  place.write("home/work/deep/.daybook/config.toml", "agent.model = \"near\"\n");
  CHECK(place.values().agent.model == "near");
  CHECK(place.values().log.level == "info");
}

TEST_CASE("a project file that redirects or opens anything is refused by key", "[settings]") {
  Place place;
  const std::string path =
      place.write("home/work/.daybook/config.toml", "[telegram]\nallow = [666]\n", 0644);
  CHECK(holds(place.refusal(), path + ":2: telegram.allow may not be set by a project file"));
  place.write("home/work/.daybook/config.toml",
              "providers.openai.api_key_file = \"/etc/passwd\"\n");
  CHECK(holds(place.refusal(), "providers.openai.api_key_file may not be set by a project file"));
}

TEST_CASE("a project file of another user is ignored with one line", "[settings]") {
  Place place;
  place.write("home/work/.daybook/config.toml", "[telegram]\nallow = [666]\n", 0644);
  place.request.uid = ::geteuid() + 1;
  const LoadedFiles loaded = place.load();
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(holds(loaded.warnings[0], "belongs to another user and is ignored"));
  CHECK(loaded.settings.values.telegram.allow.empty());
}

TEST_CASE("--config takes the place of the user's file and must exist", "[settings]") {
  Place place;
  place.user("agent.model = \"user\"\n");
  place.request.config_file = place.write("home/work/deep/.daybook/config.toml",
                                          "telegram.owner = 7\nagent.model = \"mine\"\n");
  CHECK(place.values().agent.model == "mine");
  CHECK(place.values().telegram.owner == 7);
  place.request.config_file = "missing.toml";
  CHECK(holds(place.refusal(), "deep/missing.toml: there is no such file"));
}

TEST_CASE("XDG_CONFIG_HOME moves the user's file, when it is absolute", "[settings]") {
  Place place;
  place.user("agent.model = \"home\"\n");
  place.write("xdg/daybook/config.toml", "agent.model = \"xdg\"\n");
  place.request.environment["XDG_CONFIG_HOME"] = place.path("xdg");
  CHECK(place.values().agent.model == "xdg");
  place.request.environment["XDG_CONFIG_HOME"] = "relative";
  CHECK(place.values().agent.model == "home");
}

TEST_CASE("a file with a secret that others can read is refused, one without is not",
          "[settings]") {
  Place place;
  const std::string path =
      place.user("[telegram]\ntoken = \"" + std::string(kToken) + "\"\n", 0640);
  const std::string sentence = place.refusal();
  CHECK(holds(sentence, "chmod 600 " + path));
  CHECK_FALSE(holds(sentence, kToken));
  place.user("[telegram]\ntoken = \"" + std::string(kToken) + "\"\n", 0600);
  CHECK(place.values().telegram.token.reveal() == kToken);
  place.user("[agent]\nmodel = \"m\"\n", 0644);
  CHECK(place.values().agent.model == "m");
}

TEST_CASE("what is not TOML is refused with file and line and without the words", "[settings]") {
  Place place;
  for (const std::string& bad : {std::string("[telegram]\ntoken = ") + kToken + "\n",
                                 std::string("[telegram]\ntoken = \"") + kToken + "\n",
                                 std::string("[telegram]\n") + kToken + " = 1\n",
                                 std::string("[telegram]\ntoken = \"a\" ") + kToken + "\n",
                                 std::string("[telegram]\ntoken = 12345678901234567890123\n")}) {
    const std::string path = place.user(bad);
    const std::string sentence = place.refusal();
    INFO(sentence);
    CHECK(holds(sentence, path + ":2: "));
    CHECK_FALSE(holds(sentence, "AbCdEf"));
    CHECK_FALSE(holds(sentence, "1234567890123456"));
  }
  place.user("agent.model = 1979-05-27\n");
  CHECK(holds(place.refusal(), ":1: a setting is a text"));
}

TEST_CASE("a byte order mark is accepted, more than a mebibyte is not", "[settings]") {
  Place place;
  place.user(
      "\xef\xbb\xbf"
      "agent.model = \"m\"\n");
  CHECK(place.values().agent.model == "m");
  place.user("#" + std::string(kTomlBytesMax, ' '));
  CHECK(holds(place.refusal(ExitCode::kInputOutput), "larger than"));
}

TEST_CASE("an unknown key in a file names its line and the nearest key", "[settings]") {
  Place place;
  const std::string path = place.user("[agent]\n# note\nmodle = \"m\"\n");
  CHECK(place.refusal() == path + ":3: there is no setting agent.modle; did you mean agent.model?");
}

TEST_CASE("a folder or pipe in the place of a file is an error, not a wait", "[settings]") {
  Place place;
  const std::string path = place.path("home/.config/daybook/config.toml");
  fs::create_directories(path);
  CHECK(holds(place.refusal(ExitCode::kInputOutput), "not a regular file"));
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(holds(place.refusal(ExitCode::kInputOutput), "not a regular file"));
}

TEST_CASE("variables name settings, well-known ones included", "[settings]") {
  Place place;
  place.request.environment = {{"DAYBOOK_TELEGRAM_ALLOW", "1,2"},
                               {"DAYBOOK_AGENT_MAX_HISTORY_MESSAGES", "7"},
                               {"DAYBOOK_PROVIDERS_LOCAL_BASE_URL", "http://localhost:1"},
                               {"DAYBOOK_LOG_LEVEL", ""},
                               {"TELEGRAM_BOT_TOKEN", kToken},
                               {"OPENROUTER_API_KEY", "a"},
                               {"OPENAI_API_KEY", "b"},
                               {"GEMINI_API_KEY", "c"},
                               {"HTTPS_PROXY", "http://upper:1"},
                               {"https_proxy", "lower:3128"}};
  const LoadedFiles loaded = place.load();
  const Settings& values = loaded.settings.values;
  CHECK(values.telegram.allow == std::vector<std::int64_t>{1, 2});
  CHECK(values.agent.max_history_messages == 7);
  CHECK(values.provider("local")->base_url == "http://localhost:1");
  CHECK(values.log.level == "info");
  CHECK(values.telegram.token.reveal() == kToken);
  CHECK(values.provider("openrouter")->api_key.reveal() == "a");
  CHECK(values.provider("openai")->api_key.reveal() == "b");
  CHECK(values.provider("gemini")->api_key.reveal() == "c");
  CHECK(values.network.proxy == "http://lower:3128");
  CHECK(row(loaded, "telegram.token").origin == "TELEGRAM_BOT_TOKEN");
  CHECK(row(loaded, "telegram.token").value == "\"********6789\"");
}

TEST_CASE("our own name for a variable wins over the well-known one", "[settings]") {
  Place place;
  place.request.environment = {{"OPENAI_API_KEY", "a"}, {"DAYBOOK_PROVIDERS_OPENAI_API_KEY", "b"}};
  CHECK(place.values().provider("openai")->api_key.reveal() == "b");
}

TEST_CASE("every setting can be given by a variable", "[settings]") {
  for (const SettingKey& key : setting_keys()) {
    std::string name(key.name);
    if (const auto at = name.find("NAME"); at != name.npos) name.replace(at, 4, "my_box");
    std::string variable = "DAYBOOK_" + name;
    for (char& c : variable) c = c == '.' ? '_' : static_cast<char>(std::toupper(c));
    std::vector<std::string> warnings;
    const auto entries = variable_entries({{variable, "x"}}, {}, warnings);
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].key == name);
    CHECK(warnings.empty());
  }
}

TEST_CASE("a variable finds a provider whose name has a dash", "[settings]") {
  Place place;
  place.user("providers.my-box.base_url = \"http://localhost:1\"\n");
  place.request.environment["DAYBOOK_PROVIDERS_MY_BOX_API_KEY"] = "k";
  CHECK(place.values().provider("my-box")->api_key.reveal() == "k");
}

TEST_CASE("a misspelt variable is refused, one of another purpose warned about", "[settings]") {
  Place place;
  place.request.environment = {{"DAYBOOK_AGENT_MODLE", "x"}};
  CHECK(place.refusal() ==
        "DAYBOOK_AGENT_MODLE: there is no setting agent.modle; did you mean agent.model?");
  place.request.environment = {{"DAYBOOK_FLAVOUR", "x"}, {"DAYBOOK_TEST_HOOK", "y"}};
  REQUIRE(place.load().warnings.size() == 1);
  CHECK(holds(place.load().warnings[0], "DAYBOOK_FLAVOUR"));
}

TEST_CASE("journal.dir defaults to the service's folder, else the user's state", "[settings]") {
  Place place;
  const auto folder = [&place] { return place.values().journal.dir; };
  CHECK(folder() == place.path("home/.local/state/daybook"));
  place.request.environment["XDG_STATE_HOME"] = "/x";
  CHECK(folder() == "/x/daybook");
  place.request.environment["STATE_DIRECTORY"] = "/var/lib/daybook:/var/lib/other";
  CHECK(folder() == "/var/lib/daybook");
  place.user("journal.dir = \"~/j\"\n");
  CHECK(folder() == place.path("home/j"));
  place.user("journal.dir = \"j\"\n");
  CHECK(folder() == place.path("home/.config/daybook/j"));
  place.request.command_line = {{"journal.dir", "d", Layer::kCommandLine, "--data", 0}};
  CHECK(folder() == place.path("home/work/deep/d"));
}

TEST_CASE("api_key_file gives the key, keeping its place", "[settings]") {
  Place place;
  place.write("home/.config/daybook/key", "sk-abc\n");
  place.user("[providers.openai]\napi_key_file = \"key\"\n");
  const LoadedFiles loaded = place.load();
  CHECK(loaded.settings.values.provider("openai")->api_key.reveal() == "sk-abc");
  CHECK(holds(row(loaded, "providers.openai.api_key").origin, "config.toml:2"));
  place.request.environment["OPENAI_API_KEY"] = "other";
  CHECK(place.values().provider("openai")->api_key.reveal() == "other");
}

TEST_CASE("a key file that is open, absent, empty or doubled is refused", "[settings]") {
  Place place;
  place.user("[providers.openai]\napi_key_file = \"key\"\n");
  CHECK(holds(place.refusal(), ":2: providers.openai.api_key_file names a file that is not there"));
  place.write("home/.config/daybook/key", "sk-abc\n", 0644);
  CHECK(holds(place.refusal(), "others can read"));
  place.write("home/.config/daybook/key", " \n");
  CHECK(holds(place.refusal(), "is empty"));
  place.write("home/.config/daybook/key", "sk-abc\n");
  place.user("[providers.openai]\napi_key_file = \"key\"\napi_key = \"x\"\n");
  CHECK(holds(place.refusal(), "keep one of them"));
  place.user("[providers.openai]\napi_key_file = \"sk-pasted-here-by-mistake-0123456789\"\n");
  CHECK_FALSE(holds(place.refusal(), "sk-pasted"));
}

TEST_CASE("credentials of the service manager are read", "[settings]") {
  Place place;
  place.write("run/telegram-token", std::string(kToken) + "\n", 0440);
  place.request.environment["CREDENTIALS_DIRECTORY"] = place.path("run");
  const LoadedFiles loaded = place.load();
  CHECK(loaded.settings.values.telegram.token.reveal() == kToken);
  CHECK(row(loaded, "telegram.token").layer == Layer::kEnvironment);
}

TEST_CASE("this process's own request has a directory and a user", "[settings]") {
  const LoadRequest request = process_request();
  CHECK(request.working_directory.starts_with('/'));
  CHECK(request.uid == ::geteuid());
}

std::string example_text() {
  std::ifstream file(source_directory() + "/tools/config.toml.example");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "#key = value" is a setting; "# words" are words.
std::string without_comment_marks(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool setting = line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != '#';
    out += (setting ? line.substr(1) : line) + "\n";
  }
  return out;
}

TEST_CASE("the example changes nothing as it stands", "[settings]") {
  REQUIRE_FALSE(example_text().empty());
  const auto document = parse_toml(example_text(), "example");
  REQUIRE(document);
  CHECK(document->entries.empty());
}

TEST_CASE("the example documents every key, with its default", "[settings]") {
  Place place;
  place.write("home/.config/daybook/openai.key", "sk-abc\n");
  const std::string text = without_comment_marks(example_text());
  const auto document = parse_toml(text, "example");
  if (!document) FAIL(document.error().message);
  place.user(text);
  CHECK(place.load().warnings.empty());
  for (const SettingKey& key : setting_keys()) {
    INFO(key.name);
    const std::string field(key.name.substr(key.name.rfind('.')));
    const bool of_provider = !provider_of_key(key.name).empty();
    const TomlEntry* shown = nullptr;
    for (const TomlEntry& entry : document->entries) {
      const bool fits = of_provider
                            ? !provider_of_key(entry.key).empty() && entry.key.ends_with(field)
                            : entry.key == key.name;
      if (fits) shown = &entry;
    }
    REQUIRE(shown != nullptr);
    const bool has_default = key.initial && key.initial != SettingValue(std::string());
    if (!has_default || of_provider || key.kind == SettingKind::kIds) continue;
    const SettingEntry entry{shown->key, shown->value, Layer::kUser, "", 0};
    CHECK(*checked_value(key, entry) == *key.initial);
  }
}

}  // namespace daybook::settings_file_test
