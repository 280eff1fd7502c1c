// Plain system calls, LMDB's own copy, and verify().
#include "journal/copying.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <tuple>

#include "journal/key_file.h"
#include "journal/reading.h"

namespace daybook {
namespace {

using store::Status;

constexpr mode_t kOwnFile = 0600;
constexpr std::size_t kCopyBytes = 1u << 20;

Result<files::Descriptor> create_file(const std::string& path) {
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  files::Descriptor file(::open(path.c_str(), flags, kOwnFile));
  if (!file.valid()) return files::system_error("write", path, errno);
  return file;
}

}  // namespace

Result<void> copy_file(const std::string& from, const std::string& to,
                       const VerifyProgress& progress) {
  const files::Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!source.valid()) return files::system_error("read", from, errno);
  const Result<files::Descriptor> target = create_file(to);
  if (!target) return target.error();
  std::string block(kCopyBytes, '\0');
  struct stat whole {};
  std::ignore = ::fstat(source.number(), &whole);
  for (std::uint64_t copied = 0; true;) {
    if (progress) progress("copying", copied, static_cast<std::uint64_t>(whole.st_size));
    const ssize_t got = ::read(source.number(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return files::system_error("read", from, errno);
    if (got == 0) break;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
    Result<void> written = files::write_all(target->number(), to, bytes);
    if (!written) return written;
    copied += bytes.size();
  }
  crypto::wipe(block);
  if (::fsync(target->number()) != 0) return files::system_error("sync", to, errno);
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return files::system_error("remove", path, errno);
}

Result<void> copy_data(store::Environment& environment, const std::string& path) {
  const Result<files::Descriptor> file = create_file(path);
  if (!file) return file.error();
  Status status = environment.copy_to(file->number());
  if (status.ok() && ::fsync(file->number()) != 0) status = Status(errno);
  if (!status.ok()) return status.error("cannot write", path);
  return {};
}

Result<files::Head> head_of(store::Environment& environment) {
  Reading reading(environment);
  const Result<std::optional<Reading::Seal>> seal = reading.last_seal();
  if (!seal) return seal.error();
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  const Reading::Seal newest = seal->value_or(Reading::Seal());
  return files::Head{newest.last, newest.digest, now};
}

Result<std::vector<KeyId>> destroyed_in(const std::string& path, std::string_view journal_id) {
  const Result<KeyFile> file = KeyFile::open(path, journal_id, false);
  if (!file) return file.error();
  std::vector<KeyId> ids;
  const Result<void> scanned = file->scan(1, [&](KeyId id, const KeyEntry& entry) {
    if (entry.kind == KeyEntry::Kind::kDestroyed) ids.push_back(id);
  });
  if (!scanned) return scanned.error();
  return ids;
}

Result<Verification> examine(const std::string& directory, const std::string& keys,
                             const VerifyProgress& progress) {
  VerifyOptions options;
  options.directory = directory;
  options.keys = keys;
  options.progress = progress;
  return verify(options);
}

std::string damage_text(const Verification& found) {
  if (found.first_bad_seq == 0) return found.what;
  return "at event " + std::to_string(found.first_bad_seq) + ", " + found.what;
}

}  // namespace daybook
