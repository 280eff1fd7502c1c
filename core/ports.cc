#include "core/ports.h"

#include <utility>

#include "core/told.h"

namespace daybook {

Result<std::vector<Event>> History::chain(Seq head, Seq until) {
  std::vector<Event> chain;
  for (Seq seq = head; seq > until;) {
    std::optional<Event> event = clear_event(seq);
    if (!event || event->prev() >= seq) {
      return Error{"the chain breaks at event " + std::to_string(seq) + ": run daybook verify",
                   ExitCode::kDamaged};
    }
    seq = event->prev();
    chain.push_back(*std::move(event));
  }
  return chain;
}

std::string History::told(Seq seq) {
  const std::optional<Event> found = event(seq);
  return found ? told_text(*found) : std::string();
}

Digest History::told_sha256(Seq seq) { return sha256(told(seq)); }

}  // namespace daybook
