// Bytes are read one at a time, so nothing is taken that was not asked for.
#include "tools/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "tools/tool.h"

namespace daybook {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

// A signal handler can reach nothing but globals.
volatile sig_atomic_t caught_signal = 0;
int wake_up = -1;  // readable from the first signal on, so that none falls between two waits
int interruptions = 0;
std::array<struct sigaction, kSignals.size()> before_interruptions{};

void note_signal(int number) {
  const int error = errno;
  caught_signal = number;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_up, &one, sizeof one);
  errno = error;
}

// Echo off for as long as it lives, and Ctrl-Z with it: a stopped program would leave it off.
class HiddenInput {
 public:
  HiddenInput() {
    known_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!known_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  ~HiddenInput() {
    if (known_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;

  [[nodiscard]] bool at_terminal() const { return known_; }

 private:
  termios before_{};
  bool known_ = false;
};

std::string without_blanks(const std::string& line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// -1: for ever.
bool wait_for_input(int milliseconds) {
  std::array<pollfd, 2> polled{{{STDIN_FILENO, POLLIN, 0}, {wake_up, POLLIN, 0}}};
  const int ready = poll(polled.data(), polled.size(), milliseconds);
  return ready > 0 && polled[0].revents != 0 && polled[1].revents == 0;
}

std::optional<std::string> read_line() {
  std::string line;
  while (Interruption::caught() == 0) {
    if (!wait_for_input(-1)) continue;
    char letter = 0;
    const ssize_t count = read(STDIN_FILENO, &letter, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 && line.empty()) return std::nullopt;
    if (count <= 0 || letter == '\n') return without_blanks(line);
    line += letter;
  }
  return std::nullopt;
}

}  // namespace

Interruption::Interruption() {
  if (interruptions++ > 0) return;
  if (wake_up < 0) wake_up = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = note_signal;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &action, &before_interruptions[i]);
    // Who was started to be left alone (nohup, a shell's background) stays so.
    if (before_interruptions[i].sa_handler == SIG_IGN) signal(kSignals[i], SIG_IGN);
  }
}

Interruption::~Interruption() {
  if (--interruptions > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &before_interruptions[i], nullptr);
  }
}

int Interruption::caught() { return caught_signal; }

void Interruption::obey() {
  if (caught_signal == 0) return;
  std::fflush(stdout);
  signal(caught_signal, SIG_DFL);
  raise(caught_signal);
}

std::optional<std::string> ask_line(std::string_view question) {
  print(question);
  std::fflush(stdout);
  return read_line();
}

std::optional<std::string> ask_secret(std::string_view question) {
  std::optional<std::string> line;
  {
    const Interruption interruption;
    // Before the question: who answers at once must not be shown either.
    const HiddenInput hidden;
    line = ask_line(question);
    if (hidden.at_terminal()) print_line("");
  }
  if (interruptions == 0) Interruption::obey();
  return line;
}

std::optional<bool> ask_yes_no(std::string_view question, bool otherwise) {
  const std::string asked = std::string(question) + (otherwise ? " [Y/n] " : " [y/N] ");
  while (true) {
    const auto answer = ask_line(asked);
    if (!answer.has_value()) return std::nullopt;
    if (answer->empty()) return otherwise;
    const char first = (*answer)[0];
    if (first == 'y' || first == 'Y') return true;
    if (first == 'n' || first == 'N') return false;
    print_line("  Please answer y or n.");
  }
}

bool input_waits(Duration patience) { return wait_for_input(static_cast<int>(patience.count())); }

}  // namespace daybook
