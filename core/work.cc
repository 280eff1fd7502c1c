#include "core/work.h"

#include "core/late.h"

namespace daybook {

Work Work::restore(const WorkState& state, History& history) {
  Work work;
  work.seq = state.seq();
  work.deliveries = Deliveries::restore(state, history);
  work.calls = Calls::restore(state);
  work.offsets = Offsets::restore(state);
  work.erasures.assign(state.erasures().begin(), state.erasures().end());
  for (const HeldRow& row : state.held()) work.held[row.session()] = from_milliseconds(row.until());
  return work;
}

WorkState Work::save() const {
  WorkState state;
  state.set_seq(seq);
  deliveries.save(&state);
  calls.save(&state);
  offsets.save(&state);
  state.mutable_erasures()->Assign(erasures.begin(), erasures.end());
  for (const auto& [session, until] : held) {
    HeldRow* row = state.add_held();
    row->set_session(session);
    row->set_until(to_milliseconds(until));
  }
  return state;
}

void Work::apply(const Event& event) {
  if (event.seq() <= seq) return;
  seq = event.seq();
  deliveries.apply(event);
  calls.apply(event);
  offsets.apply(event);
  if (event.has_message_held()) {
    held[event.session()] = from_milliseconds(event.message_held().until());
  }
  // Nobody knows whether they were answered after the backup was made.
  if (event.has_journal_restored()) held.clear();
  if (event.deadline_passed().what() == kGathered) held.erase(event.session());
  if (event.has_session_erased()) erasures.push_back(event.seq());
  if (event.has_keys_destroyed()) std::erase(erasures, event.keys_destroyed().of());
}

void Work::apply_skipped(const Event& chunk) {
  seq = std::max(seq, chunk.seq());
  deliveries.apply_skipped(chunk);
}

}  // namespace daybook
