#include "tools/pager.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace daybook {
namespace {

constexpr int kSignalled = 128;
constexpr int kNotStarted = 127;

// What a signal's handler can reach: 0 while no pager runs.
volatile sig_atomic_t pager_child = 0;

// Ctrl-C reaches us and the pager: let it show what it got before the shell has the terminal again.
void end_with_pager(int signal) {
  close(STDOUT_FILENO);
  if (pager_child != 0) waitpid(pager_child, nullptr, 0);
  _exit(kSignalled + signal);
}

// In the child: the reading end is stdin from here on.
[[noreturn]] void become_pager(const std::string& command, int reading) {
  dup2(reading, STDIN_FILENO);
  setenv("LESS", "FRX", 0);
  const std::string line = "command -v " + command.substr(0, command.find(' ')) +
                           " >/dev/null 2>&1 && exec " + command + "; exec cat";
  execl("/bin/sh", "sh", "-c", line.c_str(), static_cast<char*>(nullptr));
  _exit(kNotStarted);
}

}  // namespace

std::string Pager::command() {
  for (const char* name : {"DAYBOOK_PAGER", "PAGER"}) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    const std::string command = value;
    return command == "cat" ? "" : command;
  }
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return dumb ? "" : "less";
}

std::unique_ptr<Pager> Pager::start(const std::string& command) {
  if (command.empty() || isatty(STDOUT_FILENO) == 0) return nullptr;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return nullptr;
  const int terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  std::fflush(stdout);
  const pid_t child = terminal < 0 ? -1 : fork();
  if (child == 0) become_pager(command, ends[0]);
  close(ends[0]);
  if (child > 0) dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  if (child <= 0) {
    if (terminal >= 0) close(terminal);
    return nullptr;
  }
  pager_child = child;
  std::signal(SIGINT, end_with_pager);
  return std::unique_ptr<Pager>(new Pager(child, terminal));
}

Pager::~Pager() {
  std::fflush(stdout);
  dup2(terminal_, STDOUT_FILENO);
  close(terminal_);
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pager_child = 0;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace daybook
