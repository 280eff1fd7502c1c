// Drafts, and the order in which they take their places.
#include "journal/restoration.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <system_error>
#include <tuple>

#include "journal/copying.h"
#include "journal/cutting.h"
#include "journal/key_copies.h"
#include "journal/key_file.h"
#include "journal/layout.h"
#include "journal/lmdb_log.h"
#include "journal/opening.h"
#include "journal/reading.h"
#include "journal/stored.h"

namespace daybook {
namespace {

using store::Environment;
using store::Status;
using store::Table;
using store::WriteTransaction;

constexpr const char* kSmaller = ".smaller";

std::string u64_bytes(std::uint64_t number) {
  std::string bytes;
  record::append_u64(bytes, number);
  return bytes;
}

Result<std::uint64_t> epoch_of(Environment& environment) {
  Reading reading(environment);
  const Result<std::optional<std::string>> epoch = reading.meta(layout::kMetaEpoch);
  if (!epoch) return epoch.error();
  const bool whole = epoch->has_value() && (*epoch)->size() == sizeof(std::uint64_t);
  return whole ? record::load_u64(**epoch) : 1;
}

// A directory that is made ready is closed to others.
Result<void> refuse_other_use(const std::string& directory) {
  const std::string place = directory + "/";
  for (const char* name : {files::kData, files::kHead, files::kKeys, files::kLock,
                           Restoration::kDraft, Restoration::kReplaced}) {
    if (files::exists(place + name)) return {};
  }
  std::error_code failed;
  const bool empty = std::filesystem::is_empty(directory, failed);
  if (empty || failed) return {};
  return Error{directory + " holds other files and no journal: name a directory of its own",
               ExitCode::kUsage};
}

// 0 of "replaced", 1 of "replaced-1"; nullopt: it is no such path.
std::optional<std::uint64_t> replaced_number(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string beginning = std::string(Restoration::kReplaced) + "-";
  if (name == Restoration::kReplaced) return 0;
  std::uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const bool named = name.starts_with(beginning);
  const auto read = std::from_chars(name.data() + (named ? beginning.size() : 0), end, number);
  const bool whole = named && read.ec == std::errc() && read.ptr == end;
  return whole ? std::optional(number) : std::nullopt;
}

}  // namespace

std::vector<std::string> replaced_journals(const std::string& directory) {
  std::vector<std::string> found;
  const auto names = files::names_in(directory, Restoration::kReplaced);
  if (!names) return found;
  for (const std::string& name : *names) {
    const std::string path = std::string(directory).append("/").append(name);
    if (replaced_number(path) && files::exists(path + "/" + files::kData)) found.push_back(path);
  }
  std::ranges::sort(found, {}, replaced_number);
  return found;
}

Result<std::unique_ptr<Restoration>> Restoration::prepare(const Options& options) {
  Result<void> done = files::check_file(options.backup + "/" + files::kData, 1);
  if (done) done = refuse_other_use(options.directory);
  if (done) done = files::prepare_directory(options.directory, true);
  if (!done) return done.error();
  Result<files::Descriptor> lock = files::lock_directory(options.directory);
  if (!lock) return lock.error();
  auto restoration = std::make_unique<Restoration>(options, std::move(*lock));
  done = restoration->choose_aside();
  if (done) done = restoration->copy();
  if (done && options.moment) done = restoration->look_up();
  if (done && options.progress) options.progress("comparing and cutting", 0, 0);
  if (done) done = restoration->compare();
  if (done) done = restoration->cut_and_raise();
  if (!done) return done.error();
  return restoration;
}

// A free place behind all others, or the one that an attempt took which died after it had moved
// data.mdb. If it died before, its new head stands before the old data.mdb: the old one comes back.
Result<void> Restoration::choose_aside() {
  const std::string place = options_.directory + "/";
  const bool in_place = files::exists(place + files::kData);
  const auto names = files::names_in(options_.directory, kReplaced);
  if (!names) return names.error();
  std::uint64_t number = 0;
  for (const std::string& name : *names) {
    const auto taken = replaced_number(name);
    const std::string there = place + name + "/";
    const bool used = files::exists(there + files::kData) || files::exists(there + files::kKeys);
    if (taken && used) number = std::max(number, *taken + (in_place ? 1 : 0));
  }
  aside_ = place + kReplaced + (number == 0 ? "" : "-" + std::to_string(number));
  if (!in_place || !interrupted_restore(options_.directory)) return {};
  const auto old_head = files::read_small(aside_ + "/" + files::kHead);
  if (!old_head) return old_head.error();
  if (*old_head) return files::replace(options_.directory, files::kHead, **old_head);
  return remove_file(place + files::kHead);
}

Restoration::~Restoration() {
  if (!finishing_) std::ignore = files::remove_flat(draft());
}

Result<void> Restoration::copy() {
  const std::string& from = options_.backup;
  const std::string source = from + "/";
  const std::string target = draft() + "/";
  Result<void> done = files::remove_flat(draft());
  if (done) done = files::prepare_directory(draft(), true);
  // The head first: data.mdb without one is what finish() leaves when it dies.
  const bool headed = files::exists(from + "/" + files::kHead);
  if (done && !headed) done = files::replace(draft(), files::kHead, files::format_head({}));
  for (const char* name : {files::kHead, files::kData, files::kSealKey}) {
    const bool needed = name != files::kHead || headed;
    if (done && needed) done = copy_file(source + name, target + name, options_.progress);
    if (done && name == files::kHead) done = files::sync_directory(draft());
  }
  const auto segments = files::names_in(from, files::kSegmentPrefix);
  if (!segments) return segments.error();
  for (const std::string& name : *segments) {
    if (done) done = copy_file(source + name, target + name, options_.progress);
  }
  if (done && (files::exists(key_file()) || !options_.keys.empty())) {
    done = copy_file(key_file(), target + files::kKeys);
  }
  if (done) done = refuse_without_keys();
  if (!done) return done;
  const Result<Verification> found = examine(draft(), "", options_.progress);
  if (!found) return found.error();
  if (!found->sound()) return told_of_the_backup(*found);
  upto_ = found->events;
  return {};
}

Result<void> Restoration::look_up() {
  const Result<Seq> until = options_.moment(draft());
  if (!until) return until.error();
  options_.until = *until;
  return {};
}

std::string Restoration::key_file() const {
  return options_.keys.empty() ? options_.backup + "/" + files::kKeys : options_.keys;
}

Result<void> Restoration::refuse_without_keys() const {
  if (files::exists(draft() + "/" + files::kKeys)) return {};
  const Result<Opened> opened = open_for_reading(draft());
  // What is damaged is told of by who examines it.
  if (!opened || !layout::is_locked(opened->format)) return {};
  return Error{"the backup in " + options_.backup +
                   " is without the keys of its words: they were put elsewhere when it was made; "
                   "name them with --keys",
               ExitCode::kUsage};
}

// The draft is nobody's: what is wrong with it is wrong with what it was copied from.
Error Restoration::told_of_the_backup(const Verification& found) const {
  std::string what = damage_text(found);
  const std::string key_draft = draft() + "/" + files::kKeys;
  const std::size_t at = what.find(key_draft);
  if (at != what.npos) what.replace(at, key_draft.size(), key_file());
  if (at == what.npos || options_.keys.empty()) {
    return {"the backup in " + options_.backup + " is damaged: " + what, ExitCode::kDamaged};
  }
  // Of an event: it is this journal's, of another time.
  const std::string why = found.first_bad_seq == 0 ? "" : " (" + what + ")";
  return {options_.keys + " is not the key file of the backup in " + options_.backup + why +
              ": name with --keys the one that was written when this backup was made",
          ExitCode::kUsage};
}

Result<std::size_t> Restoration::keys_brought_back() const {
  std::string old = options_.directory + "/" + files::kKeys;
  if (!files::exists(old)) old = aside_ + "/" + files::kKeys;
  // What a journal that can be read tells of is done again.
  if (replaced_ || !files::exists(old)) return std::size_t{0};
  Result<Opened> opened = open_for_reading(draft());
  if (!opened) return opened.error();
  if (!layout::is_locked(opened->format)) return std::size_t{0};
  const Result<std::vector<KeyId>> gone = destroyed_in(old, opened->journal_id);
  // Another journal's, or damaged as well.
  if (!gone || gone->empty()) return std::size_t{0};
  Result<KeyFile> keys = KeyFile::open(draft() + "/" + files::kKeys, opened->journal_id, false);
  if (!keys) return keys.error();
  std::set<KeyId> back;
  const auto visit = [&](const StoredEvent& stored) {
    const auto decoded = stored.decode();
    if (!decoded || !std::binary_search(gone->begin(), gone->end(), decoded->key)) return true;
    const Result<KeyEntry> entry = keys->read(decoded->key);
    if (entry && entry->kind == KeyEntry::Kind::kData) back.insert(decoded->key);
    return true;
  };
  const Result<void> read = StoredReading(*opened->environment).events(1, upto_, visit);
  if (!read) return read.error();
  return back.size();
}

// With the journal that is in place, or was when an earlier attempt died.
Result<void> Restoration::compare() {
  Result<Opened> mine = open_for_reading(draft());
  if (!mine) return mine.error();
  const Result<std::uint64_t> epoch = epoch_of(*mine->environment);
  if (!epoch) return epoch.error();
  epoch_ = *epoch + 1;
  format_ = mine->format & ~layout::kFormatArchived;
  const bool in_place = files::exists(options_.directory + "/" + files::kData);
  if (!in_place && files::exists(aside_ + "/" + files::kData)) {
    Result<void> moved = move_aside();
    if (!moved) return moved;
  }
  const std::string place = in_place ? options_.directory : aside_;
  if (!files::exists(place + "/" + files::kData)) return {};
  Result<Opened> theirs = open_for_reading(place);
  // It may be why a backup is put back.
  if (!theirs) return {};
  if (theirs->journal_id != mine->journal_id) {
    return Error{"the backup in " + options_.backup + " is not of the journal in " + place +
                     ": restore it into another directory",
                 ExitCode::kUsage};
  }
  const Result<std::uint64_t> later = epoch_of(*theirs->environment);
  const Result<Seq> common = common_upto(*mine->environment, *theirs->environment);
  if (!later || !common) return {};
  epoch_ = std::max(epoch_, *later + 1);
  common_ = *common;
  replaced_ = place;
  return {};
}

// With what was archived: the seal may lie there.
Result<void> Restoration::find_cut() {
  Result<Opened> opened = open_for_reading(draft());
  if (!opened) return opened.error();
  Reading reading(*opened->environment);
  const Result<std::optional<Reading::Seal>> seal = reading.seal_before(options_.until + 1);
  if (!seal) return seal.error();
  if (!seal->has_value()) {
    return Error{"no commit of the backup ends at event " + std::to_string(options_.until) +
                     " or before: name a later one",
                 ExitCode::kUsage};
  }
  upto_ = (*seal)->last;
  return {};
}

// LMDB keeps the pages of what is removed: what is left is written anew and takes its place.
Result<void> Restoration::cut() {
  const std::string data = draft() + "/" + files::kData;
  const std::string smaller = data + kSmaller;
  {
    auto environment = Environment::open({draft(), LmdbLog::kMapBytes, false, false});
    if (!environment) return environment.error();
    Result<void> done = cut_behind(**environment, format_, upto_);
    if (done) done = copy_data(**environment, smaller);
    if (!done) return done;
  }
  // It counts the transactions of the file that goes.
  Result<void> done = remove_file(draft() + "/lock.mdb");
  if (done) done = files::move_into_place(smaller, data);
  return done ? files::sync_directory(draft()) : done;
}

Result<void> Restoration::cut_and_raise() {
  const bool cuts = options_.until != 0 && options_.until < upto_;
  Result<void> done = cuts ? find_cut() : Result<void>();
  if (done && cuts) done = cut();
  if (!done) return done;
  auto environment = Environment::open({draft(), LmdbLog::kMapBytes, false, false});
  if (!environment) return environment.error();
  WriteTransaction transaction(**environment);
  Status status = transaction.begin();
  if (status.ok()) status = transaction.put(Table::kMeta, layout::kMetaEpoch, u64_bytes(epoch_));
  if (status.ok() && cuts) {
    status = transaction.put(Table::kMeta, layout::kMetaRefsUpto, u64_bytes(0));
  }
  if (status.ok()) status = transaction.commit();
  if (!status.ok()) return status.error("cannot write", draft());
  const Result<files::Head> head = head_of(**environment);
  if (!head) return head.error();
  return files::replace(draft(), files::kHead, files::format_head(*head));
}

// The new head comes first: from then until data.mdb is there, last of all, no daemon opens what it
// finds, and a further attempt goes on from wherever this one was.
Result<void> Restoration::finish() {
  const std::string& directory = options_.directory;
  const std::string head = directory + "/" + files::kHead;
  const std::string old_head = aside_ + "/" + files::kHead;
  finishing_ = true;
  Result<void> done = files::prepare_directory(aside_, true);
  const bool first_time = files::exists(directory + "/" + files::kData);
  if (done && first_time) done = remove_file(old_head);
  if (done && first_time && files::exists(head)) done = copy_file(head, old_head);
  if (done) done = put(files::kHead);
  if (done) done = move_aside();
  for (const std::string& other : replaced_journals(directory)) {
    if (done && !forgotten_.empty()) done = destroy_in_history(draft(), other, forgotten_);
  }
  const auto segments = files::names_in(draft(), files::kSegmentPrefix);
  if (!segments) return segments.error();
  for (const std::string& name : *segments) {
    if (done) done = put(name.c_str());
  }
  for (const char* name : {files::kSealKey, files::kKeys, files::kData}) {
    if (done) done = put(name);
  }
  if (done) done = files::sync_directory(draft());
  if (done) done = files::remove_flat(draft());
  // Nothing was replaced: an empty directory tells nobody anything.
  if (done) ::rmdir(aside_.c_str());
  return done;
}

// What is new takes its place only after all that is old has left: whatever is missing there and
// stands here is old.
Result<void> Restoration::move_aside() {
  const std::string& directory = options_.directory;
  const std::string place = directory + "/";
  const std::string there = aside_ + "/";
  // Segments stay: their names tell them apart, and the journal aside finds them there.
  for (const std::string name : {files::kData, "lock.mdb", files::kKeys, files::kSealKey}) {
    const std::string old = place + name;
    if (!files::exists(old) || files::exists(there + name)) continue;
    Result<void> done = files::move_into_place(old, there + name);
    if (done) done = files::sync_directory(aside_);
    if (done) done = files::sync_directory(directory);
    if (!done) return done;
  }
  return {};
}

Result<void> Restoration::put(const char* name) {
  if (!files::exists(draft() + "/" + name)) return {};
  Result<void> moved =
      files::move_into_place(draft() + "/" + name, options_.directory + "/" + name);
  if (!moved) return moved;
  return files::sync_directory(options_.directory);
}

}  // namespace daybook
