// Conversations as training examples: {"messages":[{"role":"system",...},{"role":"user",...},...]},
// one a line, as chat completions fine-tuning reads them.
//
// An example is what was said between two resets, under one system prompt, in the order a model saw
// it: a message stands before the answer to it, though it may have waited. A message whose answer
// failed, was stopped or cut is left out with it.
#pragma once

#include "tools/journal_view.h"
#include "tools/redactor.h"
#include "tools/session_events.h"

namespace daybook {

// The lines of one session; empty when nothing in it was answered. `redactor` null: words as they
// are.
Result<std::string> openai_examples(JournalView& view, SessionId session, const Redactor* redactor,
                                    Seq upto = kToTheEnd);

}  // namespace daybook
