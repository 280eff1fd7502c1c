// Command lines that cannot be read: one sentence, which names the word and where to look, and 64.
#include "tools/command_line.h"

#include <catch2/catch.hpp>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::tool_command_line_test {

using world::Finished;
using world::run_program;

Finished daybook(std::vector<std::string> words) {
  words.insert(words.begin(), build_directory() + "/daybook");
  return run_program(words, {{"HOME", "/nonexistent"}});
}

TEST_CASE("a wrong command line is one sentence and exit code 64", "[command_line]") {
  struct Row {
    std::vector<std::string> words;
    std::string sentence;
  };
  const std::vector<Row> rows = {
      {{}, "a verb is needed: ask, chat, fork, whatif, log, "},
      {{}, "reload, doctor; see `daybook --help`"},
      {{"lgo"}, "there is no verb \"lgo\"; did you mean log? See `daybook --help`"},
      {{"--dta", "x", "log"}, "option --dta; did you mean --data?"},
      {{"verify", "--at", "5"}, "verify has no option --at; see `daybook verify --help`"},
      {{"log", "--folow"}, "log has no option --folow; did you mean --follow?"},
      {{"status", "all"}, "status has no use for \"all\"; see `daybook status --help`"},
      {{"show"}, "show needs what: an event's number, or a session"},
      {{"config", "gte", "agent.model"}, "config has no verb \"gte\"; did you mean get?"},
      {{"diff", "4@36"}, "diff needs other: what it is compared with"},
      {{"export", "-o", "x"}, "export has no option -o; did you mean --output?"},
      {{"log", "-x"}, "log has no option -x; see `daybook log --help`"},
      {{"log", "--session", "4"},
       "log has no option --session; did you mean `daybook log SESSION`?"},
      {{"config", "get"}, "config get needs key: like agent.model"},
      {{"log", "-n", "-3"}, "--count: must be a whole number, not -3"},
      {{"prompt", "1", "--turn", "1.5"}, "--turn: must be a whole number, not 1.5"},
      {{"pair", "revoke", "ann"}, "id: must be a whole number, not ann"},
      {{"log", "\x1b[2J"}, "daybook: "},
  };
  for (const Row& row : rows) {
    const Finished finished = daybook(row.words);
    INFO(row.sentence << "\n" << finished.errors);
    CHECK(finished.errors.find(row.sentence) != std::string::npos);
    CHECK(finished.errors.starts_with("daybook: "));
    CHECK(finished.errors.find('\n') == finished.errors.size() - 1);
    CHECK(finished.errors.find('\x1b') == std::string::npos);
    CHECK(finished.output.empty());
    if (row.sentence != "daybook: ") CHECK(finished.status == 64);
  }
  const Finished daemon = run_program({build_directory() + "/daybookd", "--consol"}, {});
  CHECK(daemon.status == 64);
  CHECK(daemon.errors ==
        "daybookd: there is no option --consol; did you mean --console? See `daybookd --help`\n");
}

TEST_CASE("every verb's help has an example, and asking for help is no error", "[command_line]") {
  const Finished all = daybook({"--help"});
  CHECK(all.status == 0);
  for (const std::string verb :
       {"ask", "chat", "log", "show", "sessions", "prompt", "replay", "verify", "status", "setup",
        "config", "pair", "reload", "doctor"}) {
    INFO(verb);
    CHECK(all.output.find("  " + verb + " ") != std::string::npos);
    const Finished help = daybook({verb, "--help"});
    CHECK(help.status == 0);
    CHECK(help.output.find("Example: daybook " + verb) != std::string::npos);
  }
}

TEST_CASE("what changes something says so as one object where that is wanted", "[command_line]") {
  world::DaemonWorld world(build_directory());
  const auto object_of = [&](std::vector<std::string> words) {
    words.emplace_back("--json");
    const Finished finished = world.tool(words);
    INFO(words[0] << ": " << finished.output << finished.errors);
    REQUIRE(finished.status == 0);
    CHECK(finished.output.find('\n') == finished.output.size() - 1);
    return nlohmann::json::parse(finished.output);
  };
  CHECK(object_of({"config", "set", "agent.policy", "full"})["changed"] == true);
  CHECK(object_of({"config", "set", "log.format", "text"})["file"].is_string());
  CHECK(object_of({"config", "unset", "agent.policy"})["key"] == "agent.policy");
  world.start();
  constexpr std::int64_t kStranger = 999;
  world.say(kStranger, "let me in");
  REQUIRE(world.bot().wait([](const auto& api) { return !api.screen(kStranger).empty(); }));
  const std::string notice = world.screen(kStranger)[0];
  const std::string code = notice.substr(notice.find("daybook pair approve ") + 21);
  CHECK(object_of({"reload"})["journal"] == world.data());
  CHECK(object_of({"pair", "approve", code})["kind"] == "PairingApproved");
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  CHECK(object_of({"pair", "revoke", std::to_string(kStranger)})["kind"] == "AccessRevoked");
}

TEST_CASE("whole numbers have digits and nothing else", "[command_line]") {
  const CLI::Validator whole = whole_number();
  for (std::string good : {"0", "42", "999999999999999999"}) CHECK(whole(good).empty());
  for (std::string bad : {"", "-1", "1.5", "x", "1000000000000000000"}) {
    INFO(bad);
    CHECK_FALSE(whole(bad).empty());
  }
}

}  // namespace daybook::tool_command_line_test
