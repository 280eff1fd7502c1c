// The summary index: stretches of a conversation that have a summary of their own. A prompt of the
// policy `incremental` tells by them what it leaves out.
//
// A part lies on one way from the beginning to an entry, and what lies there never changes; so its
// summary is true for ever, on every branch that goes through all of it, and is none of those that
// leave the way within it. One that failed is passed over, so that it does not stand before those
// that follow; a /compact, which summarises all that is old, tells of it, too. Rejected: summaries
// of summaries, and summaries made while a prompt waits for them.
//
// A branch that was left (agent.branch_summary) has a summary, too: it is told on the branch one
// went to, behind the entry one came back to, and is no part of any prompt on its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

// Entries by position, from `begin` to before `end`.
struct ToldPart {
  int begin = 0;
  int end = 0;
  Seq completed = 0;  // its CompactionCompleted; 0: it failed or was undone, and is not told
  Seq text = 0;       // the event whose content.text is the summary
  std::uint32_t tokens = 0;
};

// Those on the way to the leaf, in its order, behind what the summary in force covers; none
// overlaps another. One pass over the entries.
std::vector<ToldPart> parts_of(const SessionState& session);

// The oldest entries that neither a summary nor a part tells of and that make a part: whole
// exchanges before the last `keep_last` entries, as many of them, or of their tokens, as `tuning`
// says. A stretch of fewer tokens than its least is not worth a model call, however many entries it
// has. nullopt: they are too few yet.
std::optional<ToldPart> next_part(const SessionState& session, std::uint32_t keep_last,
                                  const PolicyTuning& tuning);

struct ToldBranch {
  int position = 0;   // of the entry behind which it is told
  Seq completed = 0;  // its CompactionCompleted
  Seq text = 0;       // the event whose content.text is the summary
  std::uint32_t tokens = 0;
};

// Those that were left for an entry on the way that no summary covers and something follows, in
// its order. Of a branch that was left more than once, the newest summary.
std::vector<ToldBranch> told_branches(const SessionState& session);

// How much of a conversation a summary of these entries tells.
Granularity granularity_of(const ToldPart& part);

}  // namespace daybook
