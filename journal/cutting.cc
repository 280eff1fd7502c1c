// In commits of some rows each, so that no transaction grows with the journal.
#include "journal/cutting.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "journal/files.h"
#include "journal/layout.h"
#include "journal/reading.h"
#include "journal/record.h"
#include "journal/segments.h"

namespace daybook {
namespace {

using store::Environment;
using store::Status;
using store::Table;
using store::WriteTransaction;

constexpr std::size_t kRemovedPerCommit = 20'000;

// Keys of entries that tell of something behind `upto`.
Result<std::vector<std::string>> keys_behind(Environment& environment, Table table, Seq upto) {
  std::vector<std::string> keys;
  store::Visit visit(environment);
  Status status = visit.begin();
  store::Cursor cursor(visit, table);
  for (status = cursor.first(); status.ok(); status = cursor.next()) {
    const std::string_view value = cursor.value();
    bool behind = true;
    if (table == Table::kEvents) behind = record::seq_of(cursor.number()) > upto;
    if (table == Table::kSeals) behind = cursor.number() > upto;
    if (table == Table::kDedupe) behind = value.size() != 8 || record::load_u64(value) > upto;
    if (table == Table::kSnapshots) {
      const auto snapshot = layout::parse_snapshot(cursor.key(), value);
      behind = !snapshot || snapshot->seq > upto;
    }
    if (behind) keys.emplace_back(cursor.key());
  }
  if (!status.not_found()) return status.error("cannot read", environment.directory());
  return keys;
}

Result<void> remove_behind(Environment& environment, Seq upto) {
  for (const Table table :
       {Table::kEvents, Table::kSeals, Table::kDedupe, Table::kSnapshots, Table::kRefs}) {
    const Result<std::vector<std::string>> keys = keys_behind(environment, table, upto);
    if (!keys) return keys.error();
    for (std::size_t at = 0; at < keys->size(); at += kRemovedPerCommit) {
      const std::size_t end = std::min(keys->size(), at + kRemovedPerCommit);
      WriteTransaction transaction(environment);
      Status status = transaction.begin();
      for (std::size_t i = at; i < end && status.ok(); ++i) {
        status = transaction.remove(table, (*keys)[i]);
      }
      if (status.ok()) status = transaction.commit();
      if (!status.ok()) return status.error("cannot write", environment.directory());
    }
  }
  return {};
}

Result<std::unique_ptr<store::Segments>> segments_of(Environment& environment) {
  Reading reading(environment);
  const Result<std::optional<std::string>> value = reading.meta(layout::kMetaSegments);
  if (!value) return value.error();
  const Result<std::optional<std::string>> id = reading.meta(layout::kMetaId);
  if (!id) return id.error();
  auto places = layout::parse_segments(value->value_or(std::string()));
  if (!places) return Error{"the backup does not say what was archived", ExitCode::kDamaged};
  return std::make_unique<store::Segments>(std::move(*places), environment.directory(),
                                           id->value_or(std::string()));
}

Result<void> write_back(Environment& environment, store::SegmentWalk& walk, Seq upto) {
  while (walk.there() && record::seq_of(walk.key()) <= upto) {
    WriteTransaction transaction(environment);
    Status status = transaction.begin();
    for (std::size_t rows = 0; rows < kRemovedPerCommit && status.ok() && walk.there(); ++rows) {
      Result<void> read = walk.load();
      if (!read) return read;
      if (record::seq_of(walk.key()) > upto) break;
      std::string key;
      record::append_u64(key, walk.key());
      status = transaction.insert(Table::kEvents, key, walk.value());
      read = walk.next();
      if (!read) return read;
    }
    if (status.ok()) status = transaction.commit();
    if (!status.ok()) return status.error("cannot write", environment.directory());
  }
  return {};
}

// A history that is cut may end with a chunk, or without what else its key locks: so nothing of it
// stays archived.
Result<void> take_out_of_segments(Environment& environment, std::uint32_t format, Seq upto) {
  const auto segments = segments_of(environment);
  if (!segments) return segments.error();
  if ((*segments)->places().empty()) return {};
  store::SegmentWalk walk(**segments);
  Result<void> done = walk.seek(0);
  if (done) done = write_back(environment, walk, upto);
  if (!done) return done;
  std::string value;
  record::append_u32(value, format);
  WriteTransaction transaction(environment);
  Status status = transaction.begin();
  if (status.ok()) status = transaction.remove(Table::kMeta, layout::kMetaSegments);
  if (status.ok()) status = transaction.put(Table::kMeta, layout::kMetaFormat, value);
  if (status.ok()) status = transaction.commit();
  if (!status.ok()) return status.error("cannot write", environment.directory());
  const std::string place = environment.directory() + "/";
  const auto names = files::names_in(environment.directory(), files::kSegmentPrefix);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (::unlink((place + name).c_str()) == 0 || errno == ENOENT) continue;
    return files::system_error("remove", place + name, errno);
  }
  return {};
}

}  // namespace

Result<void> cut_behind(Environment& environment, std::uint32_t format, Seq upto) {
  Result<void> removed = remove_behind(environment, upto);
  return removed ? take_out_of_segments(environment, format, upto) : removed;
}

Result<Seq> common_upto(Environment& one, Environment& other) {
  Reading mine(one);
  Reading theirs(other);
  const Result<Seq> last = mine.last();
  if (!last) return last.error();
  Seq low = 0;
  for (Seq high = *last; low < high;) {
    const Seq middle = low + (high - low + 1) / 2;
    const auto seal = mine.seal_at(middle);
    if (!seal) return seal.error();
    const auto same = seal->has_value() ? theirs.seal_at((*seal)->last) : seal;
    // Theirs may lie in a segment that is out of reach: then no more than what lies before.
    const bool equal = seal->has_value() && same && same->has_value() &&
                       (*seal)->last == (*same)->last && (*seal)->digest == (*same)->digest;
    if (equal) low = (*seal)->last;
    if (!equal) high = middle - 1;
  }
  return low;
}

}  // namespace daybook
