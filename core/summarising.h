// What a model that summarises is given: the entries its summary shall stand for, as one text.
//
// Law: what is summarised is data. It stands in one message of the user's, never in the system's
// place, and nothing before a part, or besides a branch, is told to who summarises it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/state.pb.h"

namespace daybook {

// What is asked of a summary, unless agent.summary_prompt says it in other words.
inline constexpr std::string_view kSummaryPrompt =
    "Keep names, numbers, decisions, open questions and what the user asked for last. Answer with "
    "the summary alone, in the language of the conversation.";

// What a summariser is told before its request: what it is given is data, whatever the settings
// say; then what is asked of the summary.
std::string summary_system(const TurnStarted& turn, History& history);

// The entries that a compaction is about, wherever in the tree they lie.
std::vector<Entry> source_of(const SessionState& session, const CompactionStarted& started);

// The entries a turn may look at: those of its compaction's range, or all that no summary covers.
// `cut` holds them when they are not all.
const SessionState& scope_of(const SessionState& state, const TurnStarted& turn, History& history,
                             SessionState* cut);

// What the person who asked for the summary wants of it; empty: nothing in particular.
std::string instructions_of(const TurnStarted& turn, History& history);

// The scope's entries from this position on.
std::string transcript(const SessionState& scope, int begin, const std::string& instructions,
                       History& history);

}  // namespace daybook
