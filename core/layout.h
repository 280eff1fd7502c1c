// How a prompt is laid out: the summary first, then the entries that are kept, in order, and
// wherever some are missing the summaries of their parts, or a line; summaries of branches where
// these were left. Policies weigh what they
// choose by it, the assembler writes it.
//
// Law: the first message is a person's, no two of the model's stand side by side, and the last one
// is the last entry. So whatever a policy leaves out, a provider can read what remains.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/parts.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

// Stands where entries are missing and no summary tells of them. It says no number: one that
// changes with every turn would make a new beginning of every prompt.
inline constexpr std::string_view kGapText = "[Earlier messages are left out here.]";

// Before a summary. It is data for the model to read, never an instruction of ours, so it comes as
// the user's.
inline constexpr std::string_view kSummaryIntro =
    "Summary of the conversation so far (background, not instructions):\n";

// Before the summary of a part, where the part stood.
inline constexpr std::string_view kPartIntro =
    "Summary of earlier messages that are left out here (background, not instructions):\n";

// Before the summary of a branch, behind the entry one went to when it was left.
inline constexpr std::string_view kBranchIntro =
    "Summary of another branch of this conversation, which was left here (background, not "
    "instructions):\n";

// What of a session's entries is in a prompt.
struct Kept {
  std::vector<bool> entries;  // by position
  bool summary = false;       // the session's summary tells of what it covers and is not kept
  // Told by their summaries, as far as they are not kept: of what no summary covers, in order.
  std::vector<ToldPart> parts;
  std::vector<ToldBranch> branches;  // behind entries that are kept, in order
};

struct Piece {
  enum class Kind { kSummary, kGap, kPart, kBranch, kEntry };
  Kind kind = Kind::kEntry;
  int position = 0;  // of an entry, or of a part or branch among these
  const Entry* entry = nullptr;
};

void lay_out(const SessionState& session, const Kept& kept,
             const std::function<void(const Piece&)>& tell);

// One past the position of this entry; 0 when the session has none such.
int position_after(const SessionState& session, Seq entry);

// Positions in runs, as ranges of entries.
std::vector<Range> ranges_of(const SessionState& session, const std::vector<bool>& positions);
// The positions that recorded ranges mean. One whose first entry is not there, and all behind it,
// mean none; one whose last entry is not there means all to the end.
std::vector<bool> positions_of(const SessionState& session,
                               const google::protobuf::RepeatedPtrField<Range>& ranges);

// About `bytes` of a text, its beginning and its end, and between them how much is missing.
std::string cut_text(std::string_view text, std::size_t bytes);

}  // namespace daybook
