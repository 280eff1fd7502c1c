#include "tools/residency_json.h"

#include "core/residency.h"

namespace daybook {

JsonLine residency_json(const SessionState& session, const TurnStarted& turn) {
  JsonLine rows = JsonLine::array();
  int position = 0;
  for (const EntryResidency& one : residency_of(session, turn)) {
    const Entry& entry = session.entries(position++);
    JsonLine row{{"entry", entry.seq()},
                 {"role", entry.role() == Entry::USER ? "user" : "assistant"},
                 {"tokens", entry.tokens()},
                 {"residency", name_of(one.residency)}};
    if (one.bytes > 0) row["bytes"] = one.bytes;
    if (one.told_by > 0) row["told_by"] = one.told_by;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace daybook
