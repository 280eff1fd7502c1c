#include "core/ports.h"

#include <utility>

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

Digest History::text_sha256(Seq seq) { return sha256(text(seq)); }

}  // namespace daybook
