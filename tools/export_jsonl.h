// A journal, or one session of it, as lines that a third party can verify (tools/export_file.h).
//
// Of a session alone, each commit carries the hashes of the other events in it, not their words;
// with `chain` the commits between are there as well, hashes alone, so that the chain reaches the
// newest seal and any checkpoint on the way. Where a secret was found, the event carries its hash
// in place of its bytes: everything else still verifies.
#pragma once

#include <functional>

#include "tools/journal_view.h"
#include "tools/output_file.h"
#include "tools/redactor.h"
#include "tools/session_events.h"

namespace daybook {

struct JsonlRequest {
  SessionId session = 0;  // 0: the whole journal
  bool chain = false;
  const Redactor* redactor = nullptr;  // null: nothing is withheld
  std::function<void(Seq reached)> progress;
  Seq upto = kToTheEnd;  // of a session: what is later counts as not its own
};

struct JsonlReport {
  Seq events = 0;
  Seq withheld = 0;
};

// Does not finish `out`.
Result<JsonlReport> export_jsonl(JournalView& view, const JsonlRequest& request, OutputFile& out);

}  // namespace daybook
