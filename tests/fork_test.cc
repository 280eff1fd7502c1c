// A fork goes on from an earlier moment of a conversation by reference, and changes nothing there.
#include "core/fork.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/places.h"
#include "tests/story_place.h"
#include "tests/world/process.h"
#include "tools/branches.h"

namespace daybook::fork_test {

using nlohmann::json;
using testing::Story;
using world::Finished;

constexpr const char* kHome = "console:local";
constexpr const char* kIdea = "terminal:idea";

SessionId session_at(const Story& story, const char* place) {
  const SessionRow* row = story.gateway->directory().at(place);
  REQUIRE(row != nullptr);
  return row->id();
}

SessionState state_at(Story& story, const char* place) {
  return story.gateway->session(session_at(story, place))->state();
}

Result<Event> asked(Story& story, Seq at, const char* place = kIdea, const char* from = kHome) {
  return session_forked(story.gateway->directory(), *story.gateway, session_at(story, from), at,
                        place);
}

Seq fork(Story& story, Seq at, const char* place = kIdea, const char* from = kHome) {
  auto fact = asked(story, at, place, from);
  REQUIRE(fact);
  return story.gateway->record(*std::move(fact), story.now);
}

std::string prompt_words(Story& story, const char* place) {
  const auto prompt = story.gateway->prompt(story.turn(place).seq());
  REQUIRE(prompt);
  std::string words;
  for (const auto& message : prompt->messages) words += message.text + "|";
  return words;
}

// Two answers; the seq of the first.
Seq talk(Story& story) {
  story.say("one", kHome);
  const Seq first = story.complete(story.turn(kHome), "first answer");
  story.say("two", kHome);
  story.complete(story.turn(kHome), "second answer");
  return first;
}

TEST_CASE("a fork shares what was said up to its moment, and nothing after it", "[fork]") {
  Story story;
  const Seq first = talk(story);
  const SessionState before = state_at(story, kHome);
  const Seq forked = fork(story, first);
  const SessionState idea = state_at(story, kIdea);
  CHECK(idea.id() == forked);
  CHECK(idea.place() == kIdea);
  CHECK(idea.entries_size() == 2);
  CHECK(idea.turns() == 0);
  CHECK(story.event(forked).prev() == first);
  CHECK(state_at(story, kHome).SerializeAsString() == before.SerializeAsString());

  story.say("another two", kIdea);
  CHECK(prompt_words(story, kIdea) == "one|first answer|another two|");
  story.say("three", kHome);
  CHECK(prompt_words(story, kHome) == "one|first answer|two|second answer|three|");
}

TEST_CASE("a fork behind a summary is told the summary, not what it stands for", "[fork]") {
  Story story;
  talk(story);
  story.say("three", kHome);
  const Seq third = story.complete(story.turn(kHome), "third answer");
  story.say("four", kHome);
  story.complete(story.turn(kHome), "fourth answer");
  story.say("/compact", kHome);
  REQUIRE(story.turn(kHome).kind() == SUMMARY);
  story.complete(story.turn(kHome), "in short");
  fork(story, story.last("CompactionCompleted").seq());
  story.say("and?", kIdea);
  story.say("and?", kHome);
  const std::string words = prompt_words(story, kIdea);
  CHECK(words == prompt_words(story, kHome));
  CHECK(words.find("in short|") != std::string::npos);
  CHECK(words.find("|first answer|") == std::string::npos);
  // From before it was made, all that was said is there.
  fork(story, third, "terminal:earlier");
  story.say("and?", "terminal:earlier");
  CHECK(prompt_words(story, "terminal:earlier").starts_with("one|first answer|"));
}

TEST_CASE("a fork is the same after a crash, and a fork of a fork goes back through both",
          "[fork]") {
  Story story;
  fork(story, talk(story));
  story.say("another two", kIdea);
  const Seq answer = story.complete(story.turn(kIdea), "another answer");
  fork(story, answer, "terminal:twice", kIdea);
  story.commit();
  const SessionState idea = state_at(story, kIdea);
  const SessionState twice = state_at(story, "terminal:twice");
  CHECK(twice.entries_size() == 4);
  story.crash();
  CHECK(state_at(story, kIdea).SerializeAsString() == idea.SerializeAsString());
  CHECK(state_at(story, "terminal:twice").SerializeAsString() == twice.SerializeAsString());
  story.say("and on", "terminal:twice");
  CHECK(prompt_words(story, "terminal:twice") ==
        "one|first answer|another two|another answer|and on|");
}

TEST_CASE("what was unfinished at its moment stays with the parent", "[fork]") {
  Story story;
  story.say("one", kHome);
  const OpenTurn turn = story.turn(kHome);
  const Seq chunk = story.chunk(turn, "half");
  story.say("waits", kHome);
  const Seq forked = fork(story, chunk);
  CHECK(story.event(forked).prev() == turn.seq());
  CHECK_FALSE(state_at(story, kIdea).has_open());
  const Seq later = fork(story, 0, "terminal:later");
  CHECK(story.event(later).session_forked().at() != turn.seq());
  CHECK(state_at(story, "terminal:later").waiting_size() == 0);
  CHECK(state_at(story, kHome).waiting_size() == 1);
  CHECK(state_at(story, kHome).open().seq() == turn.seq());
  story.say("now", kIdea);
  CHECK(prompt_words(story, kIdea) == "one|now|");
}

TEST_CASE("a fork that could not be walked back is refused in one sentence", "[fork]") {
  Story story;
  const Seq first = talk(story);
  const Seq elsewhere = story.say("elsewhere", "terminal:default");
  const auto refused = [&](Seq at, const char* place, std::string_view part) {
    const auto fact = asked(story, at, place);
    REQUIRE_FALSE(fact);
    INFO(fact.error().message);
    CHECK(fact.error().code == ExitCode::kUsage);
    CHECK(fact.error().message.find(part) != std::string::npos);
  };
  refused(elsewhere, kIdea, "is none of session");
  refused(elsewhere + 1'000, kIdea, "is none of session");
  refused(1, kIdea, "is none of session");
  refused(first, kHome, "is no place for a fork");
  refused(first, "terminal:two words", "is no place for a fork");
  refused(first, "terminal:", "is no place for a fork");
  refused(first, "terminal:default", "another name");
  CHECK_FALSE(session_forked(story.gateway->directory(), *story.gateway, 999, first, kIdea));
}

// ---- the tool

struct Place {
  journal_place::Place place;
  world::TemporaryDirectory home;
  Seq first = 0;

  Place() {
    Story story;
    first = talk(story);
    testing::write_story(story, place, 3, true);
  }
  [[nodiscard]] Finished tool(std::vector<std::string> words) const {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data", place.directory()});
    return world::run_program(words, {{"HOME", home.path()}, {"PATH", "/usr/bin:/bin"}});
  }
};

TEST_CASE("without a daemon the tool forks, the tree shows it, and the journal stays sound",
          "[fork]") {
  const Place place;
  const std::string at = std::to_string(place.first);
  const Finished forked = place.tool({"fork", "console", "--at", at, "--name", "idea"});
  INFO(forked.errors);
  REQUIRE(forked.status == 0);
  CHECK(forked.output.find("behind event " + at) != std::string::npos);
  CHECK(place.tool({"fork", "console", "--at", at, "--name", "idea"}).status == 64);
  CHECK(place.tool({"fork", "console", "--at", "1"}).status == 64);
  REQUIRE(place.tool({"fork", "terminal:idea", "--name", "twice"}).status == 0);
  REQUIRE(place.tool({"fork", "console"}).status == 0);

  const Finished tree = place.tool({"tree", "terminal:idea"});
  INFO(tree.output + tree.errors);
  std::vector<std::string> lines;
  std::istringstream in(tree.output);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].find("console:local, 2 turns") != std::string::npos);
  CHECK(lines[0].find("\"one\"") != std::string::npos);
  CHECK(lines[1].starts_with("├─ "));
  CHECK(lines[1].find("terminal:idea, from event " + at) != std::string::npos);
  CHECK(lines[2].starts_with("│  └─ "));
  CHECK(lines[3].starts_with("└─ "));
  CHECK(lines[3].find("terminal:fork-") != std::string::npos);
  const std::string asked = place.tool({"tree", "console", "--json"}).output;
  CHECK(json::parse(asked.substr(0, asked.find('\n')))["parent"] == 0);

  for (const char* check : {"verify", "audit"}) {
    const Finished checked = place.tool({check});
    INFO(checked.output + checked.errors);
    CHECK(checked.status != 65);
  }
  const Finished replay = place.tool({"replay", "--check"});
  INFO(replay.output + replay.errors);
  CHECK(replay.status == 0);
  CHECK(place.tool({"show", "terminal:idea"}).output.find("first answer") != std::string::npos);
  CHECK(place.tool({"show", "terminal:idea"}).output.find("second answer") == std::string::npos);
}

TEST_CASE("a running daemon forks, and talks on there", "[fork]") {
  const Place place;
  world::Process daemon({build_directory() + "/daybookd", "--data", place.place.directory()},
                        {{"HOME", place.home.path()}, {"PATH", "/usr/bin"}});
  // The socket opens in the first iteration; status asks until it is there.
  while (place.tool({"status"}).output.find("runs, pid") == std::string::npos) {
    REQUIRE(daemon.running());
  }
  const Finished forked = place.tool(
      {"fork", "console", "--at", std::to_string(place.first), "--name", "idea", "--json"});
  INFO(forked.errors);
  REQUIRE(forked.status == 0);
  CHECK(json::parse(forked.output)["kind"] == "SessionForked");
  CHECK(place.tool({"fork", "console", "--name", "idea"}).status == 64);
  const Finished said = place.tool({"ask", "--session", "terminal:idea", "and you?"});
  INFO(said.errors);
  CHECK(said.status == 0);
  const std::string sent = place.tool({"prompt", "terminal:idea"}).output;
  CHECK(sent.find("first answer") != std::string::npos);
  CHECK(sent.find("second answer") == std::string::npos);
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == 0);
}

}  // namespace daybook::fork_test
