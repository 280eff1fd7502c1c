#include "core/log.h"

namespace daybook {

RecordView view_of(const Record& record) {
  return {record.seq,   record.time, record.kind,  record.session,
          record.cause, record.prev, record.clear, record.content};
}

Result<void> Log::walk(Seq head, Seq until, const std::function<bool(const RecordView&)>& visit) {
  for (Seq seq = head; seq > until;) {
    const Result<std::optional<Record>> record = get_clear(seq);
    if (!record) return record.error();
    if (!record->has_value() || (*record)->prev >= seq) {
      return Error{"the chain breaks at event " + std::to_string(seq) + ": run daybook verify",
                   ExitCode::kDamaged};
    }
    if (!visit(view_of(**record))) return {};
    seq = (*record)->prev;
  }
  return {};
}

}  // namespace daybook
