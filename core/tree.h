// A conversation as a tree: every entry has one before it, and any may have several behind it.
//
// SessionState::entries is the way from the beginning to the leaf, where one talks on;
// SessionState::aside is all the rest. Law: an entry is in one of the two, once; one aside names
// its parent, the parent of one on the way is the one before it. So a conversation that never
// branched costs nothing, and a prompt never looks aside.
#pragma once

#include <functional>
#include <vector>

#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

// The newest entry on the way; 0: nothing was said.
Seq leaf_of(const SessionState& state);
// On the way or aside; null: there is none such.
const Entry* find_entry(const SessionState& state, Seq seq);
// The entry before it; 0: it is a first one.
Seq parent_of(const SessionState& state, Seq seq);

// `to` becomes the leaf, 0: before everything. False, and nothing is changed: there is no such
// entry.
bool move_leaf(SessionState* state, Seq to);

// The summary in force: the newest whose last entry lies on the way.
void choose_summary(SessionState* state);

// Takes entries out for good. What was behind one of them is behind its parent from then on.
void drop_entries(SessionState* state, const std::function<bool(Seq)>& gone);

// The entries from `first` to `last`, wherever they lie; empty: there is no such way.
std::vector<Entry> stretch(const SessionState& state, Seq first, Seq last);
// So many entries of the way lie on the way to this one, too.
int shared_with(const SessionState& state, Seq entry);

struct Branch {
  Seq leaf = 0;
  int entries = 0;  // from the beginning to the leaf

  friend bool operator==(const Branch&, const Branch&) = default;
};
// Every end of the tree, the oldest leaf first; the leaf where one talks on is one of them even if
// something lies behind it.
std::vector<Branch> branches_of(const SessionState& state);

}  // namespace daybook
