// Two people's talk in a journal on the disk, for exports to be made of and judged.
#pragma once

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/places.h"
#include "tests/story_place.h"
#include "tests/world/process.h"

namespace daybook::testing {

using world::Finished;

inline constexpr std::string_view kToken = "987654321:ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456";

inline bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Two people, one of whom uses commands; the journal of it on the disk.
struct Talks {
  journal_place::Place place;
  world::TemporaryDirectory directory;

  explicit Talks(const std::string& secret = "nothing", std::size_t per_commit = 3,
                 bool encrypt = false) {
    Story story;
    story.say("Where is the <b>lighthouse</b>?", "console:local");
    story.say("the other room's words", "terminal:default");
    const OpenTurn turn = story.turn("console:local");
    story.chunk(turn, "It is " + secret.substr(0, 12));
    story.chunk(turn, secret.substr(std::min<std::size_t>(12, secret.size())) + " at Genoa.");
    story.complete(turn,
                   "It is " + secret + " at Genoa.\n```c++\nint main() { return 1 < 2; }\n```");
    story.complete(story.turn("terminal:default"), "the other room's answer");
    story.say("/reset", "console:local");
    story.say("And now?", "console:local");
    story.complete(story.turn("console:local"), "Now it is dark.");
    story.say("last words", "terminal:default");
    testing::write_story(story, place, per_commit, encrypt);
  }

  [[nodiscard]] std::string file(const std::string& name) const {
    return directory.path() + "/" + name;
  }
  [[nodiscard]] Finished tool(std::vector<std::string> words, const std::string& data = "") const {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data",
                                 data.empty() ? place.directory() : data});
    return world::run_program(words, {{"HOME", directory.path()}, {"PATH", "/usr/bin"}});
  }
  std::string exported(std::vector<std::string> words) const {
    words.insert(words.begin(), "export");
    const Finished finished = tool(words);
    INFO(finished.errors);
    REQUIRE(finished.status == 0);
    return finished.output;
  }
  [[nodiscard]] std::string key() const { return place.directory() + "/seal.key"; }
  [[nodiscard]] std::string head() const { return place.directory() + "/head"; }
  // The verdict's exit code, its sentence in `said`.
  int verify(const std::string& text, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"verify", directory.write("verified.jsonl", text)};
    words.insert(words.end(), more.begin(), more.end());
    const Finished finished = tool(words);
    said = finished.output + finished.errors;
    return finished.status.value_or(-1);
  }

  std::string said;
};

}  // namespace daybook::testing
