// A draft, and the order in which its parts are made.
#include "journal/backup.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <tuple>
#include <utility>
#include <vector>

#include "journal/copying.h"
#include "journal/key_copies.h"
#include "journal/key_file.h"
#include "journal/layout.h"
#include "journal/opening.h"

namespace daybook {
namespace {

using store::Environment;

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

// Its head file is what it is examined against.
Result<void> write_head(const std::string& directory) {
  Result<Opened> opened = open_for_reading(directory);
  if (!opened) return opened.error();
  const Result<files::Head> head = head_of(*opened->environment);
  if (!head) return head.error();
  if (head->seq == 0) return {};
  return files::replace(directory, files::kHead, files::format_head(*head));
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
  Result<void> done = copy_data(*opened->environment, draft + "/" + files::kData);
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
  const auto found = examine(draft, *locked ? key_draft : std::string(), progress);
  if (!found) return found.error();
  if (!found->sound()) {
    return Error{"the copy of " + directory + " is damaged: " + damage_text(*found),
                 ExitCode::kDamaged};
  }
  report.events = found->events;
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

}  // namespace daybook
