// Events without their words, copied out of the map, to be looked at when no transaction is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "journal/crypto.h"

namespace daybook {

class ClearBlock {
 public:
  void clear();
  // `key`: what locks its words.
  void add(const RecordView& event, KeyId key);
  // The first so many go.
  void drop(std::size_t count);
  [[nodiscard]] std::size_t size() const { return events_.size(); }
  // Valid until the next change.
  [[nodiscard]] RecordView at(std::size_t index) const {
    const Item& item = events_[index];
    const std::string_view clear(bytes_.data() + item.offset, item.size);
    return {item.seq, item.time, item.kind, item.session, item.cause, item.prev, clear, {}};
  }
  [[nodiscard]] KeyId key_at(std::size_t index) const { return events_[index].key; }

 private:
  // Half of what a RecordView takes: blocks are copied into caches.
  struct Item {
    Seq seq = 0;
    Time time{};
    SessionId session = 0;
    Seq cause = 0;
    Seq prev = 0;
    std::uint32_t offset = 0;  // of its clear bytes
    std::uint32_t size = 0;
    KeyId key = 0;
    std::uint8_t kind = 0;
  };

  std::vector<Item> events_;
  std::string bytes_;  // the first used_ of them
  std::size_t used_ = 0;
};

}  // namespace daybook
