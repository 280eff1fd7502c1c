#include "tools/in_child.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "tools/tool.h"

namespace daybook {

Result<ChildEnd> run_in_child(const std::function<ExitCode()>& work) {
  flush_output();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return Error{"cannot start a process to read in", ExitCode::kInputOutput};
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // who waits for it may be killed
    if (::getppid() != parent) ::_exit(static_cast<int>(ExitCode::kInternal));
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(SIGBUS, SIG_DFL);  // how it ended tells more than its own last words
    const ExitCode code = work();
    flush_output();
    std::fflush(stderr);
    ::_exit(static_cast<int>(code));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return Error{"cannot wait for the reading child", ExitCode::kInputOutput};
  }
  if (WIFSIGNALED(status)) return ChildEnd{WTERMSIG(status), ExitCode::kOk};
  return ChildEnd{0, static_cast<ExitCode>(WEXITSTATUS(status))};
}

}  // namespace daybook
