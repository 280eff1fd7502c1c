#include "tools/session_events.h"

#include <algorithm>
#include <set>

#include "core/codec.h"

namespace daybook {

Result<std::vector<Event>> chain_of(JournalView& view, SessionId session, Seq upto) {
  const SessionRow* row = view.gateway().directory().session(session);
  if (row == nullptr) {
    return Error{"there is no session " + std::to_string(session), ExitCode::kUsage};
  }
  auto chain = view.gateway().chain(row->head(), 0);
  if (!chain) return chain;
  std::erase_if(*chain, [upto](const Event& event) { return event.seq() > upto; });
  std::reverse(chain->begin(), chain->end());
  return chain;
}

std::vector<Seq> chunks_before(Seq last_chunk, History& history) {
  std::vector<Seq> chunks;
  for (Seq seq = last_chunk; seq != 0;) {
    const auto event = history.clear_event(seq);
    if (!event || !event->has_chunk_received() || event->prev() >= seq) break;
    chunks.push_back(seq);
    seq = event->prev();
  }
  std::reverse(chunks.begin(), chunks.end());
  return chunks;
}

Result<std::vector<Seq>> events_of(JournalView& view, SessionId session, Seq upto) {
  // An attempt's chunks hang off its end, which may come later.
  auto chain = chain_of(view, session, kToTheEnd);
  if (!chain) return chain.error();
  std::set<Seq> ends;  // an attempt that failed ends in two events
  std::vector<Seq> found;
  for (const Event& event : *chain) {
    found.push_back(event.seq());
    ends.insert(last_chunk_of(event));
  }
  ends.insert(view.gateway().directory().session(session)->last_chunk());
  for (const Seq end : ends) {
    const std::vector<Seq> chunks = chunks_before(end, view.gateway());
    found.insert(found.end(), chunks.begin(), chunks.end());
  }
  std::erase_if(found, [upto](Seq seq) { return seq > upto; });
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace daybook
