// Where each entry of a conversation is in a prompt: what a policy chose, written into the turn's
// record and read from there.
//
// Law: every entry has one residency, and it follows from the record alone. A prompt holds the
// words of those that are whole, pinned or cut, and of no others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/policy.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

enum class Residency {
  kWhole,
  kPinned,   // whole, whatever else is left out
  kCut,      // its beginning and its end
  kSummary,  // told by the summary of all that is old
  kPart,     // told by the summary of the part it lies in
  kLeftOut,
  kOutside,  // not looked at: a summary is asked of a part, a title of the beginning
};

struct EntryResidency {
  Residency residency = Residency::kOutside;
  std::uint32_t bytes = 0;  // kCut: about so many of its words are left
  Seq told_by = 0;          // kSummary, kPart: the CompactionCompleted

  friend bool operator==(const EntryResidency&, const EntryResidency&) = default;
};

// What is recorded of a choice: all of it but the words.
void record_choice(const SessionState& session, const Choice& choice, TurnStarted* turn);

// By position. `session` as the prompt was made of it, the turn begun. Turns recorded before pins
// were show what is pinned as whole.
std::vector<EntryResidency> residency_of(const SessionState& session, const TurnStarted& turn);

// Entries side by side that are alike.
struct ResidencyRun {
  Seq first = 0;
  Seq last = 0;
  int entries = 0;
  EntryResidency as;
};
std::vector<ResidencyRun> residency_runs(const SessionState& session,
                                         const std::vector<EntryResidency>& residency);

// "whole", "pinned", "cut", "summary", "part", "left_out", "outside": for machines.
std::string_view name_of(Residency residency);
// "cut to 1024 bytes", "told by summary 23": for people.
std::string residency_text(const EntryResidency& one);
// "6 to 23 (12): told by summary 23".
std::string residency_text(const ResidencyRun& run);

}  // namespace daybook
