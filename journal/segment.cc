// Blocks of entries, an index of the blocks, a footer that says where it is.
#include "journal/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/check.h"
#include "journal/record.h"

namespace daybook::store {
namespace {

constexpr std::string_view kSegmentMagic = "daybook chunks 1";
constexpr std::size_t kHeaderBytes = kSegmentMagic.size() + Segment::kJournalIdBytes;
constexpr std::size_t kEntryHeadBytes = 12;  // u64: key, u32: size of the value
constexpr std::size_t kPlaceBytes = 16;
// u64: where the index is, its entries, records, first key, last key; u32: CRC-32C of index and
// all that; u32: 0.
constexpr std::size_t kFooterBytes = 48;
constexpr std::size_t kFooterCrcAt = 40;
constexpr std::uint64_t kIndexBytesMax = 64u << 20;

Result<std::string> read_at(int file, std::uint64_t offset, std::uint64_t size,
                            const std::string& path) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t more =
        ::pread(file, bytes.data() + got, bytes.size() - got, static_cast<off_t>(offset + got));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return files::system_error("read", path, errno);
    if (more == 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

}  // namespace

Error Segment::damaged() const {
  return {path_ + " is damaged: put back a whole copy of it", ExitCode::kDamaged};
}

Result<std::unique_ptr<Segment>> Segment::open(const std::string& path,
                                               std::string_view journal_id) {
  files::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return files::system_error("read", path, errno);
  auto segment = std::make_unique<Segment>(path, std::move(file));
  const Result<void> read = segment->read_index(journal_id);
  if (!read) return read.error();
  return segment;
}

Result<void> Segment::read_index(std::string_view journal_id) {
  struct stat found {};
  if (::fstat(file_.number(), &found) != 0) return files::system_error("read", path_, errno);
  const auto size = static_cast<std::uint64_t>(found.st_size);
  if (size < kHeaderBytes + kFooterBytes) return damaged();
  const Result<std::string> head = read_at(file_.number(), 0, kHeaderBytes, path_);
  if (!head) return head.error();
  if (!head->starts_with(kSegmentMagic)) return damaged();
  if (!head->ends_with(journal_id)) {
    return Error{path_ + " belongs to another journal", ExitCode::kDamaged};
  }
  const Result<std::string> footer =
      read_at(file_.number(), size - kFooterBytes, kFooterBytes, path_);
  if (!footer) return footer.error();
  if (footer->size() != kFooterBytes) return damaged();
  std::uint64_t numbers[5];
  for (std::size_t i = 0; i < 5; ++i) numbers[i] = record::load_u64(footer->substr(8 * i));
  const auto [at, places, count, first, last] = numbers;
  const bool fits = places <= kIndexBytesMax / kPlaceBytes && at >= kHeaderBytes && at <= size &&
                    size - at == places * kPlaceBytes + kFooterBytes;
  if (!fits) return damaged();
  const Result<std::string> index = read_at(file_.number(), at, places * kPlaceBytes, path_);
  if (!index) return index.error();
  const std::uint32_t crc =
      record::crc32c(std::string_view(*footer).substr(0, kFooterCrcAt), record::crc32c(*index));
  if (index->size() != places * kPlaceBytes ||
      crc != record::load_u32(footer->substr(kFooterCrcAt)))
    return damaged();
  for (std::size_t i = 0; i < places; ++i) {
    const std::string_view place = std::string_view(*index).substr(i * kPlaceBytes);
    index_.push_back({record::load_u64(place), record::load_u64(place.substr(8))});
  }
  first_ = first;
  last_ = last;
  count_ = count;
  end_ = at;
  return {};
}

std::size_t Segment::block_of(std::uint64_t key) const {
  const auto above = std::upper_bound(
      index_.begin(), index_.end(), key,
      [](std::uint64_t wanted, const Place& place) { return wanted < place.first; });
  return above == index_.begin() ? 0 : static_cast<std::size_t>(above - index_.begin()) - 1;
}

Result<void> Segment::read(std::size_t block, Block& into) const {
  CHECK(block < index_.size(), "the caller counts the blocks");
  const std::uint64_t begin = index_[block].offset;
  const std::uint64_t end = block + 1 < index_.size() ? index_[block + 1].offset : end_;
  if (end < begin || end - begin > 2 * kBlockBytes) return damaged();
  Result<std::string> bytes = read_at(file_.number(), begin, end - begin, path_);
  if (!bytes) return bytes.error();
  if (bytes->size() != end - begin) return damaged();
  into.bytes = std::move(*bytes);
  into.items.clear();
  const std::string_view all = into.bytes;
  std::uint64_t before = 0;
  for (std::size_t at = 0; at < all.size();) {
    if (all.size() - at < kEntryHeadBytes) return damaged();
    const std::uint64_t key = record::load_u64(all.substr(at));
    const std::size_t size = record::load_u32(all.substr(at + 8));
    at += kEntryHeadBytes;
    if (size > all.size() - at || key <= before) return damaged();
    into.items.push_back({key, at, size});
    before = key;
    at += size;
  }
  if (into.items.empty() || into.items.front().key != index_[block].first) return damaged();
  return {};
}

Result<SegmentWriter> SegmentWriter::create(const std::string& path, std::string_view journal_id) {
  CHECK(journal_id.size() == Segment::kJournalIdBytes, "a journal's id has 16 bytes");
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  files::Descriptor file(::open(path.c_str(), flags, 0600));
  if (!file.valid()) return files::system_error("write", path, errno);
  SegmentWriter writer(path, std::move(file));
  const Result<void> written = writer.write(std::string(kSegmentMagic) + std::string(journal_id));
  if (!written) return written.error();
  return writer;
}

Result<void> SegmentWriter::write(std::string_view bytes) {
  Result<void> done = files::write_all(file_.number(), path_, bytes);
  if (done) written_ += bytes.size();
  return done;
}

Result<void> SegmentWriter::write_block() {
  Result<void> done = write(block_);
  block_.clear();
  return done;
}

Result<void> SegmentWriter::add(std::uint64_t key, std::string_view value) {
  CHECK(key > last_, "keys ascend");
  if (block_.empty()) {
    record::append_u64(index_, key);
    record::append_u64(index_, written_);
  }
  if (count_ == 0) first_ = key;
  last_ = key;
  ++count_;
  record::append_u64(block_, key);
  record::append_u32(block_, static_cast<std::uint32_t>(value.size()));
  block_.append(value);
  if (block_.size() < Segment::kBlockBytes) return {};
  return write_block();
}

Result<void> SegmentWriter::finish() {
  Result<void> done = block_.empty() ? Result<void>() : write_block();
  std::string footer;
  for (const std::uint64_t number :
       {written_, static_cast<std::uint64_t>(index_.size() / kPlaceBytes), count_, first_, last_}) {
    record::append_u64(footer, number);
  }
  record::append_u32(footer, record::crc32c(footer, record::crc32c(index_)));
  record::append_u32(footer, 0);
  if (done) done = write(index_ + footer);
  if (done && ::fsync(file_.number()) != 0) return files::system_error("sync", path_, errno);
  return done;
}

}  // namespace daybook::store
