// The conversations of one chat: what is said between one SessionReset and the next, with all its
// branches. One tree holds them all, so going back to one is a move of the leaf.
//
// Law: every entry says which conversation it is of, and none is of another chat's. Titles and
// words are found by seq; nothing of them is kept here.
#pragma once

#include <cstddef>
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

std::string title_of(const Conversation& conversation, History& history);

// "What does a boat cost in the summer and where would I…": words for a title.
std::string first_words(const std::string& text);

}  // namespace daybook
