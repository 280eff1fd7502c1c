#include "core/tree.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/layout.h"

namespace daybook {
namespace {

std::unordered_map<Seq, int> places_aside(const SessionState& state) {
  std::unordered_map<Seq, int> places;
  for (int index = 0; index < state.aside_size(); ++index) {
    places[state.aside(index).seq()] = index;
  }
  return places;
}

// What lies behind the first `keep` entries of the way goes aside.
void leave(SessionState* state, int keep) {
  for (int index = keep; index < state->entries_size(); ++index) {
    Entry* left = state->add_aside();
    *left = state->entries(index);
    left->set_parent(index == 0 ? 0 : state->entries(index - 1).seq());
  }
  state->mutable_entries()->DeleteSubrange(keep, state->entries_size() - keep);
}

// Of every entry.
std::unordered_map<Seq, Seq> parents_of(const SessionState& state) {
  std::unordered_map<Seq, Seq> parents;
  Seq before = 0;
  for (const Entry& entry : state.entries()) {
    parents[entry.seq()] = before;
    before = entry.seq();
  }
  for (const Entry& entry : state.aside()) parents[entry.seq()] = entry.parent();
  return parents;
}

// From the beginning to `seq`, itself counted. `known`: of entries that were met before.
int entries_to(Seq seq, const std::unordered_map<Seq, Seq>& parents,
               std::unordered_map<Seq, int>& known) {
  std::vector<Seq> way;
  for (; seq != 0 && !known.contains(seq); seq = parents.at(seq)) way.push_back(seq);
  int entries = seq == 0 ? 0 : known.at(seq);
  for (auto entry = way.rbegin(); entry != way.rend(); ++entry) known[*entry] = ++entries;
  return entries;
}

}  // namespace

Seq leaf_of(const SessionState& state) {
  return state.entries_size() == 0 ? 0 : state.entries(state.entries_size() - 1).seq();
}

const Entry* find_entry(const SessionState& state, Seq seq) {
  const int position = position_after(state, seq);
  if (position > 0) return &state.entries(position - 1);
  for (const Entry& entry : state.aside()) {
    if (entry.seq() == seq) return &entry;
  }
  return nullptr;
}

Seq parent_of(const SessionState& state, Seq seq) {
  const int position = position_after(state, seq);
  if (position == 1) return 0;
  if (position > 1) return state.entries(position - 2).seq();
  const Entry* entry = find_entry(state, seq);
  return entry == nullptr ? 0 : entry->parent();
}

bool move_leaf(SessionState* state, Seq to) {
  const std::unordered_map<Seq, int> aside = places_aside(*state);
  std::vector<Entry> way;  // the new part, the leaf first
  Seq at = to;
  while (at != 0 && position_after(*state, at) == 0) {
    const auto found = aside.find(at);
    if (found == aside.end()) return false;
    way.push_back(state->aside(found->second));
    at = way.back().parent();
  }
  auto* rest = state->mutable_aside();
  std::unordered_set<Seq> taken;
  for (const Entry& entry : way) taken.insert(entry.seq());
  rest->erase(std::remove_if(rest->begin(), rest->end(),
                             [&](const Entry& entry) { return taken.contains(entry.seq()); }),
              rest->end());
  leave(state, position_after(*state, at));
  for (auto entry = way.rbegin(); entry != way.rend(); ++entry) {
    entry->clear_parent();
    *state->add_entries() = *entry;
  }
  choose_summary(state);
  return true;
}

void choose_summary(SessionState* state) {
  state->clear_summary();
  state->clear_summary_text();
  state->clear_summary_last();
  state->clear_summary_tokens();
  for (int index = state->summaries_size(); index > 0; --index) {
    const SummaryRow& row = state->summaries(index - 1);
    const int position = row.first() == 0 ? position_after(*state, row.last()) : 0;
    if (position == 0) continue;
    // Behind it a prompt would hold nothing, least of all what is asked.
    const bool asked = state->entries(position - 1).role() == Entry::USER;
    if (asked && position == state->entries_size()) continue;
    state->set_summary(row.completed());
    state->set_summary_text(row.text());
    state->set_summary_last(row.last());
    state->set_summary_tokens(row.tokens());
    return;
  }
}

void drop_entries(SessionState* state, const std::function<bool(Seq)>& gone) {
  const std::unordered_map<Seq, Seq> parents = parents_of(*state);
  const auto kept = [&](Seq seq) {
    while (seq != 0 && gone(seq)) {
      const auto parent = parents.find(seq);
      seq = parent == parents.end() ? 0 : parent->second;
    }
    return seq;
  };
  const auto goes = [&](const Entry& entry) { return gone(entry.seq()); };
  for (auto* entries : {state->mutable_entries(), state->mutable_aside()}) {
    entries->erase(std::remove_if(entries->begin(), entries->end(), goes), entries->end());
  }
  for (Entry& entry : *state->mutable_aside()) entry.set_parent(kept(entry.parent()));
  for (Seq& leaf : *state->mutable_undone()) leaf = kept(leaf);
  auto* undone = state->mutable_undone();
  undone->erase(std::remove_if(undone->begin(), undone->end(),
                               [&](Seq leaf) { return leaf == 0 || leaf == leaf_of(*state); }),
                undone->end());
  for (SavedRow& row : *state->mutable_saved()) row.set_entry(kept(row.entry()));
  auto* saved = state->mutable_saved();
  saved->erase(
      std::remove_if(saved->begin(), saved->end(),
                     [&](const SavedRow& row) { return row.entry() == 0 || gone(row.event()); }),
      saved->end());
}

std::vector<Entry> stretch(const SessionState& state, Seq first, Seq last) {
  const std::unordered_map<Seq, Seq> parents = parents_of(state);
  std::unordered_map<Seq, const Entry*> known;
  for (const Entry& entry : state.entries()) known[entry.seq()] = &entry;
  for (const Entry& entry : state.aside()) known[entry.seq()] = &entry;
  std::vector<Entry> entries;
  for (Seq at = last; known.contains(at); at = parents.at(at)) {
    entries.push_back(*known.at(at));
    if (at != first) continue;
    std::reverse(entries.begin(), entries.end());
    return entries;
  }
  return {};
}

int shared_with(const SessionState& state, Seq entry) {
  const std::unordered_map<Seq, Seq> parents = parents_of(state);
  std::unordered_map<Seq, int> positions;
  for (int index = 0; index < state.entries_size(); ++index) {
    positions[state.entries(index).seq()] = index + 1;
  }
  for (Seq at = entry; parents.contains(at); at = parents.at(at)) {
    if (const auto found = positions.find(at); found != positions.end()) return found->second;
  }
  return 0;
}

std::vector<Branch> branches_of(const SessionState& state) {
  const std::unordered_map<Seq, Seq> parents = parents_of(state);
  std::unordered_set<Seq> inner;
  for (const auto& [seq, parent] : parents) inner.insert(parent);
  inner.erase(leaf_of(state));
  std::vector<Branch> branches;
  std::unordered_map<Seq, int> known;
  for (const auto& [seq, parent] : parents) {
    if (!inner.contains(seq)) branches.push_back({seq, entries_to(seq, parents, known)});
  }
  std::sort(branches.begin(), branches.end(),
            [](const Branch& one, const Branch& other) { return one.leaf < other.leaf; });
  return branches;
}

}  // namespace daybook
