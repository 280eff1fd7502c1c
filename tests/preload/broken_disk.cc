// For LD_PRELOAD: a disk that cannot write, met by a real program in a real process; tests/storm
// fails every call, but only those of the journal.
//
// BROKEN_DISK: while the file that it names is there, syncing any file fails.
// FULL_DISK_SIGN: while that file is there, there is no room for the journal's data.mdb.
// FULL_DISK: once a key is destroyed, this many commits succeed, and then the disk is full.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

constexpr std::size_t kEntryBytes = 48;  // journal/key_file.h
constexpr std::size_t kKindAt = 4;
constexpr char kDestroyed = 4;

std::string path_of(int descriptor) {
  std::string path(4'096, '\0');
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return path;
}

bool holds_destroyed_key(int descriptor) {
  char entry[kEntryBytes];
  for (off_t at = 0; ::pread(descriptor, entry, sizeof entry, at) == kEntryBytes;
       at += kEntryBytes) {
    if (entry[kKindAt] == kDestroyed) return true;
  }
  return false;
}

bool disk_is_full(int descriptor) {
  const char* const sign = std::getenv("FULL_DISK_SIGN");
  if (sign != nullptr && ::access(sign, F_OK) == 0) {
    return path_of(descriptor).ends_with("/data.mdb");
  }
  const char* const commits = std::getenv("FULL_DISK");
  static bool destroyed = false;
  static int left = commits == nullptr ? 0 : std::atoi(commits);
  if (commits == nullptr) return false;
  const std::string path = path_of(descriptor);
  if (path.ends_with("/keys")) destroyed = destroyed || holds_destroyed_key(descriptor);
  return destroyed && path.ends_with("/data.mdb") && left-- <= 0;
}

}  // namespace

extern "C" int fdatasync(int descriptor) {
  const char* const sign = std::getenv("BROKEN_DISK");
  if (sign != nullptr && ::access(sign, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  if (disk_is_full(descriptor)) {
    errno = ENOSPC;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}
