// Laws of editing one setting: nothing else in the file changes, or nothing at all.
#include "tools/config_edit.h"

#include <sys/stat.h>
#include <unistd.h>

#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/settings_keys.h"
#include "tools/toml_document.h"

namespace daybook::config_edit_test {

namespace fs = std::filesystem;

std::string with(const std::string& text, const std::string& key, const std::string& spelling) {
  const auto after = text_with_setting(text, key, spelling, "c.toml");
  if (!after) FAIL(after.error().message);
  return *after;
}

std::string without(const std::string& text, const std::string& key) {
  const auto after = text_without_setting(text, key, "c.toml");
  if (!after) FAIL(after.error().message);
  return *after;
}

TEST_CASE("a value is replaced where it stands and nothing else moves", "[config]") {
  CHECK(with("# mine\n[agent]\n  model   =  'a'   # why\n\nmax_history_messages = 3\n",
             "agent.model", "\"b\"") ==
        "# mine\n[agent]\n  model   =  \"b\"   # why\n\nmax_history_messages = 3\n");
  CHECK(with("agent.model = \"a\"", "agent.model", "\"b\"") == "agent.model = \"b\"");
  CHECK(with("agent = { model = \"a\", system_prompt = \"x\" }\n", "agent.model", "\"b\"") ==
        "agent = { model = \"b\", system_prompt = \"x\" }\n");
  CHECK(with("[telegram]\nallow = [\n  1, # me\n  2,\n]\nowner = 1\n", "telegram.allow", "[3]") ==
        "[telegram]\nallow = [3]\nowner = 1\n");
  CHECK(with("[agent]\nsystem_prompt = \"\"\"\na\nb\"\"\" # c\n", "agent.system_prompt", "\"x\"") ==
        "[agent]\nsystem_prompt = \"x\" # c\n");
}

TEST_CASE("letters beyond ASCII and a byte order mark do not shift the place", "[config]") {
  CHECK(with("\xef\xbb\xbf"
             "agent.model = \"\xc3\xa4\xf0\x9f\x98\x80\" # \xc3\xa4\n",
             "agent.model", "\"b\"") ==
        "\xef\xbb\xbf"
        "agent.model = \"b\" # \xc3\xa4\n");
  CHECK(with("agent = { system_prompt = \"\xe2\x82\xac\", model = \"a\" }", "agent.model",
             "\"b\"") == "agent = { system_prompt = \"\xe2\x82\xac\", model = \"b\" }");
}

TEST_CASE("setting what is so already changes no byte", "[config]") {
  const std::string text = "[agent]\nmodel = 'a'\n";
  CHECK(with(text, "agent.model", "\"a\"") == text);
}

TEST_CASE("a new key joins its section after the section's last entry", "[config]") {
  CHECK(with("[agent]\nmodel = \"a\" # x\n\n# about log\n[log]\nlevel = \"warn\"\n",
             "agent.max_history_messages", "3") ==
        "[agent]\nmodel = \"a\" # x\nmax_history_messages = 3\n\n# about log\n[log]\n"
        "level = \"warn\"\n");
  CHECK(with("[agent] # x\n\n[log]\n", "agent.model", "\"a\"") ==
        "[agent] # x\nmodel = \"a\"\n\n[log]\n");
  CHECK(with("[agent]", "agent.model", "\"a\"") == "[agent]\nmodel = \"a\"\n");
  CHECK(with("[agent]\r\nmodel = \"a\"\r\n", "agent.max_history_messages", "3") ==
        "[agent]\r\nmodel = \"a\"\r\nmax_history_messages = 3\r\n");
}

TEST_CASE("a new key follows the way its siblings are written", "[config]") {
  CHECK(with("agent.model = \"a\"\n[log]\n", "agent.max_history_messages", "3") ==
        "agent.model = \"a\"\nagent.max_history_messages = 3\n[log]\n");
  CHECK(with("[providers]\nbox.kind = \"echo\"\n", "providers.box.models", "[\"m\"]") ==
        "[providers]\nbox.kind = \"echo\"\nbox.models = [\"m\"]\n");
  CHECK(with("agent = { model = \"a\" }\n", "agent.max_history_messages", "3") ==
        "agent = { model = \"a\", max_history_messages = 3 }\n");
  CHECK(with("agent = {}\n", "agent.model", "\"a\"") == "agent = { model = \"a\"}\n");
}

TEST_CASE("a missing section is made at the end", "[config]") {
  CHECK(with("", "agent.model", "\"a\"") == "[agent]\nmodel = \"a\"\n");
  CHECK(with("[log]\nlevel = \"warn\"", "providers.box.kind", "\"echo\"") ==
        "[log]\nlevel = \"warn\"\n\n[providers.box]\nkind = \"echo\"\n");
}

TEST_CASE("unset takes the line away and leaves the rest", "[config]") {
  CHECK(without("[agent]\n# a\nmodel = \"a\" # b\n# c\n[log]\n", "agent.model") ==
        "[agent]\n# a\n# c\n[log]\n");
  CHECK(without("[telegram]\nallow = [\n1,\n]\nowner = 1", "telegram.allow") ==
        "[telegram]\nowner = 1");
  CHECK(without("[agent]\n", "agent.model") == "[agent]\n");
}

TEST_CASE("what cannot be edited safely is left to a person", "[config]") {
  const auto refused = text_without_setting("agent = { model = \"a\", max_history_messages = 3 }\n",
                                            "agent.model", "c.toml");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("edit the file by hand") != std::string::npos);
  CHECK_FALSE(text_with_setting("providers = { box = { kind = \"echo\" } }\n", "providers.bag.kind",
                                "\"echo\"", "c.toml"));
}

TEST_CASE("set, then unset, on any file of settings changes nothing else", "[config]") {
  CHECK(rc::check("other keys keep their values", [] {
    std::string text;
    for (const char* line : {"[agent]\n", "model = \"a\" # x\n", "# note\n", "\n",
                             "max_history_messages = 3\n", "[log]\n", "level = \"info\"\n"}) {
      const bool header = line[0] == '[';
      if (header || *rc::gen::arbitrary<bool>()) text += line;
    }
    const std::string key = *rc::gen::elementOf(std::vector<std::string>{
        "agent.model", "agent.max_history_messages", "log.level", "log.format", "tls.ca_file"});
    const auto set = text_with_setting(text, key, "\"v\"", "c");
    RC_ASSERT(set.has_value());
    const auto unset = text_without_setting(*set, key, "c");
    RC_ASSERT(unset.has_value());
    const auto before = parse_toml(text, "c");
    const auto after = parse_toml(*unset, "c");
    RC_ASSERT(before && after);
    for (const TomlEntry& entry : before->entries) {
      const bool kept = std::any_of(after->entries.begin(), after->entries.end(),
                                    [&entry](const TomlEntry& other) {
                                      return other.key == entry.key && other.value == entry.value;
                                    });
      RC_ASSERT(kept != (entry.key == key));
    }
  }));
}

// A home of its own, gone at the end.
class Home {
 public:
  Home() {
    std::string pattern = (fs::temp_directory_path() / "daybook-edit-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    edit.request.home = root_.string();
    edit.request.working_directory = root_.string();
    edit.request.system_file = (root_ / "none").string();
    edit.request.uid = ::geteuid();
  }
  ~Home() { fs::remove_all(root_); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  Result<ConfigEdited> set(const std::string& key, std::optional<std::string> value) {
    edit.key = key;
    edit.value = std::move(value);
    return edit_config(edit);
  }
  [[nodiscard]] fs::path user_file() const { return root_ / ".config/daybook/config.toml"; }
  [[nodiscard]] fs::path root() const { return root_; }

  ConfigEdit edit;

 private:
  fs::path root_;
};

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_CASE("the first setting makes file and folder for their owner alone", "[config]") {
  Home home;
  const auto edited = home.set("agent.model", "echo");
  REQUIRE(edited);
  CHECK(edited->changed);
  CHECK(edited->file == home.user_file());
  CHECK(text_of(home.user_file()) == "[agent]\nmodel = \"echo\"\n");
  CHECK(mode_of(home.user_file()) == 0600);
  CHECK(mode_of(home.user_file().parent_path()) == 0700);
  CHECK_FALSE(home.set("agent.model", "echo")->changed);
  REQUIRE(home.set("telegram.allow", "2, 1"));
  REQUIRE(home.set("providers.openrouter.models", "[\"a/b\", \"c\"]"));
  REQUIRE(home.set("shutdown.grace", "1500"));
  REQUIRE(home.set("providers.box.base_url", "http://localhost:1"));
  REQUIRE(home.set("providers.box.insecure", "true"));
  CHECK(text_of(home.user_file()) ==
        "[agent]\nmodel = \"echo\"\n\n[telegram]\nallow = [1, 2]\n\n[providers.openrouter]\n"
        "models = [\"a/b\", \"c\"]\n\n[shutdown]\ngrace = \"1500ms\"\n\n[providers.box]\n"
        "base_url = \"http://localhost:1\"\ninsecure = true\n");
  REQUIRE(home.set("agent.model", std::nullopt));
  CHECK(load_settings(home.edit.request)->settings.values.agent.model_chosen == false);
  CHECK(std::distance(fs::directory_iterator(home.user_file().parent_path()), {}) == 1);
}

TEST_CASE("a value that would not load is not written", "[config]") {
  Home home;
  REQUIRE(home.set("agent.model", "echo"));
  const std::string before = text_of(home.user_file());
  for (const auto& [key, value] :
       {std::pair("agent.max_history_messages", "0"), std::pair("agent.modle", "x"),
        std::pair("telegram.allow", "@alice"), std::pair("telegram.api_root", "http://far.example"),
        std::pair("providers.box.api_key", "k"), std::pair("telegram.token", "pasted-wrongly"),
        std::pair("telegram.allow", "[1, "), std::pair("providers.NAME.kind", "echo")}) {
    INFO(key);
    const auto edited = home.set(key, value);
    REQUIRE_FALSE(edited);
    CHECK(edited.error().code == ExitCode::kSettings);
    CHECK(edited.error().message.find("pasted") == std::string::npos);
    CHECK(text_of(home.user_file()) == before);
  }
}

TEST_CASE("a secret joins a file that others could read, and closes it", "[config]") {
  Home home;
  fs::create_directories(home.user_file().parent_path());
  std::ofstream(home.user_file()) << "[agent]\nmodel = \"echo\"\n";
  ::chmod(home.user_file().c_str(), 0644);
  REQUIRE(home.set("telegram.token", "1:abc"));
  CHECK(mode_of(home.user_file()) == 0600);
}

TEST_CASE("a misspelt key can be unset though the file does not load", "[config]") {
  Home home;
  fs::create_directories(home.user_file().parent_path());
  std::ofstream(home.user_file()) << "[agent]\nmodle = \"x\"\nmodel = \"echo\"\n";
  REQUIRE(home.set("agent.modle", std::nullopt));
  CHECK(text_of(home.user_file()) == "[agent]\nmodel = \"echo\"\n");
}

TEST_CASE("a linked file is edited behind its link", "[config]") {
  Home home;
  fs::create_directories(home.user_file().parent_path());
  std::ofstream(home.root() / "dotfile") << "agent.model = \"echo\"\n";
  fs::create_symlink(home.root() / "dotfile", home.user_file());
  REQUIRE(home.set("agent.model", "echo:slow"));
  CHECK(fs::is_symlink(home.user_file()));
  CHECK(text_of(home.root() / "dotfile") == "agent.model = \"echo:slow\"\n");
}

TEST_CASE("a project file takes what a project may set, and nothing else", "[config]") {
  Home home;
  home.edit.layer = Layer::kProject;
  REQUIRE(home.set("agent.model", "echo"));
  const fs::path file = home.root() / ".daybook/config.toml";
  CHECK(text_of(file) == "[agent]\nmodel = \"echo\"\n");
  CHECK(mode_of(file) == 0644);
  CHECK_FALSE(home.set("telegram.allow", "1"));
  CHECK(text_of(file) == "[agent]\nmodel = \"echo\"\n");
  CHECK_FALSE(fs::exists(home.user_file()));
}

}  // namespace daybook::config_edit_test
