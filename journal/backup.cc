// Drafts, and the order in which they take their places.
#include "journal/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>
#include <utility>

#include "journal/cutting.h"
#include "journal/key_copies.h"
#include "journal/key_file.h"
#include "journal/layout.h"
#include "journal/lmdb_log.h"
#include "journal/reading.h"
#include "journal/stored.h"

namespace daybook {
namespace {

using store::Environment;
using store::Status;
using store::Table;
using store::WriteTransaction;

constexpr mode_t kOwnFile = 0600;
constexpr std::size_t kCopyBytes = 1u << 20;
constexpr int kCopiesMax = 3;
constexpr const char* kPartial = ".partial";

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_not_of('/');
  const std::size_t end = path.rfind('/', slash);
  if (end == std::string::npos) return ".";
  return end == 0 ? "/" : path.substr(0, end);
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

Result<files::Descriptor> create_file(const std::string& path) {
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  files::Descriptor file(::open(path.c_str(), flags, kOwnFile));
  if (!file.valid()) return files::system_error("write", path, errno);
  return file;
}

// A new file of our own, synced.
Result<void> copy_file(const std::string& from, const std::string& to,
                       const VerifyProgress& progress = {}) {
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

Result<files::Head> head_of(Environment& environment) {
  Reading reading(environment);
  const Result<std::optional<Reading::Seal>> seal = reading.last_seal();
  if (!seal) return seal.error();
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  const Reading::Seal newest = seal->value_or(Reading::Seal());
  return files::Head{newest.last, newest.digest, now};
}

// Its head file is what it is examined against.
Result<void> write_head(const std::string& directory) {
  Result<Opened> opened = open_for_reading(directory);
  if (!opened) return opened.error();
  const Result<files::Head> head = head_of(*opened->environment);
  if (!head) return head.error();
  if (head->seq == 0) return {};
  return files::replace(directory, files::kHead, files::format_head(*head));
}

// `keys`: empty where the words are in clear, or the keys beside them.
Result<Seq> examine(const std::string& directory, const std::string& keys, const std::string& what,
                    const VerifyProgress& progress) {
  VerifyOptions options;
  options.directory = directory;
  options.keys = keys;
  options.progress = progress;
  const Result<Verification> found = verify(options);
  if (!found) return found.error();
  if (found->sound()) return static_cast<Seq>(found->events);
  return Error{
      what + " is damaged: at event " + std::to_string(found->first_bad_seq) + ", " + found->what,
      ExitCode::kDamaged};
}

// data.mdb alone, compacted and synced.
Result<void> copy_data(Environment& environment, const std::string& draft) {
  const std::string data = draft + "/" + files::kData;
  const Result<files::Descriptor> file = create_file(data);
  if (!file) return file.error();
  Status status = environment.copy_to(file->number());
  if (status.ok() && ::fsync(file->number()) != 0) status = Status(errno);
  if (!status.ok()) return status.error("cannot write", data);
  return {};
}

// What was archived becomes part of a copy, beside data.mdb.
Result<void> copy_segments(Environment& environment, const std::string& draft) {
  const store::Segments* segments = environment.segments();
  if (segments == nullptr) return {};
  for (std::size_t i = 0; i < segments->places().size(); ++i) {
    if (segments->problem(i)) return *segments->problem(i);
    const std::string& path = segments->segment(i)->path();
    Result<void> copied = copy_file(path, draft + path.substr(path.rfind('/')));
    if (!copied) return copied;
  }
  return {};
}

// Everything but the keys, in `draft`. True: its words are encrypted.
Result<bool> copy_all_but_keys(const std::string& directory, const std::string& draft) {
  Result<Opened> opened = open_for_reading(directory);
  if (!opened) return opened.error();
  Result<void> done = copy_data(*opened->environment, draft);
  if (done) done = copy_segments(*opened->environment, draft);
  if (done) done = copy_file(directory + "/" + files::kSealKey, draft + "/" + files::kSealKey);
  if (!done) return done.error();
  return layout::is_locked(opened->format);
}

// The keys are copied after the data, so they hold every key that it needs; what was erased
// meanwhile stays erased.
Result<void> copy_keys(const std::string& from, const std::string& draft) {
  Result<void> removed = remove_file(draft);
  if (!removed) return removed;
  return copy_file(from, draft);
}

// Ascending.
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

Result<std::vector<KeyId>> destroyed_of(const std::string& directory) {
  const Result<Opened> opened = open_for_reading(directory);
  if (!opened) return opened.error();
  if (!layout::is_locked(opened->format)) return std::vector<KeyId>();
  return destroyed_in(directory + "/" + files::kKeys, opened->journal_id);
}

Result<void> refuse_existing(const std::string& path) {
  if (!files::exists(path)) return {};
  return Error{path + " is there already: name a place that is free, or remove it first",
               ExitCode::kUsage};
}

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

bool is_of_a_copy(const std::string& name) {
  constexpr std::array kNames = {files::kData, "lock.mdb", files::kSealKey, files::kKeys};
  const bool named = std::ranges::any_of(kNames, [&](const char* one) { return name == one; });
  return named || name.starts_with(files::kHead) || name.starts_with(files::kSegmentPrefix);
}

// What an attempt that died left is thrown away, and nothing else.
Result<void> refuse_other_files(const std::string& draft) {
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(draft, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry->is_regular_file() && is_of_a_copy(entry->path().filename())) continue;
    return Error{entry->path().string() +
                     " is no part of a copy, which would be made there: move "
                     "it away, or name another place",
                 ExitCode::kUsage};
  }
  return {};
}

std::string beginning_of(const std::string& path) {
  std::string bytes(KeyFile::kEntryBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

Result<void> refuse_other_file(const std::string& key_draft, const std::string& keys) {
  const std::string found = beginning_of(key_draft);
  if (found.empty() || found == beginning_of(keys)) return {};
  return refuse_existing(key_draft);
}

// Keys that are destroyed between the two copies belong to words that the first one does not know
// to be erased: then both are made anew. True: its words are encrypted.
Result<bool> copy_all(const std::string& directory, const std::string& draft,
                      const std::string& key_draft, const VerifyProgress& progress) {
  for (int attempts = 0; attempts < kCopiesMax; ++attempts) {
    Result<void> done = files::remove_flat(draft);
    if (done) done = files::prepare_directory(draft, true);
    if (!done) return done.error();
    const Result<std::vector<KeyId>> before = destroyed_of(directory);
    if (!before) return before.error();
    if (progress) progress("copying", 0, 0);
    Result<bool> locked = copy_all_but_keys(directory, draft);
    if (!locked || !*locked) return locked;
    if (progress) progress("copying keys", 0, 1);
    done = copy_keys(directory + "/" + files::kKeys, key_draft);
    if (!done) return done.error();
    const Result<std::vector<KeyId>> after = destroyed_of(directory);
    if (!after) return after.error();
    if (*after != *before) continue;
    done = destroy_due(draft, key_draft);
    return done ? Result<bool>(true) : done.error();
  }
  return Error{"something is erased again and again while it is copied: try again later",
               ExitCode::kBusy};
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

struct Copy {
  std::string directory;
  std::string place;
  std::string draft;
  std::string keys;  // empty: beside the rest
  std::string key_draft;
};

Result<BackupReport> make_copy(const Copy& copy, const VerifyProgress& progress) {
  const auto& [directory, place, draft, keys, key_draft] = copy;
  const Result<bool> locked = copy_all(directory, draft, key_draft, progress);
  if (!locked) return locked.error();

  BackupReport report;
  if (*locked) report.keys = keys.empty() ? place + "/" + files::kKeys : keys;
  Result<void> done = write_head(draft);
  if (!done) return done.error();
  const Result<Seq> events =
      examine(draft, *locked ? key_draft : std::string(), "the copy of " + directory, progress);
  if (!events) return events.error();
  report.events = *events;
  std::error_code unknown;
  report.bytes = std::filesystem::file_size(draft + "/" + files::kData, unknown);
  done = remove_file(draft + "/lock.mdb");
  if (done) done = files::sync_directory(draft);
  if (done && *locked && !keys.empty()) {
    done = files::move_into_place(key_draft, keys);
    if (done) done = files::sync_directory(parent_of(keys));
  }
  if (done) done = files::move_into_place(draft, place);
  if (done) done = files::sync_directory(parent_of(place));
  if (!done) return done.error();
  return report;
}

}  // namespace

Result<BackupReport> back_up(const std::string& directory, const std::string& into,
                             const std::string& keys, const VerifyProgress& progress) {
  const std::string place = without_slashes(into);
  const std::string draft = place + kPartial;
  const std::string key_draft =
      keys.empty() ? draft + "/" + files::kKeys : without_slashes(keys) + kPartial;
  Result<void> done = refuse_existing(place);
  if (done && !keys.empty()) done = refuse_existing(keys);
  if (done) done = refuse_other_files(draft);
  if (done && !keys.empty()) done = refuse_other_file(key_draft, directory + "/" + files::kKeys);
  if (done) done = examine_end(directory);  // a copy has a head of its own
  if (!done) return done.error();
  Result<BackupReport> report = make_copy({directory, place, draft, keys, key_draft}, progress);
  if (report) return report;
  std::ignore = remove_file(key_draft);
  std::ignore = files::remove_flat(draft);
  return report;
}

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
  const std::string keys = options_.keys.empty() ? from + "/" + files::kKeys : options_.keys;
  if (done && (files::exists(keys) || !options_.keys.empty())) {
    done = copy_file(keys, draft() + "/" + files::kKeys);
  }
  if (done) done = refuse_without_keys();
  if (!done) return done;
  const Result<Seq> events = examine(draft(), "", "the backup in " + from, options_.progress);
  if (!events) return events.error();
  upto_ = *events;
  return {};
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

Result<void> Restoration::cut_and_raise() {
  const bool cuts = options_.until != 0 && options_.until < upto_;
  Result<void> found = cuts ? find_cut() : Result<void>();
  if (!found) return found;
  auto environment = Environment::open({draft(), LmdbLog::kMapBytes, false, false});
  if (!environment) return environment.error();
  if (cuts) {
    Result<void> removed = cut_behind(**environment, format_, upto_);
    if (!removed) return removed;
  }
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
