// For LD_PRELOAD: while the file that BROKEN_DISK names is there, syncing a file fails as on a disk
// that cannot write. A real daemon meets it in a real process; tests/storm fails every call,
// but only those of the journal.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

extern "C" int fdatasync(int descriptor) {
  const char* const sign = std::getenv("BROKEN_DISK");
  if (sign != nullptr && ::access(sign, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}
