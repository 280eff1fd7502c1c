// Known by what they begin with, whatever their names are.
#include "journal/key_copies.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <utility>

#include "core/codec.h"
#include "journal/cutting.h"
#include "journal/files.h"
#include "journal/key_file.h"
#include "journal/opening.h"
#include "journal/reading.h"
#include "journal/stored.h"

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

Result<void> destroy_due(const std::string& directory, const std::string& keys) {
  const Result<Opened> opened = open_for_reading(directory);
  if (!opened) return opened.error();
  Reading reading(*opened->environment);
  const Result<Seq> last = reading.last();
  if (!last) return last.error();
  std::map<Seq, Event> due;  // by their SessionErased
  const auto visit = [&](const StoredEvent& stored) {
    const std::uint8_t kind = record::kind_of(stored.parts.front());
    if (kind != Event::kSessionErased && kind != Event::kKeysDestroyed) return true;
    const auto decoded = stored.decode();
    auto event = decoded ? clear_from_record(decoded->record) : decoded.error();
    if (!event) return true;  // told of by who examines it
    if (event->has_keys_destroyed()) due.erase(event->keys_destroyed().of());
    if (event->has_session_erased()) due.emplace(stored.seq, *std::move(event));
    return true;
  };
  const Result<void> scanned = StoredReading(*opened->environment).events(1, *last, visit);
  if (!scanned || due.empty()) return scanned;
  std::vector<Erased> words;
  for (const auto& [seq, event] : due) {
    for (const Range& range : event.session_erased().ranges()) {
      words.push_back({event.session(), range.first(), range.last()});
    }
  }
  const Result<std::vector<KeyId>> ids = reading.keys_of(std::move(words));
  if (!ids) return ids.error();
  Result<KeyFile> copy = KeyFile::open(keys, opened->journal_id, true);
  if (!copy) return copy.error();
  const Status status = copy->destroy(*ids);
  return status.ok() ? Result<void>() : status.error("cannot write", keys);
}

Result<void> destroy_in_history(const std::string& directory, const std::string& other,
                                std::vector<Erased> words) {
  const Result<Opened> ours = open_for_reading(directory);
  if (!ours) return ours.error();
  const Result<Opened> theirs = open_for_reading(other);
  if (!theirs || theirs->journal_id != ours->journal_id) return {};
  Result<KeyFile> keys = KeyFile::open(other + "/" + files::kKeys, theirs->journal_id, true);
  if (!keys) return {};
  const Result<Seq> common = common_upto(*ours->environment, *theirs->environment);
  if (!common) return common.error();
  std::erase_if(words, [&](const Erased& one) { return one.first > *common; });
  for (Erased& one : words) one.last = std::min(one.last, *common);
  const Result<std::vector<KeyId>> ids = Reading(*theirs->environment).keys_of(std::move(words));
  if (!ids) return ids.error();
  const Status status = keys->destroy(*ids);
  return status.ok() ? Result<void>() : status.error("cannot write the keys in", other);
}

}  // namespace daybook
