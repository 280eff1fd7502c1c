// Only calls that POSIX lists as safe inside a signal handler.
#include "journal/sigbus.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace daybook {
namespace {

void leave_on_sigbus(int) {
  constexpr std::string_view kLine =
      "the journal's file was cut or its disk failed while it was being read; "
      "run daybook verify, then restore it from a backup\n";
  const auto written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  static_cast<void>(written);  // there is nobody left to tell
  ::_exit(static_cast<int>(ExitCode::kInputOutput));
}

}  // namespace

Result<void> exit_on_sigbus() {
  struct sigaction action {};
  action.sa_handler = leave_on_sigbus;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(SIGBUS, &action, nullptr) == 0) return {};
  return Error{std::string("cannot handle SIGBUS: ") + std::strerror(errno),
               ExitCode::kInputOutput};
}

}  // namespace daybook
