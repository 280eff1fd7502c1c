// The conversations of one chat: what is said between one SessionReset and the next, with all its
// branches. One tree holds them all, so going back to one is a move of the leaf.
//
// Law: every entry says which conversation it is of, and none is of another chat's. Titles and
// words are found by seq; nothing of them is kept here.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "core/ports.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

// The present one's row; null: nothing was said in it.
const ConversationRow* present_conversation(const SessionState& state);
ConversationRow* present_conversation(SessionState* state);
// The same, made when there is none.
ConversationRow& touch_conversation(SessionState* state, std::int64_t time);

// Keeps where one is in the present one, and what is set in it.
void leave_conversation(SessionState* state);
// This one becomes the present one, as it was left; a closed one is open again.
void enter_conversation(SessionState* state, Seq conversation);
// Whether this entry is of another conversation than the present one; 0 is of none.
bool is_elsewhere(const SessionState& state, Seq entry);
// After entries were dropped: those of which none is left are no conversations any more.
void drop_conversations(SessionState* state);

// One as a person sees it.
struct Conversation {
  std::size_t number = 0;  // from 1, the oldest first
  Seq id = 0;
  Seq titled_by = 0;  // the event whose words the title is; 0: there are none
  int messages = 0;   // on all its branches
  Seq leaf = 0;       // where one goes on in it
  bool present = false;
  const ConversationRow* row = nullptr;
};
// All of them, the oldest first.
std::vector<Conversation> conversations_of(const SessionState& state);

// Which words were said in a conversation that a /forget closed and nobody went back to: those of
// its entries, and whatever else was said in it, like what waited or a summary.
class ClosedWords {
 public:
  // As `state`, which must outlive it, has it. Where any is closed, so many events of the chain
  // from `head` back are read; of what was said before them and is no entry, nobody knows: it
  // counts as closed unless the present conversation had begun by then.
  ClosedWords(const SessionState& state, Seq head, int events_max, History& history);

  [[nodiscard]] bool holds(Seq seq) const;

 private:
  struct Stretch {
    Seq first = 0;
    Seq conversation = 0;
  };

  const SessionState& state_;
  std::set<Seq> closed_;
  std::vector<Stretch> stretches_;  // of the chain, the newest first
};

std::string title_of(const Conversation& conversation, History& history);

// "What does a boat cost in the summer and where would I…": words for a title.
std::string first_words(const std::string& text);

}  // namespace daybook
