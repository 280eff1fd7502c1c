// The tree of a conversation: laws on trees that chance has grown.
#include "core/tree.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "core/context.h"

namespace daybook::tree_test {
namespace {

void say(SessionState* state, Seq seq) {
  Entry* entry = state->add_entries();
  entry->set_seq(seq);
  entry->set_role(seq % 2 == 1 ? Entry::USER : Entry::ASSISTANT);
}

std::vector<Seq> way_of(const SessionState& state) {
  std::vector<Seq> way;
  for (const Entry& entry : state.entries()) way.push_back(entry.seq());
  return way;
}

// A tree as plain parents, to compare with.
struct Plain {
  std::map<Seq, Seq> parents;
  Seq leaf = 0;

  [[nodiscard]] std::vector<Seq> way() const {
    std::vector<Seq> way;
    for (Seq at = leaf; at != 0; at = parents.at(at)) way.insert(way.begin(), at);
    return way;
  }
};

void check_same(const SessionState& state, const Plain& plain) {
  CHECK(way_of(state) == plain.way());
  CHECK(leaf_of(state) == plain.leaf);
  CHECK(static_cast<std::size_t>(state.entries_size() + state.aside_size()) ==
        plain.parents.size());
  std::set<Seq> inner;
  for (const auto& [seq, parent] : plain.parents) {
    CHECK(find_entry(state, seq) != nullptr);
    CHECK(parent_of(state, seq) == parent);
    inner.insert(parent);
  }
  inner.erase(plain.leaf);
  std::vector<Seq> ends;
  for (const auto& [seq, parent] : plain.parents) {
    if (!inner.contains(seq)) ends.push_back(seq);
  }
  std::vector<Seq> leaves;
  for (const Branch& branch : branches_of(state)) {
    leaves.push_back(branch.leaf);
    int entries = 0;
    for (Seq at = branch.leaf; at != 0; at = plain.parents.at(at)) ++entries;
    CHECK(branch.entries == entries);
  }
  CHECK(leaves == ends);
}

TEST_CASE("however the leaf moves, every entry keeps its place", "[core]") {
  const std::uint32_t seed = GENERATE(range(1u, 60u));
  INFO("seed " << seed);
  std::mt19937 chance(seed);
  SessionState state;
  Plain plain;
  Seq next = 1;
  for (int step = 0; step < 60; ++step) {
    if (chance() % 3 != 0 || plain.parents.empty()) {
      plain.parents[next] = plain.leaf;
      plain.leaf = next;
      say(&state, next++);
    } else {
      const Seq to = chance() % next;
      CHECK(move_leaf(&state, to));
      plain.leaf = to;
    }
    check_same(state, plain);
  }
  CHECK_FALSE(move_leaf(&state, next + 5));
  check_same(state, plain);
}

TEST_CASE("what is dropped leaves its children to its parent", "[core]") {
  const std::uint32_t seed = GENERATE(range(1u, 40u));
  INFO("seed " << seed);
  std::mt19937 chance(seed);
  SessionState state;
  Plain plain;
  for (Seq next = 1; next < 40; ++next) {
    const Seq behind = chance() % 2 == 0 ? plain.leaf : chance() % next;
    REQUIRE(move_leaf(&state, behind));
    say(&state, next);
    plain.parents[next] = behind;
    plain.leaf = next;
  }
  std::set<Seq> gone;
  for (int i = 0; i < 12; ++i) gone.insert(1 + chance() % 39);
  drop_entries(&state, [&](Seq seq) { return gone.contains(seq); });
  const auto kept = [&](Seq seq) {
    while (gone.contains(seq)) seq = plain.parents.at(seq);
    return seq;
  };
  Plain rest;
  for (const auto& [seq, parent] : plain.parents) {
    if (!gone.contains(seq)) rest.parents[seq] = kept(parent);
  }
  rest.leaf = kept(plain.leaf);
  check_same(state, rest);
}

TEST_CASE("a summary holds where its last entry is on the way, and nowhere else", "[core]") {
  SessionState state;
  for (Seq seq = 1; seq <= 4; ++seq) say(&state, seq);
  SummaryRow* row = state.add_summaries();
  row->set_completed(100);
  row->set_text(99);
  row->set_last(2);
  choose_summary(&state);
  CHECK(state.summary() == 100);
  REQUIRE(move_leaf(&state, 1));
  CHECK(state.summary() == 0);
  CHECK(state.summary_text() == 0);
  REQUIRE(move_leaf(&state, 4));
  CHECK(state.summary() == 100);
  CHECK(state.summary_last() == 2);
}

}  // namespace
}  // namespace daybook::tree_test
