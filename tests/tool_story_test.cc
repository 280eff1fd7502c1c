// The reading verbs as their users run them, on one journal that is told here: tests/scripts holds
// every command and what it printed. DAYBOOK_GOLDEN=write writes the outputs anew.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/places.h"
#include "tests/telling.h"
#include "tests/world/process.h"

namespace daybook::tool_story_test {

using testing::Telling;

// A question that waits, a provider that wants a pause, an edit that Telegram refuses, a crash in
// the middle of an answer with a post under way, commands, a stranger, a gap, and an open end.
void tell(Telling& told) {
  told.write("What is a daybook, and who wrote the first of them?", 501);
  const Seq first = told.running().seq();
  told.pass(400);
  told.write("And a ledger?", 502);
  told.pass(200);
  told.fail_attempt(RATE, 429, 2'000, "slow down");
  told.pass(2'600);
  told.chunk(told.running(), "A book ");
  told.pass(30);
  told.chunk(told.running(), "of original ");
  told.commit();
  told.pass(10);
  told.post(first, "A book of original ", 503);
  told.pass(420);
  told.chunk(told.running(), "entry.");
  told.pass(40);
  told.answer("A book of original entry.", 31, 7);
  told.pass(500);
  told.delayed(first, 429, 1'500, false, false);
  told.pass(1'700);
  told.edited(first, "A book of original entry.");

  const Seq second = told.running().seq();
  told.pass(100);
  told.chunk(told.running(), "A ledger is ");
  told.commit();
  told.attempt_post(second);
  told.pass(5'000);
  told.crash();
  told.pass(300);
  told.chunk(told.running(), "Computed from it.");
  told.answer("Computed from it.");
  told.post(second, "Computed from it.", 504);

  told.pass(1'000);
  told.write("/model openai:gpt-4o", 505);
  told.show_notice(506);
  told.pass(1'000);
  told.write("stranger here", 507, 99);
  told.record(Telling::telegram_settings("openai:gpt-4o-mini", 2));
  Fact gap;
  gap.mutable_updates_gap()->set_source("telegram:1");
  gap.mutable_updates_gap()->set_last_asked(Telling::kBegan - 90'000'000);
  told.record(std::move(gap));
  told.write("Which came first?", 508);
  const Seq third = told.running().seq();
  told.pass(700);
  told.chunk(told.running(), "The daybook.");
  told.answer("The daybook.", 44, 4);
  told.post(third, "The daybook.", 509);
  told.pass(700);
  told.write("/compact", 510);
  told.pass(900);
  told.answer("They spoke of books.", 60, 6);
  told.show_notice(511);
  told.pass(1'000);
  told.write("Go on.", 512);
  told.pass(250);
  told.chunk(told.running(), "As I ");
  told.write("Hello?", 513);
  told.commit();
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
  return text;
}

std::string run_line(const std::string& line, const journal_place::Place& place) {
  std::istringstream words(line.substr(2));
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  REQUIRE(arguments.size() > 1);
  arguments.front() = build_directory() + "/daybook";
  arguments.insert(arguments.begin() + 1, {"--data", place.directory()});
  const world::Finished finished =
      world::run_program(arguments, {{"HOME", place.directory()}, {"PATH", "/usr/bin"}});
  std::string out = finished.output + finished.errors;
  if (finished.status != 0) out += "exit " + std::to_string(finished.status.value_or(-1)) + "\n";
  return replaced(std::move(out), place.directory(), "JOURNAL");
}

// A script is comments and commands ("$ daybook ..."); under each "----" and what it printed, up to
// an empty line before the next command or comment.
std::string run_script(const std::string& script, const journal_place::Place& place) {
  std::istringstream lines(script);
  std::string out;
  bool output = false;
  for (std::string line; std::getline(lines, line);) {
    const bool begins = line.starts_with("$ ") || line.starts_with("# ");
    if (output && !begins) continue;
    output = line.starts_with("$ ");
    if (!output) {
      out += line + "\n";
      continue;
    }
    out += line + "\n----\n" + run_line(line, place) + "\n";
  }
  return out;
}

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Two models, of which the second one stands in for the first.
Fact settings_with_spare() {
  Fact settings = Telling::telegram_settings("openai:gpt-4o");
  SettingsLoaded* body = settings.mutable_settings_loaded();
  ProviderRow* spare = body->add_providers();
  *spare = body->providers(1);
  spare->set_name("spare");
  body->add_fallbacks("spare:gpt-4o-mini");
  return settings;
}

// The model that is wanted fails a whole turn long, and its fallback is believed better.
void tell_of_beliefs(Telling& told) {
  Fact settings = settings_with_spare();
  settings.mutable_settings_loaded()->set_route("learned");
  told.record(settings);
  told.write("What is a daybook?", 501);
  for (int attempt = 0; attempt < 3; ++attempt) {
    told.pass(5'000);
    told.fail_attempt(OVERLOAD, 503, 0, "too busy");
  }
  told.pass(700);
  told.answer("A book.", 31, 7);
  told.pass(1'000);
  told.write("And a ledger?", 502);
  told.pass(900);
  told.answer("Another.", 40, 5);
  told.commit();
}

// A key that is not accepted, a fallback that goes on, a model that is passed over, a budget that
// is spent.
void tell_of_money(Telling& told) {
  Fact settings = settings_with_spare();
  settings.mutable_settings_loaded()->set_user_budget_nanodollars(1'000'000);
  told.record(settings);
  told.write("What is a daybook, and who wrote the first of them?", 501);
  told.pass(300);
  told.fail_attempt(AUTH, 401, 0, "no such key");
  told.pass(700);
  told.chunk(told.running(), "A book.");
  told.answer("A book.", 31, 7, "eos_token");
  told.pass(1'000);
  told.write("And a ledger?", 502);
  told.pass(900);
  told.answer("Another.", 9'000, 50);
  told.write("More?", 503);
  told.commit();
}

void check_scripts(Telling& told, const std::vector<std::string>& names) {
  const journal_place::Place place;
  testing::lay_down(told.log, place);
  for (const std::string& name : names) {
    const std::string path = source_directory() + "/tests/scripts/" + name + ".txt";
    const std::string before = read_file(path);
    const std::string after = run_script(before, place);
    const char* mode = std::getenv("DAYBOOK_GOLDEN");
    if (mode != nullptr && std::string_view(mode) == "write") {
      std::ofstream(path, std::ios::binary) << after;
      continue;
    }
    INFO(path);
    CHECK(after == before);
  }
}

TEST_CASE("every reading verb tells the same story for ever", "[tool][golden]") {
  Telling told;
  tell(told);
  check_scripts(told, {"turn", "show", "audit", "usage", "diff", "eval"});
}

TEST_CASE("the verbs tell who was not asked, and what it cost", "[tool][golden]") {
  Telling told;
  tell_of_money(told);
  check_scripts(told, {"money"});
}

TEST_CASE("a turn tells who was believed better, and by how much", "[tool][golden]") {
  Telling told;
  tell_of_beliefs(told);
  check_scripts(told, {"route"});
}

}  // namespace daybook::tool_story_test
