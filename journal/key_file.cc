// Entries by their place, checked one by one.
#include "journal/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "journal/record.h"

namespace daybook {
namespace {

constexpr std::size_t kKindAt = 4;
constexpr std::size_t kOwnerAt = 8;
constexpr std::size_t kKeyAt = 16;
constexpr std::size_t kIdAt = 32;  // of the header: the journal's id
constexpr std::string_view kKeysMagic{"daybook keys 1\0\0", 16};
constexpr std::size_t kBlockEntries = 64;
constexpr std::size_t kScanEntries = 2'048;
constexpr std::size_t kSectorBytes = 512;  // what a disk writes whole or not at all

std::uint32_t crc_of(KeyId id, std::string_view entry) {
  return record::crc32c(entry.substr(sizeof(std::uint32_t))) ^ id;
}

std::string with_crc(KeyId id, std::string entry) {
  const std::uint32_t crc = crc_of(id, entry);
  std::memcpy(entry.data(), &crc, sizeof crc);
  return entry;
}

std::uint64_t place_of(KeyId id) { return id * std::uint64_t{KeyFile::kEntryBytes}; }

std::string destroyed(KeyId id) { return KeyFile::encode(id, {KeyEntry::Kind::kDestroyed, 0, {}}); }

// How many of an entry's bytes lie in the sector in which it begins.
std::size_t bytes_in_first_sector(KeyId id) {
  return std::min(KeyFile::kEntryBytes, kSectorBytes - place_of(id) % kSectorBytes);
}

bool half_destroyed(KeyId id, std::string_view entry) {
  return entry.starts_with(destroyed(id).substr(0, bytes_in_first_sector(id)));
}

bool known(std::uint8_t kind) { return kind >= 1 && kind <= 4; }

}  // namespace

std::string KeyFile::header(std::string_view journal_id) {
  std::string entry(kEntryBytes, '\0');
  entry.replace(kKeyAt, kKeysMagic.size(), kKeysMagic);
  entry.replace(kIdAt, journal_id.size(), journal_id);
  CHECK(entry.size() == kEntryBytes, "a journal's id has 16 bytes");
  return with_crc(0, std::move(entry));
}

std::string KeyFile::encode(KeyId id, const KeyEntry& entry) {
  std::string bytes(kOwnerAt, '\0');
  bytes[kKindAt] = static_cast<char>(entry.kind);
  record::append_u64(bytes, entry.owner);
  bytes += entry.key.reveal();
  return with_crc(id, std::move(bytes));
}

std::optional<KeyEntry> KeyFile::parse(KeyId id, std::string_view bytes) {
  if (bytes.size() != kEntryBytes) return std::nullopt;
  const bool sound = record::load_u32(bytes) == crc_of(id, bytes);
  if (!sound && !half_destroyed(id, bytes)) return std::nullopt;
  const auto kind = static_cast<std::uint8_t>(bytes[kKindAt]);
  if (!known(kind)) return std::nullopt;
  return KeyEntry{static_cast<KeyEntry::Kind>(kind), record::load_u64(bytes.substr(kOwnerAt)),
                  crypto::Key(bytes.substr(kKeyAt))};
}

Result<KeyFile> KeyFile::open(const std::string& path, std::string_view journal_id, bool writable) {
  KeyFile file(path, std::string(journal_id), writable);
  const Result<void> opened = file.open_path();
  if (!opened) return opened.error();
  return file;
}

Result<void> KeyFile::open_path() {
  const int flags = (writable_ ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW;
  file_ = files::Descriptor(::open(path_.c_str(), flags));
  if (!file_.valid() && errno == ENOENT) {
    return Error{path_ + " is missing: without it no words can be read; restore it from a backup",
                 ExitCode::kDamaged};
  }
  if (!file_.valid()) return files::system_error("read", path_, errno);
  forget_block();
  const Result<std::string> first = read_at(0, 1);
  if (!first) return first.error();
  if (*first == header(journal_id_)) return {};
  return Error{path_ + " is damaged or belongs to another journal: restore it from a backup",
               ExitCode::kDamaged};
}

Result<KeyId> KeyFile::last() const {
  struct stat found {};
  if (::fstat(file_.number(), &found) != 0) return files::system_error("read", path_, errno);
  const std::uint64_t places =
      (static_cast<std::uint64_t>(found.st_size) + kEntryBytes - 1) / kEntryBytes;
  if (places > std::numeric_limits<KeyId>::max()) {
    return Error{path_ + " is full", ExitCode::kInputOutput};
  }
  return static_cast<KeyId>(places == 0 ? 0 : places - 1);
}

// As many whole entries as there are, at most `entries`.
Result<std::string> KeyFile::read_at(KeyId first, std::size_t entries) const {
  std::string bytes(entries * kEntryBytes, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const auto at = static_cast<off_t>(place_of(first) + size);
    const ssize_t got = ::pread(file_.number(), bytes.data() + size, bytes.size() - size, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return files::system_error("read", path_, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size - size % kEntryBytes);
  return bytes;
}

Result<KeyEntry> KeyFile::read(KeyId id) {
  for (const bool again : {false, true}) {
    const std::size_t at = (id - block_first_) * kEntryBytes;
    if (id >= block_first_ && at < block_.size()) {
      const auto entry = parse(id, std::string_view(block_).substr(at, kEntryBytes));
      if (entry) return *entry;
    }
    if (again) break;
    // Read anew: the entry may have been appended, or the file replaced, meanwhile.
    const Result<bool> replaced = reopen_if_replaced();
    if (!replaced) return replaced.error();
    block_first_ = static_cast<KeyId>(id - id % kBlockEntries);
    Result<std::string> block = read_at(block_first_, kBlockEntries);
    if (!block) return block.error();
    block_ = std::move(*block);
  }
  return Error{"key " + std::to_string(id) + " is missing from " + path_ +
                   " or damaged there: restore it from a backup",
               ExitCode::kDamaged};
}

Result<void> KeyFile::scan(KeyId first,
                           const std::function<void(KeyId, const KeyEntry&)>& visit) const {
  for (KeyId id = first;;) {
    const Result<std::string> block = read_at(id, kScanEntries);
    if (!block) return block.error();
    for (std::size_t at = 0; at < block->size(); at += kEntryBytes, ++id) {
      // Most are data keys, wanted one at a time: not even their checksum is looked at here.
      const auto kind = static_cast<std::uint8_t>((*block)[at + kKindAt]);
      if (kind == static_cast<std::uint8_t>(KeyEntry::Kind::kData)) continue;
      const auto entry = parse(id, std::string_view(*block).substr(at, kEntryBytes));
      if (entry) visit(id, *entry);
    }
    if (block->size() < kScanEntries * kEntryBytes) return {};
  }
}

store::Status KeyFile::write(KeyId first, std::string_view bytes) {
  const store::Status status = put(place_of(first), bytes);
  return status.ok() ? sync() : status;
}

store::Status KeyFile::destroy(const std::vector<KeyId>& ids) {
  forget_block();
  store::Status status;
  for (const KeyId id : ids) {
    if (status.ok()) status = put(place_of(id), destroyed(id).substr(0, bytes_in_first_sector(id)));
  }
  if (status.ok()) status = sync();
  bool torn = false;
  for (const KeyId id : ids) {
    const std::size_t done = bytes_in_first_sector(id);
    if (done == kEntryBytes || !status.ok()) continue;
    status = put(place_of(id) + done, destroyed(id).substr(done));
    torn = true;
  }
  return status.ok() && torn ? sync() : status;
}

store::Status KeyFile::sync() {
  return store::Status(::fdatasync(file_.number()) == 0 ? 0 : errno);
}

void KeyFile::forget_block() {
  crypto::wipe(block_);
  block_.clear();
}

store::Status KeyFile::put(std::uint64_t at, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto place = static_cast<off_t>(at);
    const ssize_t written = ::pwrite(file_.number(), bytes.data(), bytes.size(), place);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return store::Status(errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return store::Status();
}

Result<bool> KeyFile::reopen_if_replaced() {
  if (!files::another_lies_at(path_, file_.number())) return false;
  const Result<void> opened = open_path();
  if (!opened) return opened.error();
  return true;
}

}  // namespace daybook
