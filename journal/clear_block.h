// Events without their words, copied out of the map, to be looked at when no transaction is open.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/log.h"
#include "journal/crypto.h"

namespace daybook {

class ClearBlock {
 public:
  void clear();
  // `key`: what locks its words.
  void add(const RecordView& event, KeyId key);
  [[nodiscard]] std::size_t size() const { return events_.size(); }
  // Valid until the next change.
  [[nodiscard]] RecordView at(std::size_t index) const;
  [[nodiscard]] KeyId key_at(std::size_t index) const { return events_[index].key; }

 private:
  struct Item {
    RecordView event;  // its `clear` is told by offset and size
    std::size_t offset = 0;
    std::size_t size = 0;
    KeyId key = 0;
  };

  std::vector<Item> events_;
  std::string bytes_;
};

}  // namespace daybook
