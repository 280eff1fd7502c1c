// A program under test: started with an environment of its own, read while it runs, killed at will.
// What it prints is kept; waits are for conditions (a word in the output, the end), never for time.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/world/socket_server.h"

namespace daybook::world {

// A directory of its own under the system's temporary one, gone with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  // Creates or replaces path()/name, mode 0600, and returns its path.
  std::string write(const std::string& name, std::string_view text) const;

 private:
  std::string path_;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

// A program on a terminal of its own: one stream both ways, so errors() stays empty, and lines end
// as they were printed, without the terminal's carriage returns.
struct OnTerminal {};

class Process {
 public:
  // arguments[0] is the program's path. The environment is exactly this one, and what a sanitizer
  // needs. Standard input is open until close_input(). `ended` is called once, in another thread,
  // when the program has ended and wait() would say so.
  Process(std::vector<std::string> arguments, const Environment& environment,
          std::function<void()> ended = {});
  Process(std::vector<std::string> arguments, const Environment& environment, OnTerminal);
  // Kills what still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t id() const { return id_; }
  void signal(int number);
  void write_input(std::string_view text);
  void close_input();

  [[nodiscard]] std::string output();
  [[nodiscard]] std::string errors();
  [[nodiscard]] bool running();
  bool wait_for_output(std::string_view text, std::chrono::seconds patience = kPatience);
  bool wait_for_errors(std::string_view text, std::chrono::seconds patience = kPatience);
  // The same for output behind what earlier calls found: a conversation, step by step.
  bool expect(std::string_view text, std::chrono::seconds patience = kPatience);
  // Whether the terminal shows what is typed.
  [[nodiscard]] bool echoes() const;
  // Exit code, or 128 + the signal that ended it; nullopt when patience is at its end.
  std::optional<int> wait(std::chrono::seconds patience = kPatience);

 private:
  struct Streams {
    int input = -1;
    int output = -1;
    int errors = -1;  // -1: with the output
    std::string terminal{};
  };
  void start(std::vector<std::string> arguments, const Environment& environment,
             const Streams& theirs, const Streams& ours);
  void read_all(int output, int errors);

  pid_t id_ = 0;
  int input_ = -1;
  std::size_t expected_ = 0;  // bytes of the output up to the end of what was found
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string output_;
  std::string errors_;
  std::optional<int> status_;
  std::function<void()> ended_;
  std::thread reader_;
};

// Runs a program to its end.
struct Finished {
  std::optional<int> status;
  std::string output;
  std::string errors;
};
Finished run_program(std::vector<std::string> arguments, const Environment& environment,
                     std::string_view input = {});

}  // namespace daybook::world
