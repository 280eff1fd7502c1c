#include "core/work.h"

namespace daybook {

Work Work::restore(const WorkState& state, History& history) {
  Work work;
  work.seq = state.seq();
  work.deliveries = Deliveries::restore(state, history);
  work.calls = Calls::restore(state);
  work.offsets = Offsets::restore(state);
  return work;
}

WorkState Work::save() const {
  WorkState state;
  state.set_seq(seq);
  deliveries.save(&state);
  calls.save(&state);
  offsets.save(&state);
  return state;
}

void Work::apply(const Event& event) {
  if (event.seq() <= seq) return;
  seq = event.seq();
  deliveries.apply(event);
  calls.apply(event);
  offsets.apply(event);
}

}  // namespace daybook
