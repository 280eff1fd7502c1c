#include "journal/clear_block.h"

namespace daybook {

void ClearBlock::clear() {
  events_.clear();
  bytes_.clear();
}

void ClearBlock::add(const RecordView& event, KeyId key) {
  events_.push_back({event, bytes_.size(), event.clear.size(), key});
  events_.back().event.clear = {};
  events_.back().event.content = {};
  bytes_.append(event.clear);
}

RecordView ClearBlock::at(std::size_t index) const {
  const Item& item = events_[index];
  RecordView event = item.event;
  event.clear = std::string_view(bytes_).substr(item.offset, item.size);
  return event;
}

}  // namespace daybook
