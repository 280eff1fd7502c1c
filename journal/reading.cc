// Copies out of the map in blocks, then decodes and hands over with no transaction open.
#include "journal/reading.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/check.h"
#include "journal/layout.h"

namespace daybook {
namespace {

using store::Cursor;
using store::Status;
using store::Table;
using store::Visit;

constexpr std::size_t kFirstVisitEvents = 32;  // a caller that stops early pays for few
constexpr std::size_t kVisitGrowth = 4;
constexpr std::size_t kVisitBytesMax = 256u << 10;
constexpr std::size_t kLinksMax = 64;  // what a block of them takes stays in the nearest cache
constexpr Seq kKeysVisitMax = 65'536;  // headers alone are read: these take some milliseconds

std::optional<Reading::Seal> seal_of(std::uint64_t key, std::string_view bytes) {
  Reading::Seal seal{record::seq_of(key), {}};
  std::memcpy(seal.digest.data(), bytes.data(), seal.digest.size());
  return seal;
}

bool by_session(const Erased& one, const Erased& other) { return one.session < other.session; }

Seq window_first(const std::vector<Erased>& window) {
  return std::min_element(
             window.begin(), window.end(),
             [](const Erased& one, const Erased& other) { return one.first < other.first; })
      ->first;
}

Record clear_of(const RecordView& event) {
  return {event.seq,
          event.time,
          event.kind,
          event.session,
          event.cause,
          event.prev,
          std::string(event.clear),
          {},
          0,
          false};
}

// `erased` is sorted by session.
bool names(const std::vector<Erased>& erased, SessionId session, Seq seq) {
  const auto [begin, end] =
      std::equal_range(erased.begin(), erased.end(), Erased{session, 0, 0}, by_session);
  return std::any_of(begin, end,
                     [seq](const Erased& one) { return one.first <= seq && seq <= one.last; });
}

}  // namespace

Error Reading::failed(Status status) const {
  const auto trouble =
      status.segment_lost() ? environment_.segments()->trouble() : std::optional<Error>();
  if (trouble) return *trouble;
  return status.error("cannot read the journal in", environment_.directory());
}

Error Reading::damaged(Seq seq, std::string_view problem) const {
  std::string message = "event " + std::to_string(seq) + " of the journal in ";
  message.append(environment_.directory()).append(" is damaged: ").append(problem);
  return {message + "; run daybook verify, then restore it from a backup", ExitCode::kDamaged};
}

Result<void> Reading::unlock(Record& event, KeyId key) {
  event.erased = false;
  if (key == 0) return {};
  if (keys_ != nullptr) {
    const Result<bool> unlocked = keys_->unlock(event.session, key, event.seq, event.content);
    if (!unlocked) return unlocked.error();
    event.erased = !*unlocked;
    if (event.erased) event.content.clear();
    return {};
  }
  return Error{"event " + std::to_string(event.seq) + " of the journal in " +
                   environment_.directory() + " is encrypted, and it has no key store",
               ExitCode::kDamaged};
}

Result<Seq> Reading::last() {
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return failed(status);
  Cursor cursor(visit, Table::kEvents);
  status = cursor.last();
  if (status.not_found()) return Seq{0};
  if (!status.ok()) return failed(status);
  return record::seq_of(cursor.number());
}

Result<std::optional<Record>> Reading::get(Seq seq) {
  Result<std::optional<Locked>> found = get_locked(seq);
  if (!found) return found.error();
  if (!found->has_value()) return std::optional<Record>();
  const Result<void> unlocked = unlock((*found)->event, (*found)->key);
  if (!unlocked) return unlocked.error();
  return std::optional<Record>(std::move((*found)->event));
}

Result<std::optional<Record>> Reading::get_clear(Seq seq) {
  Result<std::optional<Locked>> found = copy_event(seq, false);
  if (!found) return found.error();
  if (!found->has_value()) return std::optional<Record>();
  return std::optional<Record>(std::move((*found)->event));
}

Result<std::optional<Reading::Locked>> Reading::get_locked(Seq seq) {
  return copy_event(seq, true);
}

Result<std::optional<Reading::Locked>> Reading::copy_event(Seq seq, bool words) {
  Visit visit(environment_);
  const Status status = visit.begin();
  if (!status.ok()) return failed(status);
  record::Decoder decoder;
  const Result<bool> found = find_event(visit, seq, decoder);
  if (!found) return found.error();
  if (!*found) return std::optional<Locked>();
  Locked locked{clear_of(decoder.event()), decoder.key_id()};
  if (words) locked.event.content.assign(decoder.event().content);
  return std::optional<Locked>(std::move(locked));
}

// Feeds the event to the decoder, whose event() is good as long as the visit. False: there is none.
Result<bool> Reading::find_event(Visit& visit, Seq seq, record::Decoder& decoder) {
  if (seq == 0 || seq > record::kSeqMax) return false;
  std::string_view value;
  Status status = visit.get(Table::kEvents, record::key_of(seq), value);
  if (status.ok()) {
    const Result<void> fed = feed_whole(visit, seq, value, decoder);
    return fed ? Result<bool>(true) : Result<bool>(fed.error());
  }
  if (!status.not_found()) return failed(status);
  Cursor cursor(visit, Table::kEvents);
  status = cursor.last();
  if (status.ok() && record::seq_of(cursor.number()) > seq) return damaged(seq, "it is missing");
  if (!status.ok() && !status.not_found()) return failed(status);
  return false;
}

Result<void> Reading::walk(Seq head, Seq until,
                           const std::function<bool(const RecordView&)>& visit) {
  ClearBlock block;
  std::size_t events_max = kFirstVisitEvents;
  for (Seq seq = head; seq > until;) {
    const Result<Seq> next = copy_links(seq, until, events_max, block);
    if (!next) return next.error();
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (!visit(block.at(i))) return {};
    }
    seq = *next;
    events_max = std::min(events_max * kVisitGrowth, kLinksMax);
  }
  return {};
}

// In one transaction; where to go on.
Result<Seq> Reading::copy_links(Seq head, Seq until, std::size_t events_max, ClearBlock& into) {
  into.clear();
  Visit visit(environment_);
  const Status status = visit.begin();
  if (!status.ok()) return failed(status);
  // The way first: each step waits for memory, and what is there to check along it need not. Half
  // of the steps stay on a page, which a cursor does not look for again.
  std::array<std::pair<Seq, std::string_view>, kLinksMax> links;
  std::size_t count = 0;
  Seq seq = head;
  Status found;
  Cursor cursor(visit, Table::kEvents, Cursor::Archived::kLeftOut);
  while (seq > until && count < events_max) {
    const std::uint64_t key = record::key_of(seq);
    found = cursor.seek(key);
    std::string_view value = cursor.value();
    if (!found.ok() || cursor.number() != key) found = visit.get(Table::kEvents, key, value);
    if (!found.ok()) break;
    links[count++] = {seq, value};
    seq = record::prev_of(seq, value);
  }
  record::Decoder decoder;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [event, value] = links[i];
    const Result<void> fed = feed_whole(visit, event, value, decoder);
    if (!fed) return fed.error();
    into.add(decoder.event(), decoder.key_id());
  }
  if (found.not_found()) return damaged(seq, "it is missing");
  if (!found.ok()) return failed(found);
  return seq;
}

// An event from its first value on.
Result<void> Reading::feed_whole(Visit& visit, Seq seq, std::string_view value,
                                 record::Decoder& decoder) {
  auto answer = decoder.feed(record::key_of(seq), value);
  for (std::uint64_t key = record::key_of(seq); answer == record::Decoder::Answer::kMore;) {
    const Status status = visit.get(Table::kEvents, ++key, value);
    if (status.not_found()) return damaged(seq, "one of its parts is missing");
    if (!status.ok()) return failed(status);
    answer = decoder.feed(key, value);
  }
  if (answer == record::Decoder::Answer::kDamaged) return damaged(seq, decoder.problem());
  return {};
}

// Fills `copied` from copied.next on. Events come whole: a visit does not end inside one.
Result<void> Reading::copy_out(Copied& copied, Seq last, const KindSet& kinds,
                               std::size_t events_max) {
  copied.bytes.clear();
  copied.items.clear();
  copied.end = false;
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return failed(status);
  const bool skips = !kinds.test(layout::kArchivedKind) && environment_.segments() != nullptr;
  Cursor cursor(visit, Table::kEvents,
                skips ? Cursor::Archived::kLeftOut : Cursor::Archived::kRead);
  std::size_t events = 0;
  for (status = cursor.seek(record::key_of(copied.next)); status.ok(); status = cursor.next()) {
    const std::uint64_t key = cursor.number();
    const Seq seq = record::seq_of(key);
    if (record::part_of(key) == 0) {
      const bool enough = events == events_max || copied.bytes.size() >= kVisitBytesMax;
      if (enough) break;
      const Seq wanted = seq > last ? last + 1 : seq;  // all before it is there, or archived
      const bool gap = copied.next < wanted;
      const bool archived = skips && environment_.segments()->cover(copied.next, wanted - 1);
      if (gap && !archived) return damaged(copied.next, "it is missing");
      copied.end = seq > last;
      if (copied.end) break;
      ++events;
      copied.next = seq + 1;
    }
    const std::string_view value = cursor.value();
    if (!kinds.test(record::kind_of(value))) continue;
    copied.items.push_back({key, copied.bytes.size(), value.size()});
    copied.bytes.append(value);
  }
  if (!status.ok() && !status.not_found()) return failed(status);
  copied.end = copied.end || !status.ok();
  return {};
}

Result<bool> Reading::hand_over(const Copied& copied,
                                const std::function<bool(const Record&)>& visit) {
  Record event;
  record::Decoder decoder;
  for (const Copied::Item& item : copied.items) {
    const std::string_view value = std::string_view(copied.bytes).substr(item.offset, item.size);
    const auto answer = decoder.feed(item.key, value, event);
    if (answer == record::Decoder::Answer::kMore) continue;
    const Seq seq = record::seq_of(item.key);
    if (answer == record::Decoder::Answer::kDamaged) return damaged(seq, decoder.problem());
    const Result<void> unlocked = unlock(event, decoder.key_id());
    if (!unlocked) return unlocked.error();
    if (!visit(event)) return false;
  }
  if (decoder.open()) return damaged(decoder.event().seq, "one of its parts is missing");
  return true;
}

Result<void> Reading::scan(Seq first, Seq last, const KindSet& kinds,
                           const std::function<bool(const Record&)>& visit) {
  Copied copied;
  copied.next = std::max<Seq>(first, 1);
  if (copied.next > last || copied.next > record::kSeqMax) return {};
  std::size_t events_max = kFirstVisitEvents;
  while (!copied.end) {
    const Result<void> read = copy_out(copied, last, kinds, events_max);
    if (!read) return read.error();
    const Result<bool> more = hand_over(copied, visit);
    if (!more) return more.error();
    if (!*more) return {};
    events_max = std::min(events_max * kVisitGrowth, kVisitEventsMax);
  }
  return {};
}

Result<std::optional<std::string>> Reading::value_of(Table table, std::string_view key) {
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return failed(status);
  std::string_view value;
  status = visit.get(table, key, value);
  if (status.not_found()) return std::optional<std::string>();
  if (!status.ok()) return failed(status);
  return std::optional<std::string>(value);
}

Result<std::vector<KeyId>> Reading::keys_of(std::vector<Erased> erased) {
  std::sort(erased.begin(), erased.end(),
            [](const Erased& one, const Erased& other) { return one.first < other.first; });
  std::vector<KeyId> ids;
  for (std::size_t at = 0; at < erased.size();) {
    // What overlaps is read once.
    std::vector<Erased> window = {erased[at]};
    Seq last = erased[at].last;
    for (++at; at < erased.size() && erased[at].first <= last; ++at) {
      window.push_back(erased[at]);
      last = std::max(last, erased[at].last);
    }
    std::sort(window.begin(), window.end(), by_session);
    const Result<void> added =
        add_keys(window_first(window), std::min(last, record::kSeqMax), window, &ids);
    if (!added) return added.error();
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Result<void> Reading::add_keys(Seq first, Seq last, const std::vector<Erased>& erased,
                               std::vector<KeyId>* ids) {
  for (Seq next = first; next <= last;) {
    Visit visit(environment_);
    Status status = visit.begin();
    if (!status.ok()) return failed(status);
    // Whatever locks an archived chunk locks one of these, too.
    Cursor cursor(visit, Table::kEvents, Cursor::Archived::kLeftOut);
    Seq seen = next;
    for (status = cursor.seek(record::key_of(next)); status.ok(); status = cursor.next()) {
      seen = record::seq_of(cursor.number());
      if (seen > last || seen - next >= kKeysVisitMax) break;
      const std::string_view value = cursor.value();
      const KeyId key = record::key_id_of(value);
      const bool news = key != 0 && (ids->empty() || ids->back() != key);
      if (news && names(erased, record::session_of(value), seen)) ids->push_back(key);
    }
    if (status.not_found() || seen > last) return {};
    if (!status.ok()) return failed(status);
    next = seen;
  }
  return {};
}

Result<std::optional<Seq>> Reading::find(std::string_view dedupe_key) {
  const Result<std::optional<std::string>> value = value_of(Table::kDedupe, dedupe_key);
  if (!value) return value.error();
  if (!value->has_value()) return std::optional<Seq>();
  if ((*value)->size() != sizeof(Seq)) {
    return Error{"the list of external ids of the journal in " + environment_.directory() +
                     " is damaged: restore it from a backup",
                 ExitCode::kDamaged};
  }
  return std::optional<Seq>(record::load_u64(**value));
}

Result<std::optional<Snapshot>> Reading::snapshot(std::string_view projection, SessionId session) {
  const std::string key = layout::snapshot_key(projection, session);
  const Result<std::optional<std::string>> value = value_of(Table::kSnapshots, key);
  if (!value) return value.error();
  if (!value->has_value()) return std::optional<Snapshot>();
  return layout::parse_snapshot(key, **value);
}

Result<Log::Refs> Reading::refs() {
  Log::Refs refs;
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return failed(status);
  std::string_view upto;
  status = visit.get(Table::kMeta, layout::kMetaRefsUpto, upto);
  if (!status.ok() && !status.not_found()) return failed(status);
  if (upto.size() == sizeof(Seq)) refs.upto = record::load_u64(upto);
  Cursor cursor(visit, Table::kRefs);
  for (status = cursor.first(); status.ok(); status = cursor.next()) {
    const std::optional<Ref> ref = layout::parse_ref(cursor.key(), cursor.value());
    if (!ref) {
      return Error{"a ref of the journal in " + environment_.directory() +
                       " is damaged: restore it from a backup",
                   ExitCode::kDamaged};
    }
    refs.refs.push_back(*ref);
  }
  if (!status.not_found()) return failed(status);
  return refs;
}

Result<std::optional<std::string>> Reading::meta(std::string_view name) {
  return value_of(Table::kMeta, name);
}

Result<std::optional<Reading::Seal>> Reading::seal_row_at(Seq seq) {
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return failed(status);
  Cursor rows(visit, Table::kSeals);
  status = rows.seek(seq);
  if (status.ok()) return seal_in_row(rows);
  if (!status.not_found()) return failed(status);
  return std::optional<Seal>();
}

Result<std::optional<Reading::Seal>> Reading::seal_at(Seq seq) {
  Result<std::optional<Seal>> row = seal_row_at(seq);
  if (!row || row->has_value()) return row;
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return failed(status);
  Cursor events(visit, Table::kEvents);
  status = events.seek(record::key_of(std::min(seq, record::kSeqMax)));
  while (status.ok() && record::seal_in(events.value()).empty()) status = events.next();
  if (status.not_found()) return std::optional<Seal>();
  if (!status.ok()) return failed(status);
  return seal_of(events.number(), record::seal_in(events.value()));
}

Result<std::optional<Reading::Seal>> Reading::seal_before(Seq seq) {
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return failed(status);
  Cursor rows(visit, Table::kSeals);
  status = rows.seek(seq);
  const bool among_rows = status.ok();
  if (among_rows || status.not_found()) status = among_rows ? rows.previous() : rows.last();
  if (!status.ok() && !status.not_found()) return failed(status);
  const bool row = status.ok();
  if (!among_rows) {
    auto found = seal_in_record(visit, row ? rows.number() : 0, seq);
    if (!found || found->has_value()) return found;
  }
  return row ? seal_in_row(rows) : std::optional<Seal>();
}

// The newest one of events between these two. Looks at twice as many each time, from the end: a
// cursor that reads segments beside goes forwards only.
Result<std::optional<Reading::Seal>> Reading::seal_in_record(Visit& visit, Seq above,
                                                             Seq below) const {
  Cursor newest(visit, Table::kEvents, Cursor::Archived::kLeftOut);
  Status status = newest.last();
  if (status.ok()) below = std::min(below, record::seq_of(newest.number()) + 1);
  std::optional<Seal> found;
  Cursor events(visit, Table::kEvents);
  for (Seq count = 1; status.ok() && !found && below > above + 1; count *= 2) {
    const Seq first = below - std::min(count, below - above - 1);
    for (status = events.seek(record::key_of(first));
         status.ok() && record::seq_of(events.number()) < below; status = events.next()) {
      const std::string_view seal = record::seal_in(events.value());
      if (!seal.empty()) found = seal_of(events.number(), seal);
    }
    if (status.not_found()) status = Status();  // nothing lies behind them
    below = first;
  }
  if (!status.ok() && !status.not_found()) return failed(status);
  return found;
}

Result<std::optional<Reading::Seal>> Reading::seal_in_row(const Cursor& row) const {
  if (row.value().size() != sizeof(Digest)) return damaged(row.number(), "its seal is cut");
  return seal_of(record::key_of(row.number()), row.value());
}

Result<std::optional<Reading::Seal>> Reading::last_seal() { return seal_before(~Seq{0}); }

}  // namespace daybook
