// Every byte is looked at before it is believed.
#include "journal/page_judge.h"

namespace daybook::page {
namespace {

bool in_order(std::string_view one, std::string_view other, bool integers) {
  if (!integers) return one < other;
  return load<std::uint64_t>(one, 0) < load<std::uint64_t>(other, 0);
}

std::string_view bytes_of(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

}  // namespace

std::string Judge::judge(const Place& place, Nodes& nodes) const {
  std::string_view what = judge_head(place.page, place.leaf ? kLeaf : kBranch);
  if (what.empty()) what = judge_nodes(place, nodes);
  return what.empty() ? std::string() : complaint(place.page, what);
}

std::string_view Judge::judge_head(std::uint64_t page, std::uint16_t kind) const {
  if (load<std::uint64_t>(bytes(page), 0) != page) return "its number is another";
  if (load<std::uint16_t>(bytes(page), kFlagsAt) != kind) return "its kind is another";
  return {};
}

std::string Judge::judge_leaf(std::uint64_t page, std::uint64_t low, std::uint64_t high,
                              Nodes& nodes, std::vector<Overflow>& overflows) const {
  const std::string_view what = judge_head(page, kLeaf);
  if (!what.empty()) return complaint(page, what);
  nodes = {};
  if (is_plain(low, high, bytes(page), nodes.count)) return {};
  const std::string_view below = high == kNone ? std::string_view() : bytes_of(high);
  std::string problem = judge({page, true, true, bytes_of(low), below}, nodes);
  for (std::size_t i = 0; i < nodes.count && problem.empty(); ++i) {
    const Node found = node(bytes(page), i, true);
    Overflow overflow;
    if ((found.flags & ~kOnOverflowPages) != 0) {
      problem = complaint(page, "one of its nodes is of another kind");
    } else if (found.on_overflow_pages()) {
      problem = judge_overflow(page, found, overflow);
      overflow.key = load<std::uint64_t>(found.key, 0);
      overflows.push_back(overflow);
    }
  }
  return problem;
}

// What judge_nodes() finds of nearly every page: a leaf whose keys are numbers and whose values lie
// beside them. False: anything else, to be judged node by node.
bool Judge::is_plain(std::uint64_t low, std::uint64_t high, std::string_view page,
                     std::size_t& count) const {
  const char* const bytes = page.data();
  const std::size_t lower = load_at<std::uint16_t>(bytes + kLowerAt);
  const std::size_t upper = load_at<std::uint16_t>(bytes + kUpperAt);
  if (lower <= kHeaderBytes || lower % 2 != 0 || lower > upper || upper >= page_bytes_) {
    return false;
  }
  const std::size_t nodes = (lower - kHeaderBytes) / 2;
  std::uint64_t least = low;  // what the last key was, and one
  // Each node begins below the one before it and ends where that one begins.
  std::size_t end = page_bytes_;
  bool sane = true;
  for (std::size_t i = 0; i < nodes && sane; ++i) {
    const std::size_t at = load_at<std::uint16_t>(bytes + kHeaderBytes + 2 * i);
    if (at + kNumberNodeBytes > end) return false;
    const std::size_t value_bytes = load_at<std::uint32_t>(bytes + at);
    // Flags, and bytes of the key.
    const auto shape = load_at<std::uint32_t>(bytes + at + kNodeFlagsAt);
    const auto key = load_at<std::uint64_t>(bytes + at + kNodeHeaderBytes);
    const std::size_t size = (kNumberNodeBytes + value_bytes + 1) & ~std::size_t{1};
    sane = at + size == end && shape == kNumberNodeShape && key >= least && key != kNone;
    least = key + 1;
    end = at;
  }
  if (!sane || least > high || end != upper) return false;
  count = nodes;
  return true;
}

std::string_view Judge::judge_nodes(const Place& place, Nodes& nodes) const {
  const std::string_view page = bytes(place.page);
  const auto lower = load<std::uint16_t>(page, kLowerAt);
  const auto upper = load<std::uint16_t>(page, kUpperAt);
  const bool sane = lower > kHeaderBytes && lower % 2 == 0 && lower <= upper && upper < page_bytes_;
  if (!sane) return "its bounds are damaged";
  nodes = {(lower - kHeaderBytes) / std::size_t{2}, 0};
  std::size_t taken = 0;
  std::string_view before = place.low;
  for (std::size_t i = 0; i < nodes.count; ++i) {
    const std::size_t size = node_size(page, i, upper, place.leaf);
    if (size == 0) return "one of its nodes lies outside";
    taken += size;
    if (!place.leaf && i == 0) continue;  // it stands for everything below the second one
    const Node found = node(page, i, place.leaf);
    const std::string_view key = found.key;
    if (place.leaf) nodes.flags |= found.flags;
    if (place.integer_keys ? key.size() != sizeof(std::uint64_t) : key.empty()) {
      return "one of its keys has another size";
    }
    // A leaf's first key may be what its parent says; any other key is above the one before it.
    const bool first = place.leaf && i == 0;
    const bool above =
        before.empty() || in_order(before, key, place.integer_keys) || (first && before == key);
    if (!above || (!place.high.empty() && !in_order(key, place.high, place.integer_keys))) {
      return "its keys are out of order";
    }
    before = key;
  }
  // Nodes lie side by side up to the end, so that none overlaps another.
  return taken == page_bytes_ - upper ? "" : "its nodes overlap or leave gaps";
}

// Bytes that the node takes in its page; 0: it is not within.
std::size_t Judge::node_size(std::string_view page, std::size_t index, std::size_t upper,
                             bool leaf) const {
  const std::size_t at = load<std::uint16_t>(page, kHeaderBytes + 2 * index);
  if (at < upper || at % 2 != 0 || at + kNodeHeaderBytes > page_bytes_) return 0;
  std::size_t size = kNodeHeaderBytes + load<std::uint16_t>(page, at + kKeySizeAt);
  if (leaf) {
    const bool outside = (load<std::uint16_t>(page, at + kNodeFlagsAt) & kOnOverflowPages) != 0;
    size += outside ? sizeof(std::uint64_t) : load<std::uint32_t>(page, at);
  }
  size += size % 2;
  return at + size <= page_bytes_ ? size : 0;
}

Node Judge::node(std::string_view page, std::size_t index, bool leaf) {
  const std::size_t at = load<std::uint16_t>(page, kHeaderBytes + 2 * index);
  Node found;
  found.low = load<std::uint32_t>(page, at);
  found.flags = load<std::uint16_t>(page, at + kNodeFlagsAt);
  const auto key_size = load<std::uint16_t>(page, at + kKeySizeAt);
  found.key = page.substr(at + kNodeHeaderBytes, key_size);
  if (!leaf) return found;
  found.value = page.substr(at + kNodeHeaderBytes + key_size,
                            found.on_overflow_pages() ? sizeof(std::uint64_t) : found.low);
  return found;
}

std::string Judge::judge_overflow(std::uint64_t asking, const Node& node, Overflow& into) const {
  const auto first = load<std::uint64_t>(node.value, 0);
  if (!exists(first)) {
    return complaint(asking, "it points to page " + std::to_string(first) + ", beyond the end");
  }
  const std::string_view what = judge_head(first, kOverflow);
  if (!what.empty()) return complaint(first, what);
  // A value that became shorter keeps the pages that it had.
  const auto count = load<std::uint32_t>(bytes(first), kPagesAt);
  const std::size_t needed = (kHeaderBytes + node.low + page_bytes_ - 1) / page_bytes_;
  if (count < needed) return complaint(first, "it is shorter than its value");
  if (count > pages_ - first) {
    return complaint(asking, "it points to page " + std::to_string(first) + ", beyond the end");
  }
  into = {0, first, count};
  return {};
}

}  // namespace daybook::page
