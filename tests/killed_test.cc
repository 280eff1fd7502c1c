// kill -9 of `backup`, `restore`, `archive`, `erase`, `import` and of a first start, which makes a
// journal, at every system call that changes something. Whatever it leaves, there is no half copy
// that looks whole, no journal that opens and is not sound, and the same, run again, finishes.
//
// The program runs under ptrace; calls are counted over all its threads, and it dies as it enters
// the nth. Rejected: a library in between; it would not see what LMDB's own code calls.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::killed_test {

using world::DaemonWorld;
using world::Finished;

namespace fs = std::filesystem;

constexpr std::int64_t kChat = DaemonWorld::kUser;
constexpr int kCallsMax = 100'000;

bool changes(const __ptrace_syscall_info& call) {
  static const std::set<std::uint64_t> kCalls = {
      SYS_write,  SYS_pwrite64,  SYS_writev,   SYS_pwritev,   SYS_renameat, SYS_renameat2,
      SYS_fsync,  SYS_fdatasync, SYS_unlinkat, SYS_ftruncate, SYS_mkdirat,  SYS_msync,
#ifdef SYS_rename  // not where each has its form with a directory
      SYS_rename, SYS_unlink,    SYS_mkdir,    SYS_rmdir,
#endif
  };
  constexpr std::uint64_t kCreates = 0100;  // O_CREAT
  return kCalls.contains(call.entry.nr) ||
         (call.entry.nr == SYS_openat && (call.entry.args[2] & kCreates) != 0);
}

// Runs it and kills it at the nth such call. False: it ended before.
bool run_and_kill(const std::vector<std::string>& arguments, int nth) {
  std::vector<char*> words;
  for (const std::string& one : arguments) words.push_back(const_cast<char*>(one.c_str()));
  words.push_back(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  REQUIRE(::ptrace(PTRACE_SETOPTIONS, child, nullptr, options) == 0);
  ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
  int seen = 0;
  while (true) {
    const pid_t thread = ::waitpid(-1, &status, __WALL);
    if (thread < 0) return false;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread == child) return WIFSIGNALED(status);
      continue;
    }
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      signal = 0;
      __ptrace_syscall_info call{};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof call, &call);
      const bool entry = call.op == PTRACE_SYSCALL_INFO_ENTRY;
      if (entry && changes(call) && ++seen == nth) ::kill(child, SIGKILL);
    } else if (signal == SIGTRAP || signal == SIGSTOP) {
      signal = 0;
    }
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, signal);
  }
}

struct World : DaemonWorld {
  World() : DaemonWorld(build_directory()) {
    start();
    for (const char* text : {"CANARY-secret words:9", "kept words:3"}) {
      say(kChat, text);
      REQUIRE(wait_answered(kChat, text));
    }
    daemon().signal(SIGTERM);
    REQUIRE(daemon().wait() == 0);
    REQUIRE(tool({"backup", copy()}).status == 0);
    fs::copy(data(), kept(), fs::copy_options::recursive);
  }
  [[nodiscard]] std::string copy() const { return directory() + "/copy"; }
  [[nodiscard]] std::string kept() const { return directory() + "/kept"; }
  [[nodiscard]] std::string place() const { return directory() + "/place"; }

  // The command as a program of its own.
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> verb,
                                                 const std::string& into) const {
    std::vector<std::string> arguments = {build_directory() + "/daybook", "--data", into};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    return arguments;
  }
  Finished run(std::vector<std::string> verb, const std::string& into) {
    const auto arguments = command(std::move(verb), into);
    return world::run_program(arguments, {{"HOME", directory()}});
  }
  bool sound(const std::string& journal) { return run({"verify"}, journal).status == 0; }
  void fresh() {
    fs::remove_all(place());
    fs::copy(kept(), place(), fs::copy_options::recursive);
  }
};

bool holds(const std::string& directory, std::string_view words) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (bytes.find(words) != std::string::npos) return true;
  }
  return false;
}

// `judge` looks at what is there after the kill, and again after the verb was run to its end.
void campaign(const char* name, const std::vector<std::string>& command, int step,
              const std::function<void()>& prepare, const std::function<void()>& judge) {
  int points = 0;
  for (int nth = 1; nth < kCallsMax; nth += step) {
    INFO(name << ", killed at change " << nth);
    prepare();
    if (!run_and_kill(command, nth)) break;
    ++points;
    judge();
  }
  std::printf("%s: killed at %d points\n", name, points);
  std::fflush(stdout);
  CHECK(points > 0);
}

// Of the first event that shows these words.
std::uint64_t seq_of(World& world, std::string_view words) {
  std::istringstream log(world.run({"log", "-n", "1000"}, world.kept()).output);
  for (std::string line; std::getline(log, line);) {
    if (line.find(words) != std::string::npos) return std::stoull(line);
  }
  FAIL(words);
  return 0;
}

void backup_campaign(World& world, int step) {
  const std::string into = world.directory() + "/another";
  world.fresh();
  campaign(
      "backup", world.command({"backup", into}, world.place()), step, [&] { fs::remove_all(into); },
      [&] {
        if (fs::exists(into)) CHECK(world.sound(into));
        if (fs::exists(into)) return;
        CHECK(world.run({"backup", into}, world.place()).status == 0);
        CHECK(world.sound(into));
        CHECK_FALSE(fs::exists(into + ".partial"));
      });
}

void restore_campaign(World& world, int step, const std::vector<std::string>& more = {}) {
  std::vector<std::string> verb = {"restore", world.copy()};
  verb.insert(verb.end(), more.begin(), more.end());
  campaign(
      more.empty() ? "restore" : "restore, cut", world.command(verb, world.place()), step,
      [&] { world.fresh(); },
      [&] {
        // Either one, or none that anybody would open.
        const Finished read = world.run({"log"}, world.place());
        INFO(read.errors);
        if (read.status == 0) {
          CHECK(world.run({"replay", "--check"}, world.place()).status == 0);
        } else {
          CHECK(read.errors.find("a restore into ") != std::string::npos);
        }
        const Finished again = world.run(verb, world.place());
        INFO(again.errors);
        CHECK(again.status == 0);
        CHECK(world.sound(world.place()));
        const std::string log = world.run({"log", "-n", "1000"}, world.place()).output;
        CHECK(log.find("JournalRestored") != std::string::npos);
        CHECK((log.find("kept words:3") == std::string::npos) == !more.empty());
      });
}

// Up to its first answer.
std::vector<std::string> cut_short(World& world) {
  return {"--until", std::to_string(seq_of(world, "kept words:3") - 1)};
}

void erase_campaign(World& world, int step) {
  world.fresh();
  const std::string seq = std::to_string(seq_of(world, "CANARY"));
  campaign(
      "erase", world.command({"erase", seq, "--yes"}, world.place()), step, [&] { world.fresh(); },
      [&] {
        CHECK(world.sound(world.place()));
        CHECK(world.run({"erase", seq, "--yes"}, world.place()).status == 0);
        CHECK(world.sound(world.place()));
        CHECK_FALSE(holds(world.place(), "CANARY"));
        const std::string after = world.run({"log", "-n", "1000"}, world.place()).output;
        CHECK(after.find("CANARY") == std::string::npos);
        CHECK(after.find("kept words:3") != std::string::npos);
        const Finished replayed = world.run({"replay", "--check"}, world.place());
        INFO(replayed.errors << world.run({"log", "-n", "3"}, world.place()).output);
        CHECK(replayed.status == 0);
      });
}

void archive_campaign(World& world, int step) {
  world.fresh();
  const std::string into = world.directory() + "/archive";
  const std::vector<std::string> verb = {"archive", "--before", "0s", into};
  const std::vector<std::string> log = {"log", "-n", "1000"};
  const std::string before = world.run(log, world.place()).output;
  campaign(
      "archive", world.command(verb, world.place()), step,
      [&] {
        world.fresh();
        fs::remove_all(into);
      },
      [&] {
        CHECK(world.sound(world.place()));
        CHECK(world.run(log, world.place()).output == before);
        const Finished again = world.run(verb, world.place());
        INFO(again.errors);
        CHECK(again.status == 0);
        CHECK(world.sound(world.place()));
        CHECK(world.run(log, world.place()).output == before);
      });
}

// A first start. The end of its input ends it.
void creation_campaign(World& world, int step) {
  const std::string settings = world.directory() + "/first.toml";
  std::ofstream(settings) << "[agent]\nmodel = \"echo\"\n";
  const std::vector<std::string> daemon = {
      build_directory() + "/daybookd", "--console", "--config", settings, "--data", world.place()};
  campaign(
      "creation", daemon, step, [&] { fs::remove_all(world.place()); },
      [&] {
        if (world.run({"log"}, world.place()).status == 0) {
          CHECK(world.sound(world.place()));
          CHECK(world.run({"replay", "--check"}, world.place()).status == 0);
        }
        const Finished again = world::run_program(daemon, {{"HOME", world.directory()}}, "hello\n");
        INFO(again.errors);
        CHECK(again.status == 0);
        CHECK(world.sound(world.place()));
        CHECK(world.run({"replay", "--check"}, world.place()).status == 0);
        CHECK(world.run({"log"}, world.place()).output.find("hello") != std::string::npos);
      });
}

void import_campaign(World& world, int step) {
  const std::string file = world.directory() + "/all.jsonl";
  const std::vector<std::string> read = {"export", "--all", "--no-redact"};
  const std::string text = world.run(read, world.kept()).output;
  std::ofstream(file, std::ios::binary) << text;
  const std::vector<std::string> verb = {
      "import", file, "--seal-key", world.kept() + "/seal.key", "--keys", world.kept() + "/keys"};
  campaign(
      "import", world.command(verb, world.place()), step, [&] { fs::remove_all(world.place()); },
      [&] {
        // All of it, or nothing that anybody would open.
        if (world.run({"log"}, world.place()).status != 0) {
          const Finished again = world.run(verb, world.place());
          INFO(again.errors);
          CHECK(again.status == 0);
        }
        CHECK(world.sound(world.place()));
        CHECK(world.run(read, world.place()).output == text);
      });
}

TEST_CASE(
    "kill -9 at some changes of what makes or remakes a journal leaves what can be gone on with",
    "[killed-some]") {
  World world;
  backup_campaign(world, 7);
  restore_campaign(world, 13);
  restore_campaign(world, 23, cut_short(world));
  archive_campaign(world, 11);
  erase_campaign(world, 7);
  creation_campaign(world, 7);
  import_campaign(world, 7);
}

TEST_CASE("kill -9 at every change of what makes or remakes a journal", "[.killed]") {
  World world;
  backup_campaign(world, 1);
  restore_campaign(world, 1);
  restore_campaign(world, 1, cut_short(world));
  archive_campaign(world, 1);
  erase_campaign(world, 1);
  creation_campaign(world, 1);
  import_campaign(world, 1);
}

}  // namespace daybook::killed_test
