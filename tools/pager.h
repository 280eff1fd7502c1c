// Long output on a terminal goes through the user's pager: $DAYBOOK_PAGER, else $PAGER, else less,
// which is told to end by itself when all of it fits on the screen and to let colours through, and
// is not asked on a terminal that cannot turn pages.
//
// Law: only a terminal is paged; a pipe or a file gets the plain bytes. A pager that cannot be
// started is cat. Who leaves it early ends the program, as a closed pipe ends any filter.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

namespace daybook {

// From now until it dies, what is written to stdout goes to the pager.
class Pager {
 public:
  // Empty: none is wanted ("cat" and the empty variable say so) or of use (TERM is dumb).
  static std::string command();
  // nullptr: `command` is empty, stdout is no terminal, or there is no process for it.
  static std::unique_ptr<Pager> start(const std::string& command);

  // Waits until the reader has seen the end.
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

 private:
  Pager(pid_t child, int terminal) : child_(child), terminal_(terminal) {}

  pid_t child_;
  int terminal_;  // what stdout was before
};

}  // namespace daybook
