// The small files beside the journal, and the last line before dying of SIGBUS.
#include "journal/files.h"

#include <fcntl.h>
#include <rapidcheck.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "journal/sigbus.h"
#include "tests/journal_place.h"

namespace daybook::journal_files_test {

using journal_place::Place;

TEST_CASE("a head reads as it was written", "[journal]") {
  const files::Head head{42, sha256("x"), from_milliseconds(1'700'000'000'123)};
  const std::string text = files::format_head(head);
  CHECK(text ==
        "daybook head 1\nseq 42\nseal "
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\ntime 1700000000123\n");
  CHECK(files::parse_head(text) == head);
}

TEST_CASE("a head with anything missing, added or changed in form is refused", "[journal]") {
  const std::string text = files::format_head({42, sha256("x"), from_milliseconds(5)});
  for (std::size_t size = 0; size < text.size(); ++size) {
    REQUIRE_FALSE(files::parse_head(text.substr(0, size)));
  }
  CHECK_FALSE(files::parse_head(text + "\n"));
  std::string other = text;
  CHECK_FALSE(files::parse_head(other.replace(other.find("head 1"), 6, "head 2")));
  other = text;
  CHECK_FALSE(files::parse_head(other.replace(other.find("42"), 2, "4x")));
  other = text;
  CHECK_FALSE(files::parse_head(other.replace(other.find("2d71"), 4, "2d7g")));
  REQUIRE(rc::check([](const std::string& noise) { RC_ASSERT_FALSE(files::parse_head(noise)); }));
}

TEST_CASE("a file is replaced whole, for its owner only", "[journal]") {
  Place place;
  REQUIRE(files::prepare_directory(place.directory(), true));
  const std::string path = place.directory() + "/note";
  CHECK_FALSE(files::read_small(path).value());
  REQUIRE(files::replace(place.directory(), "note", "one"));
  REQUIRE(files::replace(place.directory(), "note", "two"));
  CHECK(files::read_small(path).value() == "two");
  CHECK(files::check_file(path, 3));
  CHECK(files::check_file(path, 4).error().code == ExitCode::kDamaged);
  CHECK_FALSE(files::exists(path + ".tmp"));
}

TEST_CASE("a file that cannot be replaced stays as it was, and no draft lies beside it",
          "[journal]") {
  const Place place;
  const std::string directory = place.directory();
  REQUIRE(files::prepare_directory(directory, true));
  REQUIRE(files::replace(directory, "small", "first"));
  {
    const journal_place::FileSizeLimit full(3);
    CHECK_FALSE(files::replace(directory, "small", "second"));
  }
  CHECK(files::read_small(directory + "/small").value() == "first");
  CHECK(files::names_in(directory, "").value() == std::vector<std::string>{".", "..", "small"});
}

TEST_CASE("a file that others can read, or that is a link, is refused", "[journal]") {
  Place place;
  REQUIRE(files::prepare_directory(place.directory(), true));
  REQUIRE(files::replace(place.directory(), "note", "one"));
  const std::string path = place.directory() + "/note";
  std::filesystem::create_symlink(path, place.directory() + "/link");
  CHECK_FALSE(files::read_small(place.directory() + "/link"));
  CHECK_FALSE(files::check_file(place.directory() + "/link", 0));
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(files::check_file(path, 0).error().message.find("chmod 600") != std::string::npos);
}

TEST_CASE("a directory open to others is closed to them", "[journal]") {
  Place place;
  std::filesystem::create_directories(place.directory());
  REQUIRE(::chmod(place.directory().c_str(), 0755) == 0);
  REQUIRE(files::prepare_directory(place.directory(), true));
  struct stat found {};
  REQUIRE(::stat(place.directory().c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0700);
}

TEST_CASE("random bytes differ", "[journal]") {
  CHECK(files::random_bytes(32).value().size() == 32);
  CHECK(files::random_bytes(32).value() != files::random_bytes(32).value());
}

// Reads a page beyond the end of a file that was cut under its map.
[[noreturn]] void read_beyond_the_end(const std::string& path, int error_output) {
  ::dup2(error_output, STDERR_FILENO);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, 8'192) != 0 || !exit_on_sigbus()) ::_exit(1);
  void* map = ::mmap(nullptr, 8'192, PROT_READ, MAP_SHARED, file, 0);
  if (map == MAP_FAILED || ::ftruncate(file, 0) != 0) ::_exit(2);
  ::_exit(static_cast<volatile char*>(map)[5'000] == 0 ? 3 : 4);
}

TEST_CASE("SIGBUS ends in one line and exit code 74", "[journal]") {
  Place place;
  REQUIRE(files::prepare_directory(place.directory(), true));
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) read_beyond_the_end(place.directory() + "/map", ends[1]);
  ::close(ends[1]);
  std::string said(4'096, '\0');
  const ssize_t size = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 74);
  REQUIRE(size > 0);
  said.resize(static_cast<std::size_t>(size));
  CHECK(said.find("run daybook verify") != std::string::npos);
  CHECK(std::count(said.begin(), said.end(), '\n') == 1);
}

}  // namespace daybook::journal_files_test
