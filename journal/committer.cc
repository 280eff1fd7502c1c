// One group of batches, one transaction, one seal.
#include "journal/committer.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "core/check.h"
#include "journal/key_copies.h"
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

// Encodes queued.batch, from nothing.
void encode_events(Queued& queued, KeyRing* keys) {
  const std::vector<Record>& events = queued.batch.records;
  std::size_t bytes = 0;
  for (const Record& event : events) {
    bytes += record::kHeaderBytes + 10 + event.clear.size() + event.content.size();
  }
  queued.events = {};
  queued.events.bytes.reserve(bytes);
  queued.events.parts.reserve(events.size());
  queued.events.hashes.reserve(events.size());
  std::optional<KeyRing::Hold> hold;
  if (keys != nullptr) queued.run = hold.emplace(*keys).run();
  for (const Record& event : events) {
    KeyUse key;
    if (hold && !event.content.empty()) {
      key = hold->take(event.session, event.turn);
      hold->tell(key, event.seq, event.content);
      queued.keys_upto = hold->upto();
    }
    record::encode(event, queued.events, key);
  }
  record::hash_events(queued.events);
}

}  // namespace

Queued Queued::from(Batch batch, KeyRing* keys) {
  Queued queued;
  queued.batch = std::move(batch);
  encode_events(queued, keys);
  for (const ExternalId& external : queued.batch.externals) {
    queued.dedupe_keys.push_back(layout::dedupe_key(external.source, external.id));
  }
  queued.bytes = queued.events.bytes.size();
  for (const Snapshot& snapshot : queued.batch.snapshots) {
    queued.bytes += snapshot.projection.size() + snapshot.state.size() + 2 * sizeof(Seq);
  }
  for (const Ref& ref : queued.batch.refs) queued.bytes += ref.name.size() + 2 * sizeof(Seq);
  return queued;
}

Committer::Committer(store::Environment& environment, KeyRing* keys, std::string seal_key,
                     std::string journal_id, CommitWatcher watcher)
    : environment_(environment),
      keys_(keys),
      seal_key_(std::move(seal_key)),
      journal_id_(std::move(journal_id)),
      watcher_(std::move(watcher)) {}

Result<void> Committer::load() {
  if (keys_ != nullptr) keys_->begin_run();
  Reading reading(environment_);
  const Result<Seq> last = reading.last();
  if (!last) return last.error();
  const Result<std::optional<Reading::Seal>> seal = reading.last_seal();
  if (!seal) return seal.error();
  const Result<std::optional<std::string>> format = reading.meta(layout::kMetaFormat);
  if (!format) return format.error();
  CHECK(format->has_value(), "it said its format when it was opened");
  format_ = record::load_u32(**format);
  sealed_ = seal->value_or(Reading::Seal{0, layout::first_seal(seal_key_, journal_id_)});
  if (sealed_.last == *last) return {};
  return Error{"the last event of the journal in " + environment_.directory() + " is " +
                   std::to_string(*last) + " and the last seal covers " +
                   std::to_string(sealed_.last) + ": it is damaged; restore it from a backup",
               ExitCode::kDamaged};
}

Committer::Sealed Committer::seal(const std::vector<const Queued*>& fresh) const {
  Sealed sealed{nullptr, {}, sealed_};
  std::vector<const Digest*> hashes;
  for (const Queued* queued : fresh) {
    for (const Digest& hash : queued->events.hashes) hashes.push_back(&hash);
    if (!queued->events.hashes.empty()) sealed.queued = queued;
  }
  if (sealed.queued == nullptr) return sealed;
  record::CommitEnd end = record::end_commit(sealed.queued->events);
  hashes.back() = &end.hash;
  const Seq first = sealed_.last + 1;
  sealed.seal.last += hashes.size();
  sealed.seal.digest = layout::next_seal(seal_key_, sealed_.digest, first, hashes);
  sealed.value = std::move(end.value);
  sealed.value.append(view(sealed.seal.digest));
  return sealed;
}

Status Committer::put_events(WriteTransaction& transaction, const Queued& queued,
                             const Sealed& sealed) {
  const std::vector<record::Encoded::Part>& parts = queued.events.parts;
  for (const record::Encoded::Part& part : parts) {
    const bool ends = &queued == sealed.queued && &part == &parts.back();
    const std::string_view value = ends ? sealed.value : queued.events.value(part);
    const Status status = transaction.append(Table::kEvents, part.key, value);
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

bool Committer::is_there(const Queued& queued) const {
  const std::vector<Record>& records = queued.batch.records;
  return !records.empty() && records.back().seq <= sealed_.last;
}

// Before the record that says so, and again if that does not become durable.
Status Committer::destroy_keys(const std::vector<Queued>& group) {
  std::vector<Erased> erased;
  for (const Queued& queued : group) {
    if (is_there(queued)) continue;
    for (const Erased& one : queued.batch.erased) {
      CHECK(one.last <= sealed_.last, "what is erased was durable before");
      erased.push_back(one);
    }
  }
  if (erased.empty()) return Status();
  Reading reading(environment_);
  const Result<std::vector<KeyId>> ids = reading.keys_of(std::move(erased));
  if (!ids) return Status(EIO);
  const Result<std::optional<std::string>> id = reading.meta(layout::kMetaId);
  if (!id) return Status(EIO);
  // Ours last: as long as they are whole, what died over it is done again.
  Status status = destroy_in_copies(environment_.directory(), id->value_or(std::string()), *ids);
  if (status.ok()) status = keys_->destroy(*ids);
  if (status.ok()) keys_->begin_run();
  return status;
}

// Keys first: what is committed must be readable for ever.
Status Committer::ready_keys(std::vector<Queued>& group) {
  KeyId upto = 0;
  for (Queued& queued : group) {
    if (is_there(queued)) continue;
    if (queued.run != keys_->run()) encode_events(queued, keys_);
    upto = std::max(upto, queued.keys_upto);
  }
  return keys_->make_durable(upto);
}

Status Committer::commit(std::vector<Queued>& group) {
  Status status = keys_ == nullptr ? Status() : destroy_keys(group);
  if (status.ok() && keys_ != nullptr) status = ready_keys(group);
  if (!status.ok()) return status;
  WriteTransaction transaction(environment_);
  status = transaction.begin();
  if (!status.ok()) return status;

  std::vector<const Queued*> fresh;
  for (const Queued& queued : group) {
    if (!is_there(queued)) fresh.push_back(&queued);
  }
  const Sealed sealed = seal(fresh);
  for (const Queued* queued : fresh) {
    status = put_events(transaction, *queued, sealed);
    if (status.ok()) status = put_projections(transaction, *queued);
    if (!status.ok()) return status;
  }

  const bool events = sealed.queued != nullptr;
  const std::uint32_t format = format_ | layout::kFormatSealsInside;
  // Without events, too: a commit whose failure was unknown may be in the file and not yet on the
  // disk, and another one after it makes both durable.
  if (!events || format != format_) {
    std::string bytes;
    record::append_u32(bytes, format);
    status = transaction.put(Table::kMeta, layout::kMetaFormat, bytes);
  }
  if (!status.ok()) return status;

  const bool watched = watcher_ && events;
  const Seq first = sealed_.last + 1;
  if (watched) watcher_(first, sealed.seal.last, false);
  status = transaction.commit();
  if (!status.ok()) return status;
  if (watched) watcher_(first, sealed.seal.last, true);
  sealed_ = sealed.seal;
  format_ = format;
  return status;
}

}  // namespace daybook
