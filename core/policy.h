// Policies: which entries of a conversation a prompt takes when it cannot, or need not, take all.
//
// A summary tells of what it covers; `incremental` alone takes covered entries again, and of the
// summaries of parts what it has room for. "The last
// few" begin no later than with the newest message that says what to do: "go on" does not. Pinned
// entries are always whole, and what the turn answers is always taken. An answer is not taken
// without its question, unless it is pinned.
//
// Law: a choice is a function of the session, of what TurnStarted says of limits, and of the words
// of its entries. It is made once and recorded; a prompt is built again from the record alone, so
// the policies may change from version to version. It never takes more than its budget: what cannot
// be made to fit is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/layout.h"
#include "core/model.h"
#include "core/ports.h"
#include "core/state.pb.h"

namespace daybook {

//   full         everything, or the turn is refused
//   window       the newest that fit, at most so many
//   legacy       everything, what is answered cut where it alone takes too much of the window; when
//                it does not fit, fewer and fewer of the newest, and when not even the fewest do,
//                long texts are cut
//   reset        everything up to a threshold; beyond it begins anew with the last few, and goes on
//                from there until the threshold is reached again
//   incremental  the last few, then what has most in common with what was asked
//                (core/relevance.h), and summaries of what is left out between them (core/parts.h)
struct PolicyRow {
  std::string_view name;
  std::string_view meaning;  // for /policy
};
const std::vector<PolicyRow>& policies();
bool is_policy(std::string_view name);
inline constexpr std::string_view kDefaultPolicy = "window";

// What settings begin with.
inline constexpr std::uint32_t kResetThreshold = 32'000;
inline constexpr std::uint32_t kIncrementalBudget = 16'000;
inline constexpr std::uint32_t kKeepLast = 8;
inline constexpr std::uint32_t kContextTokensMax = 200'000;
const PolicyTuning& usual_tuning();

// How much a turn may take and by what it chooses, as the settings say; where those were recorded
// before there was such a setting, what settings begin with.
void set_policy_limits(const SettingsLoaded& settings, TurnStarted* turn);

// In force where this was recorded: what settings begin with where it is none, or half of one, and
// for what there was no setting yet.
PolicyTuning whole_tuning(const PolicyTuning& recorded);
PolicyTuning tuning_of(const TurnStarted& turn);

// Window and budget of a turn whose policy and tuning are set. Of a window that prompt and answer
// share, room is kept for the answer: as much as the model can say, at most agent.answer_tokens and
// half the window.
void set_window(const ResolvedModel& model, TurnStarted* turn);

struct Choice {
  struct Part {
    std::uint32_t bytes = 0;
    std::uint32_t tokens = 0;
  };

  Kept kept;
  std::map<int, Part> cut;  // by position: entries of which only a part is kept
  // The rules that were applied, the one that left something out first.
  std::vector<std::string> provenance;
  Seq anew = 0;              // `reset`: the entry it begins with
  std::uint64_t tokens = 0;  // estimate for the whole prompt
  bool fits = false;
};

// The turn's own messages are entries of the session already. `system_tokens`: of the system
// prompt.
Choice choose(const SessionState& session, const TurnStarted& turn, std::uint32_t system_tokens,
              History& history);

// What a prompt may come to by the turn's window, its share, the answer's room and the absolute
// limit; and by which of these. `legacy` has a share of its own, of what the window has besides
// that room and agent.legacy_spare_tokens, together at most half of it.
struct Limit {
  std::uint32_t tokens = 0;
  std::string_view setting;  // agent.*; "window_percent" for context_window_percent
};
Limit limit_of(const TurnStarted& turn);

// What our estimate says of so many tokens of the turn's model, and of all of its budget.
std::uint64_t estimate_for(const TurnStarted& turn, std::uint64_t tokens);
std::uint64_t estimated_budget(const TurnStarted& turn);

// Whether a message says what to do: "ok" and "go on" do not, all that is longer than so many bytes
// does.
bool is_substantive(std::string_view text, std::size_t continuation_bytes_max);

}  // namespace daybook
