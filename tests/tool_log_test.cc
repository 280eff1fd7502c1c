// `daybook log -f`: a reader beside daemons that come and go.
#include <catch2/catch.hpp>

#include <csignal>

#include "tests/places.h"
#include "tests/world/process.h"
#include "tools/journal_view.h"

namespace daybook::tool_log_test {

using world::Environment;
using world::Finished;
using world::Process;
using world::run_program;
using world::TemporaryDirectory;

struct Place {
  TemporaryDirectory directory;
  Environment environment{{"HOME", directory.path()}, {"PATH", "/usr/bin:/bin"}};

  [[nodiscard]] std::string data() const { return directory.path() + "/data"; }
  [[nodiscard]] std::vector<std::string> daemon() const {
    return {build_directory() + "/daybookd", "--console", "--data", data()};
  }
  [[nodiscard]] std::vector<std::string> log(std::vector<std::string> more) const {
    std::vector<std::string> words = {build_directory() + "/daybook", "--data", data(), "log"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void someone_says(const std::string& text) const {
    REQUIRE(run_program(daemon(), environment, text + "\n").status == 0);
  }
};

TEST_CASE("a followed log goes on over stopped and killed daemons and archiving until Ctrl-C",
          "[log]") {
  const Place place;
  place.someone_says("first");
  Process log(place.log({"-f"}), place.environment);
  REQUIRE(log.expect("\"first\""));
  REQUIRE(log.expect("GatewayStopped"));
  place.someone_says("second");
  REQUIRE(log.expect("\"second\""));
  REQUIRE(log.expect("GatewayStopped"));
  Process killed(place.daemon(), place.environment);
  killed.write_input("third\n");
  REQUIRE(log.expect("\"third\""));
  killed.signal(SIGKILL);
  CHECK(killed.wait() == 128 + SIGKILL);
  place.someone_says("fourth");
  REQUIRE(log.expect("recovery=true"));
  REQUIRE(log.expect("\"fourth\""));
  REQUIRE(log.expect("GatewayStopped"));
  REQUIRE(run_program({build_directory() + "/daybook", "--data", place.data(), "archive",
                       "--before", "0s", place.data() + "-archive"},
                      place.environment)
              .output.find("chunks-") != std::string::npos);
  place.someone_says("fifth");
  REQUIRE(log.expect("\"fifth\""));
  REQUIRE(log.expect("GatewayStopped"));
  CHECK(log.running());
  log.signal(SIGINT);
  CHECK(log.wait() == 0);
  CHECK(log.errors().empty());
  // Each event once, in order.
  CHECK(log.output() == run_program(place.log({}), place.environment).output);
}

TEST_CASE("a followed log tells what a restored journal holds from the cut on", "[log]") {
  const Place place;
  const std::string copy = place.directory.path() + "/copy";
  const auto tool = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {build_directory() + "/daybook", "--data", place.data()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const Finished finished = run_program(words, place.environment);
    INFO(finished.errors);
    REQUIRE(finished.status == 0);
  };
  place.someone_says("first");
  tool({"backup", copy});
  place.someone_says("second");
  Process log(place.log({"-f"}), place.environment);
  REQUIRE(log.expect("\"second\""));
  REQUIRE(log.expect("GatewayStopped"));
  tool({"restore", copy});
  REQUIRE(log.expect("JournalRestored"));
  place.someone_says("third");
  REQUIRE(log.expect("\"third\""));
  REQUIRE(log.expect("GatewayStopped"));
  CHECK(log.running());
  // Its end is all that the restored journal holds behind the copy, each event once.
  const std::string restored = run_program(place.log({}), place.environment).output;
  const std::size_t cut = restored.find("recovery", restored.find("\"first\""));
  REQUIRE(cut != std::string::npos);
  CHECK(log.output().ends_with(restored.substr(restored.rfind('\n', cut) + 1)));
  log.signal(SIGINT);
  CHECK(log.wait() == 0);
}

TEST_CASE("a followed log ends quietly when its reader goes, though nothing new is written",
          "[log]") {
  const Place place;
  place.someone_says("hello");
  const Finished piped =
      run_program({"/bin/sh", "-c", "\"$@\" | head -n 2", "sh", build_directory() + "/daybook",
                   "--data", place.data(), "log", "-f"},
                  place.environment);
  CHECK(piped.status == 0);
  CHECK(piped.output.find("GatewayStarted") != std::string::npos);
  CHECK(piped.errors.empty());
}

TEST_CASE("a log tells the day once, and is cut by words and by a moment", "[log]") {
  const Place place;
  place.someone_says("a green parrot");
  place.someone_says("a grey heron");
  const auto log = [&](std::vector<std::string> more) {
    const Finished finished = run_program(place.log(std::move(more)), place.environment);
    INFO(finished.errors);
    REQUIRE(finished.status == 0);
    return finished.output;
  };
  const std::string all = log({});
  CHECK(all.starts_with("-- 20"));
  CHECK(all.find(" UTC\n") == 13);
  CHECK(all.find("\n-- 20", 1) == std::string::npos);
  const std::string heron = log({"--text", "HERON grey"});
  CHECK(heron.find("grey heron") != std::string::npos);
  CHECK(heron.find("parrot") == std::string::npos);
  CHECK(heron.find("GatewayStarted") == std::string::npos);
  const std::string early = log({"--until", "5"});
  const std::size_t line = early.rfind('\n', early.size() - 2);
  REQUIRE(line != std::string::npos);
  CHECK(std::stoull(early.substr(line + 1)) == 5);
}

TEST_CASE("output that cannot be written is an error and no success", "[log]") {
  const Place place;
  place.someone_says("hello");
  for (const std::string verb : {"log", "sessions", "status"}) {
    INFO(verb);
    const Finished full =
        run_program({"/bin/sh", "-c", "\"$@\" > /dev/full", "sh", build_directory() + "/daybook",
                     "--data", place.data(), verb},
                    place.environment);
    CHECK(full.status == 74);
    CHECK(full.errors == "daybook: standard output cannot be written: No space left on device\n");
  }
}

}  // namespace daybook::tool_log_test
