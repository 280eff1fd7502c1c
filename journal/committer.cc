// One group of batches, one transaction, one seal.
#include "journal/committer.h"

#include <utility>

#include "core/check.h"
#include "journal/layout.h"

namespace daybook {
namespace {

using store::Status;
using store::Table;
using store::WriteTransaction;

std::string number_bytes(std::uint64_t number) {
  std::string bytes;
  record::append_u64(bytes, number);
  return bytes;
}

}  // namespace

Queued Queued::from(Batch batch) {
  Queued queued;
  std::size_t bytes = 0;
  for (const Record& event : batch.records) {
    bytes += record::kHeaderBytes + 10 + event.clear.size() + event.content.size();
  }
  queued.events.bytes.reserve(bytes);
  queued.events.parts.reserve(batch.records.size());
  queued.events.hashes.reserve(batch.records.size());
  for (const Record& event : batch.records) record::encode(event, queued.events);
  for (const ExternalId& external : batch.externals) {
    queued.dedupe_keys.push_back(layout::dedupe_key(external.source, external.id));
  }
  queued.bytes = queued.events.bytes.size();
  for (const Snapshot& snapshot : batch.snapshots) {
    queued.bytes += snapshot.projection.size() + snapshot.state.size() + 2 * sizeof(Seq);
  }
  for (const Ref& ref : batch.refs) queued.bytes += ref.name.size() + 2 * sizeof(Seq);
  queued.batch = std::move(batch);
  return queued;
}

Committer::Committer(store::Environment& environment, std::string seal_key, std::string journal_id,
                     CommitWatcher watcher)
    : environment_(environment),
      seal_key_(std::move(seal_key)),
      journal_id_(std::move(journal_id)),
      watcher_(std::move(watcher)) {}

Result<void> Committer::load() {
  Reading reading(environment_);
  const Result<Seq> last = reading.last();
  if (!last) return last.error();
  const Result<std::optional<Reading::Seal>> seal = reading.last_seal();
  if (!seal) return seal.error();
  sealed_ = seal->value_or(Reading::Seal{0, layout::first_seal(seal_key_, journal_id_)});
  if (sealed_.last == *last) return {};
  return Error{"the last event of the journal in " + environment_.directory() + " is " +
                   std::to_string(*last) + " and the last seal covers " +
                   std::to_string(sealed_.last) + ": it is damaged; restore it from a backup",
               ExitCode::kDamaged};
}

Status Committer::put_events(WriteTransaction& transaction, const Queued& queued) {
  for (const record::Encoded::Part& part : queued.events.parts) {
    const Status status = transaction.append(Table::kEvents, part.key, queued.events.value(part));
    CHECK(!status.exists(), "events are appended in order, each once");
    if (!status.ok()) return status;
  }
  for (std::size_t i = 0; i < queued.dedupe_keys.size(); ++i) {
    const std::string seq = number_bytes(queued.batch.externals[i].seq);
    const Status status = transaction.insert(Table::kDedupe, queued.dedupe_keys[i], seq);
    CHECK(!status.exists(), "an external id is looked for before it is recorded");
    if (!status.ok()) return status;
  }
  return Status();
}

Status Committer::put_projections(WriteTransaction& transaction, const Queued& queued) {
  for (const Snapshot& snapshot : queued.batch.snapshots) {
    const std::string key = layout::snapshot_key(snapshot.projection, snapshot.session);
    const Status status = transaction.put(Table::kSnapshots, key, layout::snapshot_value(snapshot));
    if (!status.ok()) return status;
  }
  for (const Ref& ref : queued.batch.refs) {
    const Status status = transaction.put(Table::kRefs, ref.name, layout::ref_value(ref));
    if (!status.ok()) return status;
  }
  if (queued.batch.refs.empty()) return Status();
  return transaction.put(Table::kMeta, layout::kMetaRefsUpto, number_bytes(queued.batch.refs_upto));
}

Status Committer::commit(const std::vector<Queued>& group) {
  WriteTransaction transaction(environment_);
  Status status = transaction.begin();
  if (!status.ok()) return status;

  const Seq first = sealed_.last + 1;
  std::vector<const Digest*> hashes;
  for (const Queued& queued : group) {
    const std::vector<Record>& records = queued.batch.records;
    const bool there = !records.empty() && records.back().seq <= sealed_.last;
    if (!there) status = put_events(transaction, queued);
    if (status.ok() && !there) status = put_projections(transaction, queued);
    if (!status.ok()) return status;
    if (there) continue;
    for (const Digest& hash : queued.events.hashes) hashes.push_back(&hash);
  }

  Reading::Seal seal = sealed_;
  if (!hashes.empty()) {
    seal.last = first + hashes.size() - 1;
    seal.digest = layout::next_seal(seal_key_, sealed_.digest, first, hashes);
    status = transaction.append(Table::kSeals, seal.last, view(seal.digest));
  } else {
    // A commit whose failure was unknown may be in the file and not yet on the disk: another one
    // after it makes both durable.
    status = transaction.put(Table::kMeta, layout::kMetaFormat, [] {
      std::string format;
      record::append_u32(format, layout::kFormat);
      return format;
    }());
  }
  if (!status.ok()) return status;

  const bool watched = watcher_ && !hashes.empty();
  if (watched) watcher_(first, seal.last, false);
  status = transaction.commit();
  if (!status.ok()) return status;
  if (watched) watcher_(first, seal.last, true);
  sealed_ = seal;
  return status;
}

}  // namespace daybook
