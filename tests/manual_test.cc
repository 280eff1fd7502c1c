// The manuals and completions against the tools themselves: every verb and flag of --help stands in
// the page, and every page is clean.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/places.h"
#include "tests/world/process.h"

namespace daybook::manual_test {

using world::Finished;
using world::run_program;

const std::string kMan = source_directory() + "/tools/man/";

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  REQUIRE(in.good());
  return text.str();
}

std::string help_of(const std::string& program, std::vector<std::string> words) {
  words.insert(words.begin(), build_directory() + "/" + program);
  words.push_back("--help");
  const Finished finished = run_program(words, {{"HOME", "/nonexistent"}});
  REQUIRE(finished.status == 0);
  return finished.output;
}

// The first words of the indented lines under a heading that ends in a colon.
std::vector<std::string> entries_of(const std::string& help, const std::set<std::string>& except) {
  std::vector<std::string> entries;
  std::istringstream in(help);
  std::string heading;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != ' ' && line.back() == ':') heading = line;
    const bool entry = line.size() > 2 && line.starts_with("  ") && line[2] != ' ';
    if (entry && !except.contains(heading)) {
      entries.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  return entries;
}

std::vector<std::string> verbs_of(const std::string& help) {
  return entries_of(help, {"Options:", "Positionals:"});
}

// "--json" of "-n,--json"; "-f" where there is no long one.
std::vector<std::string> flags_of(const std::string& help) {
  std::vector<std::string> flags;
  static const std::regex kFlag("(^|,)(-[-a-z]+)");
  std::istringstream in(help);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("  -")) continue;
    const std::string names = line.substr(2, line.find(' ', 2) - 2);
    for (std::sregex_iterator at(names.begin(), names.end(), kFlag), end; at != end; ++at) {
      flags.push_back((*at)[2]);
    }
  }
  return flags;
}

// What stands between ".Ss verb" and the next heading.
std::string section_of(const std::string& page, const std::string& verb) {
  const std::regex heading("\n\\.Ss " + verb + "[ \n]");
  std::smatch found;
  if (!std::regex_search(page, found, heading)) return {};
  const auto begin = static_cast<std::size_t>(found.position(0)) + 1;
  const std::size_t end = std::min({page.find("\n.Ss ", begin), page.find("\n.Sh ", begin)});
  return page.substr(begin, end - begin);
}

// "--json" is written "Fl -json".
bool names_flag(const std::string& text, const std::string& flag) {
  return std::regex_search(text, std::regex("Fl " + flag.substr(1) + "[ \n]"));
}

TEST_CASE("daybook(1) has every verb and every flag of it", "[manual]") {
  const std::string page = read_file(kMan + "daybook.1");
  const std::string all = page.substr(0, page.find("\n.Sh TALK"));
  const std::string help = help_of("daybook", {});
  for (const std::string& flag : flags_of(help)) {
    INFO("tools/man/daybook.1 does not name " << flag);
    CHECK(names_flag(all, flag));
  }
  const auto verbs = verbs_of(help);
  REQUIRE(verbs.size() > 10);
  for (const std::string& verb : verbs) {
    const std::string section = section_of(page, verb);
    if (section.empty()) FAIL("tools/man/daybook.1 has no \".Ss " << verb << "\"");
    const std::string verb_help = help_of("daybook", {verb});
    std::vector<std::string> flags = flags_of(verb_help);
    for (const std::string& inner : verbs_of(verb_help)) {
      INFO("under .Ss " << verb << " there is no \"Cm " << inner << "\"");
      CHECK(std::regex_search(section, std::regex("Cm " + inner + "[ \n]")));
      for (const std::string& flag : flags_of(help_of("daybook", {verb, inner}))) {
        flags.push_back(flag);
      }
    }
    for (const std::string& flag : flags) {
      if (flag == "-h" || flag == "--help") continue;
      INFO("tools/man/daybook.1 does not name " << flag << " under .Ss " << verb);
      CHECK(names_flag(section, flag));
    }
  }
}

TEST_CASE("every verb, and every verb of a verb, takes --json", "[manual]") {
  const auto takes_json = [](const std::vector<std::string>& words) {
    const auto flags = flags_of(help_of("daybook", words));
    return std::find(flags.begin(), flags.end(), "--json") != flags.end();
  };
  for (const std::string& verb : verbs_of(help_of("daybook", {}))) {
    INFO(verb);
    CHECK(takes_json({verb}));
    for (const std::string& inner : verbs_of(help_of("daybook", {verb}))) {
      INFO(inner);
      CHECK(takes_json({verb, inner}));
    }
  }
}

TEST_CASE("daybook(1) has no verb that the tool does not have, in the groups of --help",
          "[manual]") {
  const std::string page = read_file(kMan + "daybook.1");
  const std::string help = help_of("daybook", {});
  std::vector<std::string> told;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(".Ss ")) told.push_back(line.substr(4, line.find(' ', 4) - 4));
  }
  const auto verbs = verbs_of(help);
  CHECK(std::set<std::string>(told.begin(), told.end()) ==
        std::set<std::string>(verbs.begin(), verbs.end()));
  for (const char* group : {"Talk", "Read", "Prove", "Keep", "Run"}) {
    std::string heading = group;
    for (char& c : heading) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::size_t begin = page.find("\n.Sh " + heading + "\n");
    INFO(group);
    REQUIRE(begin != std::string::npos);
    const std::string section = page.substr(begin, page.find("\n.Sh ", begin + 1) - begin);
    const std::size_t listed = help.find("\n" + std::string(group) + ":\n");
    REQUIRE(listed != std::string::npos);
    const std::string group_help = help.substr(listed, help.find("\n\n", listed + 1) - listed);
    for (const std::string& verb : verbs_of(group_help)) {
      INFO(verb);
      CHECK_FALSE(section_of(section + "\n.Sh ", verb).empty());
    }
  }
}

TEST_CASE("daybookd(8) and the completions have every flag of the daemon", "[manual]") {
  const std::string page = read_file(kMan + "daybookd.8");
  const std::string completion = source_directory() + "/tools/completion/";
  for (const std::string& flag : flags_of(help_of("daybookd", {}))) {
    INFO(flag);
    CHECK(names_flag(page, flag));
    if (!flag.starts_with("--")) continue;
    CHECK(read_file(completion + "daybook.bash").find(flag) != std::string::npos);
    CHECK(read_file(completion + "_daybook").find(flag + "[") != std::string::npos);
    CHECK(read_file(completion + "daybook.fish").find("-l " + flag.substr(2) + " ") !=
          std::string::npos);
  }
}

TEST_CASE("the manuals have every exit code of README.md", "[manual]") {
  const std::string readme = read_file(source_directory() + "/README.md");
  static const std::regex kRow("\n\\| ([0-9]+) \\|");
  std::set<std::string> codes;
  for (std::sregex_iterator at(readme.begin(), readme.end(), kRow), end; at != end; ++at) {
    codes.insert((*at)[1]);
  }
  REQUIRE(codes.size() > 5);
  for (const std::string& code : codes) {
    INFO(code);
    CHECK(read_file(kMan + "daybook.1").find("\n.It " + code + "\n") != std::string::npos);
  }
}

TEST_CASE("daybook-journal(5) names every file that the format has", "[manual]") {
  const std::string format = read_file(source_directory() + "/journal/FORMAT.md");
  const std::string page = read_file(kMan + "daybook-journal.5");
  std::istringstream table(format.substr(format.find("| file |")));
  static const std::regex kName("`([^`/]+)/?`");
  int names = 0;
  for (std::string row; std::getline(table, row) && !row.empty();) {
    const std::string cell = row.substr(0, row.find('|', 1));
    for (std::sregex_iterator at(cell.begin(), cell.end(), kName), end; at != end; ++at, ++names) {
      INFO((*at)[1]);
      CHECK(page.find((*at)[1]) != std::string::npos);
    }
  }
  CHECK(names == 12);
}

TEST_CASE("no formatter has a complaint about the manuals", "[manual]") {
  for (const char* name : {"daybook.1", "daybookd.8", "daybook-journal.5"}) {
    INFO(name);
    if (std::filesystem::exists("/usr/bin/mandoc")) {
      const Finished lint = run_program({"/usr/bin/mandoc", "-Tlint", "-Wwarning", kMan + name},
                                        {{"PATH", "/usr/bin"}});
      CHECK(lint.output + lint.errors == "");
    }
    if (std::filesystem::exists("/usr/bin/man")) {
      const Finished shown =
          run_program({"/usr/bin/man", "--warnings", "-E", "UTF-8", "-l", kMan + name},
                      {{"PATH", "/usr/bin:/bin"},
                       {"MANPAGER", "cat"},
                       {"LC_ALL", "C.UTF-8"},
                       {"MANWIDTH", "80"}});
      CHECK(shown.status == 0);
      CHECK(shown.errors == "");
      CHECK(shown.output.find("NAME") != std::string::npos);
    }
  }
}

// ---- completion

struct Shell {
  world::TemporaryDirectory directory;

  Shell() {
    const Finished talk = run_program(
        {build_directory() + "/daybookd", "--console", "--data", directory.path() + "/data"},
        {{"HOME", directory.path()}}, "hello\n");
    REQUIRE(talk.status == 0);
  }
  // What the tool offers for the last word, one a line, descriptions cut off.
  std::vector<std::string> offered(std::vector<std::string> words) const {
    words.insert(words.begin(), {build_directory() + "/daybook", "complete", "--", "--data",
                                 directory.path() + "/data"});
    const Finished finished = run_program(words, {{"HOME", directory.path()}});
    INFO(finished.errors);
    REQUIRE(finished.status == 0);
    std::vector<std::string> candidates;
    std::istringstream in(finished.output);
    for (std::string line; std::getline(in, line);) {
      candidates.push_back(line.substr(0, line.find('\t')));
    }
    return candidates;
  }
  // What bash makes of a line typed so far.
  std::string completed_by_bash(const std::string& line) const {
    const std::string script = "source " + source_directory() +
                               "/tools/completion/daybook.bash\n"
                               "COMP_LINE=$1 COMP_POINT=${#1}\n_daybook\n"
                               "printf '%s\\n' \"${COMPREPLY[@]}\"";
    const Finished finished =
        run_program({"/bin/bash", "-c", script, "bash", line},
                    {{"HOME", directory.path()}, {"PATH", build_directory() + ":/usr/bin:/bin"}});
    INFO(finished.errors);
    CHECK(finished.errors.empty());
    return finished.output;
  }
};

using Words = std::vector<std::string>;

TEST_CASE("completion offers verbs, flags, sessions, kinds and choices", "[completion]") {
  const Shell shell;
  CHECK(shell.offered({"lo"}) == Words{"log"});
  CHECK(shell.offered({""}) == [] {
    auto verbs = verbs_of(help_of("daybook", {}));
    std::sort(verbs.begin(), verbs.end());
    return verbs;
  }());
  CHECK(shell.offered({"log", "--fo"}) == Words{"--follow"});
  CHECK(shell.offered({"log", "--no-p"}) == Words{"--no-pager"});
  CHECK(shell.offered({"log", ""}) == Words{"console:local"});
  CHECK(shell.offered({"log", "-f", "con"}) == Words{"console:local"});
  CHECK(shell.offered({"log", "console:local", ""}).empty());
  CHECK(shell.offered({"search", "--session", ""}) == Words{"console:local"});
  CHECK(shell.offered({"log", "--kind", "TurnSt"}) == Words{"TurnStarted"});
  CHECK(shell.offered({"export", "--format", ""}) == Words{"html", "jsonl", "md", "openai"});
  CHECK(shell.offered({"import", ""}).empty());
  CHECK(shell.offered({"pair", "a"}) == Words{"approve"});
  CHECK(shell.offered({"pair", "--"}) ==
        Words{"--config", "--data", "--help", "--json", "--no-pager", "--version"});
  CHECK(shell.offered({"nonsense", ""}).empty());
}

TEST_CASE("completion offers settings, policies and models", "[completion]") {
  const Shell shell;
  for (const std::string verb : {"get", "set", "unset"}) {
    CHECK(shell.offered({"config", verb, "agent.mod"}) == Words{"agent.model"});
    CHECK(shell.offered({"config", verb, "providers.openrouter.base"}) ==
          Words{"providers.openrouter.base_url"});
  }
  CHECK(shell.offered({"config", "set", "agent.model", ""}).empty());
  CHECK(shell.offered({"--config", "/nonexistent", "config", "get", "agent.mod"}) ==
        Words{"agent.model"});
  const Words policies = {"full", "incremental", "legacy", "reset", "window"};
  CHECK(shell.offered({"whatif", "--policy", ""}) == policies);
  CHECK(shell.offered({"eval", "--policies", ""}) == policies);
  CHECK(shell.offered({"eval", "--policies", "window,in"}) == Words{"window,incremental"});
  CHECK(shell.offered({"whatif", "--model", "ech"}).front() == "echo");
}

TEST_CASE("completion of a journal that is not there offers nothing and says nothing",
          "[completion]") {
  const Finished finished = run_program(
      {build_directory() + "/daybook", "complete", "--", "--data", "/nonexistent", "log", ""},
      {{"HOME", "/nonexistent"}});
  CHECK(finished.status == 0);
  CHECK(finished.output.empty());
  CHECK(finished.errors.empty());
}

TEST_CASE("bash completes, also behind a colon", "[completion]") {
  const Shell shell;
  const std::string data = "daybook --data " + shell.directory.path() + "/data ";
  CHECK(shell.completed_by_bash("daybook lo") == "log\n");
  CHECK(shell.completed_by_bash("daybook export --format h") == "html\n");
  CHECK(shell.completed_by_bash("daybook log --fo") == "--follow\n");
  CHECK(shell.completed_by_bash("daybook config get agent.mod") == "agent.model\n");
  CHECK(shell.completed_by_bash("daybook eval --policies full,in") == "full,incremental\n");
  CHECK(shell.completed_by_bash(data + "log con") == "console:local\n");
  CHECK(shell.completed_by_bash(data + "log console:lo") == "local\n");
}

TEST_CASE("the scripts of other shells are read without complaint, where those are",
          "[completion]") {
  for (const auto& [shell, script] :
       {std::pair<std::string, std::string>{"/usr/bin/zsh", "_daybook"},
        {"/usr/bin/fish", "daybook.fish"},
        {"/bin/bash", "daybook.bash"}}) {
    if (!std::filesystem::exists(shell)) continue;
    INFO(shell);
    const Finished checked =
        run_program({shell, "-n", source_directory() + "/tools/completion/" + script}, {});
    CHECK(checked.status == 0);
    CHECK(checked.errors.empty());
  }
}

}  // namespace daybook::manual_test
