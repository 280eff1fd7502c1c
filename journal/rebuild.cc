#include "journal/rebuild.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include "journal/layout.h"
#include "journal/lmdb_log.h"
#include "journal/record.h"

namespace daybook {
namespace {

using store::Status;
using store::Table;

// Several commits share a transaction: nothing is there before the end, so nothing need be durable.
constexpr std::size_t kTransactionEvents = 4'096;

std::string bytes_of(Seq seq) {
  std::string bytes;
  record::append_u64(bytes, seq);
  return bytes;
}

// A write that ends in the middle, as on a full disk, is EIO to LMDB.
Error cannot_write(const Status& status, const std::string& directory) {
  const bool full = status.input_output() && files::free_bytes(directory) < LmdbLog::kFullBytes;
  return (full ? Status(ENOSPC) : status).error("cannot write the journal in", directory);
}

}  // namespace

Rebuilder::Rebuilder(store::Environment& environment, std::string seal_key,
                     const std::string& journal_id)
    : environment_(environment),
      seal_key_(std::move(seal_key)),
      sealed_{0, layout::first_seal(seal_key_, journal_id)} {}

Result<void> Rebuilder::add(const std::vector<StoredEvent>& events,
                            const std::vector<ExternalId>& externals) {
  CHECK(!events.empty() && events.front().seq == sealed_.last + 1, "commits come in order, whole");
  if (!transaction_) {
    transaction_.emplace(environment_);
    const Status begun = transaction_->begin();
    if (!begun.ok()) return cannot_write(begun, environment_.directory());
  }
  const Status status = put(events, externals);
  if (!status.ok()) return cannot_write(status, environment_.directory());
  uncommitted_ += events.size();
  return uncommitted_ < kTransactionEvents ? Result<void>() : commit();
}

Status Rebuilder::put(const std::vector<StoredEvent>& events,
                      const std::vector<ExternalId>& externals) {
  std::vector<Digest> hashes;
  for (const StoredEvent& event : events) hashes.push_back(event.hash());
  std::vector<const Digest*> pointers;
  for (const Digest& hash : hashes) pointers.push_back(&hash);
  sealed_ = {events.back().seq,
             layout::next_seal(seal_key_, sealed_.digest, events.front().seq, pointers)};
  for (const StoredEvent& event : events) {
    for (std::size_t part = 0; part < event.parts.size(); ++part) {
      const Status status = put_value(record::key_of(event.seq, part), event.parts[part]);
      if (!status.ok()) return status;
    }
  }
  for (const ExternalId& external : externals) {
    const std::string key = layout::dedupe_key(external.source, external.id);
    const Status status = transaction_->insert(Table::kDedupe, key, bytes_of(external.seq));
    if (!status.ok()) return status;
  }
  if (events.back().seal()) return Status();
  return transaction_->append(Table::kSeals, sealed_.last, view(sealed_.digest));
}

// With the seal of this journal in place of the one it came with.
Status Rebuilder::put_value(std::uint64_t key, std::string_view value) {
  if (record::seal_in(value).empty()) return transaction_->append(Table::kEvents, key, value);
  CHECK(record::seq_of(key) == sealed_.last, "a seal lies in the last event of a commit");
  std::string sealed(record::without_seal(value));
  sealed += view(sealed_.digest);
  return transaction_->append(Table::kEvents, key, sealed);
}

Result<void> Rebuilder::commit() {
  const Status status = transaction_->commit();
  transaction_.reset();
  uncommitted_ = 0;
  if (status.ok()) return {};
  return cannot_write(status, environment_.directory());
}

Result<void> Rebuilder::finish(const std::vector<Ref>& refs) {
  if (transaction_) {
    Result<void> committed = commit();
    if (!committed) return committed;
  }
  transaction_.emplace(environment_);
  Status status = transaction_->begin();
  for (const Ref& ref : refs) {
    if (status.ok()) status = transaction_->put(Table::kRefs, ref.name, layout::ref_value(ref));
  }
  if (status.ok()) {
    status = transaction_->put(Table::kMeta, layout::kMetaRefsUpto, bytes_of(sealed_.last));
  }
  if (status.ok()) return commit();
  return cannot_write(status, environment_.directory());
}

Result<void> rebuild_journal(const std::string& directory, Genesis genesis,
                             const std::function<Result<void>(Rebuilder&)>& write) {
  Result<void> done = files::prepare_directory(directory, true);
  if (!done) return done;
  const Result<files::Descriptor> lock = files::lock_directory(directory);
  if (!lock) return lock.error();
  for (const char* name : {files::kData, files::kHead}) {
    if (!files::exists(directory + "/" + name)) continue;
    return Error{directory + " holds a journal (" + name +
                     "); name an empty directory with --data, or move that one away",
                 ExitCode::kUsage};
  }
  Reading::Seal sealed;
  genesis.map_bytes = LmdbLog::kMapBytes;
  genesis.fill = [&](store::Environment& environment) -> Result<void> {
    Rebuilder rebuilder(environment, genesis.seal_key, genesis.identity.id);
    Result<void> written = write(rebuilder);
    sealed = rebuilder.sealed();
    return written;
  };
  done = make_journal(directory, genesis);
  if (!done) {
    static_cast<void>(files::remove_flat(directory + "/" + files::kCreating));
    return done;
  }
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  return files::replace(directory, files::kHead,
                        files::format_head({sealed.last, sealed.digest, now}));
}

}  // namespace daybook
