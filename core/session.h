// One conversation as a fold: its entries, its model, its open turn, and who waits. Staged
// position.
//
// Entries are what was said and answered; a prompt is a view of them (core/context.h). A message
// becomes an entry when its turn starts, not while it waits.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

class Session {
 public:
  // Folds the chain that ends in `head` (the newest event of the session that is not a chunk);
  // `last_chunk` is the open turn's newest, or 0.
  static Result<Session> load(SessionId id, Seq head, Seq last_chunk, History& history);
  // The same from a state of an earlier moment (an empty one: from the beginning) and the chain
  // since, newest event first.
  static Result<Session> resume(SessionId id, SessionState state, const std::vector<Event>& chain,
                                Seq last_chunk);

  // Events of other sessions, and those at or before state().seq(), are ignored.
  void apply(const Event& event);

  [[nodiscard]] const SessionState& state() const { return state_; }
  [[nodiscard]] bool busy() const { return state_.has_open(); }

 private:
  SessionState state_;
};

// What was set in the conversation under this key; null: what the settings say holds.
const OwnSetting* own_setting(const SessionState& state, std::string_view key);
// Its value; empty: there is none, or it is words.
std::string own_value(const SessionState& state, std::string_view key);

// The event whose content.text is the summary that this one puts in force.
Seq summary_text(const Event& compaction_completed);

// No answer grows beyond this: it must fit one event of the journal with room to spare.
inline constexpr std::size_t kAnswerBytesMax = 512u << 10;

// The beginning of a text, cut between code points.
std::string_view text_prefix(std::string_view text, std::size_t bytes_max);

// The text an attempt had given so far, cut at kAnswerBytesMax: its chunks from `last_chunk` back,
// TEXT only, joined in order.
std::string text_so_far(Seq last_chunk, History& history);
// What else it had streamed, which nobody sees: thoughts, and names and arguments of tools.
std::string unseen_so_far(Seq last_chunk, History& history);

}  // namespace daybook
