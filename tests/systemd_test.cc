// The systemd units as `make install` brings them.
#include <unistd.h>
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "tests/places.h"
#include "tests/world/process.h"

namespace daybook::systemd_test {

constexpr const char* kAnalyze = "/usr/bin/systemd-analyze";

std::string unit_of(const std::string& manager) {
  std::ifstream input(build_directory() + "/systemd/" + manager + "/daybook.service");
  std::ostringstream text;
  text << input.rdbuf();
  return text.str();
}

// What systemd-analyze says of a unit whose program is the one that was built.
world::Finished analyze(const std::string& manager, std::vector<std::string> words) {
  std::string unit = unit_of(manager);
  const std::size_t begin = unit.find("ExecStart=") + 10;
  unit.replace(begin, unit.find("/daybookd", begin) - begin, build_directory());
  const world::TemporaryDirectory directory;
  words.insert(words.begin(), kAnalyze);
  words.push_back(directory.write("daybook.service", unit));
  return world::run_program(words, {{"PATH", "/usr/bin:/bin"},
                                    {"HOME", directory.path()},
                                    {"XDG_RUNTIME_DIR", directory.path()}});
}

TEST_CASE("what a restart does not mend is not restarted", "[systemd]") {
  for (const std::string manager : {"system", "user"}) {
    const std::string unit = unit_of(manager);
    INFO(manager << "\n" << unit);
    CHECK(unit.find("\nRestart=on-failure\n") != std::string::npos);
    CHECK(unit.find("\nRestartPreventExitStatus=65 74 75 78\n") != std::string::npos);
    CHECK(unit.find("\nType=notify\n") != std::string::npos);
    CHECK(unit.find('@' + std::string("CMAKE")) == std::string::npos);
  }
}

TEST_CASE("systemd understands every line of the units", "[systemd]") {
  if (access(kAnalyze, X_OK) != 0) return;
  for (const std::string manager : {"system", "user"}) {
    const auto verified = analyze(manager, {"--" + manager, "--man=no", "verify"});
    INFO(manager << ": " << verified.errors);
    CHECK(verified.status == 0);
    CHECK(verified.errors.find("daybook.service:") == std::string::npos);
  }
}

TEST_CASE("the system unit keeps most of the system out of reach", "[systemd]") {
  if (access(kAnalyze, X_OK) != 0) return;
  // Ten times the exposure that is allowed at most.
  const auto judged = analyze("system", {"security", "--offline=true", "--threshold=15"});
  INFO(judged.output << judged.errors);
  CHECK(judged.status == 0);
}

}  // namespace daybook::systemd_test
