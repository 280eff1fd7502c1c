// A file of records that were moved out of data.mdb, ascending by key. FORMAT.md describes it.
//
// Law: it never changes, and its records are the bytes that lay in data.mdb: each has its checksum,
// and the seals cover them as before. It is read in blocks and never mapped: a disk that is gone is
// an error, not a signal. Rejected: a second LMDB, whose trees and free pages cost again what
// moving the records is to save.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "journal/files.h"

namespace daybook::store {

class Segment {
 public:
  static constexpr std::size_t kBlockBytes = 64u << 10;
  static constexpr std::size_t kJournalIdBytes = 16;

  struct Block {
    struct Item {
      std::uint64_t key = 0;
      std::size_t offset = 0;
      std::size_t size = 0;
    };
    std::string bytes;
    std::vector<Item> items;  // ascending by key

    [[nodiscard]] std::string_view value(const Item& item) const {
      return std::string_view(bytes).substr(item.offset, item.size);
    }
  };

  // An Error says what is wrong with it.
  static Result<std::unique_ptr<Segment>> open(const std::string& path,
                                               std::string_view journal_id);
  // Use open().
  Segment(std::string path, files::Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t first() const { return first_; }
  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::size_t blocks() const { return index_.size(); }
  // The block in which `key` lies, if it lies here; 0 when it is below all.
  [[nodiscard]] std::size_t block_of(std::uint64_t key) const;
  // Any thread.
  Result<void> read(std::size_t block, Block& into) const;

 private:
  struct Place {
    std::uint64_t first = 0;  // key
    std::uint64_t offset = 0;
  };

  Result<void> read_index(std::string_view journal_id);
  [[nodiscard]] Error damaged() const;

  std::string path_;
  files::Descriptor file_;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t count_ = 0;
  std::vector<Place> index_;
  std::uint64_t end_ = 0;  // of the last block
};

class SegmentWriter {
 public:
  // A new file, which must not exist.
  static Result<SegmentWriter> create(const std::string& path, std::string_view journal_id);

  // Keys ascend.
  Result<void> add(std::uint64_t key, std::string_view value);
  // Whole and synced after this.
  Result<void> finish();
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  SegmentWriter(std::string path, files::Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  Result<void> write_block();
  Result<void> write(std::string_view bytes);

  std::string path_;
  files::Descriptor file_;
  std::string block_;
  std::string index_;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace daybook::store
