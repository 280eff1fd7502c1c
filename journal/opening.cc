// Locks, makes, opens and examines a journal's directory.
#include "journal/opening.h"

#include <chrono>
#include <utility>

#include "journal/chain.h"
#include "journal/layout.h"
#include "journal/reading.h"
#include "journal/restoration.h"

namespace daybook {
namespace {

using store::Environment;
using store::Status;
using store::Table;
using store::WriteTransaction;

constexpr std::size_t kCreationMapBytes = 1u << 20;
constexpr std::uint64_t kDataBytesMin = 8'192;  // both of LMDB's meta pages
constexpr std::size_t kSealKeyFileBytes = 32;

Error damaged_journal(const std::string& directory, const std::string& what) {
  return {"the journal in " + directory + " is damaged: " + what +
              "; run daybook verify, then restore it from a backup",
          ExitCode::kDamaged};
}

std::string little_endian_u64(std::uint64_t number) {
  std::string bytes;
  record::append_u64(bytes, number);
  return bytes;
}

Status write_genesis(Environment& environment, const Genesis& genesis) {
  const JournalIdentity& identity = genesis.identity;
  std::string format;
  record::append_u32(format, identity.format);
  const auto created = static_cast<std::uint64_t>(to_milliseconds(identity.created));
  const std::pair<std::string_view, std::string> entries[] = {
      {layout::kMetaFormat, format},
      {layout::kMetaId, identity.id},
      {layout::kMetaCreated, little_endian_u64(created)},
      {layout::kMetaCreatedSeal,
       std::string(view(layout::created_seal(genesis.seal_key, identity.id, created)))},
      {layout::kMetaEpoch, little_endian_u64(identity.epoch)},
  };
  WriteTransaction transaction(environment);
  Status status = transaction.begin();
  for (const auto& [name, value] : entries) {
    if (status.ok()) status = transaction.insert(Table::kMeta, name, value);
  }
  if (!status.ok()) return status;
  return transaction.commit();
}

Result<void> create_journal(const std::string& directory, bool encrypt) {
  Result<Genesis> genesis = new_genesis(encrypt);
  if (!genesis) return genesis.error();
  genesis->map_bytes = kCreationMapBytes;
  return make_journal(directory, *genesis);
}

// Makes it only where no journal has ever been.
Result<void> create_if_absent(const std::string& directory, bool create, bool encrypt) {
  const std::string data = directory + "/" + files::kData;
  if (files::exists(data)) return files::check_file(data, kDataBytesMin);
  if (files::exists(directory + "/" + files::kHead)) {
    return Error{data + " is missing though a journal was there: restore it from a backup",
                 ExitCode::kDamaged};
  }
  if (!create) {
    return Error{"there is no journal in " + directory + ": start daybookd once to make it, or " +
                     "name another directory with --data",
                 ExitCode::kInputOutput};
  }
  return create_journal(directory, encrypt);
}

Result<void> attach_segments(Opened& opened, const std::string& directory) {
  Reading reading(*opened.environment);
  const Result<std::optional<std::string>> value = reading.meta(layout::kMetaSegments);
  if (!value) return value.error();
  auto places = layout::parse_segments(value->value_or(std::string()));
  if (!places) return damaged_journal(directory, "it does not say what was archived");
  auto segments =
      std::make_unique<store::Segments>(std::move(*places), directory, opened.journal_id);
  for (std::size_t i = 0; i < segments->places().size(); ++i) {
    const auto& problem = segments->problem(i);
    if (problem) opened.warnings.push_back(problem->message);
  }
  opened.environment->attach(std::move(segments));
  return {};
}

Result<void> read_identity(Opened& opened, const std::string& directory) {
  Reading reading(*opened.environment);
  const Result<std::optional<std::string>> format = reading.meta(layout::kMetaFormat);
  if (!format) return format.error();
  if (!format->has_value() || (*format)->size() != sizeof(std::uint32_t)) {
    return damaged_journal(directory, "it does not say its format");
  }
  const std::uint32_t stored = record::load_u32(**format);
  opened.format = stored;
  if (layout::is_newer(stored)) {
    return Error{"the journal in " + directory + " has format " + std::to_string(stored) +
                     " and this program knows formats up to " +
                     std::to_string(layout::kFormatNewest) +
                     ": use the version that wrote it, or a newer one",
                 ExitCode::kSettings};
  }
  if (!layout::is_known(stored)) return damaged_journal(directory, "it has no format that exists");
  const Result<std::optional<std::string>> id = reading.meta(layout::kMetaId);
  if (!id) return id.error();
  if (!id->has_value() || (*id)->size() != layout::kJournalIdBytes) {
    return damaged_journal(directory, "it does not say its id");
  }
  opened.journal_id = **id;
  const bool archived = (stored & layout::kFormatArchived) != 0;
  return archived ? attach_segments(opened, directory) : Result<void>();
}

// The last event in a segment that is out of reach: it is wanted by who reads it, and a start does
// not. 0: there is none.
Seq lost_upto(const Opened& opened) {
  const store::Segments* segments = opened.environment->segments();
  Seq lost = 0;
  for (std::size_t i = 0; segments != nullptr && i < segments->places().size(); ++i) {
    if (segments->problem(i)) lost = record::seq_of(segments->places()[i].last);
  }
  return lost;
}

// The newest seal from which at least kPreflightEvents events remain to be examined, or all of them
// behind what is lost.
Result<Reading::Seal> seal_to_start_from(Opened& opened, Seq last) {
  const Reading::Seal beginning{0, layout::first_seal(opened.seal_key, opened.journal_id)};
  const Seq lost = lost_upto(opened);
  Reading reading(*opened.environment);
  for (Seq back = kPreflightEvents; last > lost + back; back *= 2) {
    const auto seal = reading.seal_at(last - back);
    if (!seal) return seal.error();
    // If it is the last one, its commit is larger than that: look further back.
    if (seal->has_value() && (*seal)->last != last) return **seal;
  }
  if (lost == 0) return beginning;
  const auto seal = reading.seal_at(lost + 1);
  if (!seal) return seal.error();
  return seal->value_or(beginning);
}

void look_around(Opened& opened, const std::string& directory) {
  if (const auto doubt = files::doubt_about_file_system(directory)) {
    opened.warnings.push_back(*doubt);
  }
  const std::uint64_t free = files::free_bytes(directory);
  if (free < files::kLowSpaceBytes) {
    opened.warnings.push_back("only " + std::to_string(free >> 20) + " MiB are free for " +
                              directory + ": make room, or new messages will have to wait");
  }
}

}  // namespace

std::optional<Error> interrupted_restore(const std::string& directory) {
  const std::string draft = directory + "/" + Restoration::kDraft + "/";
  const std::string data = directory + "/" + files::kData;
  // The draft's head leaves it first, and data.mdb last.
  const bool midway = files::exists(draft + files::kData) && !files::exists(draft + files::kHead);
  if (!midway && files::exists(data)) return std::nullopt;
  const std::vector<std::string> replaced = replaced_journals(directory);
  // Or the attempt to run it again came to nothing.
  const bool before = files::exists(directory + "/" + files::kHead) && !replaced.empty();
  if (!midway && !before) return std::nullopt;
  // As long as data.mdb is in place, it is what was there before.
  const bool moved = !files::exists(data) && !replaced.empty();
  const std::string kept = moved ? ", and what it replaces in " + replaced.back() : "";
  return Error{"a restore into " + directory + " was interrupted; nothing is lost: what it puts " +
                   "back is in " + (midway ? draft : "the backup") + kept +
                   "; unless it is still running, run the same `daybook restore` again",
               ExitCode::kInputOutput};
}

Result<Genesis> new_genesis(bool encrypt) {
  const Result<std::string> key = files::random_bytes(kSealKeyFileBytes);
  if (!key) return key.error();
  const Result<std::string> id = files::random_bytes(layout::kJournalIdBytes);
  if (!id) return id.error();
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  Genesis genesis;
  genesis.seal_key = *key;
  const std::uint32_t words = encrypt ? layout::kFormatLocked : layout::kFormatClear;
  genesis.identity = {*id, now, 1, words | layout::kFormatSealsInside};
  if (encrypt) genesis.keys = KeyFile::header(*id);
  return genesis;
}

Result<void> make_journal(const std::string& directory, const Genesis& genesis) {
  const std::string draft = directory + "/" + files::kCreating;
  Result<void> done = files::remove_flat(draft);
  if (!done) return done;
  done = files::prepare_directory(draft, true);
  if (!done) return done;
  done = files::replace(draft, files::kSealKey, genesis.seal_key);
  if (done && genesis.keys) done = files::replace(draft, files::kKeys, *genesis.keys);
  if (!done) return done;
  {
    Result<std::unique_ptr<Environment>> environment =
        Environment::open({draft, genesis.map_bytes, false, true});
    if (!environment) return environment.error();
    Status status = write_genesis(**environment, genesis);
    if (!status.ok()) return status.error("cannot create the journal in", directory);
    if (genesis.fill) done = genesis.fill(**environment);
    if (!done) return done;
    status = (*environment)->sync();
    if (!status.ok()) return status.error("cannot create the journal in", directory);
  }
  done = files::sync_directory(draft);
  for (const char* name : {files::kSealKey, files::kKeys, files::kData}) {
    // data.mdb last: with it, it exists.
    if (name == files::kKeys && !genesis.keys) continue;
    if (done) done = files::move_into_place(draft + "/" + name, directory + "/" + name);
    if (done) done = files::sync_directory(directory);
  }
  return done ? files::remove_flat(draft) : done;
}

Result<void> examine_tail(Opened& opened, const std::string& directory) {
  if (opened.seal_key.empty()) {
    return damaged_journal(directory, std::string(files::kSealKey) + " is missing");
  }
  // The head first: a writer beside us may write it anew, and never ahead of the events.
  const Result<std::optional<files::Head>> head = files::read_head(directory);
  if (!head) return head.error();
  Reading reading(*opened.environment);
  const Result<Seq> last = reading.last();
  if (!last) return last.error();
  if (!head->has_value() && *last > 0) {
    opened.warnings.push_back(directory + "/" + files::kHead +
                              " is missing: a cut tail could not be noticed");
  }
  const Result<Reading::Seal> start = seal_to_start_from(opened, *last);
  if (!start) return start.error();

  ChainWalk walk(*opened.environment, opened.seal_key, *start);
  if (head->has_value()) {
    const Reading::Seal checkpoint{(*head)->seq, (*head)->seal};
    if (checkpoint.last > start->last) walk.expect({checkpoint, "its head file"});
    if (checkpoint.last == start->last && checkpoint.digest != start->digest) {
      return damaged_journal(directory, "its chain is not the one whose head was written down");
    }
  }
  const std::optional<ChainWalk::Damage> damage = walk.run();
  if (!damage) return {};
  return damaged_journal(directory,
                         "at event " + std::to_string(damage->seq) + ", " + damage->what);
}

Result<void> examine_end(const std::string& directory) {
  Result<Opened> opened = open_for_reading(directory);
  return opened ? examine_tail(*opened, directory) : opened.error();
}

Result<void> open_keys(Opened& opened, bool writable) {
  if (!layout::is_locked(opened.format)) return {};
  const std::string& directory = opened.environment->directory();
  Result<std::unique_ptr<KeyRing>> keys = KeyRing::open(directory, opened.journal_id, writable);
  if (!keys) return keys.error();
  opened.keys = std::move(*keys);
  if (!writable) return {};
  return files::check_file(directory + "/" + files::kKeys, KeyFile::kEntryBytes);
}

Result<Opened> open_for_writing(const std::string& directory, std::size_t map_bytes, bool create,
                                bool encrypt) {
  Opened opened;
  Result<void> done = files::prepare_directory(directory, true);
  if (!done) return done.error();
  Result<files::Descriptor> lock = files::lock_directory(directory);
  if (!lock) return lock.error();
  opened.lock = std::move(*lock);
  if (const auto interrupted = interrupted_restore(directory)) return *interrupted;
  done = create_if_absent(directory, create, encrypt);
  if (!done) return done.error();
  done = files::remove_flat(directory + "/" + files::kCreating);
  if (done) done = files::remove_flat(directory + "/" + files::kCompacting);
  if (!done) return done.error();
  Result<std::string> key = files::read_seal_key(directory);
  if (!key) return key.error();
  opened.seal_key = *key;
  done = files::check_file(directory + "/" + files::kSealKey, 0);
  if (!done) return done.error();

  Result<std::unique_ptr<Environment>> environment =
      Environment::open({directory, map_bytes, false, false});
  if (!environment) return environment.error();
  opened.environment = std::move(*environment);
  done = read_identity(opened, directory);
  if (!done) return done.error();
  done = open_keys(opened, true);
  if (!done) return done.error();
  const Status readers = opened.environment->check_readers();
  if (!readers.ok()) return readers.error("cannot read the journal in", directory);
  done = examine_tail(opened, directory);
  // The journal in place is whole, so no restore went on to here: its draft holds words and keys.
  if (done) done = files::remove_flat(directory + "/" + Restoration::kDraft);
  if (!done) return done.error();
  look_around(opened, directory);
  return opened;
}

Result<Opened> open_for_reading(const std::string& directory) {
  Opened opened;
  Result<void> done = files::prepare_directory(directory, false);
  if (!done) return done.error();
  if (const auto interrupted = interrupted_restore(directory)) return *interrupted;
  done = create_if_absent(directory, false, false);
  if (!done) return done.error();
  Result<std::unique_ptr<Environment>> environment = Environment::open({directory, 0, true, false});
  if (!environment) return environment.error();
  opened.environment = std::move(*environment);
  done = read_identity(opened, directory);
  if (!done) return done.error();
  Result<std::string> key = files::read_seal_key(directory);
  if (key) opened.seal_key = *key;
  return opened;
}

}  // namespace daybook
