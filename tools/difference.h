// Two prompts, two states of a session, or two sessions, line against line; and for every line
// that only one of them has: which event, by which rule, kept it out of the other.
//
// Law: a line is known by the event that holds its words, so a text said twice is two lines, and
// branches that share events share lines. Only sessions without a single event in common (a copy
// that was imported) are compared by their words.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "core/events.pb.h"
#include "core/residency.h"
#include "core/result.h"
#include "core/state.pb.h"
#include "tools/journal_view.h"
#include "tools/moment.h"

namespace daybook {

struct Line {
  std::string role;  // model, policy, system, summary, user, assistant, waiting
  Seq seq = 0;       // the event whose words it is, or that set it
  std::string kind;  // of that event
  std::string text;

  friend bool operator==(const Line&, const Line&) = default;
};

struct Side {
  std::string name;  // "the prompt of turn 120", "session 7 after event 150"
  Seq upto = 0;      // what lies beyond was not said yet
  SessionState state;
  std::vector<Line> lines;
  // Of a prompt: its turn, and what left entries out of it.
  Seq turn = 0;
  std::vector<EntryResidency> residency;  // of its entries, by position
  std::string rule;
  Seq dropped_by = 0;
  Seq compaction = 0;  // of a SUMMARY: whose range it takes
};

Result<Side> prompt_side(JournalView& view, const Event& turn);
Result<Side> state_side(JournalView& view, const SessionMoment& moment);

struct Change {
  enum class Sign { kSame, kGone, kAdded };
  Sign sign = Sign::kSame;
  Line line;
  std::string why;  // empty for what is the same
};
// From `one` to `other`, in the order of the conversation.
std::vector<Change> difference(const Side& one, const Side& other);

}  // namespace daybook
