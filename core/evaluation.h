// What would another policy have kept? Makes every choice of a recorded conversation again, under
// policies that were not in force, and counts what later turns turned out to need.
//
// A turn needs an earlier message when it, or one of the turns that are looked ahead at, replies to
// it or says a reference, name or number (core/relevance.h) which that message was the first to
// say. A need that is not in the prompt, nor in the words of the summary there, is a fault. The
// oracle knows what will be needed, and spends as many tokens as the policy did; what it had to do
// without nobody could have kept.
//
// Law: a function of the journal. No model is asked, and nothing is written.
// Rejected: needs by meaning; they take a model, and no two agree.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/session.h"

namespace daybook {

struct EvaluationOptions {
  std::vector<std::string> policies;  // by name, core/policy.h
  int lookahead = 4;                  // turns after the one that is asked
  std::uint32_t budget = 0;           // tokens a prompt may come to; 0: what it was in each turn
  // Turns that a fork shares with its parent, where they were judged: they do not count again.
  std::set<Seq> judged;
};

// Sums over turns.
struct PolicyRun {
  std::string policy;
  std::uint64_t turns = 0;
  std::uint64_t refused = 0;  // nothing would have been sent: all they needed is at fault
  std::uint64_t kept = 0;     // messages
  std::uint64_t tokens = 0;   // our estimates
  std::uint64_t reused_tokens = 0;
  std::uint64_t needs = 0;
  std::uint64_t faults = 0;
  std::uint64_t oracle_faults = 0;
  std::uint64_t nanodollars = 0;     // for what goes in, nothing of it cached
  std::uint64_t unpriced_turns = 0;  // their model has no price

  void add(const PolicyRun& other);
  [[nodiscard]] std::uint64_t oracle_gap() const { return faults - oracle_faults; }
};

struct Fault {
  std::string policy;
  Seq turn = 0;
  Seq entry = 0;
  std::string mark;  // what both say; empty: a reply
};

struct Evaluation {
  std::vector<PolicyRun> runs;  // as the options name them
  std::vector<Fault> faults;    // by turn
  std::set<Seq> judged;         // turns

  // Of the same policies.
  void add(const Evaluation& other);
};

// Of the branch that the session is on. `head` is the newest event of its chain; `session` is what
// that chain folds to.
Result<Evaluation> evaluate(const Session& session, Seq head, const EvaluationOptions& options,
                            const CatalogueLoaded& prices, History& history);

// What the prompt of this turn would come to under another policy, by our estimate and what its
// model makes of it; refused or not. `state` is the session with the turn begun.
std::uint64_t tokens_under(const std::string& policy, const SessionState& state, TurnStarted turn,
                           History& history);

// Whether the other one is at least as good in everything (tokens, faults, gap, reuse, refusals)
// and better in something.
bool is_dominated(const PolicyRun& run, const PolicyRun& other);

// By position: whether nothing dominates it.
std::vector<bool> pareto_frontier(const std::vector<PolicyRun>& runs);

// The policy that dominates the one in use, of several the one with the fewest faults, then tokens;
// null: none does.
const PolicyRun* recommended(const std::vector<PolicyRun>& runs, const std::string& in_use);

}  // namespace daybook
