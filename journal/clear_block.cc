#include "journal/clear_block.h"

#include <limits>

#include "core/check.h"
#include "core/short_bytes.h"

namespace daybook {

void ClearBlock::clear() {
  events_.clear();
  used_ = 0;
}

void ClearBlock::add(const RecordView& event, KeyId key) {
  CHECK(used_ <= std::numeric_limits<std::uint32_t>::max(), "a block is small");
  const auto offset = static_cast<std::uint32_t>(used_);
  const auto size = static_cast<std::uint32_t>(event.clear.size());
  // Field by field, where it stays: copied in halves it would have to wait for its own bytes.
  Item& item = events_.emplace_back();
  item.seq = event.seq;
  item.time = event.time;
  item.session = event.session;
  item.cause = event.cause;
  item.prev = event.prev;
  item.offset = offset;
  item.size = size;
  item.key = key;
  item.kind = event.kind;
  used_ += size;
  if (used_ > bytes_.size()) bytes_.resize(2 * used_);
  copy_short(bytes_.data() + offset, event.clear);
}

void ClearBlock::drop(std::size_t count) {
  if (count == 0) return;
  if (count == events_.size()) return clear();
  const std::uint32_t bytes = events_[count - 1].offset + events_[count - 1].size;
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
  bytes_.erase(0, bytes);
  used_ -= bytes;
  for (Item& item : events_) item.offset -= bytes;
}

}  // namespace daybook
