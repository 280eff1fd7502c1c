// `daybook search` as its users run it, on a journal that the daemon has just written.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/places.h"
#include "tests/world/process.h"
#include "tools/searching.h"

namespace daybook::tool_search_test {

using nlohmann::json;
using world::Environment;
using world::Finished;
using world::run_program;

struct Place {
  world::TemporaryDirectory directory;

  explicit Place(std::string_view talk) {
    const Finished finished = run_program(
        {build_directory() + "/daybookd", "--console", "--data", data()}, environment(), talk);
    INFO(finished.errors);
    REQUIRE(finished.status == 0);
  }
  std::string data() const { return directory.path() + "/data"; }
  Environment environment() const {
    return {{"HOME", directory.path()}, {"PATH", "/usr/bin:/bin"}, {"PAGER", "cat"}};
  }
  std::vector<std::string> command(std::vector<std::string> words) const {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data", data(), "search"});
    return words;
  }
  Finished search(std::vector<std::string> words) const {
    return run_program(command(std::move(words)), environment());
  }
};

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_CASE("search finds messages and answers by all their words, with the seq", "[tool]") {
  const Place place("Where is the Lighthouse of Genoa?\nand the other one\n/search lighthouse\n");
  const Finished found = place.search({"lighthouse"});
  INFO(found.output + found.errors);
  CHECK(found.status == 0);
  // echo says again what it was asked
  REQUIRE(lines_in(found.output) == 2);
  CHECK(holds(found.output, "MessageReceived \"Where is the Lighthouse of Genoa?\""));
  CHECK(holds(found.output, "TurnCompleted \""));
  CHECK_FALSE(holds(found.output, "\x1b"));
  CHECK(lines_in(place.search({"GENOA", "lighthouse"}).output) == 2);
  CHECK(lines_in(place.search({"of genoa"}).output) == 2);
  CHECK(lines_in(place.search({"genoa of"}).output) == 0);
  CHECK(lines_in(place.search({"genoa", "other"}).output) == 0);
  CHECK(lines_in(place.search({"lighthouse", "-n", "1"}).output) == 1);
  CHECK(lines_in(place.search({"lighthouse", "--session", "console"}).output) == 2);
  CHECK(lines_in(place.search({"lighthouse", "--since", "2999-01-01"}).output) == 0);
  CHECK(lines_in(place.search({"lighthouse", "--since", "1h"}).output) == 2);

  const std::string lines = place.search({"lighthouse", "--json"}).output;
  const json first = json::parse(lines.substr(0, lines.find('\n')));
  CHECK(first["kind"] == "MessageReceived");
  CHECK(first["place"] == "console:local");
  CHECK(first["text"] == "Where is the Lighthouse of Genoa?");
  const Finished shown = run_program(
      {build_directory() + "/daybook", "--data", place.data(), "show", first["seq"].dump()},
      place.environment());
  CHECK(holds(shown.output, "Lighthouse of Genoa"));
}

TEST_CASE("a terminal sees the words it looked for", "[tool]") {
  const Place place("Where is the Lighthouse?\n");
  world::Process process(place.command({"lighthouse"}), place.environment(), world::OnTerminal{});
  CHECK(process.wait() == 0);
  CHECK(holds(process.output(), "Where is the \x1b[1;31mLighthouse\x1b[0m?"));
}

TEST_CASE("a search for nothing is a wrong command line", "[tool]") {
  const Place place("one\n");
  CHECK(place.search({}).status == 64);
  const Finished blank = place.search({"  "});
  CHECK(blank.status == 64);
  CHECK(holds(blank.errors, "nothing to look for"));
}

TEST_CASE("words split over chunks are found in the answer they became", "[tool]") {
  const Place place("tell me something long about the sea\n");
  auto view = JournalView::open(place.data());
  REQUIRE(view);
  const auto query = SearchQuery::parse("\"about the sea\"");
  const SearchScope scope{1, (*view)->log().last(), 0, 2};
  const auto found = search_journal((*view)->log(), *query, scope, {});
  REQUIRE(found);
  CHECK(found->size() == 2);
}

}  // namespace daybook::tool_search_test
