#include "core/offsets.h"

namespace daybook {

Offsets Offsets::restore(const WorkState& state) {
  Offsets offsets;
  for (const OffsetRow& row : state.offsets()) {
    offsets.last_[row.source()] = {row.update_id(), from_milliseconds(row.time())};
  }
  return offsets;
}

void Offsets::save(WorkState* state) const {
  for (const auto& [source, last] : last_) {
    OffsetRow* row = state->add_offsets();
    row->set_source(source);
    row->set_update_id(last.update_id);
    row->set_time(to_milliseconds(last.time));
  }
}

void Offsets::apply(const Event& event) {
  const auto note = [&](const auto& inbound) {
    if (inbound.update_id() != 0) {
      last_[inbound.source()] = {inbound.update_id(), from_milliseconds(event.time())};
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
  }
}

std::optional<Offsets::Last> Offsets::last(std::string_view source) const {
  const auto found = last_.find(source);
  if (found == last_.end()) return std::nullopt;
  return found->second;
}

}  // namespace daybook
