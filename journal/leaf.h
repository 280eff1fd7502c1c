// A leaf of a table whose keys are numbers, as it lies in the map (MDB_page and MDB_node in
// liblmdb/mdb.c of release 0.9.24; journal/pages.cc has all of it).
//
// Law: whatever its bytes say, nothing beyond the page is read for a node that is plain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace daybook::store {

class Leaf {
 public:
  Leaf(const char* page, std::size_t page_bytes) : page_(page), page_bytes_(page_bytes) {}

  [[nodiscard]] bool has(std::size_t node) const {
    const std::size_t lower = load<std::uint16_t>(kLowerAt);
    return kHeaderBytes + 2 * (node + 1) <= lower && lower <= page_bytes_;
  }
  // The node is there, its key and its value beside it.
  [[nodiscard]] bool has_plain(std::size_t node) const {
    if (!has(node)) return false;
    const std::size_t place = at(node);
    return place + kNodeBytes + kKeyBytes <= page_bytes_ &&
           load<std::uint32_t>(place + 4) == kKeyBytes << 16 &&
           place + kNodeBytes + kKeyBytes + load<std::uint32_t>(place) <= page_bytes_;
  }
  [[nodiscard]] std::string_view key(std::size_t node) const {
    return {page_ + at(node) + kNodeBytes, kKeyBytes};
  }
  // Of a plain one.
  [[nodiscard]] std::string_view value(std::size_t node) const {
    return {page_ + at(node) + kNodeBytes + kKeyBytes, load<std::uint32_t>(at(node))};
  }

 private:
  static constexpr std::size_t kLowerAt = 12;
  static constexpr std::size_t kHeaderBytes = 16;
  static constexpr std::size_t kNodeBytes = 8;
  static constexpr std::size_t kKeyBytes = sizeof(std::uint64_t);

  template <typename Number>
  [[nodiscard]] Number load(std::size_t place) const {
    Number number = 0;
    std::memcpy(&number, page_ + place, sizeof number);
    return number;
  }
  [[nodiscard]] std::size_t at(std::size_t node) const {
    return load<std::uint16_t>(kHeaderBytes + 2 * node);
  }

  const char* page_;
  std::size_t page_bytes_;
};

}  // namespace daybook::store
