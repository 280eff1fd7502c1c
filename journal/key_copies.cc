// Known by what they begin with, whatever their names are.
#include "journal/key_copies.h"

#include <cerrno>
#include <filesystem>

#include "journal/files.h"
#include "journal/key_file.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using store::Status;

// To close a second descriptor of a file that is locked through fcntl would free the lock.
bool may_be_keys(const fs::directory_entry& entry) {
  std::error_code failed;
  const std::string extension = entry.path().extension();
  return entry.is_regular_file(failed) && extension != ".mdb" && extension != ".lock";
}

Status destroy_in(KeyFile& copy, KeyFile& ours, const std::vector<KeyId>& ids) {
  std::vector<KeyId> same;
  for (const KeyId id : ids) {
    const Result<KeyEntry> mine = ours.read(id);
    const Result<KeyEntry> theirs = copy.read(id);
    // It may be older than the key.
    if (!mine || !theirs) continue;
    if (KeyFile::encode(id, *mine) == KeyFile::encode(id, *theirs)) same.push_back(id);
  }
  return same.empty() ? Status() : copy.destroy(same);
}

}  // namespace

Status destroy_in_copies(const std::string& directory, std::string_view journal_id,
                         const std::vector<KeyId>& ids) {
  Result<KeyFile> ours = KeyFile::open(directory + "/" + files::kKeys, journal_id, false);
  if (!ours) return Status(EIO);
  std::error_code failed;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(directory, options, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    if (entry.depth() == 0 || !may_be_keys(*entry)) continue;
    Result<KeyFile> copy = KeyFile::open(entry->path(), journal_id, true);
    if (!copy) continue;
    const Status status = destroy_in(*copy, *ours, ids);
    if (!status.ok()) return status;
  }
  return Status(failed.value());
}

}  // namespace daybook
