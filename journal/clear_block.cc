#include "journal/clear_block.h"

#include <limits>

#include "core/check.h"

namespace daybook {

void ClearBlock::clear() {
  events_.clear();
  bytes_.clear();
}

void ClearBlock::add(const RecordView& event, KeyId key) {
  CHECK(bytes_.size() <= std::numeric_limits<std::uint32_t>::max(), "a block is small");
  const auto offset = static_cast<std::uint32_t>(bytes_.size());
  const auto size = static_cast<std::uint32_t>(event.clear.size());
  events_.push_back({event.seq, event.time, event.session, event.cause, event.prev, offset, size,
                     key, event.kind});
  bytes_.append(event.clear);
}

RecordView ClearBlock::at(std::size_t index) const {
  const Item& item = events_[index];
  return {item.seq,
          item.time,
          item.kind,
          item.session,
          item.cause,
          item.prev,
          std::string_view(bytes_).substr(item.offset, item.size),
          {}};
}

}  // namespace daybook
