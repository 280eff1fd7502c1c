#include "core/offsets.h"

#include <algorithm>

namespace daybook {

Offsets Offsets::restore(const WorkState& state) {
  Offsets offsets;
  for (const OffsetRow& row : state.offsets()) {
    offsets.rows_[row.source()] = {{row.update_id(), from_milliseconds(row.time())},
                                   from_milliseconds(row.asked())};
  }
  return offsets;
}

void Offsets::save(WorkState* state) const {
  for (const auto& [source, known] : rows_) {
    OffsetRow* row = state->add_offsets();
    row->set_source(source);
    row->set_update_id(known.last.update_id);
    row->set_time(to_milliseconds(known.last.time));
    row->set_asked(to_milliseconds(known.asked));
  }
}

void Offsets::apply(const Event& event) {
  const auto note = [&](const auto& inbound) {
    if (inbound.update_id() != 0) {
      rows_[inbound.source()].last = {inbound.update_id(), from_milliseconds(event.time())};
    }
  };
  if (event.has_message_received()) {
    note(event.message_received());
  } else if (event.has_message_edited()) {
    note(event.message_edited());
  } else if (event.has_button_pressed()) {
    note(event.button_pressed());
  } else if (event.has_message_refused()) {
    note(event.message_refused());
  } else if (event.has_place_moved()) {
    note(event.place_moved());
  } else if (event.has_updates_asked()) {
    rows_[event.updates_asked().source()].asked = from_milliseconds(event.time());
  } else if (event.has_updates_gap()) {
    // It is told once, however often the next poll fails.
    rows_[event.updates_gap().source()].asked = from_milliseconds(event.time());
  }
}

std::optional<Offsets::Last> Offsets::last(std::string_view source) const {
  const auto found = rows_.find(source);
  if (found == rows_.end() || found->second.last.update_id == 0) return std::nullopt;
  return found->second.last;
}

std::optional<Time> Offsets::asked(std::string_view source) const {
  const auto found = rows_.find(source);
  if (found == rows_.end()) return std::nullopt;
  return std::max(found->second.last.time, found->second.asked);
}

}  // namespace daybook
