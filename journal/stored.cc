#include "journal/stored.h"

#include <cstring>

#include "journal/layout.h"
#include "journal/reading.h"
#include "journal/record.h"

namespace daybook {
namespace {

using store::Cursor;
using store::Status;
using store::Table;
using store::Visit;

constexpr std::size_t kBlockEvents = 1'000;
constexpr std::size_t kBlockBytes = 1u << 20;

}  // namespace

Digest StoredEvent::hash() const {
  Sha256 hash;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    record::hash_part(hash, record::key_of(seq, part), record::without_seal(parts[part]));
  }
  return hash.finish();
}

std::optional<Digest> StoredEvent::seal() const {
  const std::string_view inside = parts.empty() ? "" : record::seal_in(parts.back());
  if (inside.empty()) return std::nullopt;
  Digest seal;
  std::memcpy(seal.data(), inside.data(), seal.size());
  return seal;
}

Result<StoredRecord> StoredEvent::decode() const {
  StoredRecord event;
  record::Decoder decoder;
  const std::string named = "event " + std::to_string(seq) + " is damaged: ";
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const auto answer = decoder.feed(record::key_of(seq, part), parts[part], event.record);
    if (answer == record::Decoder::Answer::kDamaged) {
      return Error{named + std::string(decoder.problem()), ExitCode::kDamaged};
    }
    if (answer == record::Decoder::Answer::kMore) continue;
    event.key = decoder.key_id();
    if (part + 1 == parts.size()) return event;
    return Error{named + "it has more parts than it says", ExitCode::kDamaged};
  }
  return Error{named + "one of its parts is missing", ExitCode::kDamaged};
}

Result<std::optional<StoredCommit>> StoredReading::commit_of(Seq seq) {
  Reading reading(environment_);
  const auto seal = reading.seal_at(seq);
  if (!seal) return seal.error();
  if (!seal->has_value()) return std::optional<StoredCommit>();
  StoredCommit commit{1, (*seal)->last, std::nullopt, (*seal)->digest};
  const auto before = reading.seal_before(seq);
  if (!before) return before.error();
  if (!before->has_value()) return std::optional<StoredCommit>(commit);
  commit.first = (*before)->last + 1;
  commit.before = (*before)->digest;
  return std::optional<StoredCommit>(commit);
}

// Returns the event to go on with.
Result<Seq> StoredReading::copy_block(Seq first, Seq last, std::vector<StoredEvent>& into) {
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return Reading(environment_).failed(status);
  Cursor cursor(visit, Table::kEvents);
  std::size_t bytes = 0;
  Seq next = first;
  for (status = cursor.seek(record::key_of(first)); status.ok(); status = cursor.next()) {
    const Seq seq = record::seq_of(cursor.number());
    if (record::part_of(cursor.number()) == 0) {
      const bool enough = into.size() == kBlockEvents || bytes >= kBlockBytes;
      if (seq > last || enough) break;
      if (seq != next) break;
      into.push_back({seq, {}});
      ++next;
    }
    if (into.empty()) break;
    into.back().parts.emplace_back(cursor.value());
    bytes += cursor.value().size();
  }
  if (!status.ok() && !status.not_found()) return Reading(environment_).failed(status);
  return next;
}

Result<void> StoredReading::events(Seq first, Seq last,
                                   const std::function<bool(const StoredEvent&)>& visit) {
  std::vector<StoredEvent> block;
  for (Seq next = first; next <= last;) {
    block.clear();
    const Result<Seq> after = copy_block(next, last, block);
    if (!after) return after.error();
    if (*after == next) {
      return Error{"event " + std::to_string(next) + " of the journal in " +
                       environment_.directory() + " is missing; run daybook verify",
                   ExitCode::kDamaged};
    }
    next = *after;
    for (const StoredEvent& event : block) {
      if (!visit(event)) return {};
    }
  }
  return {};
}

Result<JournalIdentity> StoredReading::identity() {
  Reading reading(environment_);
  JournalIdentity identity;
  const auto id = reading.meta(layout::kMetaId);
  if (!id) return id.error();
  identity.id = id->value_or("");
  const auto created = reading.meta(layout::kMetaCreated);
  if (!created) return created.error();
  const auto epoch = reading.meta(layout::kMetaEpoch);
  if (!epoch) return epoch.error();
  const auto format = reading.meta(layout::kMetaFormat);
  if (!format) return format.error();
  const bool whole = identity.id.size() == layout::kJournalIdBytes && created->has_value() &&
                     (*created)->size() == sizeof(std::uint64_t) && epoch->has_value() &&
                     (*epoch)->size() == sizeof(std::uint64_t) && format->has_value() &&
                     (*format)->size() == sizeof(std::uint32_t);
  if (!whole) {
    return Error{"the journal in " + environment_.directory() +
                     " does not say which one it is: restore it from a backup",
                 ExitCode::kDamaged};
  }
  const auto created_seal = reading.meta(layout::kMetaCreatedSeal);
  if (!created_seal) return created_seal.error();
  identity.created_seal = created_seal->value_or("");
  identity.created = from_milliseconds(static_cast<std::int64_t>(record::load_u64(**created)));
  identity.epoch = record::load_u64(**epoch);
  identity.format = record::load_u32(**format) & ~layout::kFormatArchived;
  return identity;
}

}  // namespace daybook
