// Before LMDB has it open, and only what it could not do itself.
#include "journal/lock_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "journal/files.h"

namespace daybook::store {
namespace {

constexpr mode_t kLockMode = 0600;
constexpr off_t kLockBytes = 8'192;  // as LMDB makes it: its readers and their count
constexpr off_t kStatBlockBytes = 512;

}  // namespace

int reserve_lock_file(const std::string& path) {
  const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  const files::Descriptor file(::open(path.c_str(), flags, kLockMode));
  struct stat found {};
  struct stat owner {};
  if (!file.valid() || ::fstat(file.number(), &found) != 0) return 0;
  if (::stat(path.substr(0, path.rfind('/')).c_str(), &owner) != 0) return errno;
  if (::geteuid() == 0 && found.st_uid != owner.st_uid &&
      ::fchown(file.number(), owner.st_uid, owner.st_gid) != 0) {
    return errno;
  }
  if (found.st_blocks * kStatBlockBytes >= kLockBytes) return 0;
  const int failed = ::posix_fallocate(file.number(), 0, kLockBytes);
  return failed == ENOSPC || failed == EDQUOT ? failed : 0;
}

Error opening_denied(const std::string& directory) {
  std::string path = directory + "/" + kLock;
  const bool lock = ::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0;
  if (!lock || errno != EACCES) path = directory + "/" + files::kData;
  return files::system_error("open", path, EACCES);
}

}  // namespace daybook::store
