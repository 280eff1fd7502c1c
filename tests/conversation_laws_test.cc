// Laws of conversations, whatever is said, undone, forked, compacted, edited, failed or crashed, in
// whatever order: folds do not depend on where they begin, prompts can be made again to the byte
// and stay within their budget, branches share what lies before them.
#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/fork.h"
#include "core/health.h"
#include "core/model.h"
#include "core/policy.h"
#include "core/residency.h"
#include "core/tree.h"
#include "tests/chat_story.h"
#include "tools/replay.h"

namespace daybook::conversation_laws_test {
namespace {

const std::string kPlace = "console:local";

// What a person may say besides words.
constexpr const char* kCommands[] = {"/undo",
                                     "/undo 2",
                                     "/redo",
                                     "/retry",
                                     "/fork 1",
                                     "/fork 2",
                                     "/switch 1",
                                     "/switch 2",
                                     "/reset",
                                     "/compact",
                                     "/compact undo",
                                     "/policy full",
                                     "/stop",
                                     "/policy window",
                                     "/policy legacy",
                                     "/policy reset",
                                     "/pin",
                                     "/unpin",
                                     "/sessions 1",
                                     "/sessions 2",
                                     "/continue",
                                     "/forget",
                                     "/save here",
                                     "/load here",
                                     "/queue clear",
                                     "/policy default",
                                     "/set queue collect",
                                     "/set queue interrupt",
                                     "/policy incremental"};

struct World : testing::Chat {
  World(std::uint32_t tokens_max, const std::string& policy) {
    Event rows;
    *rows.mutable_catalogue_loaded() = built_in_catalogue();
    gateway->record(std::move(rows), now);
    Fact fact = settings();
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_auto_compact(true);
    body->set_compact_percent(70);
    body->set_policy(policy);
    body->set_context_tokens_max(tokens_max);
    body->set_reset_threshold(tokens_max / 2);
    body->set_incremental_budget(tokens_max / 2);
    body->set_keep_last(4);
    gateway->record(std::move(fact), now);
    say_something(3);
    commit();
  }

  void say_something(unsigned what) {
    std::string text = "question " + std::to_string(++said) + ":";
    for (unsigned i = 0; i < what % 60; ++i) text += " subject" + std::to_string((what + i) % 11);
    if (what % 7 == 0) text = "go on";
    write(text, static_cast<std::int64_t>(said));
  }

  void answer(unsigned what) {
    const OpenTurn open = turn();
    std::string text = "question answered:";
    for (unsigned i = 0; i < what % 40; ++i) text += " subject" + std::to_string((what + i) % 13);
    if (open.kind() == SUMMARY && what % 4 == 0) text = "I cannot do that.";
    if (what % 3 == 0) chunk(open, text.substr(0, text.size() / 2));
    complete(open, what % 23 == 0 ? "" : text);
  }

  void move(unsigned what) {
    static constexpr ErrorClass kErrors[] = {OVERFLOW, RATE, AUTH, NETWORK, TRUNCATED, REFUSED};
    const unsigned which = what / 16;
    const bool open = gateway->session(gateway->directory().at(kPlace)->id())->busy();
    pass(which % 50);
    switch (what % 16) {
      case 0:
      case 1:
      case 2:
        return say_something(which);
      case 3:
      case 4:
      case 5:
        say(kCommands[which % std::size(kCommands)]);
        return;
      case 6:
        edit("edited question " + std::to_string(which), 1 + which % std::max(said, 1u));
        return;
      case 7:
        if (open) fail(turn(), kErrors[which % std::size(kErrors)], which % 2 == 0 ? "half" : "");
        return;
      case 8:
        if (which % 4 == 0) crash();
        if (which % 4 == 1) pass(kKeyRest.count());
        return;
      case 9:
        return commit();
      default:
        if (open) return answer(which);
        return say_something(which);
    }
  }

  // In flight or durable.
  Seq newest() {
    Seq seq = log.last();
    while (gateway->event(seq + 1)) ++seq;
    return seq;
  }

  unsigned said = 0;
};

std::vector<unsigned> some_moves() {
  return *rc::gen::scale(3.0,
                         rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0u, 1u << 14)));
}

World some_world() {
  const auto policy =
      *rc::gen::element<std::string>("full", "window", "legacy", "reset", "incremental");
  return World(*rc::gen::element(300u, 900u, 4'000u), policy);
}

std::vector<Event> prompts_of(World& world) {
  std::vector<Event> prompts;
  for (Seq seq = 1; seq <= world.log.last(); ++seq) {
    Event event = world.event(seq);
    const bool one = event.has_turn_started() || event.turn_retried().has_prompt();
    if (one) prompts.push_back(std::move(event));
  }
  return prompts;
}

TEST_CASE("a fold from any moment on comes to the same as the whole", "[laws]") {
  CHECK(rc::check("any prefix and its snapshot are the whole", [] {
    World world = some_world();
    std::vector<SessionState> moments;
    for (const unsigned what : some_moves()) {
      world.move(what);
      world.commit();
      moments.push_back(world.state());
    }
    world.check_refold();
    const SessionRow& row = *world.gateway->directory().at(kPlace);
    for (const SessionState& moment : moments) {
      std::vector<Event> chain;
      for (Seq seq = row.head(); seq > moment.seq();) {
        chain.push_back(world.event(seq));
        seq = chain.back().prev();
      }
      const auto again = Session::resume(row.id(), moment, chain, row.last_chunk());
      RC_ASSERT(again.has_value());
      RC_ASSERT(again->state().SerializeAsString() == world.state().SerializeAsString());
    }
  }));
}

TEST_CASE("every decision follows from the facts, and every prompt from its record", "[laws]") {
  CHECK(rc::check("made again", [] {
    World world = some_world();
    for (const unsigned what : some_moves()) world.move(what);
    world.commit();
    const auto report = replay_check(world.log, 0);
    RC_ASSERT(report.has_value());
    RC_ASSERT(report->divergence == "");
    for (const Event& one : prompts_of(world)) {
      const Result<Prompt> prompt = prompt_of(one, *world.gateway);
      RC_ASSERT(prompt.has_value());
      const Digest digest = canonical_sha256(*prompt);
      RC_ASSERT(prompt_record(one).sha256() == view(digest));
      const Result<Prompt> again = prompt_of(one, *world.gateway);
      RC_ASSERT(again->messages == prompt->messages);
    }
  }));
}

TEST_CASE("no entry is without a residency, and what is left out is not told", "[laws]") {
  CHECK(rc::check("residency", [] {
    World world = some_world();
    for (const unsigned what : some_moves()) world.move(what);
    world.commit();
    for (const Event& one : prompts_of(world)) {
      const auto rebuilt = rebuild_prompt(one, *world.gateway);
      RC_ASSERT(rebuilt.has_value());
      const TurnStarted& record = prompt_record(one);
      std::set<std::string> told;
      for (const PromptMessage& message : rebuilt->built.prompt.messages) told.insert(message.text);
      int position = 0;
      for (const EntryResidency& row : residency_of(rebuilt->state, record)) {
        const Entry& entry = rebuilt->state.entries(position++);
        const std::string text = world.gateway->told(entry.seq());
        const bool whole =
            row.residency == Residency::kWhole || row.residency == Residency::kPinned;
        if (record.kind() == ANSWER) RC_ASSERT(row.residency != Residency::kOutside);
        if (record.kind() == ANSWER && whole) RC_ASSERT(told.contains(text));
        // No two questions are alike.
        const bool question = entry.role() == Entry::USER && text.starts_with("question ");
        if (record.kind() == ANSWER && question && !whole) RC_ASSERT(!told.contains(text));
        if (record.kind() == SUMMARY && whole) {
          RC_ASSERT(told.begin()->find(text) != std::string::npos);
        }
      }
    }
  }));
}

TEST_CASE("a prompt begins and ends with a person, and no two answers stand together", "[laws]") {
  CHECK(rc::check("pairs", [] {
    World world = some_world();
    for (const unsigned what : some_moves()) world.move(what);
    world.commit();
    for (const Event& one : prompts_of(world)) {
      const Result<Prompt> prompt = prompt_of(one, *world.gateway);
      RC_ASSERT(prompt.has_value());
      RC_ASSERT(!prompt->messages.empty());
      RC_ASSERT(prompt->messages.front().role == Entry::USER);
      RC_ASSERT(prompt->messages.back().role == Entry::USER);
      for (std::size_t i = 1; i < prompt->messages.size(); ++i) {
        const bool apart =
            prompt->messages[i].role == Entry::USER || prompt->messages[i - 1].role == Entry::USER;
        RC_ASSERT(apart);
      }
    }
  }));
}

TEST_CASE("a budget is kept or the question is refused in words", "[laws]") {
  CHECK(rc::check("budgets", [] {
    World world = some_world();
    for (const unsigned what : some_moves()) {
      const Seq before = world.newest();
      world.move(what);
      if (world.newest() <= before) continue;  // a crash takes what was in flight
      const Event first = world.event(before + 1);
      if (!first.has_message_received() || !first.message_received().command().empty()) continue;
      // It waits, is answered, or is told why not.
      const std::string kinds = world.kinds_after(before + 1);
      const auto& waiting = world.state().waiting();
      const bool waits = std::any_of(waiting.begin(), waiting.end(),
                                     [&](const Waiting& one) { return one.seq() == first.seq(); });
      const bool settled = waits || kinds.find("TurnStarted") != std::string::npos ||
                           kinds.find("NoticeIssued") != std::string::npos;
      RC_ASSERT(settled);
    }
    world.commit();
    for (const Event& one : prompts_of(world)) {
      const TurnStarted& record = prompt_record(one);
      if (record.kind() != ANSWER) continue;
      RC_ASSERT(record.tokens() <= estimated_budget(record));
      RC_ASSERT(record.budget() <=
                limit_of(record).tokens);  // less when a provider found it too long
    }
  }));
}

// Every entry is on the way to the leaf or aside, once, and hangs on one that is there.
void check_tree(const SessionState& state) {
  std::set<Seq> entries;
  for (const Entry& entry : state.entries()) RC_ASSERT(entries.insert(entry.seq()).second);
  for (const Entry& entry : state.aside()) RC_ASSERT(entries.insert(entry.seq()).second);
  for (const Entry& entry : state.aside()) {
    const bool hangs = entry.parent() == 0 || entries.contains(entry.parent());
    RC_ASSERT(hangs);
  }
}

TEST_CASE("branches share what lies before them, and none takes anything from another", "[laws]") {
  CHECK(rc::check("forks", [] {
    World world = some_world();
    for (const unsigned what : some_moves()) {
      world.move(what);
      check_tree(world.state());
    }
    world.commit();
    const SessionRow parent = *world.gateway->directory().at(kPlace);
    Seq at = parent.head();
    const auto back = *rc::gen::inRange(0, 40);
    for (int i = 0; i < back && world.event(at).prev() >= parent.id(); ++i) {
      at = world.event(at).prev();
    }
    const auto then = Session::load(parent.id(), at, 0, *world.gateway);
    RC_ASSERT(then.has_value());
    const std::string untouched = world.state().SerializeAsString();
    auto forked = session_forked(world.gateway->directory(), *world.gateway, parent.id(), at,
                                 "terminal:other");
    RC_ASSERT(forked.has_value());
    world.gateway->record(*forked, world.now);
    world.commit();
    const SessionState& other = world.state("terminal:other");
    RC_ASSERT(other.entries_size() == then->state().entries_size());
    for (int i = 0; i < other.entries_size(); ++i) {
      RC_ASSERT(other.entries(i).SerializeAsString() ==
                then->state().entries(i).SerializeAsString());
    }
    RC_ASSERT(other.summary() == then->state().summary());
    RC_ASSERT(world.state().SerializeAsString() == untouched);
  }));
}

}  // namespace
}  // namespace daybook::conversation_laws_test
