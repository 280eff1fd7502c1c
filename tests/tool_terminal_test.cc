// What the tool shows on a terminal, and that a pipe gets none of it.
#include <catch2/catch.hpp>

#include "tests/places.h"
#include "tests/world/process.h"
#include "tools/pager.h"

namespace daybook::tool_terminal_test {

using world::Environment;
using world::Finished;

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct Place {
  world::TemporaryDirectory directory;

  Place() {
    const Finished talk = world::run_program(
        {build_directory() + "/daybookd", "--console", "--data", data()}, environment(), "hello\n");
    INFO(talk.errors);
    REQUIRE(talk.status == 0);
  }
  std::string data() const { return directory.path() + "/data"; }
  Environment environment(Environment more = {}) const {
    more.insert(more.end(), {{"HOME", directory.path()}, {"PATH", "/usr/bin:/bin"}});
    return more;
  }
  Finished shown(std::vector<std::string> words, Environment more = {}) const {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data", data()});
    world::Process process(std::move(words), environment(std::move(more)), world::OnTerminal{});
    const auto status = process.wait();
    return {status, process.output(), ""};
  }
};

TEST_CASE("a terminal gets colours and the user's pager, a pipe plain bytes", "[tool]") {
  const Place place;
  const std::string pager = place.directory.write("pager", "#!/bin/sh\necho '<paged>'\ncat\n");
  const Finished paged = place.shown({"log"}, {{"PAGER", "sh " + pager}});
  INFO(paged.output);
  CHECK(paged.status == 0);
  CHECK(holds(paged.output, "<paged>"));
  CHECK(holds(paged.output, "\x1b[2m"));
  CHECK(holds(paged.output, "GatewayStopped"));
  const Finished first = place.shown({"log"}, {{"PAGER", "sh " + pager}, {"DAYBOOK_PAGER", "cat"}});
  CHECK_FALSE(holds(first.output, "<paged>"));
  const Finished piped =
      world::run_program({build_directory() + "/daybook", "--data", place.data(), "log"},
                         place.environment({{"PAGER", "sh " + pager}}));
  CHECK_FALSE(holds(piped.output, "<paged>"));
  CHECK_FALSE(holds(piped.output, "\x1b"));
}

TEST_CASE("what is listed stands out on a terminal, and objects never do", "[tool]") {
  const Place place;
  struct Row {
    std::vector<std::string> words;
    std::string_view shown;
  };
  for (const auto& [words, shown] :
       {Row{{"sessions"}, "\x1b[1mconsole:local\x1b[0m"},
        Row{{"context", "console:local"}, "\x1b[1mPolicy:\x1b[0m window"},
        Row{{"status"}, "\x1b[2mjournal\x1b[0m     /"},
        Row{{"pair"}, "\x1b[2mowner\x1b[0m    nobody"},
        Row{{"pair", "list"}, "\x1b[2mowner\x1b[0m    nobody"}}) {
    INFO(words[0]);
    CHECK(holds(place.shown(words).output, shown));
    CHECK_FALSE(holds(place.shown(words, {{"NO_COLOR", "1"}}).output, "\x1b"));
    std::vector<std::string> object = words;
    object.emplace_back("--json");
    CHECK_FALSE(holds(place.shown(object).output, "\x1b"));
  }
}

TEST_CASE("lists of settings, of the daemon and of who may talk are paged, changes are not",
          "[tool]") {
  const Place place;
  const Environment pager = {{"PAGER", "sed s/^/paged:/"}};
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"config"}, {"status"}, {"pair"}, {"pair", "list"}, {"doctor", "--offline"}}) {
    INFO(words[0]);
    CHECK(holds(place.shown(words, pager).output, "paged:"));
  }
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"config", "get", "agent.policy"},
                                             {"config", "set", "agent.model", "echo"},
                                             {"pair", "revoke", "7"}}) {
    const Finished once = place.shown(words, pager);
    INFO(words[1]);
    CHECK_FALSE(once.output.empty());
    CHECK_FALSE(holds(once.output, "paged:"));
  }
}

TEST_CASE("who wants no pager gets none, nor does what does not end", "[tool]") {
  const Place place;
  const Environment pager = {{"PAGER", "echo '<paged>'"}};
  CHECK_FALSE(holds(place.shown({"--no-pager", "log"}, pager).output, "<paged>"));
  CHECK_FALSE(holds(place.shown({"reload"}, pager).output, "<paged>"));
  CHECK_FALSE(holds(place.shown({"log", "--no-pager"}, {{"NO_COLOR", "1"}}).output, "\x1b"));
  CHECK_FALSE(holds(place.shown({"log", "--no-pager"}, {{"TERM", "dumb"}}).output, "\x1b"));
}

TEST_CASE("a pager that is not there is as none, and an error is told after it", "[tool]") {
  const Place place;
  const Environment none = {{"PAGER", "no-such-pager -x"}};
  const Finished log = place.shown({"log"}, none);
  CHECK(log.status == 0);
  CHECK(holds(log.output, "GatewayStopped"));
  const Finished wrong = place.shown({"show", "99999"}, none);
  CHECK(wrong.status == 64);
  CHECK(holds(wrong.output, "ends at"));
}

// A variable as it is told, while it lives.
class Variable {
 public:
  Variable(const char* name, std::optional<std::string> value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    value ? ::setenv(name_, value->c_str(), 1) : ::unsetenv(name_);
  }

  const char* name_;
  std::optional<std::string> before_;
};

TEST_CASE("the pager is the one the user named, and none on a terminal that cannot turn pages",
          "[tool]") {
  const Variable terminal("TERM", "xterm");
  const Variable pager("PAGER", std::nullopt);
  const Variable own("DAYBOOK_PAGER", std::nullopt);
  CHECK(Pager::command() == "less");
  {
    const Variable dumb("TERM", "dumb");
    CHECK(Pager::command().empty());
    const Variable none("TERM", std::nullopt);
    CHECK(Pager::command().empty());
  }
  const Variable usual("PAGER", "more");
  CHECK(Pager::command() == "more");
  const Variable named("DAYBOOK_PAGER", "less -S");
  CHECK(Pager::command() == "less -S");
  const Variable cat("DAYBOOK_PAGER", "cat");
  CHECK(Pager::command().empty());
}

}  // namespace daybook::tool_terminal_test
