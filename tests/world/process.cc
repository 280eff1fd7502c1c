// posix_spawn, and pipes or a terminal. A thread reads until the program closed them, then reaps
// it: the end of output is the end of the program, for nothing we start leaves children behind.
#include "tests/world/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "core/check.h"

namespace daybook::world {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  DAYBOOK_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0, "a pipe");
  return {ends[0], ends[1]};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void inherit_for_sanitizers(std::vector<std::string>* variables) {
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) {
      variables->push_back(std::string(name) + "=" + value);
    }
  }
}

// False at end of file.
bool append_from(int descriptor, std::string* text) {
  std::array<char, 65'536> buffer{};
  const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
  if (count > 0) text->append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "daybook-test-XXXXXX").string();
  DAYBOOK_CHECK(::mkdtemp(path_.data()) != nullptr, "a temporary directory");
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, std::string_view text) const {
  const std::string file = path_ + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  const int descriptor =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  DAYBOOK_CHECK(descriptor >= 0, "a file in our own directory");
  const ssize_t written = ::write(descriptor, text.data(), text.size());
  ::close(descriptor);
  DAYBOOK_CHECK(written == static_cast<ssize_t>(text.size()), "room in the temporary directory");
  return file;
}

Process::Process(std::vector<std::string> arguments, const Environment& environment,
                 std::function<void()> ended)
    : ended_(std::move(ended)) {
  const Pipe input = make_pipe();
  const Pipe output = make_pipe();
  const Pipe errors = make_pipe();
  start(std::move(arguments), environment, {input.read, output.write, errors.write},
        {input.write, output.read, errors.read});
  for (int end : {input.read, output.write, errors.write}) ::close(end);
}

Process::Process(std::vector<std::string> arguments, const Environment& environment, OnTerminal) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  std::array<char, 64> name{};
  DAYBOOK_CHECK(terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0 &&
                    ::ptsname_r(terminal, name.data(), name.size()) == 0,
                "a terminal");
  start(std::move(arguments), environment, {-1, -1, -1, name.data()},
        {::fcntl(terminal, F_DUPFD_CLOEXEC, 0), terminal, -1});
}

void Process::start(std::vector<std::string> arguments, const Environment& environment,
                    const Streams& theirs, const Streams& ours) {
  // Writing to a program that ended is told by its status, not by a signal to us.
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  inherit_for_sanitizers(&variables);
  posix_spawnattr_t attributes;
  sigset_t defaults;
  ::sigemptyset(&defaults);
  for (int number : {SIGPIPE, SIGINT, SIGHUP}) ::sigaddset(&defaults, number);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  short flags = POSIX_SPAWN_SETSIGDEF;
  if (theirs.terminal.empty()) {
    ::posix_spawn_file_actions_adddup2(&actions, theirs.input, 0);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.output, 1);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.errors, 2);
  } else {
    // The first terminal that a session's leader opens is the one it is controlled by.
    flags |= POSIX_SPAWN_SETSID;
    ::posix_spawn_file_actions_addopen(&actions, 0, theirs.terminal.c_str(), O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions, 0, 1);
    ::posix_spawn_file_actions_adddup2(&actions, 0, 2);
  }
  ::posix_spawnattr_setflags(&attributes, flags);
  const std::string program = arguments.at(0);
  const int failed = ::posix_spawn(&id_, program.c_str(), &actions, &attributes,
                                   pointers(arguments).data(), pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  DAYBOOK_CHECK(failed == 0, "the program under test exists");
  input_ = ours.input;
  reader_ = std::thread([this, ours] { read_all(ours.output, ours.errors); });
}

Process::~Process() {
  signal(SIGKILL);
  close_input();
  reader_.join();
}

void Process::read_all(int output, int errors) {
  std::array<pollfd, 2> polled{{{output, POLLIN, 0}, {errors, POLLIN, 0}}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    ::poll(polled.data(), polled.size(), -1);
    std::lock_guard<std::mutex> lock(mutex_);
    for (pollfd& one : polled) {
      if (one.fd < 0 || one.revents == 0) continue;
      if (!append_from(one.fd, one.fd == output ? &output_ : &errors_)) one.fd = -1;
    }
    if (errors < 0) std::erase(output_, '\r');
    changed_.notify_all();
  }
  ::close(output);
  if (errors >= 0) ::close(errors);
  // Ended but not reaped until the lock is ours: signal() never meets a recycled id.
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOWAIT);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    int status = 0;
    ::waitpid(id_, &status, 0);
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    changed_.notify_all();
  }
  if (ended_) ended_();
}

void Process::signal(int number) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!status_) ::kill(id_, number);
}

void Process::write_input(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(input_, text.data(), text.size());
}

void Process::close_input() {
  if (input_ >= 0) ::close(input_);
  input_ = -1;
}

std::string Process::output() {
  std::lock_guard<std::mutex> lock(mutex_);
  return output_;
}

std::string Process::errors() {
  std::lock_guard<std::mutex> lock(mutex_);
  return errors_;
}

bool Process::running() {
  std::lock_guard<std::mutex> lock(mutex_);
  return !status_;
}

bool Process::wait_for_output(std::string_view text, std::chrono::seconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, patience,
                    [&] { return status_ || output_.find(text) != std::string::npos; });
  return output_.find(text) != std::string::npos;
}

bool Process::wait_for_errors(std::string_view text, std::chrono::seconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, patience,
                    [&] { return status_ || errors_.find(text) != std::string::npos; });
  return errors_.find(text) != std::string::npos;
}

bool Process::expect(std::string_view text, std::chrono::seconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto find = [&] { return output_.find(text, expected_); };
  changed_.wait_for(lock, patience, [&] { return status_ || find() != std::string::npos; });
  const std::size_t found = find();
  if (found != std::string::npos) expected_ = found + text.size();
  return found != std::string::npos;
}

bool Process::echoes() const {
  termios state{};
  return ::tcgetattr(input_, &state) == 0 && (state.c_lflag & ECHO) != 0;
}

std::optional<int> Process::wait(std::chrono::seconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return status_.has_value(); });
  return status_;
}

Finished run_program(std::vector<std::string> arguments, const Environment& environment,
                     std::string_view input) {
  Process process(std::move(arguments), environment);
  process.write_input(input);
  process.close_input();
  const std::optional<int> status = process.wait();
  return {status, process.output(), process.errors()};
}

}  // namespace daybook::world
