#include "tools/doctor_journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>

#include "core/model.h"
#include "core/notation.h"
#include "journal/files.h"
#include "journal/restoration.h"
#include "tools/progress.h"
#include "tools/replay.h"

namespace daybook {
namespace {

constexpr std::uint64_t kSpaceBytesLow = 256u << 20;
constexpr Duration kClockSlackMax{2'000};
constexpr std::uint64_t kMapPercentMax = 90;

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

enum class FileState { kAbsent, kWrong, kSound };

FileState examine_owner(const std::string& path, uid_t owner, const Findings& findings) {
  struct stat directory {};
  if (::stat(path.substr(0, path.rfind('/')).c_str(), &directory) != 0) return FileState::kAbsent;
  if (owner == directory.st_uid) return FileState::kSound;
  const std::string wanted = files::user_name(directory.st_uid);
  findings(bad(path + " belongs to " + files::user_name(owner) + ", and the journal to " + wanted,
               "chown " + wanted + " " + path));
  return FileState::kWrong;
}

FileState examine_mode(const std::string& path, mode_t wanted, const Findings& findings) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return FileState::kAbsent;
  if (S_ISLNK(found.st_mode)) {
    findings(bad(path + " is a symbolic link", "put the thing itself in its place"));
  } else if (S_ISDIR(found.st_mode) && found.st_uid != ::geteuid() && ::geteuid() != 0) {
    findings(bad(path + " belongs to " + files::user_name(found.st_uid), "run as that user"));
  } else if ((found.st_mode & 077) != 0) {
    findings(bad(path + " is open to other users (mode " + octal(found.st_mode) + ")",
                 "chmod " + octal(wanted) + " " + path));
  } else {
    return S_ISREG(found.st_mode) ? examine_owner(path, found.st_uid, findings) : FileState::kSound;
  }
  return FileState::kWrong;
}

void examine_space(const std::string& directory, const Findings& findings) {
  if (const auto doubt = files::doubt_about_file_system(directory)) {
    findings(bad(*doubt,
                 "move the journal to a local disk: stop daybookd, copy the directory "
                 "whole, set journal.dir"));
  } else {
    findings(good("it lies on a local file system"));
  }
  const std::uint64_t free = files::free_bytes(directory);
  if (free < kSpaceBytesLow) {
    findings(bad("only " + mebibytes(free) + " are free for " + directory,
                 "make room: at 64 MiB no new messages are taken in"));
  } else {
    findings(good(mebibytes(free) + " are free on its disk"));
  }
}

void examine_tail(LmdbReader& log, const std::string& directory, const Findings& findings) {
  if (!files::read_seal_key(directory)) return;  // told with the files
  const auto tail = log.examine_tail();
  if (!tail) {
    findings(bad(tail.error()));
  } else {
    findings(good("the end of the chain holds, up to event " + std::to_string(log.last()) +
                  "; `daybook verify` checks all of it"));
  }
}

void examine_map(LmdbReader& log, const Findings& findings) {
  const auto [used, map] = log.space();
  const std::string size = mebibytes(used) + " of a map of " + mebibytes(map);
  if (used > map / 100 * kMapPercentMax) {
    findings(note("it takes " + size, "daybookd makes the map larger when it is full"));
  } else {
    findings(good("it takes " + size));
  }
}

void examine_readers(const LmdbReader& log, const Findings& findings) {
  const auto last = log.latecomer();
  if (!last || last->commits <= kCommitsBehindMax) return;
  findings(bad("process " + std::to_string(last->process) + " reads the journal as it was " +
                   std::to_string(last->commits) +
                   " commits ago: as long as it does, data.mdb grows",
               "end it: kill " + std::to_string(last->process)));
}

// Snapshots are no part of an export, so what is imported is folded from the events alone.
std::string without_snapshots(const std::string& directory) {
  const bool locked = files::exists(directory + "/" + files::kKeys);
  return "the events are the truth, and an import has nothing else: stop daybookd, `daybook export "
         "--all --no-redact --output FILE`, `daybook --data NEW import FILE --seal-key " +
         directory + "/" + files::kSealKey +
         (locked ? " --keys " + directory + "/" + files::kKeys : "") +
         "`, and let NEW be journal.dir; `daybook replay --check` tells whether anything was "
         "decided by it. Please report this";
}

void examine_snapshots(LmdbReader& log, const std::string& directory, const Findings& findings) {
  std::optional<Progress> progress(std::in_place, "folding", log.last());
  const auto drift = snapshot_drift(log, [&](Seq reached) { progress->reached(reached); });
  progress.reset();
  if (!drift) {
    findings(bad(drift.error()));
  } else if (!drift->empty()) {
    findings(bad(*drift, without_snapshots(directory)));
  } else {
    findings(good("the snapshots are what a fold from nothing gives"));
  }
}

}  // namespace

bool is_about(std::string_view sentence, const std::string& path) {
  const std::size_t at = sentence.find(path);
  if (at == std::string_view::npos || (at > 0 && !sentence.starts_with("cannot "))) return false;
  const std::string_view rest = sentence.substr(at + path.size());
  return rest.starts_with(' ') || rest.starts_with(':');
}

std::vector<std::string> examine_files(const std::string& directory, const Findings& findings) {
  std::vector<std::string> wrong;
  const auto look = [&](const std::string& path, mode_t mode) {
    const FileState state = examine_mode(path, mode, findings);
    if (state == FileState::kWrong) wrong.push_back(path);
    return state;
  };
  look(directory, 0700);
  for (const char* name : {files::kData, "lock.mdb", files::kLock, files::kKeys}) {
    look(directory + "/" + name, 0600);
  }
  const std::string seal_key = directory + "/" + files::kSealKey;
  const FileState seal = look(seal_key, 0600);
  const auto key = files::read_seal_key(directory);
  if (seal == FileState::kAbsent) {
    findings(bad(seal_key + " is missing: no seal can be checked or made",
                 "put back the one of a backup: every backup has it"));
  } else if (seal == FileState::kSound && !key) {
    findings(bad(key.error()));
  }
  if (!key) wrong.push_back(seal_key);
  if (look(directory + "/" + files::kHead, 0600) == FileState::kAbsent) {
    findings(note(directory + "/" + files::kHead + " is missing: a cut tail would not show",
                  "daybookd writes it within a minute and when it stops"));
  }
  if (wrong.empty()) findings(good("its files are there, and yours alone"));
  if (files::exists(directory + "/" + files::kCreating)) {
    findings(note(directory + "/" + files::kCreating + " was left over by a crash",
                  "daybookd removes it when it starts"));
  }
  const bool draft = files::exists(directory + "/" + Restoration::kDraft);
  if (draft && !interrupted_restore(directory)) {
    findings(bad(directory + "/" + Restoration::kDraft +
                     " was left over by a restore that was cut short: words and their keys",
                 "daybookd removes it when it starts; or run `daybook restore BACKUP` again"));
  }
  for (const std::string& replaced : replaced_journals(directory)) {
    findings(note(replaced + " holds the journal that a restore replaced",
                  "delete it when you have no more use for it"));
  }
  examine_space(directory, findings);
  return wrong;
}

void examine_clock(Time newest, Time now, const Findings& findings) {
  if (newest > now + kClockSlackMax) {
    findings(bad("the newest event is from " + time_text(newest) + ", and the clock says " +
                     time_text(now) +
                     ": it runs behind, so new events bear that time until it "
                     "has caught up",
                 "set the clock: timedatectl set-ntp true"));
  } else {
    findings(good("the clock is not behind the newest event"));
  }
}

void examine_lists(const CatalogueLoaded& catalogue, Time now, const Findings& findings) {
  for (const ModelList& list : catalogue.lists()) {
    const Time listed = from_milliseconds(list.time());
    if (listed + kListFresh >= now) continue;
    findings(note("what " + list.provider() + " listed of its models is of " +
                      time_text(listed).substr(0, 10),
                  "daybookd asks once a day while catalogue.refresh is on and the provider has a "
                  "key"));
  }
}

void examine_contents(JournalView& view, const Findings& findings) {
  if (const std::size_t due = view.erasures_due().size(); due > 0) {
    findings(bad(erasures_due_text(due), kErasuresDueRemedy));
  }
  examine_tail(view.log(), view.directory(), findings);
  examine_map(view.log(), findings);
  examine_readers(view.log(), findings);
  examine_snapshots(view.log(), view.directory(), findings);
}

}  // namespace daybook
