// Write, read again, tell the journal, delete, compact: in this order, each durable before the
// next.
#include "journal/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "journal/backup.h"
#include "journal/layout.h"
#include "journal/opening.h"
#include "journal/reading.h"
#include "journal/verify.h"

namespace daybook {
namespace {

using store::Cursor;
using store::Environment;
using store::Segment;
using store::SegmentPlace;
using store::SegmentWalk;
using store::SegmentWriter;
using store::Status;
using store::Table;
using store::Visit;
using store::WriteTransaction;

constexpr std::size_t kMapBytes = std::size_t{64} << 30;
constexpr std::size_t kVisitRecords = 10'000;
constexpr std::size_t kNameDigestBytes = 8;

struct Chunk {
  std::uint64_t key = 0;
  std::string value;
};

class Archiver {
 public:
  Archiver(Opened opened, const ArchiveOptions& options)
      : opened_(std::move(opened)), options_(options), environment_(*opened_.environment) {}

  Result<Archived> run() {
    archived_.bytes_before = data_bytes();
    Result<void> done = learn_keys();
    if (done) done = remove_what_is_in_both();
    if (done) done = write_segment();
    if (done && archived_.chunks > 0) done = examine_segment();
    if (done && archived_.chunks > 0) done = remember_segment();
    if (done && archived_.chunks > 0) done = remove_what_is_in_both();
    if (done && removed_ > 0) done = compact();
    if (!done) return done.error();
    archived_.bytes_after = data_bytes();
    return archived_;
  }

 private:
  [[nodiscard]] const std::string& directory() const { return options_.directory; }
  [[nodiscard]] std::string data() const { return directory() + "/" + files::kData; }
  [[nodiscard]] std::uint64_t data_bytes() const {
    struct stat found {};
    return ::stat(data().c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
  }

  // Keys that lock more than chunks, ascending.
  Result<void> learn_keys() {
    Visit visit(environment_);
    Status status = visit.begin();
    if (!status.ok()) return status.error("cannot read the journal in", directory());
    Cursor cursor(visit, Table::kEvents, Cursor::Archived::kLeftOut);
    for (status = cursor.first(); status.ok(); status = cursor.next()) {
      const KeyId key = record::key_id_of(cursor.value());
      const bool chunk = record::kind_of(cursor.value()) == layout::kArchivedKind;
      if (!chunk && key != 0 && (keys_.empty() || keys_.back() != key)) keys_.push_back(key);
    }
    if (!status.not_found()) return status.error("cannot read the journal in", directory());
    std::sort(keys_.begin(), keys_.end());
    return {};
  }

  [[nodiscard]] bool may_go(std::string_view value) const {
    if (record::kind_of(value) != layout::kArchivedKind) return false;
    const KeyId key = record::key_id_of(value);
    return key == 0 || std::binary_search(keys_.begin(), keys_.end(), key);
  }

  // Chunks in data.mdb that may go, from `key` on, up to `last`; the next key to go on with, 0: no
  // more.
  Result<std::uint64_t> read_chunks(std::uint64_t key, Seq last, std::vector<Chunk>* into) {
    into->clear();
    Visit visit(environment_);
    Status status = visit.begin();
    if (!status.ok()) return status.error("cannot read the journal in", directory());
    Cursor cursor(visit, Table::kEvents, Cursor::Archived::kLeftOut);
    for (status = cursor.seek(key); status.ok(); status = cursor.next()) {
      if (record::seq_of(cursor.number()) > last) return std::uint64_t{0};
      if (into->size() == kVisitRecords) return cursor.number();
      if (!may_go(cursor.value())) continue;
      into->push_back({cursor.number(), std::string(cursor.value())});
    }
    if (!status.not_found()) return status.error("cannot read the journal in", directory());
    return std::uint64_t{0};
  }

  // What lies in a segment, byte for byte, data.mdb can do without.
  Result<void> remove_what_is_in_both() {
    if (environment_.segments() == nullptr || places().empty()) return {};
    const Seq last = record::seq_of(places().back().last);
    std::vector<Chunk> chunks;
    std::uint64_t key = record::key_of(1);
    while (key != 0) {
      const Result<std::uint64_t> next = read_chunks(key, last, &chunks);
      if (!next) return next.error();
      key = *next;
      if (chunks.empty()) continue;
      SegmentWalk walk(*environment_.segments());
      Result<void> done = walk.seek(chunks.front().key);
      std::vector<Chunk> both;
      for (Chunk& chunk : chunks) {
        while (done && walk.there() && walk.key() < chunk.key) done = walk.next();
        if (!done) return done;
        const bool same = walk.there() && walk.key() == chunk.key && walk.value() == chunk.value;
        if (same) both.push_back(std::move(chunk));
      }
      done = remove(both);
      if (!done) return done;
    }
    return {};
  }

  Result<void> remove(const std::vector<Chunk>& chunks) {
    if (chunks.empty()) return {};
    WriteTransaction transaction(environment_);
    Status status = transaction.begin();
    for (const Chunk& chunk : chunks) {
      std::string key;
      record::append_u64(key, chunk.key);
      if (status.ok()) status = transaction.remove(Table::kEvents, key);
    }
    if (status.ok()) status = transaction.commit();
    if (!status.ok()) return status.error("cannot write", data());
    removed_ += chunks.size();
    return {};
  }

  Result<void> write_segment() {
    // One that is there is somebody's, and stays as open to others as they have made it.
    Result<void> done;
    if (!files::exists(options_.into)) done = files::prepare_directory(options_.into, true);
    if (!done) return done;
    draft_ = options_.into + "/" + files::kSegmentPrefix + "new.partial";
    if (::unlink(draft_.c_str()) != 0 && errno != ENOENT) {
      return files::system_error("remove", draft_, errno);
    }
    std::optional<SegmentWriter> writer;
    std::vector<Chunk> chunks;
    std::uint64_t key = first_key();
    while (key != 0) {
      const Result<std::uint64_t> next = read_chunks(key, options_.upto, &chunks);
      if (!next) return next.error();
      key = *next;
      if (!chunks.empty() && !writer) {
        Result<SegmentWriter> created = SegmentWriter::create(draft_, opened_.journal_id);
        if (!created) return created.error();
        writer.emplace(std::move(*created));
      }
      for (const Chunk& chunk : chunks) {
        done = writer->add(chunk.key, chunk.value);
        if (!done) return done;
      }
      if (options_.progress && !chunks.empty()) {
        options_.progress(record::seq_of(chunks.back().key));
      }
    }
    if (!writer) return {};
    archived_.chunks = writer->count();
    return writer->finish();
  }

  // As it lies on the disk, against what lies in data.mdb.
  Result<void> examine_segment() {
    const auto segment = Segment::open(draft_, opened_.journal_id);
    if (!segment) return segment.error();
    std::vector<Chunk> chunks;
    std::size_t at = 0;
    std::uint64_t key = first_key();
    Segment::Block block;
    Sha256 hash;
    hash.update(opened_.journal_id);
    for (std::size_t number = 0; number < (*segment)->blocks(); ++number) {
      Result<void> read = (*segment)->read(number, block);
      if (!read) return read;
      for (const Segment::Block::Item& item : block.items) {
        if (at == chunks.size() && key != 0) {
          const Result<std::uint64_t> next = read_chunks(key, options_.upto, &chunks);
          if (!next) return next.error();
          key = *next;
          at = 0;
        }
        const bool same = at < chunks.size() && chunks[at].key == item.key &&
                          chunks[at].value == block.value(item);
        if (!same) {
          return Error{draft_ + " does not hold what was written to it: nothing was moved; look " +
                           "at the disk it lies on",
                       ExitCode::kInputOutput};
        }
        record::hash_part(hash, item.key, block.value(item));
        ++at;
      }
    }
    const SegmentPlace place{(*segment)->first(), (*segment)->last(), ""};
    return name_segment(place, hash.finish());
  }

  // Where one of this name is, it is this one, left by somebody who was interrupted: several
  // journals, and several histories of one, may be archived into one directory.
  Result<void> name_segment(SegmentPlace place, const Digest& digest) {
    place.path = options_.into + "/" + files::kSegmentPrefix +
                 std::to_string(record::seq_of(place.first)) + "-" +
                 std::to_string(record::seq_of(place.last)) + "-" +
                 hex(view(digest).substr(0, kNameDigestBytes));
    Result<void> done = files::move_into_place(draft_, place.path);
    if (done) done = files::sync_directory(options_.into);
    archived_.path = place.path;
    added_ = std::move(place);
    return done;
  }

  // Segments follow one another.
  [[nodiscard]] std::uint64_t first_key() const {
    const std::vector<SegmentPlace> all = places();
    return record::key_of(all.empty() ? 1 : record::seq_of(all.back().last) + 1);
  }

  [[nodiscard]] std::vector<SegmentPlace> places() const {
    const store::Segments* segments = environment_.segments();
    return segments == nullptr ? std::vector<SegmentPlace>() : segments->places();
  }

  Result<void> remember_segment() {
    std::vector<SegmentPlace> all = places();
    all.push_back(added_);
    std::string format;
    record::append_u32(format, opened_.format | layout::kFormatArchived);
    WriteTransaction transaction(environment_);
    Status status = transaction.begin();
    const std::string value = layout::segments_value(all);
    if (status.ok()) status = transaction.put(Table::kMeta, layout::kMetaSegments, value);
    if (status.ok()) status = transaction.put(Table::kMeta, layout::kMetaFormat, format);
    if (status.ok()) status = transaction.commit();
    if (!status.ok()) return status.error("cannot write", data());
    environment_.attach(
        std::make_unique<store::Segments>(std::move(all), directory(), opened_.journal_id));
    return {};
  }

  // A copy without the free pages takes the place of data.mdb. It has forgotten LMDB's count of
  // transactions, which lock.mdb remembers: so that goes first, and is made anew.
  Result<void> compact() {
    const std::string draft = directory() + "/" + files::kCompacting;
    Result<void> done = files::remove_flat(draft);
    if (done) done = files::prepare_directory(draft, true);
    if (done) done = copy_data(environment_, draft);
    if (done) done = examine_copy(draft);
    if (!done) return done;
    opened_.environment.reset();
    const std::string lock = directory() + "/lock.mdb";
    if (::unlink(lock.c_str()) != 0 && errno != ENOENT) {
      return files::system_error("remove", lock, errno);
    }
    done = files::move_into_place(draft + "/" + files::kData, data());
    if (done) done = files::sync_directory(directory());
    if (done) done = files::remove_flat(draft);
    return done;
  }

  Result<void> examine_copy(const std::string& draft) {
    Result<void> done = files::replace(draft, files::kSealKey, opened_.seal_key);
    if (!done) return done;
    Reading reading(environment_);
    const auto seal = reading.last_seal();
    if (!seal) return seal.error();
    if (seal->has_value()) {
      const files::Head head{(*seal)->last, (*seal)->digest, Time{}};
      done = files::replace(draft, files::kHead, files::format_head(head));
      if (!done) return done;
    }
    VerifyOptions options;
    options.directory = draft;
    options.keys = directory() + "/" + files::kKeys;
    const Result<Verification> found = verify(options);
    if (!found) return found.error();
    if (found->sound()) return {};
    return Error{"the smaller copy of " + data() + " is not sound (" + found->what +
                     "): it was not put in place; run daybook verify",
                 ExitCode::kDamaged};
  }

  Opened opened_;
  ArchiveOptions options_;
  Environment& environment_;
  std::string draft_;
  SegmentPlace added_;
  std::vector<KeyId> keys_;
  std::size_t removed_ = 0;
  Archived archived_;
};

}  // namespace

Result<Archived> archive(const ArchiveOptions& options) {
  Result<Opened> opened = open_for_writing(options.directory, kMapBytes, false);
  if (!opened) return opened.error();
  return Archiver(std::move(*opened), options).run();
}

}  // namespace daybook
