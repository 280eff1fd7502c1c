// Programs under test run with nothing of ours but what they are given.
#include "tests/world/process.h"

#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>

namespace daybook::world_process_test {

using world::Finished;
using world::Process;
using world::run_program;
using world::TemporaryDirectory;

TEST_CASE("a program sees its own arguments, environment and input and nothing else", "[world]") {
  const Finished finished =
      run_program({"/bin/sh", "-c", "cat; echo $1 $GIVEN $HOME >&2; exit 7", "sh", "argument"},
                  {{"GIVEN", "variable"}}, "input");
  CHECK(finished.status == 7);
  CHECK(finished.output == "input");
  CHECK(finished.errors == "argument variable\n");
}

TEST_CASE("output can be waited for while a program runs", "[world]") {
  Process process({"/bin/sh", "-c", "echo ready; read line; echo got $line"}, {});
  CHECK(process.wait_for_output("ready"));
  CHECK(process.running());
  process.write_input("this\n");
  CHECK(process.wait() == 0);
  CHECK(process.output() == "ready\ngot this\n");
  CHECK_FALSE(process.wait_for_output("never"));
}

TEST_CASE("a signal that ends a program is told apart from an exit code", "[world]") {
  Process process({"/bin/sh", "-c", "echo ready; read line"}, {});
  REQUIRE(process.wait_for_output("ready"));
  process.signal(SIGKILL);
  CHECK(process.wait() == 128 + SIGKILL);
}

TEST_CASE("files in a temporary directory are private and go with it", "[world]") {
  std::string file;
  {
    const TemporaryDirectory directory;
    file = directory.write("a/config.toml", "x");
    struct stat info {};
    REQUIRE(::stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  CHECK_FALSE(std::filesystem::exists(file));
}

}  // namespace daybook::world_process_test
