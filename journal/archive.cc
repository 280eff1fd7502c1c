// The segment first, then a smaller data.mdb beside the present one, then one rename.
#include "journal/archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "journal/layout.h"
#include "journal/lmdb_log.h"
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
    Result<Archived> done = move_chunks();
    if (!done) clear_away();
    return done;
  }

 private:
  Result<Archived> move_chunks() {
    archived_.bytes_before = data_bytes();
    Result<void> done = learn_keys();
    if (done) done = write_segment();
    if (!done) return done.error();
    if (archived_.chunks == 0) return archived_;
    for (const auto step : {&Archiver::name_segment, &Archiver::make_smaller,
                            &Archiver::examine_smaller, &Archiver::put_in_place}) {
      done = (this->*step)();
      if (!done) return done.error();
    }
    archived_.bytes_after = data_bytes();
    return archived_;
  }

  // What nobody refers to, and may lie on a disk that is full.
  void clear_away() const {
    if (!draft_.empty()) ::unlink(draft_.c_str());
    if (segment_is_ours_) ::unlink(added_.path.c_str());
    std::ignore = files::remove_flat(draft());
  }

  [[nodiscard]] const std::string& directory() const { return options_.directory; }
  [[nodiscard]] std::string data() const { return directory() + "/" + files::kData; }
  [[nodiscard]] std::uint64_t data_bytes() const {
    struct stat found {};
    return ::stat(data().c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
  }

  void tell(std::string_view what, std::uint64_t done, std::uint64_t of) const {
    if (options_.progress) options_.progress(what, done, of);
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
    status = cursor.last();
    if (status.ok()) last_ = record::seq_of(cursor.number());
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

  Result<void> write_segment() {
    // One that is there is somebody's, and stays as open to others as they have made it.
    Result<void> done;
    if (!files::exists(options_.into)) done = files::prepare_directory(options_.into, true);
    if (!done) return done;
    draft_ = options_.into + "/" + files::kSegmentPrefix + "new-" +
             hex(std::string_view(opened_.journal_id).substr(0, kNameDigestBytes)) + ".partial";
    if (::unlink(draft_.c_str()) != 0 && errno != ENOENT) {
      return Error{"cannot write into " + options_.into + ": " + std::strerror(errno) +
                       "; name another directory",
                   ExitCode::kInputOutput};
    }
    hash_.update(opened_.journal_id);
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
        record::hash_part(hash_, chunk.key, chunk.value);
      }
      if (!chunks.empty()) tell("archiving", record::seq_of(chunks.back().key), options_.upto);
    }
    if (!writer) return {};
    archived_.chunks = writer->count();
    return writer->finish();
  }

  // Where one of this name is, it is this one, left by somebody who was interrupted: several
  // journals, and several histories of one, may be archived into one directory.
  Result<void> name_segment() {
    const auto segment = Segment::open(draft_, opened_.journal_id);
    if (!segment) return segment.error();
    added_ = {(*segment)->first(), (*segment)->last(), ""};
    added_.path = options_.into + "/" + files::kSegmentPrefix +
                  std::to_string(record::seq_of(added_.first)) + "-" +
                  std::to_string(record::seq_of(added_.last)) + "-" +
                  hex(view(hash_.finish()).substr(0, kNameDigestBytes));
    const bool new_here = !files::exists(added_.path);
    Result<void> done = files::move_into_place(draft_, added_.path);
    segment_is_ours_ = done && new_here;
    if (done) done = files::sync_directory(options_.into);
    archived_.path = added_.path;
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

  [[nodiscard]] std::string draft() const { return directory() + "/" + files::kCompacting; }

  // A data.mdb without what the segment holds. Who reads the present one meanwhile goes on reading
  // it whole.
  Result<void> make_smaller() {
    Result<void> done = files::remove_flat(draft());
    if (done) done = files::prepare_directory(draft(), true);
    if (!done) return done;
    auto smaller = Environment::open({draft(), environment_.map_bytes(), false, true});
    if (!smaller) return smaller.error();
    for (std::size_t table = 0; done && table < store::kTableCount; ++table) {
      done = copy_table(**smaller, static_cast<Table>(table));
    }
    // Twice: then both of LMDB's meta pages know all of it, and whichever somebody trusts is right.
    for (int times = 0; done && times < 2; ++times) done = remember_segment(**smaller);
    // A lock that counts to one less would be taken for this one's, left so by a writer that died.
    const bool next = (*smaller)->transaction() == environment_.transaction() + 1;
    return done && next ? remember_segment(**smaller) : done;
  }

  [[nodiscard]] Error cannot_write(const Status& status) const {
    // A write that ends in the middle, as on a full disk, is EIO to LMDB.
    const bool full = status.input_output() && files::free_bytes(draft()) < LmdbLog::kFullBytes;
    Error error =
        (full ? Status(ENOSPC) : status).error("cannot write", draft() + "/" + files::kData);
    error.message += "; archiving needs room for a second data.mdb; nothing was moved";
    return error;
  }

  // In pieces, so that no transaction becomes large.
  Result<void> copy_table(Environment& smaller, Table table) {
    const store::Segments added({added_}, options_.into, opened_.journal_id);
    SegmentWalk moved(added);
    Visit visit(environment_);
    Status status = visit.begin();
    Cursor cursor(visit, table, Cursor::Archived::kLeftOut);
    if (status.ok()) status = cursor.first();
    while (status.ok()) {
      WriteTransaction transaction(smaller);
      Status written = transaction.begin();
      for (std::size_t rows = 0; rows < kVisitRecords && written.ok() && status.ok(); ++rows) {
        const bool may_go = table == Table::kEvents && moved.there();
        if (may_go && moved.key() == cursor.number()) {
          Result<void> left = leave_out(moved, cursor.value());
          if (!left) return left;
        } else {
          written = transaction.insert(table, cursor.key(), cursor.value());
        }
        status = cursor.next();
      }
      if (written.ok()) written = transaction.commit();
      if (!written.ok()) return cannot_write(written);
      if (table == Table::kEvents && status.ok()) {
        tell("copying the rest", record::seq_of(cursor.number()), last_);
      }
    }
    if (!status.not_found()) return status.error("cannot read the journal in", directory());
    return {};
  }

  // What the segment, as it lies on the disk, holds byte for byte.
  Result<void> leave_out(SegmentWalk& moved, std::string_view value) const {
    Result<void> read = moved.load();
    if (read && moved.value() != value) {
      return Error{added_.path + " does not hold what was written to it: nothing was moved; look " +
                       "at the disk it lies on",
                   ExitCode::kInputOutput};
    }
    return read ? moved.next() : read;
  }

  Result<void> remember_segment(Environment& smaller) {
    std::vector<SegmentPlace> all = places();
    all.push_back(added_);
    std::string format;
    record::append_u32(format, opened_.format | layout::kFormatArchived);
    WriteTransaction transaction(smaller);
    Status status = transaction.begin();
    const std::string value = layout::segments_value(all);
    if (status.ok()) status = transaction.put(Table::kMeta, layout::kMetaSegments, value);
    if (status.ok()) status = transaction.put(Table::kMeta, layout::kMetaFormat, format);
    if (status.ok()) status = transaction.commit();
    return status.ok() ? Result<void>() : cannot_write(status);
  }

  // lock.mdb counts the transactions of the file that leaves, so it goes first and is made anew.
  Result<void> put_in_place() {
    opened_.environment.reset();
    const std::string lock = directory() + "/lock.mdb";
    if (::unlink(lock.c_str()) != 0 && errno != ENOENT) {
      return files::system_error("remove", lock, errno);
    }
    segment_is_ours_ = false;  // the journal's from here on
    Result<void> done = files::move_into_place(draft() + "/" + files::kData, data());
    if (done) done = files::sync_directory(directory());
    if (done) done = files::remove_flat(draft());
    if (!done) return done;
    // Who opened the old file in between has made a lock for it: opened to write, it is made anew.
    const auto opened = Environment::open({directory(), 0, false, false});
    return opened ? Result<void>() : opened.error();
  }

  Result<void> examine_smaller() {
    Result<void> done = files::replace(draft(), files::kSealKey, opened_.seal_key);
    if (!done) return done;
    Reading reading(environment_);
    const auto seal = reading.last_seal();
    if (!seal) return seal.error();
    if (seal->has_value()) {
      const files::Head head{(*seal)->last, (*seal)->digest, Time{}};
      done = files::replace(draft(), files::kHead, files::format_head(head));
      if (!done) return done;
    }
    VerifyOptions options;
    options.directory = draft();
    options.keys = directory() + "/" + files::kKeys;
    options.progress = options_.progress;
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
  bool segment_is_ours_ = false;  // made now, and no journal refers to it yet
  std::vector<KeyId> keys_;
  Sha256 hash_;  // of what was added
  Seq last_ = 0;
  Archived archived_;
};

}  // namespace

Result<Archived> archive(const ArchiveOptions& options) {
  Result<Opened> opened = open_for_writing(options.directory, 0, false);
  if (!opened) return opened.error();
  return Archiver(std::move(*opened), options).run();
}

}  // namespace daybook
