// The journal's directory and small files. Rejected: std::filesystem; it follows links, and says
// nothing of owners, modes or syncs.
#include "journal/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace daybook::files {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kOthers = 077;
constexpr std::size_t kSealKeyBytes = 32;

Error foreign(const std::string& path, std::string_view why) {
  return {path + " " + std::string(why), ExitCode::kInputOutput};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error cannot_create(const std::string& path, int error_number) {
  Error error = system_error("create", path, error_number);
  if (error_number == ENOSPC) return error;  // the remedy goes without saying
  error.message += "; choose another place for the journal with journal.dir or --data";
  return error;
}

Result<void> make_directory(const std::string& path) {
  // One that is there may have been made by who died before this sync.
  if (::mkdir(path.c_str(), kDirectoryMode) == 0 || errno == EEXIST) {
    return sync_directory(parent_of(path));
  }
  if (errno != ENOENT || path.find('/') == std::string::npos) {
    return cannot_create(path, errno);
  }
  Result<void> parent = make_directory(parent_of(path));
  if (!parent) return parent;
  if (::mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    return cannot_create(path, errno);
  }
  return sync_directory(parent_of(path));
}

// "name value" of one line; empty when the line begins otherwise.
std::string_view take_field(std::string_view& text, std::string_view name) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(name)) return {};
  const std::string_view line = text.substr(0, end);
  if (line.size() <= name.size() || line[name.size()] != ' ') return {};
  text.remove_prefix(end + 1);
  return line.substr(name.size() + 1);
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size();
}

bool parse_hex(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned byte = 0;
    const char* const end = text.data() + i + 2;
    const auto [stop, failure] = std::from_chars(text.data() + i, end, byte, 16);
    if (failure != std::errc() || stop != end) return false;
    bytes += static_cast<char>(byte);
  }
  return true;
}

// What a head and a checkpoint share.
std::string fields_of(const Head& head) {
  return "seq " + std::to_string(head.seq) + "\nseal " + hex(view(head.seal)) + "\ntime " +
         std::to_string(to_milliseconds(head.time)) + "\n";
}

std::optional<Head> parse_fields(std::string_view text) {
  Head head;
  std::string seal;
  std::uint64_t time = 0;
  if (!parse_number(take_field(text, "seq"), head.seq)) return std::nullopt;
  if (!parse_hex(take_field(text, "seal"), seal) || seal.size() != head.seal.size()) {
    return std::nullopt;
  }
  if (!parse_number(take_field(text, "time"), time) || !text.empty()) return std::nullopt;
  std::memcpy(head.seal.data(), seal.data(), seal.size());
  head.time = from_milliseconds(static_cast<std::int64_t>(time));
  return head;
}

// Whose it is and what opens it again, as the end of a sentence; nothing where that is not known.
std::string remedy_of_denial(const std::string& path) {
  struct stat file {};
  struct stat directory {};
  const bool known = ::lstat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode) &&
                     ::stat(parent_of(path).c_str(), &directory) == 0;
  if (!known) return {};
  if (file.st_uid == ::geteuid()) return "; run chmod 600 " + path;
  const std::string owner = user_name(directory.st_uid);
  const std::string belongs = "; it belongs to " + user_name(file.st_uid);
  if (file.st_uid == directory.st_uid) return belongs + ": run as that user";
  return belongs + ", and its directory to " + owner + ": run chown " + owner + " " + path;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

std::string user_name(std::uint32_t user) {
  const passwd* const found = ::getpwuid(user);
  return found != nullptr ? found->pw_name : std::to_string(user);
}

Error system_error(std::string_view what, const std::string& path, int error_number) {
  std::string message = "cannot ";
  message.append(what).append(" ").append(path).append(": ").append(std::strerror(error_number));
  if (error_number == EACCES) message += remedy_of_denial(path);
  return {message, ExitCode::kInputOutput};
}

Result<void> prepare_directory(const std::string& directory, bool create) {
  if (create) {
    Result<void> made = make_directory(directory);
    if (!made) return made;
  }
  struct stat found {};
  if (::lstat(directory.c_str(), &found) != 0) {
    if (errno == ENOENT) {
      return foreign(directory,
                     "does not exist: there is no journal there yet; start daybookd once to make "
                     "it, or name another directory with --data");
    }
    return system_error("open the journal in", directory, errno);
  }
  if (S_ISLNK(found.st_mode)) {
    return foreign(directory, "is a symbolic link: name the journal's directory itself");
  }
  if (!S_ISDIR(found.st_mode))
    return foreign(directory, "is not a directory: name the journal's own with --data");
  if (found.st_uid != ::geteuid() && (create || ::geteuid() != 0)) {
    return foreign(directory, "belongs to another user: run as that user");
  }
  if (create && (found.st_mode & kOthers) != 0 && ::chmod(directory.c_str(), kDirectoryMode) != 0) {
    return system_error("close to other users", directory, errno);
  }
  return {};
}

Result<Descriptor> lock_directory(const std::string& directory) {
  const std::string path = directory + "/" + kLock;
  const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  Descriptor lock(::open(path.c_str(), flags, kFileMode));
  if (!lock.valid()) {
    Error error = system_error("open", path, errno);
    error.message += "; who writes a journal must be able to write to its directory";
    return error;
  }
  if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock", path, errno);
    std::array<char, 32> pid{};
    const ssize_t size = ::pread(lock.number(), pid.data(), pid.size(), 0);
    std::string holder(pid.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    holder = holder.substr(0, holder.find('\n'));
    const auto name = read_small("/proc/" + holder + "/comm");
    std::string program =
        name && *name ? (*name)->substr(0, (*name)->find('\n')) : "another program";
    if (holder.empty()) holder = "unknown";
    const bool tool = program == "daybook";
    return Error{
        program + " (pid " + holder + ") holds the journal " + directory + "; " +
            (tool ? "try again when it is done" : "stop it first or choose another directory"),
        ExitCode::kBusy};
  }
  if (::ftruncate(lock.number(), 0) != 0) return system_error("write", path, errno);
  const Result<void> written = write_all(lock.number(), path, std::to_string(::getpid()) + "\n");
  // A full disk must not keep the journal shut: the pid is only there to be shown.
  if (!written && errno != ENOSPC) return written.error();
  return lock;
}

bool another_lies_at(const std::string& path, int descriptor) {
  struct stat there {};
  struct stat open {};
  if (::stat(path.c_str(), &there) != 0 || ::fstat(descriptor, &open) != 0) return false;
  return there.st_ino != open.st_ino || there.st_dev != open.st_dev;
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Result<void> check_file(const std::string& path, std::uint64_t bytes_min) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return system_error("read", path, errno);
  if (!S_ISREG(found.st_mode)) return foreign(path, "is not a regular file");
  if (found.st_uid != ::geteuid() && ::geteuid() != 0) return system_error("use", path, EACCES);
  if ((found.st_mode & kOthers) != 0) {
    return foreign(path, "can be read by other users: run chmod 600 on it");
  }
  if (static_cast<std::uint64_t>(found.st_size) < bytes_min) {
    return Error{path + " was cut short: restore it from a backup", ExitCode::kDamaged};
  }
  return {};
}

Result<std::optional<std::string>> read_small(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid() && errno == ENOENT) return std::optional<std::string>();
  if (!file.valid()) return system_error("read", path, errno);
  std::string bytes(kSmallFileBytesMax, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return std::optional<std::string>(std::move(bytes));
}

Result<void> replace(const std::string& directory, const char* name, std::string_view bytes) {
  const std::string path = directory + "/" + name;
  const std::string draft = path + ".tmp";
  if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return system_error("write", draft, errno);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  const Descriptor file(::open(draft.c_str(), flags, kFileMode));
  if (!file.valid()) return system_error("write", draft, errno);
  Result<void> done = write_all(file.number(), draft, bytes);
  if (done && ::fsync(file.number()) != 0) done = system_error("write", draft, errno);
  if (done) done = move_into_place(draft, path);
  if (done) return sync_directory(directory);
  ::unlink(draft.c_str());
  return done;
}

Result<void> write_all(int descriptor, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> move_into_place(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error("write", to, errno);
  return {};
}

Result<void> sync_directory(const std::string& directory) {
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A parent we may not read is one we may not have made anything in either.
  if (!opened.valid() && errno == EACCES) return {};
  if (!opened.valid()) return system_error("open", directory, errno);
  if (::fsync(opened.number()) != 0) return system_error("sync", directory, errno);
  return {};
}

Result<std::vector<std::string>> names_in(const std::string& directory, std::string_view prefix) {
  std::vector<std::string> names;
  DIR* const list = ::opendir(directory.c_str());
  if (list == nullptr && errno == ENOENT) return names;
  if (list == nullptr) return system_error("read", directory, errno);
  while (const dirent* entry = ::readdir(list)) {
    if (std::string_view(entry->d_name).starts_with(prefix)) names.emplace_back(entry->d_name);
  }
  ::closedir(list);
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> remove_flat(const std::string& directory) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  const int opened = ::open(directory.c_str(), flags);
  if (opened < 0 && errno == ENOENT) return {};
  if (opened < 0) return system_error("remove", directory, errno);
  DIR* const list = ::fdopendir(opened);
  if (list == nullptr) return system_error("remove", directory, errno);
  int failure = 0;
  // First, and durably: whatever is left without it is no journal.
  if (::unlinkat(opened, kData, 0) == 0 && ::fsync(opened) != 0) failure = errno;
  while (const dirent* entry = ::readdir(list)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(opened, entry->d_name, 0) != 0) failure = errno;
  }
  ::closedir(list);
  if (failure == 0 && ::rmdir(directory.c_str()) != 0) failure = errno;
  if (failure != 0) return system_error("remove", directory, failure);
  return {};
}

std::string format_head(const Head& head) { return "daybook head 1\n" + fields_of(head); }

std::optional<Head> parse_head(std::string_view text) {
  if (take_field(text, "daybook head") != "1") return std::nullopt;
  return parse_fields(text);
}

std::string format_checkpoint(const Checkpoint& checkpoint) {
  return "daybook checkpoint 1\njournal " + hex(checkpoint.journal_id) + "\n" +
         fields_of(checkpoint.head);
}

std::optional<Checkpoint> parse_checkpoint(std::string_view text) {
  Checkpoint checkpoint;
  std::optional<Head> head = parse_head(text);
  if (!head) {
    if (take_field(text, "daybook checkpoint") != "1") return std::nullopt;
    if (!parse_hex(take_field(text, "journal"), checkpoint.journal_id)) return std::nullopt;
    if (checkpoint.journal_id.empty()) return std::nullopt;
    head = parse_fields(text);
  }
  if (!head) return std::nullopt;
  checkpoint.head = *head;
  return checkpoint;
}

Result<std::optional<Head>> read_head(const std::string& directory) {
  const std::string path = directory + "/" + kHead;
  const Result<std::optional<std::string>> text = read_small(path);
  if (!text) return text.error();
  if (!text->has_value()) return std::optional<Head>();
  const std::optional<Head> head = parse_head(**text);
  if (!head) return Error{path + " is damaged: restore it from a backup", ExitCode::kDamaged};
  return head;
}

Result<std::string> random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (::getentropy(bytes.data(), bytes.size()) != 0) {
    return Error{std::string("the system gives no random bytes: ") + std::strerror(errno),
                 ExitCode::kInputOutput};
  }
  return bytes;
}

Result<std::string> read_seal_key(const std::string& directory) {
  const std::string path = directory + "/" + kSealKey;
  Result<std::optional<std::string>> text = read_small(path);
  if (!text) return text.error();
  if (!text->has_value()) {
    return Error{path + " is missing: restore it from a backup", ExitCode::kDamaged};
  }
  if ((*text)->size() != kSealKeyBytes) {
    return Error{path + " is damaged: restore it from a backup", ExitCode::kDamaged};
  }
  return **text;
}

std::uint64_t free_bytes(const std::string& directory) {
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) != 0) return 0;
  if (space.f_blocks == 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
}

std::optional<std::string> doubt_about_file_system(const std::string& directory) {
  constexpr std::array<std::uint32_t, 8> kLocal = {
      0xef53,      // ext2, ext3, ext4
      0x58465342,  // XFS
      0x9123683e,  // btrfs
      0xf2f52010,  // F2FS
      0x2fc12fc1,  // ZFS
      0xca451a4e,  // bcachefs
      0x794c7630,  // overlayfs
      0x52654973,  // reiserfs
  };
  constexpr std::uint32_t kMemory = 0x01021994;  // tmpfs
  struct statfs found {};
  if (::statfs(directory.c_str(), &found) != 0) return "cannot tell what file system holds it";
  const auto type = static_cast<std::uint32_t>(found.f_type);
  if (type == kMemory)
    return directory + " lies in memory (tmpfs): a restart of the machine loses it";
  for (const std::uint32_t local : kLocal) {
    if (type == local) return std::nullopt;
  }
  return directory + " is not on a file system known to be local; network ones break LMDB's locks";
}

}  // namespace daybook::files
