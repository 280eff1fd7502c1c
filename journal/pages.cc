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

using page::load;
using page::load_at;

constexpr std::uint32_t kMagic = 0xbeefc0de;
constexpr std::uint32_t kDataVersion = 1;
constexpr std::size_t kMetaBytes = 152;
constexpr std::size_t kPageBytesMin = 512;
constexpr std::size_t kPageBytesMax = 65'536;

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
constexpr int kDepthMax = 32;
constexpr std::uint64_t kProgressPages = 4'096;
constexpr std::string_view kEventsTable = "events";

struct Tree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t root = page::kNone;

  static Tree parse(std::string_view bytes) {
    return {load<std::uint16_t>(bytes, kTreeFlagsAt), load<std::uint16_t>(bytes, kTreeDepthAt),
            load<std::uint64_t>(bytes, kTreeRootAt)};
  }
  [[nodiscard]] bool empty() const { return root == page::kNone && depth == 0; }
  [[nodiscard]] bool integer_keys() const { return (flags & kIntegerKeys) != 0; }
};

// The page's bytes, cut out of the file.
std::string_view page_of(std::string_view file, std::uint64_t number, std::size_t page_bytes) {
  return file.substr(number * page_bytes, page_bytes);
}

page::Judge judge_of(std::string_view file, const PageFile::Events& events) {
  return {file, load<std::uint32_t>(file, kFreeAt), events.used.size()};
}

// Of the events, none before this key.
PageFile::Damage damage_at(std::uint64_t key, std::string what) {
  return {std::string(kEventsTable), std::move(what), key == 0 ? 0 : key - 1};
}

// Takes `count` pages from `first` on, which exist, into use. What is wrong; empty: nothing.
std::string take_pages(std::vector<bool>& used, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t page = first; page < first + count; ++page) {
    if (used[page]) return page::complaint(page, "it is in use twice, or in use and free");
    used[page] = true;
  }
  return {};
}

std::string judge_meta(std::string_view page, std::uint64_t number, std::uint32_t page_bytes,
                       std::uint64_t file_bytes) {
  if (load<std::uint32_t>(page, kMagicAt) != kMagic) return "it does not say that it is one";
  if (load<std::uint32_t>(page, kVersionAt) != kDataVersion) return "its version is another";
  if (load<std::uint64_t>(page, 0) != number) return "its number is another";
  if (load<std::uint16_t>(page, page::kFlagsAt) != page::kMeta) return "its kind is another";
  if (load<std::uint32_t>(page, kFreeAt) != page_bytes) return "its page size is another";
  const auto last = load<std::uint64_t>(page, kLastPageAt);
  const auto map = load<std::uint64_t>(page, kMapAt);
  if (last < page::kMetaPages - 1 || last >= map / page_bytes)
    return "its last page lies beyond its map";
  if (last >= file_bytes / page_bytes) return "its last page lies beyond the file";
  for (const std::size_t at : {kFreeAt, kMainAt}) {
    const Tree tree = Tree::parse(page.substr(at));
    const bool inside = tree.root >= page::kMetaPages && tree.root <= last;
    if (!tree.empty() && (!inside || tree.depth == 0 || tree.depth > kDepthMax)) {
      return "one of its trees begins nowhere";
    }
  }
  if (!Tree::parse(page.substr(kFreeAt)).integer_keys()) return "its free list is of another kind";
  return {};
}

// One transaction's trees.
class TreeWalk {
 public:
  TreeWalk(const page::Judge& judge, PageFile::Events& events, const PageFile::Progress& progress)
      : judge_(judge), events_(events), progress_(progress) {}

  std::vector<PageFile::Damage> judge(std::string_view meta) {
    judge_tree("", Tree::parse(meta.substr(kMainAt)), Content::kTables);
    judge_tree("free pages", Tree::parse(meta.substr(kFreeAt)), Content::kFreePages);
    // By now every page in use is known, and so is every free one.
    return std::move(damages_);
  }

 private:
  enum class Content { kValues, kTables, kFreePages };

  void judge_tree(const std::string& name, const Tree& tree, Content content) {
    table_ = name;
    tree_ = tree;
    content_ = content;
    last_key_ = 0;
    complaint_.clear();
    lists_leaves_ = name == kEventsTable && tree.integer_keys();
    if (tree.empty()) return;
    std::vector<std::pair<std::string, Tree>> tables;
    tables_ = &tables;
    if (!walk(tree.root, 1, {}, {})) damages_.push_back({table_, complaint_, last_key_});
    for (const auto& [table, of_table] : tables) judge_tree(table, of_table, Content::kValues);
  }

  bool complain(std::string complaint) {
    complaint_ = std::move(complaint);
    return complaint_.empty();
  }
  bool complain(std::uint64_t page, std::string_view what) {
    return complain(page::complaint(page, what));
  }

  bool take(std::uint64_t asking, std::uint64_t page) {
    if (judge_.exists(page)) return complain(take_pages(events_.used, page, 1));
    return complain(asking, "it points to page " + std::to_string(page) + ", beyond the end");
  }

  // Keys are from `low` on and below `high`, where these are not empty.
  bool walk(std::uint64_t page, int depth, std::string_view low, std::string_view high) {
    if (!take(page, page)) return false;
    if (++walked_ % kProgressPages == 0 && progress_) progress_(walked_, events_.used.size());
    const page::Place place{page, depth == tree_.depth, tree_.integer_keys(), low, high};
    if (place.leaf && lists_leaves_) return list_leaf(place);
    page::Nodes nodes;
    if (!complain(judge_.judge(place, nodes))) return false;
    return place.leaf ? walk_leaf(place, nodes) : walk_branch(place, depth, nodes.count);
  }

  bool list_leaf(const page::Place& place) {
    const auto number_of = [](std::string_view key, std::uint64_t none) {
      return key.empty() ? none : load<std::uint64_t>(key, 0);
    };
    const std::uint64_t end = number_of(place.high, page::kNone);
    events_.leaves.push_back({place.page, number_of(place.low, 0), end});
    last_key_ = end - 1;
    return true;
  }

  bool walk_branch(const page::Place& place, int depth, std::size_t nodes) {
    if (depth >= kDepthMax) return complain(place.page, "it lies too deep");
    const std::string_view page = judge_.bytes(place.page);
    std::string_view low = place.low;
    for (std::size_t i = 0; i < nodes; ++i) {
      const bool last = i + 1 == nodes;
      const std::string_view high = last ? place.high : page::Judge::node(page, i + 1, false).key;
      if (!walk(page::Judge::node(page, i, false).child(), depth + 1, low, high)) return false;
      low = high;
    }
    return true;
  }

  bool walk_leaf(const page::Place& place, const page::Nodes& nodes) {
    for (std::size_t i = 0; i < nodes.count; ++i) {
      const page::Node found = page::Judge::node(judge_.bytes(place.page), i, true);
      if ((found.flags & ~(page::kOnOverflowPages | page::kIsTree)) != 0 ||
          ((found.flags & page::kIsTree) != 0) != (content_ == Content::kTables)) {
        return complain(place.page, "one of its nodes is of another kind");
      }
      std::string_view value = found.value;
      if (found.on_overflow_pages() && !take_overflow(place.page, found, value)) return false;
      if (content_ == Content::kTables && !keep_table(place.page, found)) return false;
      if (content_ == Content::kFreePages && !take_free(place.page, value)) return false;
      if (tree_.integer_keys()) last_key_ = load<std::uint64_t>(found.key, 0);
    }
    return true;
  }

  bool take_overflow(std::uint64_t asking, const page::Node& node, std::string_view& value) {
    page::Overflow overflow;
    const bool sound = complain(judge_.judge_overflow(asking, node, overflow)) &&
                       complain(take_pages(events_.used, overflow.first, overflow.count));
    if (sound) value = judge_.value_at(overflow.first, node.low);
    return sound;
  }

  bool keep_table(std::uint64_t page, const page::Node& node) {
    if (node.value.size() != kTreeBytes) return complain(page, "one of its tables is damaged");
    const Tree tree = Tree::parse(node.value);
    const bool sane =
        tree.depth > 0 && tree.depth <= kDepthMax && (tree.flags & ~kIntegerKeys) == 0;
    if (!tree.empty() && !sane) return complain(page, "one of its tables is damaged");
    tables_->emplace_back(std::string(node.key), tree);
    return true;
  }

  bool take_free(std::uint64_t page, std::string_view value) {
    const std::size_t room = value.size() / sizeof(std::uint64_t);
    const std::uint64_t count = room == 0 ? 0 : load<std::uint64_t>(value, 0);
    if (room == 0 || count > room - 1) return complain(page, "a list of free pages is damaged");
    std::uint64_t above = page::kNone;
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto free = load<std::uint64_t>(value, i * sizeof(std::uint64_t));
      if (free >= above) return complain(page, "a list of free pages is out of order");
      if (!take(page, free)) return false;
      above = free;
    }
    return true;
  }

  const page::Judge& judge_;
  PageFile::Events& events_;
  const PageFile::Progress& progress_;
  std::uint64_t walked_ = 0;
  std::vector<PageFile::Damage> damages_;

  // Of the tree that is being walked.
  std::string table_;
  Tree tree_;
  Content content_ = Content::kValues;
  std::vector<std::pair<std::string, Tree>>* tables_ = nullptr;
  bool lists_leaves_ = false;
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
  if (size < page::kMetaPages * kPageBytesMin) {
    return Error{path + " was cut short: restore it from a backup", ExitCode::kDamaged};
  }
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
  if (mapped == MAP_FAILED) return files::system_error("read", path, errno);
  return PageFile(path, std::string_view(static_cast<const char*>(mapped), size));
}

PageFile::PageFile(PageFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

PageFile::~PageFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

std::string PageFile::judge_metas_once() const {
  const auto page_bytes = load<std::uint32_t>(bytes_, kFreeAt);
  const bool sane = page_bytes >= kPageBytesMin && page_bytes <= kPageBytesMax &&
                    (page_bytes & (page_bytes - 1)) == 0 &&
                    bytes_.size() >= page::kMetaPages * std::size_t{page_bytes};
  if (!sane) return "meta page 0: its page size is damaged";
  std::uint64_t transactions[page::kMetaPages] = {};
  for (std::size_t i = 0; i < page::kMetaPages; ++i) {
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

std::string PageFile::describe(std::string_view table, std::string_view what) const {
  std::string text = "in " + path_ + ", ";
  if (!table.empty()) text.append(table).append(", ");
  return text.append(what);
}

std::uint64_t PageFile::newest() const {
  const auto page_bytes = load<std::uint32_t>(bytes_, kFreeAt);
  return std::max(load<std::uint64_t>(bytes_, kTransactionAt),
                  load<std::uint64_t>(bytes_, page_bytes + kTransactionAt));
}

std::optional<std::vector<PageFile::Damage>> PageFile::judge_tree(std::uint64_t transaction,
                                                                  Events& events,
                                                                  const Progress& progress) const {
  const auto page_bytes = load<std::uint32_t>(bytes_, kFreeAt);
  const std::string meta(
      page_of(bytes_, transaction % page::kMetaPages, page_bytes).substr(0, kMetaBytes));
  if (load<std::uint64_t>(meta, kTransactionAt) != transaction) return std::nullopt;
  const auto last_page = load<std::uint64_t>(meta, kLastPageAt);
  if (last_page >= bytes_.size() / page_bytes) return std::nullopt;  // written since it was mapped
  events = {transaction, {}, std::vector<bool>(last_page + 1)};
  const page::Judge judge = judge_of(bytes_, events);
  return TreeWalk(judge, events, progress).judge(meta);
}

std::optional<PageFile::Damage> PageFile::judge_leaves(Events& events, unsigned jobs,
                                                       const Progress& progress) const {
  struct Share {
    std::size_t first = 0;
    std::size_t last = 0;
    std::vector<page::Overflow> overflows;
    std::optional<Damage> damage;
  };
  const page::Judge judge = judge_of(bytes_, events);
  const std::vector<Leaf>& leaves = events.leaves;
  const auto judge_share = [&](Share& share) {
    page::Nodes nodes;
    for (std::size_t i = share.first; i < share.last && !share.damage; ++i) {
      const bool tells = share.first == 0 && i % kProgressPages == 0 && progress;
      if (tells) progress(i * jobs, leaves.size());
      if (i + 1 < share.last) judge.prefetch(leaves[i + 1].page, 0, judge.lines());
      std::string problem = judge.judge_leaf(leaves[i].page, leaves[i].first_key, leaves[i].end_key,
                                             nodes, share.overflows);
      if (!problem.empty()) share.damage = damage_at(leaves[i].first_key, std::move(problem));
    }
  };
  std::vector<Share> shares(jobs);
  std::vector<std::thread> helpers;
  for (std::size_t job = 0; job < jobs; ++job) {
    shares[job].first = leaves.size() * job / jobs;
    shares[job].last = leaves.size() * (job + 1) / jobs;
    if (job > 0) helpers.emplace_back(judge_share, std::ref(shares[job]));
  }
  judge_share(shares[0]);
  for (std::thread& helper : helpers) helper.join();
  for (Share& share : shares) {
    for (const page::Overflow& overflow : share.overflows) {
      std::string problem = take(events, overflow);
      if (!problem.empty()) return damage_at(overflow.key, std::move(problem));
    }
    if (share.damage) return std::move(share.damage);
  }
  return std::nullopt;
}

std::string PageFile::take(Events& events, const page::Overflow& overflow) {
  return take_pages(events.used, overflow.first, overflow.count);
}

PageFile::Walk::Walk(const PageFile& file, const Events& events)
    : judge_(judge_of(file.bytes_, events)), leaves_(events.leaves) {}

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
  if (node_ + 1 == nodes_.count) return enter(leaf_ + 1);
  ++node_;
  show();
  return true;
}

bool PageFile::Walk::enter(std::size_t leaf) {
  if (leaf >= leaves_.size()) return false;
  const Leaf& entered = leaves_[leaf];
  problem_ =
      judge_.judge_leaf(entered.page, entered.first_key, entered.end_key, nodes_, overflows_);
  if (!problem_.empty()) return false;
  leaf_ = leaf;
  node_ = 0;
  next_page_ = leaf + 1 < leaves_.size() ? leaves_[leaf + 1].page : 0;
  next_lines_ = judge_.lines() / nodes_.count + 1;
  page_ = judge_.bytes(entered.page).data();
  show();
  return true;
}

void PageFile::Walk::show() {
  const char* const node = page_ + load_at<std::uint16_t>(page_ + page::kHeaderBytes + 2 * node_);
  judge_.prefetch(next_page_, next_lines_ * node_, next_lines_);
  key_ = {node + page::kNodeHeaderBytes, sizeof(std::uint64_t)};
  value_ = {node + page::kNumberNodeBytes, load_at<std::uint32_t>(node)};
  if (load_at<std::uint32_t>(node + page::kNodeFlagsAt) == page::kNumberNodeShape) return;
  // Its only flag: it lies on pages of its own.
  value_ = judge_.value_at(load_at<std::uint64_t>(value_.data()), value_.size());
}

}  // namespace daybook
