// The system calls themselves. libc's headers declare some of them noexcept; so must we.
#include "tests/storm/seam.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstring>
#include <mutex>

namespace daybook::storm {
namespace {

std::atomic<Plan*> plan_in_place{nullptr};
std::mutex mutex;

using Path = std::optional<std::string>;

// nullopt: none of the plan's business.
Path below_root(const Plan* plan, std::string_view path) {
  if (plan == nullptr || !path.starts_with(plan->root())) return std::nullopt;
  path.remove_prefix(plan->root().size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  return std::string(path);
}

std::string name_of(int descriptor) {
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  std::array<char, PATH_MAX> name{};
  const ssize_t size = ::readlink(link.c_str(), name.data(), name.size());
  return {name.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

Path path_of(const Plan* plan, int descriptor) {
  return plan == nullptr ? std::nullopt : below_root(plan, name_of(descriptor));
}

Path path_at(const Plan* plan, int directory, const char* path) {
  if (plan == nullptr) return std::nullopt;
  if (path[0] == '/' || directory == AT_FDCWD) return below_root(plan, path);
  return below_root(plan, name_of(directory) + "/" + path);
}

// `carry_out` is given how many bytes it may write.
template <typename CarryOut>
long pass(Plan* plan, Call call, CarryOut carry_out) {
  const std::lock_guard lock(mutex);
  const Verdict verdict = plan->judge(call);
  long result = -1;
  if (verdict.carried_out) result = carry_out(verdict.bytes_max);
  if (result >= 0) {
    if (call.kind == Call::Kind::kWrite) call.bytes.resize(static_cast<std::size_t>(result));
    plan->carried_out(call);
  }
  if (verdict.error == 0) return result;
  errno = verdict.error;
  return -1;
}

int open_at(int directory, const char* path, int flags, mode_t mode) {
  const auto raw = [&](std::size_t) { return ::syscall(SYS_openat, directory, path, flags, mode); };
  Plan* const plan = plan_in_place;
  const Path where = path_at(plan, directory, path);
  if (!where) return static_cast<int>(raw(0));
  const bool creates =
      (flags & O_CREAT) != 0 && ::faccessat(directory, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  const auto kind = creates ? Call::Kind::kCreate : Call::Kind::kOpen;
  return static_cast<int>(pass(plan, {kind, *where, {}, 0, {}, false}, raw));
}

// One piece; where a plan is in place, what would be several calls in a row is one.
ssize_t write_at(int descriptor, std::string bytes, std::optional<off_t> at) {
  Plan* const plan = plan_in_place;
  const Path where = path_of(plan, descriptor);
  const auto raw = [&](std::size_t bytes_max) {
    const std::size_t size = std::min(bytes.size(), bytes_max);
    if (at) return ::syscall(SYS_pwrite64, descriptor, bytes.data(), size, *at);
    return ::syscall(SYS_write, descriptor, bytes.data(), size);
  };
  if (!where) return raw(bytes.size());
  const off_t offset = at ? *at : ::lseek(descriptor, 0, SEEK_CUR);
  const bool durable = (::fcntl(descriptor, F_GETFL) & O_DSYNC) != 0;
  Call call{Call::Kind::kWrite, *where, {}, static_cast<std::uint64_t>(offset), bytes, durable};
  return pass(plan, std::move(call), raw);
}

ssize_t read_at(int descriptor, void* bytes, std::size_t size, std::optional<off_t> at) {
  const auto raw = [&](std::size_t) {
    if (at) return ::syscall(SYS_pread64, descriptor, bytes, size, *at);
    return ::syscall(SYS_read, descriptor, bytes, size);
  };
  Plan* const plan = plan_in_place;
  const Path where = path_of(plan, descriptor);
  if (!where) return raw(0);
  return pass(plan, {Call::Kind::kRead, *where, {}, 0, {}, false}, raw);
}

int sync_file(int descriptor, long number) {
  const auto raw = [&](std::size_t) { return ::syscall(number, descriptor); };
  Plan* const plan = plan_in_place;
  const Path where = path_of(plan, descriptor);
  if (!where) return static_cast<int>(raw(0));
  return static_cast<int>(pass(plan, {Call::Kind::kSync, *where, {}, 0, {}, false}, raw));
}

int change_name(Call::Kind kind, int directory, const char* path, long number, long last) {
  const auto raw = [&](std::size_t) { return ::syscall(number, directory, path, last); };
  Plan* const plan = plan_in_place;
  const Path where = path_at(plan, directory, path);
  if (!where) return static_cast<int>(raw(0));
  return static_cast<int>(pass(plan, {kind, *where, {}, 0, {}, false}, raw));
}

mode_t mode_from(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

std::string joined(const iovec* pieces, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return bytes;
}

}  // namespace

InPlace::InPlace(Plan& plan) { plan_in_place = &plan; }
InPlace::~InPlace() { plan_in_place = nullptr; }

}  // namespace daybook::storm

namespace storm = daybook::storm;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = storm::mode_from(flags, arguments);
  va_end(arguments);
  return storm::open_at(AT_FDCWD, path, flags, mode);
}

// What <fcntl.h> turns open() into when its flags are no constant.
int __open_2(const char* path, int flags) {  // NOLINT(bugprone-reserved-identifier)
  return storm::open_at(AT_FDCWD, path, flags, 0);
}

int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = storm::mode_from(flags, arguments);
  va_end(arguments);
  return storm::open_at(directory, path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (storm::plan_in_place == nullptr) return ::syscall(SYS_write, descriptor, bytes, size);
  return storm::write_at(descriptor, {static_cast<const char*>(bytes), size}, std::nullopt);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t at) {
  if (storm::plan_in_place == nullptr) return ::syscall(SYS_pwrite64, descriptor, bytes, size, at);
  return storm::write_at(descriptor, {static_cast<const char*>(bytes), size}, at);
}

ssize_t writev(int descriptor, const iovec* pieces, int count) {
  if (storm::plan_in_place == nullptr) return ::syscall(SYS_writev, descriptor, pieces, count);
  return storm::write_at(descriptor, storm::joined(pieces, count), std::nullopt);
}

ssize_t read(int descriptor, void* bytes, size_t size) {
  return storm::read_at(descriptor, bytes, size, std::nullopt);
}

ssize_t pread(int descriptor, void* bytes, size_t size, off_t at) {
  return storm::read_at(descriptor, bytes, size, at);
}

int fsync(int descriptor) { return storm::sync_file(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return storm::sync_file(descriptor, SYS_fdatasync); }

int ftruncate(int descriptor, off_t size) noexcept {
  const auto raw = [&](std::size_t) { return ::syscall(SYS_ftruncate, descriptor, size); };
  storm::Plan* const plan = storm::plan_in_place;
  const storm::Path where = storm::path_of(plan, descriptor);
  if (!where) return static_cast<int>(raw(0));
  storm::Call call{storm::Call::Kind::kTruncate, *where, {}, 0, {}, false};
  call.offset = static_cast<std::uint64_t>(size);
  return static_cast<int>(storm::pass(plan, std::move(call), raw));
}

int rename(const char* from, const char* to) noexcept {
  const auto raw = [&](std::size_t) { return ::syscall(SYS_rename, from, to); };
  storm::Plan* const plan = storm::plan_in_place;
  const storm::Path where = storm::path_at(plan, AT_FDCWD, from);
  const storm::Path target = storm::path_at(plan, AT_FDCWD, to);
  if (!where || !target) return static_cast<int>(raw(0));
  storm::Call call{storm::Call::Kind::kRename, *where, *target, 0, {}, false};
  return static_cast<int>(storm::pass(plan, std::move(call), raw));
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  using Kind = storm::Call::Kind;
  const Kind kind = (flags & AT_REMOVEDIR) != 0 ? Kind::kRemoveDirectory : Kind::kUnlink;
  return storm::change_name(kind, directory, path, SYS_unlinkat, flags);
}

int unlink(const char* path) noexcept { return ::unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) noexcept { return ::unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char* path, mode_t mode) noexcept {
  return storm::change_name(storm::Call::Kind::kMakeDirectory, AT_FDCWD, path, SYS_mkdirat,
                            static_cast<long>(mode));
}

int getentropy(void* bytes, size_t size) {
  storm::Plan* const plan = storm::plan_in_place;
  if (plan == nullptr) return ::syscall(SYS_getrandom, bytes, size, 0) < 0 ? -1 : 0;
  for (std::size_t i = 0; i < size; ++i) {
    static_cast<char*>(bytes)[i] = static_cast<char>(plan->entropy().next());
  }
  return 0;
}

int statvfs(const char* path, struct statvfs* space) noexcept {
  struct statvfs64 found {};
  if (::statvfs64(path, &found) != 0) return -1;
  static_assert(sizeof found == sizeof *space);
  std::memcpy(space, &found, sizeof found);
  storm::Plan* const plan = storm::plan_in_place;
  const auto free = storm::path_at(plan, AT_FDCWD, path) ? plan->free_bytes() : std::nullopt;
  if (free) space->f_bavail = *free / space->f_frsize;
  return 0;
}

}  // extern "C"
