// A walk down the trees by page numbers, every byte looked at before it is believed.
#include "journal/pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "journal/files.h"

namespace daybook {
namespace {

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
constexpr std::uint32_t kMagic = 0xbeefc0de;
constexpr std::uint32_t kDataVersion = 1;
constexpr std::size_t kMetaPages = 2;
constexpr std::size_t kMetaBytes = 152;
constexpr std::size_t kPageBytesMin = 512;
constexpr std::size_t kPageBytesMax = 65'536;

constexpr std::size_t kFlagsAt = 10;
constexpr std::size_t kLowerAt = 12;
constexpr std::size_t kUpperAt = 14;
constexpr std::size_t kPagesAt = 12;
constexpr std::size_t kPageHeaderBytes = 16;
constexpr std::uint16_t kBranch = 1;
constexpr std::uint16_t kLeaf = 2;
constexpr std::uint16_t kOverflow = 4;
constexpr std::uint16_t kMetaFlag = 8;

constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kMapAt = 32;
constexpr std::size_t kFreeAt = 40;
constexpr std::size_t kMainAt = 88;
constexpr std::size_t kLastPageAt = 136;
constexpr std::size_t kTransactionAt = 144;

constexpr std::size_t kTreeBytes = 48;
constexpr std::size_t kTreeFlagsAt = 4;
constexpr std::size_t kTreeDepthAt = 6;
constexpr std::size_t kTreeRootAt = 40;
constexpr std::uint16_t kIntegerKeys = 8;
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr int kDepthMax = 32;
constexpr std::uint64_t kProgressPages = 4'096;
constexpr std::size_t kCacheLineBytes = 64;
constexpr std::string_view kEventsTable = "events";

constexpr std::size_t kNodeHeaderBytes = 8;
constexpr std::size_t kNodeFlagsAt = 4;
constexpr std::size_t kKeySizeAt = 6;
constexpr std::uint16_t kOnOverflowPages = 1;
constexpr std::uint16_t kIsTree = 2;
// A node with a number for its key and its value beside it: no flags, then 8 bytes of key.
constexpr std::size_t kNumberNodeBytes = kNodeHeaderBytes + sizeof(std::uint64_t);
constexpr std::uint32_t kNumberNodeShape = sizeof(std::uint64_t) << 16;

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

// From its end on, as nodes lie, a page comes slowly out of memory.
void prefetch(const char* page, std::size_t page_bytes) {
  for (std::size_t at = 0; at < page_bytes; at += kCacheLineBytes)
    __builtin_prefetch(page + at, 0, 2);
}

struct Tree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t root = kNoPage;

  static Tree parse(std::string_view bytes) {
    return {load<std::uint16_t>(bytes, kTreeFlagsAt), load<std::uint16_t>(bytes, kTreeDepthAt),
            load<std::uint64_t>(bytes, kTreeRootAt)};
  }
  [[nodiscard]] bool integer_keys() const { return (flags & kIntegerKeys) != 0; }
};

struct Node {
  std::uint32_t low = 0;  // of a leaf: bytes of the value
  std::uint16_t flags = 0;
  std::string_view key;
  std::string_view value;  // or the number of its first overflow page

  [[nodiscard]] std::uint64_t child() const {
    return low | static_cast<std::uint64_t>(flags) << 32;
  }
};

bool in_order(std::string_view one, std::string_view other, bool integers) {
  if (!integers) return one < other;
  return load<std::uint64_t>(one, 0) < load<std::uint64_t>(other, 0);
}

// The page's bytes, cut out of the file.
std::string_view page_of(std::string_view file, std::uint64_t number, std::size_t page_bytes) {
  return file.substr(number * page_bytes, page_bytes);
}

std::string judge_meta(std::string_view page, std::uint64_t number, std::uint32_t page_bytes,
                       std::uint64_t file_bytes) {
  if (load<std::uint32_t>(page, kMagicAt) != kMagic) return "it does not say that it is one";
  if (load<std::uint32_t>(page, kVersionAt) != kDataVersion) return "its version is another";
  if (load<std::uint64_t>(page, 0) != number) return "its number is another";
  if (load<std::uint16_t>(page, kFlagsAt) != kMetaFlag) return "its kind is another";
  if (load<std::uint32_t>(page, kFreeAt) != page_bytes) return "its page size is another";
  const auto last = load<std::uint64_t>(page, kLastPageAt);
  const auto map = load<std::uint64_t>(page, kMapAt);
  if (last < kMetaPages - 1 || last >= map / page_bytes) return "its last page lies beyond its map";
  if (last >= file_bytes / page_bytes) return "its last page lies beyond the file";
  for (const std::size_t at : {kFreeAt, kMainAt}) {
    const Tree tree = Tree::parse(page.substr(at));
    const bool empty = tree.root == kNoPage && tree.depth == 0;
    const bool inside = tree.root >= kMetaPages && tree.root <= last;
    if (!empty && (!inside || tree.depth == 0 || tree.depth > kDepthMax)) {
      return "one of its trees begins nowhere";
    }
  }
  if (!Tree::parse(page.substr(kFreeAt)).integer_keys()) return "its free list is of another kind";
  return {};
}

// One transaction's trees.
class TreeWalk {
 public:
  // `leaves`: those of the events are listed there; `aside`: and not looked at, which is
  // judge_leaves()' turn.
  TreeWalk(std::string_view file, std::size_t page_bytes, std::uint64_t last_page,
           const PageFile::Progress& progress, std::vector<PageFile::Leaf>* leaves, bool aside)
      : file_(file),
        page_bytes_(page_bytes),
        used_(last_page + 1),
        progress_(progress),
        leaves_(leaves),
        aside_(aside) {}

  std::vector<PageFile::Damage> judge(std::string_view meta) {
    judge_tree("", Tree::parse(meta.substr(kMainAt)), Content::kTables);
    judge_tree("free pages", Tree::parse(meta.substr(kFreeAt)), Content::kFreePages);
    // By now every page in use is known, and so is every free one.
    return std::move(damages_);
  }

  // Of those that were left aside, by several threads. False: one of them is not plain, so another
  // walk has to look at them one by one.
  [[nodiscard]] bool judge_leaves(unsigned jobs) const {
    std::atomic<bool> plain = true;
    const auto judge_share = [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last && plain; ++i) {
        if (i + 1 < last) prefetch_page((*leaves_)[i + 1].page);
        if (!is_plain((*leaves_)[i])) plain = false;
        const bool tells = first == 0 && i % kProgressPages == 0 && progress_;
        if (tells) progress_(walked_ + i * jobs, used_.size());
      }
    };
    std::vector<std::thread> helpers;
    const std::size_t count = leaves_->size();
    for (unsigned job = 1; job < jobs; ++job) {
      helpers.emplace_back(judge_share, count * job / jobs, count * (job + 1) / jobs);
    }
    judge_share(0, count / jobs);
    for (std::thread& helper : helpers) helper.join();
    return plain;
  }

 private:
  enum class Content { kValues, kTables, kFreePages };

  // Where a walk is.
  struct Place {
    std::uint64_t page = 0;
    int depth = 1;
    std::string_view low;   // no key is below it; empty: any may be
    std::string_view high;  // every key is below it; empty: any may be
  };

  void judge_tree(const std::string& name, const Tree& tree, Content content) {
    table_ = name;
    tree_ = tree;
    content_ = content;
    last_key_ = 0;
    complaint_.clear();
    keeps_leaves_ = leaves_ != nullptr && name == kEventsTable && tree.integer_keys();
    if (tree.root == kNoPage && tree.depth == 0) return;
    std::vector<std::pair<std::string, Tree>> tables;
    tables_ = &tables;
    if (!walk({tree.root, 1, {}, {}})) damages_.push_back({table_, complaint_, last_key_});
    for (const auto& [table, of_table] : tables) judge_tree(table, of_table, Content::kValues);
  }

  bool complain(std::uint64_t page, std::string_view what) {
    complaint_ = "page " + std::to_string(page) + ": ";
    complaint_.append(what);
    return false;
  }

  // Takes `count` pages from `first` on into use.
  bool take(std::uint64_t asking, std::uint64_t first, std::uint64_t count) {
    if (first < kMetaPages || first >= used_.size() || count > used_.size() - first) {
      return complain(asking, "it points to page " + std::to_string(first) + ", beyond the end");
    }
    for (std::uint64_t page = first; page < first + count; ++page) {
      if (used_[page]) return complain(page, "it is in use twice, or in use and free");
      used_[page] = true;
    }
    return true;
  }

  bool walk(const Place& place) {
    if (!take(place.page, place.page, 1)) return false;
    const bool leaf = place.depth == tree_.depth;
    if (leaf && keeps_leaves_) {
      leaves_->push_back({place.page, number_of(place.low, 0), number_of(place.high, kNoPage)});
      if (aside_) return true;
    }
    if (++walked_ % kProgressPages == 0 && progress_) progress_(walked_, used_.size());
    const std::string_view page = page_of(file_, place.page, page_bytes_);
    if (load<std::uint64_t>(page, 0) != place.page)
      return complain(place.page, "its number is another");
    if (load<std::uint16_t>(page, kFlagsAt) != (leaf ? kLeaf : kBranch)) {
      return complain(place.page, "its kind is another");
    }
    Nodes nodes;
    const bool judged =
        leaf && tree_.integer_keys() &&
        judge_plain(number_of(place.low, 0), number_of(place.high, kNoPage), page, nodes);
    if (!judged && !judge_nodes(place, page, leaf, nodes)) return false;
    return leaf ? walk_leaf(place, page, nodes) : walk_branch(place, page, nodes.count);
  }

  static std::uint64_t number_of(std::string_view key, std::uint64_t none) {
    return key.empty() ? none : load<std::uint64_t>(key, 0);
  }

  [[nodiscard]] bool is_plain(const PageFile::Leaf& leaf) const {
    const std::string_view page = page_of(file_, leaf.page, page_bytes_);
    Nodes nodes;
    return load<std::uint64_t>(page, 0) == leaf.page &&
           load<std::uint16_t>(page, kFlagsAt) == kLeaf &&
           judge_plain(leaf.first_key, leaf.end_key, page, nodes);
  }

  // Of a page.
  struct Nodes {
    std::size_t count = 0;
    std::uint16_t flags = 0;  // of a leaf: those that any of them has
  };

  // What judge_nodes() finds of nearly every page: a leaf whose keys are numbers and whose values
  // lie beside them. False: anything else, to be judged node by node. Keys are from `low` on and
  // below `high`.
  bool judge_plain(std::uint64_t low, std::uint64_t high, std::string_view page,
                   Nodes& nodes) const {
    const char* const bytes = page.data();
    const std::size_t lower = load_at<std::uint16_t>(bytes + kLowerAt);
    const std::size_t upper = load_at<std::uint16_t>(bytes + kUpperAt);
    if (lower <= kPageHeaderBytes || lower % 2 != 0 || lower > upper || upper >= page_bytes_) {
      return false;
    }
    const std::size_t count = (lower - kPageHeaderBytes) / 2;
    std::uint64_t least = low;  // what the last key was, and one
    // Each node begins below the one before it and ends where that one begins.
    std::size_t end = page_bytes_;
    bool sane = true;
    for (std::size_t i = 0; i < count && sane; ++i) {
      const std::size_t at = load_at<std::uint16_t>(bytes + kPageHeaderBytes + 2 * i);
      if (at + kNumberNodeBytes > end) return false;
      const std::size_t value_bytes = load_at<std::uint32_t>(bytes + at);
      // Flags, and bytes of the key.
      const auto shape = load_at<std::uint32_t>(bytes + at + kNodeFlagsAt);
      const auto key = load_at<std::uint64_t>(bytes + at + kNodeHeaderBytes);
      const std::size_t size = (kNumberNodeBytes + value_bytes + 1) & ~std::size_t{1};
      sane = at + size == end && shape == kNumberNodeShape && key >= least && key != kNoPage;
      least = key + 1;
      end = at;
    }
    nodes = {count, 0};
    return sane && least <= high && end == upper;
  }

  // Offsets, sizes and keys of a page; afterwards node() may be asked.
  bool judge_nodes(const Place& place, std::string_view page, bool leaf, Nodes& nodes) {
    const auto lower = load<std::uint16_t>(page, kLowerAt);
    const auto upper = load<std::uint16_t>(page, kUpperAt);
    const bool sane =
        lower > kPageHeaderBytes && lower % 2 == 0 && lower <= upper && upper < page_bytes_;
    if (!sane) return complain(place.page, "its bounds are damaged");
    nodes.count = (lower - kPageHeaderBytes) / 2;
    std::size_t taken = 0;
    std::string_view before = place.low;
    for (std::size_t i = 0; i < nodes.count; ++i) {
      const std::size_t size = node_size(page, i, upper, leaf);
      if (size == 0) return complain(place.page, "one of its nodes lies outside");
      taken += size;
      if (!leaf && i == 0) continue;  // it stands for everything below the second one
      const Node found = node(page, i, leaf);
      const std::string_view key = found.key;
      if (leaf) nodes.flags |= found.flags;
      if (tree_.integer_keys() ? key.size() != sizeof(std::uint64_t) : key.empty()) {
        return complain(place.page, "one of its keys has another size");
      }
      // A leaf's first key may be what its parent says; any other key is above the one before it.
      const bool first = leaf && i == 0;
      const bool above =
          before.empty() || in_order(before, key, tree_.integer_keys()) || (first && before == key);
      if (!above || (!place.high.empty() && !in_order(key, place.high, tree_.integer_keys()))) {
        return complain(place.page, "its keys are out of order");
      }
      before = key;
    }
    // Nodes lie side by side up to the end, so that none overlaps another.
    if (taken != page_bytes_ - upper)
      return complain(place.page, "its nodes overlap or leave gaps");
    return true;
  }

  // Bytes that the node takes in its page; 0: it is not within.
  std::size_t node_size(std::string_view page, std::size_t index, std::size_t upper,
                        bool leaf) const {
    const std::size_t at = load<std::uint16_t>(page, kPageHeaderBytes + 2 * index);
    if (at < upper || at % 2 != 0 || at + kNodeHeaderBytes > page_bytes_) return 0;
    std::size_t size = kNodeHeaderBytes + load<std::uint16_t>(page, at + kKeySizeAt);
    if (leaf) {
      const bool outside = (load<std::uint16_t>(page, at + kNodeFlagsAt) & kOnOverflowPages) != 0;
      size += outside ? sizeof(std::uint64_t) : load<std::uint32_t>(page, at);
    }
    size += size % 2;
    return at + size <= page_bytes_ ? size : 0;
  }

  static Node node(std::string_view page, std::size_t index, bool leaf) {
    const std::size_t at = load<std::uint16_t>(page, kPageHeaderBytes + 2 * index);
    Node found;
    found.low = load<std::uint32_t>(page, at);
    found.flags = load<std::uint16_t>(page, at + kNodeFlagsAt);
    const auto key_size = load<std::uint16_t>(page, at + kKeySizeAt);
    found.key = page.substr(at + kNodeHeaderBytes, key_size);
    if (!leaf) return found;
    const bool outside = (found.flags & kOnOverflowPages) != 0;
    found.value =
        page.substr(at + kNodeHeaderBytes + key_size, outside ? sizeof(std::uint64_t) : found.low);
    return found;
  }

  bool walk_branch(const Place& place, std::string_view page, std::size_t nodes) {
    if (place.depth >= kDepthMax) return complain(place.page, "it lies too deep");
    std::string_view low = place.low;
    for (std::size_t i = 0; i < nodes; ++i) {
      const bool last = i + 1 == nodes;
      const std::string_view high = last ? place.high : node(page, i + 1, false).key;
      if (!last) prefetch_page(node(page, i + 1, false).child());
      if (!walk({node(page, i, false).child(), place.depth + 1, low, high})) return false;
      low = high;
    }
    return true;
  }

  // It may be anywhere.
  void prefetch_page(std::uint64_t number) const {
    if (number < used_.size()) prefetch(page_of(file_, number, page_bytes_).data(), page_bytes_);
  }

  bool walk_leaf(const Place& place, std::string_view page, const Nodes& nodes) {
    // Most leaves hold values and point nowhere: the last key is all there is to know.
    const bool plain = content_ == Content::kValues && nodes.flags == 0;
    for (std::size_t i = plain ? nodes.count - 1 : 0; i < nodes.count; ++i) {
      const Node found = node(page, i, true);
      if ((found.flags & ~(kOnOverflowPages | kIsTree)) != 0 ||
          ((found.flags & kIsTree) != 0) != (content_ == Content::kTables)) {
        return complain(place.page, "one of its nodes is of another kind");
      }
      std::string_view value = found.value;
      if ((found.flags & kOnOverflowPages) != 0 && !take_overflow(place.page, found, value)) {
        return false;
      }
      if (content_ == Content::kTables && !keep_table(place.page, found)) return false;
      if (content_ == Content::kFreePages && !take_free(place.page, value)) return false;
      if (tree_.integer_keys()) last_key_ = load<std::uint64_t>(found.key, 0);
    }
    return true;
  }

  bool take_overflow(std::uint64_t asking, const Node& node, std::string_view& value) {
    const auto first = load<std::uint64_t>(node.value, 0);
    if (first < kMetaPages || first >= used_.size()) return take(asking, first, 1);
    const std::string_view page = page_of(file_, first, page_bytes_);
    if (load<std::uint64_t>(page, 0) != first) return complain(first, "its number is another");
    if (load<std::uint16_t>(page, kFlagsAt) != kOverflow)
      return complain(first, "its kind is another");
    // A value that became shorter keeps the pages that it had.
    const auto pages = load<std::uint32_t>(page, kPagesAt);
    const std::size_t needed = (kPageHeaderBytes + node.low + page_bytes_ - 1) / page_bytes_;
    if (pages < needed) return complain(first, "it is shorter than its value");
    if (!take(asking, first, pages)) return false;
    value = file_.substr(first * page_bytes_ + kPageHeaderBytes, node.low);
    return true;
  }

  bool keep_table(std::uint64_t page, const Node& node) {
    if (node.value.size() != kTreeBytes) return complain(page, "one of its tables is damaged");
    const Tree tree = Tree::parse(node.value);
    const bool empty = tree.root == kNoPage && tree.depth == 0;
    if (!empty &&
        (tree.depth == 0 || tree.depth > kDepthMax || (tree.flags & ~kIntegerKeys) != 0)) {
      return complain(page, "one of its tables is damaged");
    }
    tables_->emplace_back(std::string(node.key), tree);
    return true;
  }

  bool take_free(std::uint64_t page, std::string_view value) {
    const std::size_t room = value.size() / sizeof(std::uint64_t);
    const std::uint64_t count = room == 0 ? 0 : load<std::uint64_t>(value, 0);
    if (room == 0 || count > room - 1) return complain(page, "a list of free pages is damaged");
    std::uint64_t above = kNoPage;
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto free = load<std::uint64_t>(value, i * sizeof(std::uint64_t));
      if (free >= above) return complain(page, "a list of free pages is out of order");
      if (!take(page, free, 1)) return false;
      above = free;
    }
    return true;
  }

  std::string_view file_;
  std::size_t page_bytes_;
  std::vector<bool> used_;
  const PageFile::Progress& progress_;
  std::vector<PageFile::Leaf>* leaves_;
  bool aside_;
  std::uint64_t walked_ = 0;
  std::vector<PageFile::Damage> damages_;

  // Of the tree that is being walked.
  std::string table_;
  Tree tree_;
  Content content_ = Content::kValues;
  std::vector<std::pair<std::string, Tree>>* tables_ = nullptr;
  bool keeps_leaves_ = false;
  std::uint64_t last_key_ = 0;
  std::string complaint_;
};

}  // namespace

Result<PageFile> PageFile::open(const std::string& path) {
  const files::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat found {};
  if (!file.valid() || ::fstat(file.number(), &found) != 0) {
    return files::system_error("read", path, errno);
  }
  const auto size = static_cast<std::size_t>(found.st_size);
  if (size < kMetaPages * kPageBytesMin) {
    return Error{path + " was cut short: restore it from a backup", ExitCode::kDamaged};
  }
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
  if (mapped == MAP_FAILED) return files::system_error("read", path, errno);
  return PageFile(std::string_view(static_cast<const char*>(mapped), size));
}

PageFile::PageFile(PageFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

PageFile::~PageFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

std::string PageFile::judge_metas_once() const {
  const auto page_bytes = load<std::uint32_t>(bytes_, kFreeAt);
  const bool sane = page_bytes >= kPageBytesMin && page_bytes <= kPageBytesMax &&
                    (page_bytes & (page_bytes - 1)) == 0 &&
                    bytes_.size() >= kMetaPages * std::size_t{page_bytes};
  if (!sane) return "meta page 0: its page size is damaged";
  std::uint64_t transactions[kMetaPages] = {};
  for (std::size_t i = 0; i < kMetaPages; ++i) {
    const std::string page(page_of(bytes_, i, page_bytes).substr(0, kMetaBytes));
    const std::string complaint = judge_meta(page, i, page_bytes, bytes_.size());
    if (!complaint.empty()) return "meta page " + std::to_string(i) + ": " + complaint;
    transactions[i] = load<std::uint64_t>(page, kTransactionAt);
  }
  const std::uint64_t newest = std::max(transactions[0], transactions[1]);
  const std::uint64_t other = std::min(transactions[0], transactions[1]);
  const bool in_turn =
      newest == other ? newest == 0 : newest == other + 1 && transactions[newest % 2] == newest;
  if (in_turn) return {};
  return "the meta pages are of transactions " + std::to_string(transactions[0]) + " and " +
         std::to_string(transactions[1]) + ", which do not follow one another";
}

std::string PageFile::judge_metas() const {
  std::string before;
  while (true) {
    std::string complaint = judge_metas_once();
    if (complaint.empty() || complaint == before) return complaint;
    before = std::move(complaint);
  }
}

std::uint64_t PageFile::newest() const {
  const auto page_bytes = load<std::uint32_t>(bytes_, kFreeAt);
  return std::max(load<std::uint64_t>(bytes_, kTransactionAt),
                  load<std::uint64_t>(bytes_, page_bytes + kTransactionAt));
}

std::optional<std::vector<PageFile::Damage>> PageFile::judge_tree(std::uint64_t transaction,
                                                                  const Progress& progress,
                                                                  std::vector<Leaf>* leaves,
                                                                  unsigned jobs) const {
  const auto page_bytes = load<std::uint32_t>(bytes_, kFreeAt);
  const std::string meta(
      page_of(bytes_, transaction % kMetaPages, page_bytes).substr(0, kMetaBytes));
  if (load<std::uint64_t>(meta, kTransactionAt) != transaction) return std::nullopt;
  const auto last_page = load<std::uint64_t>(meta, kLastPageAt);
  if (last_page >= bytes_.size() / page_bytes) return std::nullopt;  // written since it was mapped
  TreeWalk walk(bytes_, page_bytes, last_page, progress, leaves, leaves != nullptr);
  std::vector<Damage> damages = walk.judge(meta);
  if (leaves == nullptr || (damages.empty() && walk.judge_leaves(jobs))) return damages;
  leaves->clear();
  return TreeWalk(bytes_, page_bytes, last_page, progress, leaves, false).judge(meta);
}

PageFile::Walk::Walk(const PageFile& file, const Events& events)
    : file_(file.bytes_),
      page_bytes_(load<std::uint32_t>(file.bytes_, kFreeAt)),
      leaves_(events.leaves) {}

bool PageFile::Walk::seek(std::uint64_t key) {
  const auto above = std::upper_bound(
      leaves_.begin(), leaves_.end(), key,
      [](std::uint64_t wanted, const Leaf& leaf) { return wanted < leaf.first_key; });
  bool found =
      enter(static_cast<std::size_t>(above - leaves_.begin()) - (above == leaves_.begin() ? 0 : 1));
  while (found && load<std::uint64_t>(key_, 0) < key) found = next();
  return found;
}

bool PageFile::Walk::next() {
  if (node_ + 1 == nodes_) return enter(leaf_ + 1);
  ++node_;
  show();
  return true;
}

bool PageFile::Walk::enter(std::size_t leaf) {
  if (leaf >= leaves_.size()) return false;
  leaf_ = leaf;
  node_ = 0;
  page_ = page_of(file_, leaves_[leaf].page, page_bytes_).data();
  nodes_ = (load_at<std::uint16_t>(page_ + kLowerAt) - kPageHeaderBytes) / 2;
  if (leaf + 1 < leaves_.size()) {
    prefetch(page_of(file_, leaves_[leaf + 1].page, page_bytes_).data(), page_bytes_);
  }
  show();
  return true;
}

void PageFile::Walk::show() {
  const char* const node = page_ + load_at<std::uint16_t>(page_ + kPageHeaderBytes + 2 * node_);
  const std::size_t value_bytes = load_at<std::uint32_t>(node);
  const char* value = node + kNumberNodeBytes;
  key_ = {node + kNodeHeaderBytes, sizeof(std::uint64_t)};
  if (load_at<std::uint32_t>(node + kNodeFlagsAt) != kNumberNodeShape) {
    // Its only flag: it lies on pages of its own.
    value = file_.data() + load_at<std::uint64_t>(value) * page_bytes_ + kPageHeaderBytes;
  }
  value_ = {value, value_bytes};
}

}  // namespace daybook
