// One walk over each table, a transaction a block. Rows are looked up one by one only when they are
// known to be wrong, to tell which.
#include "journal/tables.h"

#include <algorithm>

#include "journal/crypto.h"
#include "journal/layout.h"
#include "journal/record.h"
#include "journal/stored.h"

namespace daybook {
namespace {

using store::Cursor;
using store::Status;
using store::Table;
using store::Visit;

constexpr std::size_t kTableVisitBytes = 64u << 10;

std::string seq_text(Seq seq) { return std::to_string(seq); }

}  // namespace

TableCheck::TableCheck(store::Environment& environment, RecordJudge* judge, Seq since)
    : environment_(environment), reading_(environment), judge_(judge), since_(since) {
  const crypto::Salt salt = crypto::random_salt();
  salted_.update({reinterpret_cast<const char*>(salt.data()), salt.size()});
}

void TableCheck::begin() {
  Result<Log::Refs> refs = reading_.refs();
  if (refs) {
    refs_ = std::move(refs).value();
  } else {
    refs_complaint_ = "a ref cannot be read";
  }
}

bool TableCheck::hear(const RecordView& event, std::string& complaint) {
  if (!judge_->judge(event, complaint)) return false;
  // Chunks, nine in ten, come from inside.
  if (event.kind != layout::kArchivedKind) hear_external(judge_->external(event));
  if (event.seq == refs_.upto && since_ == 0 && refs_complaint_.empty())
    refs_complaint_ = compare_refs();
  return true;
}

void TableCheck::hear_external(const ExternalId& external) {
  if (external.id.empty()) return;
  add(layout::dedupe_key(external.source, external.id), external.seq, heard_);
}

// At the event up to which they are correct.
std::string TableCheck::compare_refs() const {
  const std::vector<Ref> wanted = judge_->refs();
  const std::vector<Ref>& found = refs_.refs;  // by name, as the table has them
  for (std::size_t i = 0; i < std::max(wanted.size(), found.size()); ++i) {
    const bool missing = i == found.size() || (i < wanted.size() && wanted[i].name < found[i].name);
    if (missing) return "the ref " + wanted[i].name + " is missing";
    if (i == wanted.size() || found[i].name < wanted[i].name) {
      return "the ref " + found[i].name + " is of no session";
    }
    if (found[i] == wanted[i]) continue;
    return "the ref " + found[i].name + " leads to event " + seq_text(found[i].head) +
           " of session " + seq_text(found[i].session) + ", and the events say " +
           seq_text(wanted[i].head) + " of " + seq_text(wanted[i].session);
  }
  return {};
}

std::string TableCheck::each_entry(Table table, const Judge& judge) {
  std::string after;
  for (Entries copied; !copied.end;) {
    std::string complaint = copy_out(table, after, copied);
    if (!complaint.empty()) return complaint;
    for (const auto& [key, value] : copied.entries) {
      complaint = judge(key, value, copied.last);
      if (!complaint.empty()) return complaint;
      after = key;
    }
  }
  return {};
}

std::string TableCheck::copy_out(Table table, const std::string& after, Entries& into) {
  into.entries.clear();
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return status.text();
  // Of the same view: a writer beside us may add events and what points at them.
  Cursor events(visit, Table::kEvents);
  status = events.last();
  if (!status.ok() && !status.not_found()) return status.text();
  into.last = status.ok() ? record::seq_of(events.number()) : 0;
  Cursor cursor(visit, table);
  status = after.empty() ? cursor.first() : cursor.seek_key(after);
  if (status.ok() && cursor.key() == after) status = cursor.next();
  std::size_t bytes = 0;
  for (; status.ok() && bytes < kTableVisitBytes; status = cursor.next()) {
    const std::string_view before = into.entries.empty() ? after : into.entries.back().first;
    if (cursor.key() <= before) return "the entries of a table are out of order";
    into.entries.emplace_back(cursor.key(), cursor.value());
    bytes += cursor.key().size() + cursor.value().size();
  }
  if (!status.ok() && !status.not_found()) return status.text();
  into.end = !status.ok();
  return {};
}

std::optional<TableCheck::Finding> TableCheck::finish(Seq last) {
  std::string complaint = rows_complaint_;
  if (complaint.empty()) complaint = judge_meta();
  if (!complaint.empty()) return Finding{std::move(complaint)};
  complaint = judge_refs(last);
  if (!complaint.empty()) return Finding{std::move(complaint), true};
  return judge_snapshots();
}

std::string TableCheck::judge_refs(Seq last) {
  if (!refs_complaint_.empty()) return refs_complaint_;
  if (refs_.upto > last) {
    return "refs are said to be correct up to event " + seq_text(refs_.upto) +
           ", which is not there";
  }
  for (const Ref& ref : refs_.refs) {
    if (ref.head == 0 || ref.head > refs_.upto) {
      return "the ref " + ref.name + " leads to event " + seq_text(ref.head) +
             ", and refs are said to be correct up to " + seq_text(refs_.upto);
    }
  }
  return {};
}

void TableCheck::add(std::string_view key, Seq seq, Rows& into) const {
  Sha256 hash = salted_;
  record::hash_part(hash, seq, key);
  const Digest digest = hash.finish();
  for (std::size_t i = 0; i < digest.size(); ++i) into.sum[i] ^= digest[i];
  ++into.count;
}

std::optional<TableCheck::Finding> TableCheck::judge_externals(Seq last) {
  Rows rows;
  const auto judge_row = [&](std::string_view key, std::string_view value, Seq newest) {
    if (key.size() != layout::kDedupeKeyBytes || value.size() != sizeof(Seq)) {
      return std::string("an entry of the dedupe table has another size");
    }
    const Seq seq = record::load_u64(value);
    if (seq > since_ && seq <= last) add(key, seq, rows);
    if (seq >= 1 && seq <= newest) return std::string();
    return "an entry of the dedupe table names event " + seq_text(seq) + ", which is not there";
  };
  rows_complaint_ = each_entry(Table::kDedupe, judge_row);
  if (judge_ == nullptr || rows == heard_) return std::nullopt;
  std::optional<Finding> lost = find_lost(last);
  // Where every event that was heard has its row, what is more is surplus.
  if (!lost && rows_complaint_.empty()) rows_complaint_ = name_surplus(last);
  return lost;
}

std::optional<TableCheck::Finding> TableCheck::find_lost(Seq last) {
  std::optional<Finding> lost;
  const auto look = [&](const StoredEvent& stored) {
    const Result<StoredRecord> event = stored.decode();
    std::string complaint =
        event ? judge_external(judge_->external(view_of(event->record))) : event.error().message;
    if (!complaint.empty()) lost = Finding{std::move(complaint), false, stored.seq};
    return !lost;
  };
  const Result<void> read = StoredReading(environment_).events(since_ + 1, last, look);
  if (!read) lost = Finding{read.error().message, false, last};
  return lost;
}

std::string TableCheck::judge_external(const ExternalId& external) {
  if (external.id.empty()) return {};
  const auto found = reading_.find(layout::dedupe_key(external.source, external.id));
  if (!found) return found.error().message;
  if (!found->has_value()) {
    return "its external id is missing from the dedupe table: its update would be taken for new";
  }
  if (**found == external.seq) return {};
  return "the dedupe table says that its update is event " + seq_text(**found);
}

std::string TableCheck::name_surplus(Seq last) {
  const auto judge_row = [&](std::string_view key, std::string_view value, Seq) {
    const Seq seq = record::load_u64(value);
    if (seq <= since_ || seq > last) return std::string();
    const Result<ExternalId> external = external_at(seq);
    if (!external) return external.error().message;
    if (layout::dedupe_key(external->source, external->id) == key) return std::string();
    return "an entry of the dedupe table names event " + seq_text(seq) +
           ", which has another external id: a new update could be taken for an old one";
  };
  std::string complaint = each_entry(Table::kDedupe, judge_row);
  return complaint.empty() ? "the dedupe table and the events do not agree" : complaint;
}

Result<ExternalId> TableCheck::external_at(Seq seq) {
  const Result<std::optional<Reading::Locked>> record = reading_.get_locked(seq);
  if (!record) return record.error();
  if (!record->has_value()) return ExternalId();
  const Record& event = (*record)->event;
  return judge_->external({event.seq, event.time, event.kind, event.session, event.cause,
                           event.prev, event.clear, event.content});
}

std::optional<TableCheck::Finding> TableCheck::judge_snapshots() {
  bool rewritten = true;
  const auto judge_row = [&](std::string_view key, std::string_view value, Seq newest) {
    const std::optional<Snapshot> snapshot = layout::parse_snapshot(key, value);
    if (!snapshot) return std::string("a snapshot is damaged");
    const std::string name = "the snapshot " + snapshot->projection +
                             (snapshot->session == 0 ? "" : " of " + seq_text(snapshot->session));
    if (snapshot->seq > newest) {
      rewritten = false;
      return name + " is of event " + seq_text(snapshot->seq) + ", which is not there";
    }
    std::string complaint = judge_ == nullptr ? "" : judge_->judge(*snapshot);
    if (!complaint.empty()) {
      rewritten = false;
      complaint = name + ": " + complaint;
    }
    return complaint;
  };
  std::string complaint = each_entry(Table::kSnapshots, judge_row);
  if (complaint.empty()) return std::nullopt;
  return Finding{std::move(complaint), rewritten};
}

std::string TableCheck::judge_meta() {
  for (const auto& [name, size] : {std::pair(layout::kMetaFormat, sizeof(std::uint32_t)),
                                   std::pair(layout::kMetaId, layout::kJournalIdBytes),
                                   std::pair(layout::kMetaCreated, sizeof(std::uint64_t)),
                                   std::pair(layout::kMetaEpoch, sizeof(std::uint64_t))}) {
    const Result<std::optional<std::string>> value = reading_.meta(name);
    if (!value) return value.error().message;
    if (value->has_value() && (*value)->size() == size) continue;
    return std::string("the journal does not say its ").append(name);
  }
  const Result<std::optional<std::string>> epoch = reading_.meta(layout::kMetaEpoch);
  if (!epoch) return epoch.error().message;
  const std::uint64_t told = judge_ == nullptr ? 0 : judge_->epoch();
  if (told != 0 && record::load_u64(**epoch) != told) {
    return "the journal says that it is of epoch " + seq_text(record::load_u64(**epoch)) +
           ", and its events say " + seq_text(told);
  }
  const Result<std::optional<std::string>> upto = reading_.meta(layout::kMetaRefsUpto);
  if (!upto) return upto.error().message;
  if (!upto->has_value() || (*upto)->size() == sizeof(Seq)) return {};
  return "what refs are correct up to is damaged";
}

}  // namespace daybook
