// The service step, and the small things that all steps use.
#include "tools/setup.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "core/notation.h"
#include "tools/control_client.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr const char* kUnit = "daybook.service";

// systemctl --user WORDS; true: it ended with 0.
bool run_systemctl(std::vector<const char*> words, bool quiet) {
  words.insert(words.begin(), {"systemctl", "--user"});
  words.push_back(nullptr);
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    if (quiet) {
      const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
      dup2(nowhere, STDOUT_FILENO);
      dup2(nowhere, STDERR_FILENO);
    }
    execvp(words[0], const_cast<char* const*>(words.data()));
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Error left() { return {"", ExitCode::kOk}; }

bool is_left(const Error& error) { return error.code == ExitCode::kOk; }

void say(std::string_view sentence) {
  print_line("  " + terminal_text(sentence));
  std::fflush(stdout);
}

Result<void> offer_service(const Settings& settings, const std::string& config) {
  auto client = ControlClient::connect(control_socket_path(settings.journal.dir));
  if (client && client->has_value()) {
    say("daybookd runs.");
    return {};
  }
  if (!config.empty()) {
    say("The service reads the usual settings file; start daybookd with yours: daybookd --config " +
        config);
    return {};
  }
  if (!run_systemctl({"cat", kUnit}, true)) {
    say("There is no systemd user unit of daybook here (`make install` brings one). Start it "
        "yourself: daybookd");
    return {};
  }
  const auto yes =
      ask_yes_no("  Start daybookd now and at every login (systemd user service)?", false);
  if (!yes.has_value()) return left();
  if (!*yes) {
    say("Start it yourself: daybookd, or systemctl --user enable --now daybook");
  } else if (run_systemctl({"enable", "--now", kUnit}, false)) {
    say("daybookd runs. `loginctl enable-linger` keeps it running after you log out.");
  } else {
    say("It did not start: `journalctl --user -u daybook` tells why. By hand: daybookd");
  }
  return {};
}

}  // namespace daybook
