// Laws of slash commands: what is one, what is plain text, and to whom it speaks.
#include "core/command.h"

#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>

#include "core/types.h"

namespace daybook::command_test {

Command read(std::string_view text, std::string_view bot = "DaybookBot") {
  const auto command = parse_command(text, bot);
  REQUIRE(command);
  return *command;
}

TEST_CASE("a command is a slash, a name and trimmed arguments", "[command]") {
  CHECK(read("/status") == Command{"status", "", true, true});
  CHECK(read("/model openai/gpt-4o") == Command{"model", "openai/gpt-4o", true, true});
  CHECK(read("/model \t a  b \n") == Command{"model", "a  b", true, true});
  CHECK(read("/model\nx") == Command{"model", "x", true, true});
  CHECK(read("/STOP") == Command{"stop", "", true, true});
}

TEST_CASE("new and clear are other names of reset", "[command]") {
  CHECK(read("/new").name == "reset");
  CHECK(read("/clear now") == Command{"reset", "now", true, true});
}

TEST_CASE("an unknown command is still a command", "[command]") {
  CHECK(read("/weather Berlin") == Command{"weather", "Berlin", false, true});
}

TEST_CASE("a command to another bot is not for us", "[command]") {
  CHECK(read("/status@daybookbot").for_us);
  CHECK(read("/status@DAYBOOKBOT x").arguments == "x");
  CHECK(read("/status@daybookbot", "@DaybookBot").for_us);
  CHECK_FALSE(read("/status@other_bot").for_us);
  CHECK(read("/status@other_bot", "").for_us);
}

TEST_CASE("paths, lone slashes and slashes further on are plain text", "[command]") {
  for (const char* text : {"", "/", "/ foo", "//", "/usr/bin", "/usr/", "/a.b", "/a-b", "/a@",
                           "/a@ x", "/a@b@c", "/a@b/c", " /status", "a /status", "/\xc3\xa4",
                           "/a\xc3\xa4", "/123456789012345678901234567890123"}) {
    INFO(text);
    CHECK_FALSE(parse_command(text, "bot"));
  }
  CHECK(parse_command("/12345678901234567890123456789012", "bot"));
}

TEST_CASE("no text makes the reader of commands fail", "[command]") {
  CHECK(rc::check("name and arguments come from the text", [](const std::string& rest) {
    const auto command = parse_command("/" + rest, "bot");
    if (!command) return;
    RC_ASSERT(command->name.size() <= 32u);
    RC_ASSERT(!command->name.empty());
    RC_ASSERT(rest.find(command->arguments) != std::string::npos);
  }));
}

TEST_CASE("every command of the table is known, described and in the help", "[command]") {
  const std::string help = help_text(kRulesVersion);
  for (const CommandRow& row : commands()) {
    const auto command = parse_command("/" + std::string(row.name), "");
    REQUIRE(command);
    CHECK(command->known);
    CHECK(command->name == row.name);
    CHECK_FALSE(row.description.empty());
    CHECK(help.find("\n/" + std::string(row.name)) != std::string::npos);
  }
}

TEST_CASE("compact alone waits for the running turn", "[command]") {
  for (const CommandRow& row : commands()) CHECK(row.at_once == (row.name != "compact"));
}

TEST_CASE("a misspelt command is answered with the nearest one", "[command]") {
  CHECK(nearest_command("statsu", kRulesVersion) == "status");
  CHECK(nearest_command("/statsu", kRulesVersion) == "status");
  CHECK(nearest_command("claer", kRulesVersion) == "reset");
  CHECK(nearest_command("modles", kRulesVersion) == "models");
  CHECK(nearest_command("HLEP", kRulesVersion) == "help");
  CHECK(nearest_command("weather", kRulesVersion).empty());
}

TEST_CASE("older rules know the commands that they had", "[command]") {
  CHECK(help_text(1).find("/search") == std::string::npos);
  CHECK(nearest_command("serach", 1).empty());
  CHECK(nearest_command("serach", 2) == "search");
}

}  // namespace daybook::command_test
