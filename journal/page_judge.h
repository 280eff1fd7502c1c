// Pages of LMDB's as they lie on the disk, and the judgement of one of them.
//
// Law: nothing beyond the file or a page is read, whatever the bytes say.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace daybook::page {

// The format, from MDB_page, MDB_meta, MDB_db and MDB_node in liblmdb/mdb.c of release 0.9.24;
// little-endian, 64 bits.
//
//     page       0 number u64, 8 -, 10 flags u16 (1 branch, 2 leaf, 4 overflow, 8 meta),
//                12 lower u16, 14 upper u16 (overflow: 12 pages u32), 16 offsets of nodes u16 ...
//     meta page  16 magic u32, 20 version u32, 32 map size u64, 40 free list, 88 main tree,
//                136 last page u64, 144 transaction u64; pages 0 and 1 are written in turn, page 0
//                by even transactions
//     tree       0 - (free list: page size u32), 4 flags u16 (8 integer keys), 6 depth u16,
//                40 root page u64 (all ones: empty)
//     node       0 bytes of the value u32, 4 flags u16 (1 the value lies on overflow pages and here
//                is the first one's number, 2 it is a tree), 6 key size u16, 8 key, value
//                (branch: 0 child page u48, 6 key size u16, 8 key; the first key says nothing)
//     free list  transaction -> count u64, page numbers u64 descending

inline constexpr std::uint64_t kNone = ~std::uint64_t{0};
inline constexpr std::uint64_t kMetaPages = 2;

inline constexpr std::size_t kFlagsAt = 10;
inline constexpr std::uint16_t kBranch = 1;
inline constexpr std::uint16_t kLeaf = 2;
inline constexpr std::uint16_t kOverflow = 4;
inline constexpr std::uint16_t kMeta = 8;
inline constexpr std::size_t kLowerAt = 12;
inline constexpr std::size_t kUpperAt = 14;
inline constexpr std::size_t kPagesAt = 12;
inline constexpr std::size_t kHeaderBytes = 16;

inline constexpr std::size_t kNodeFlagsAt = 4;
inline constexpr std::size_t kKeySizeAt = 6;
inline constexpr std::size_t kNodeHeaderBytes = 8;
inline constexpr std::uint16_t kOnOverflowPages = 1;
inline constexpr std::uint16_t kIsTree = 2;
// A node with a number for its key and its value beside it: no flags, then 8 bytes of key.
inline constexpr std::size_t kNumberNodeBytes = kNodeHeaderBytes + sizeof(std::uint64_t);
inline constexpr std::uint32_t kNumberNodeShape = sizeof(std::uint64_t) << 16;

// The caller has looked at the length.
template <typename Number>
Number load_at(const char* bytes) {
  Number number = 0;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}
template <typename Number>
Number load(std::string_view bytes, std::size_t at) {
  return load_at<Number>(bytes.data() + at);
}

// What a person is told of one.
inline std::string complaint(std::uint64_t page, std::string_view what) {
  return ("page " + std::to_string(page) + ": ").append(what);
}

struct Node {
  std::uint32_t low = 0;  // of a leaf: bytes of the value
  std::uint16_t flags = 0;
  std::string_view key;
  std::string_view value;  // or the number of its first overflow page

  [[nodiscard]] std::uint64_t child() const {
    return low | static_cast<std::uint64_t>(flags) << 32;
  }
  [[nodiscard]] bool on_overflow_pages() const { return (flags & kOnOverflowPages) != 0; }
};

// What a page's parent says of it.
struct Place {
  std::uint64_t page = 0;
  bool leaf = false;
  bool integer_keys = false;
  std::string_view low;   // no key is below it; empty: any may be
  std::string_view high;  // every key is below it; empty: any may be
};

// Of a page that was judged.
struct Nodes {
  std::size_t count = 0;
  std::uint16_t flags = 0;  // of a leaf: those that any of them has
};

// Pages in a row that hold one value.
struct Overflow {
  std::uint64_t key = 0;  // the value's, where keys are numbers
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

class Judge {
 public:
  // `pages`: of these, numbers from kMetaPages on exist, and the file has them all.
  Judge(std::string_view file, std::size_t page_bytes, std::uint64_t pages)
      : file_(file), page_bytes_(page_bytes), pages_(pages) {}

  [[nodiscard]] bool exists(std::uint64_t page) const {
    return page >= kMetaPages && page < pages_;
  }
  // The page exists.
  [[nodiscard]] std::string_view bytes(std::uint64_t page) const {
    return file_.substr(page * page_bytes_, page_bytes_);
  }

  // Offsets, sizes and keys of a page that exists; empty: all is well, and node() may be asked.
  std::string judge(const Place& place, Nodes& nodes) const;
  // The same of a leaf whose keys are numbers from `low` on and below `high` (kNone: any), and of
  // its values; adds where those lie that are elsewhere. Nearly every one is told at a glance.
  std::string judge_leaf(std::uint64_t page, std::uint64_t low, std::uint64_t high, Nodes& nodes,
                         std::vector<Overflow>& overflows) const;
  // Of a node whose value is elsewhere: where. What is wrong with these pages; empty: nothing.
  std::string judge_overflow(std::uint64_t asking, const Node& node, Overflow& into) const;
  // The value that begins there, of pages that were judged.
  [[nodiscard]] std::string_view value_at(std::uint64_t first, std::size_t value_bytes) const {
    return file_.substr(first * page_bytes_ + kHeaderBytes, value_bytes);
  }

  static Node node(std::string_view page, std::size_t index, bool leaf);

  // Of a page that will be wanted, whether it exists or not, so many lines of the cache, beginning
  // with number `line`. Always inline, since GCC leaves out calls of a function that does nothing
  // else.
  __attribute__((always_inline)) void prefetch(std::uint64_t page, std::size_t line,
                                               std::size_t lines) const {
    if (!exists(page)) return;
    const char* const begin = file_.data() + page * page_bytes_;
    const std::size_t end = std::min(line + lines, page_bytes_ / kLineBytes);
    for (; line < end; ++line) __builtin_prefetch(begin + line * kLineBytes, 0, 2);
  }
  [[nodiscard]] std::size_t lines() const { return page_bytes_ / kLineBytes; }

 private:
  [[nodiscard]] std::string_view judge_head(std::uint64_t page, std::uint16_t kind) const;
  [[nodiscard]] bool is_plain(std::uint64_t low, std::uint64_t high, std::string_view page,
                              std::size_t& count) const;
  [[nodiscard]] std::string_view judge_nodes(const Place& place, Nodes& nodes) const;
  [[nodiscard]] std::size_t node_size(std::string_view page, std::size_t index, std::size_t upper,
                                      bool leaf) const;

  static constexpr std::size_t kLineBytes = 64;

  std::string_view file_;
  std::size_t page_bytes_;
  std::uint64_t pages_;
};

}  // namespace daybook::page
