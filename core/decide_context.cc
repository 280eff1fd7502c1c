// /policy, /context, /pin, /unpin: what a prompt takes of a conversation, seen and changed.
//
// Law: /context tells what the next prompt would be by making it, limits and choice; nothing that
// it says is reckoned a second time.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/command.h"
#include "core/context.h"
#include "core/decide_conversation.h"
#include "core/directory.h"
#include "core/model.h"
#include "core/notation.h"
#include "core/policy.h"
#include "core/residency.h"

namespace daybook {

namespace {

constexpr std::size_t kPinnedBytesShown = 60;
constexpr int kPinsMax = 50;
constexpr std::size_t kRunsShown = 8;

std::string policy_list(const std::string& current) {
  std::string text;
  for (const PolicyRow& row : policies()) {
    text += std::string(row.name == current ? "\n\u2022 " : "\n  ") + std::string(row.name) + ": " +
            std::string(row.meaning);
  }
  return text;
}

std::string room_text(const TurnStarted& turn) {
  std::string text = "\nRoom: " + std::to_string(turn.budget()) + " tokens (";
  const std::string_view setting = limit_of(turn).setting;
  const std::string window = std::to_string(turn.window_tokens()) + " of " + turn.model();
  if (turn.budget() == turn.context_tokens_max()) {
    text += "agent.context_tokens_max";
  } else if (setting == "answer_tokens") {
    text += "what agent.answer_tokens leaves of the " + window;
  } else if (setting == "legacy_percent") {
    text += std::to_string(tuning_of(turn).legacy_percent()) +
            " % of what the answer leaves of the " + window;
  } else {
    text += std::to_string(turn.window_percent()) + " % of the " + window;
  }
  text += ")";
  if (turn.calibration() != 1'000) {
    text += ", by our estimate " + std::to_string(estimated_budget(turn)) + ": it counts " +
            std::to_string(turn.calibration() / 10) + " for 100 of ours";
  }
  return text + ".";
}

std::string rules_text(const TurnStarted& turn) {
  std::string text;
  for (const std::string& rule : turn.provenance()) text += (text.empty() ? "" : ", ") + rule;
  return text;
}

std::string taken_text(const TurnStarted& turn, const std::vector<EntryResidency>& residency) {
  std::array<std::int64_t, 7> count{};
  for (const EntryResidency& one : residency) {
    ++count[static_cast<std::size_t>(one.residency)];
  }
  const auto of = [&](Residency as) { return count[static_cast<std::size_t>(as)]; };
  const std::int64_t pinned = of(Residency::kPinned);
  const std::int64_t cut = of(Residency::kCut);
  const std::int64_t told = of(Residency::kSummary) + of(Residency::kPart);
  std::string text = "\nTaken: " + messages_text(of(Residency::kWhole) + pinned) + " whole";
  if (cut > 0) text += ", " + std::to_string(cut) + " cut";
  text += ", " + std::to_string(of(Residency::kLeftOut)) + " left out";
  if (told > 0) text += ", " + std::to_string(told) + " told by a summary";
  if (pinned > 0) text += ", " + std::to_string(pinned) + " pinned";
  if (turn.provenance_size() > 0) text += "; by " + rules_text(turn);
  return text + ".";
}

// Where there is more to say than that all are whole.
std::string runs_text(const std::vector<ResidencyRun>& runs, std::size_t runs_max) {
  std::string text;
  for (std::size_t index = 0; runs.size() > 1 && index < std::min(runs.size(), runs_max); ++index) {
    text += "\n  " + residency_text(runs[index]);
  }
  if (runs.size() > runs_max) {
    text += "\n  and " + std::to_string(runs.size() - runs_max) +
            " more such; `daybook context` lists all.";
  }
  return text;
}

std::string cache_text(const TurnStarted& turn) {
  if (turn.cache_minutes() == 0) return {};
  const std::string time = turn.cache_minutes() == 60 ? "an hour" : "5 minutes";
  return "\nThe provider is asked to keep the prompt for " + time +
         ": what begins alike costs less then.";
}

std::string last_prompt_text(const State& state, const SessionState& session) {
  if (session.last_prompt() == 0) return {};
  const std::optional<Event> event = state.history.clear_event(session.last_prompt());
  if (!event || prompt_record(*event).tokens() == 0) return {};
  const TurnStarted& turn = prompt_record(*event);
  return "\nThe last one: about " + std::to_string(turn.tokens()) + " tokens, of which " +
         std::to_string(std::uint64_t{turn.reused_tokens()} * 100 / turn.tokens()) +
         " % began like the one before.";
}

// What a message replies to, or names by its number; 0: nothing. On whatever branch.
Seq entry_named(const State& state, const Session& session, const Event& message) {
  const std::string& arguments = message.content().arguments();
  if (arguments.empty()) {
    const std::int64_t replied = message.message_received().reply_to();
    return replied == 0 ? 0
                        : find_said(session, replied, message.prev(), state.history,
                                    message.message_received().place());
  }
  Seq seq = 0;
  const char* end = arguments.data() + arguments.size();
  const auto [read, error] = std::from_chars(arguments.data(), end, seq);
  return error == std::errc() && read == end ? seq : 0;
}

bool names_nothing(const Event& message) {
  return message.content().arguments().empty() && message.message_received().reply_to() == 0;
}

bool is_pinned(const Session& session, Seq entry) {
  const auto& pinned = session.state().pinned();
  return std::find(pinned.begin(), pinned.end(), entry) != pinned.end();
}

bool is_here(const Session& session, Seq entry) {
  return position_after(session.state(), entry) > 0;
}

int pins_here(const Session& session) {
  const auto& pinned = session.state().pinned();
  return static_cast<int>(std::count_if(pinned.begin(), pinned.end(),
                                        [&](Seq entry) { return is_here(session, entry); }));
}

Event pins_listed(const State& state, const Session& session, const Event& message) {
  std::string text;
  Event listed = notice(session, &message, "", "pin");
  for (const Seq entry : session.state().pinned()) {
    if (!is_here(session, entry)) continue;
    text += (text.empty() ? "" : "\n") + std::to_string(entry) + " " +
            escaped(state.history.text(entry), kPinnedBytesShown);
    listed.mutable_notice_issued()->add_quotes(entry);
  }
  if (text.empty()) {
    text =
        "Nothing is pinned. Answer a message with /pin, or write its number behind it, and no "
        "prompt leaves it out.";
  }
  listed.mutable_content()->set_text(text);
  return listed;
}

// Why there is nothing to pin.
std::string not_here(const Session& session, Seq entry) {
  const auto& waiting = session.state().waiting();
  const bool waits =
      entry != 0 && std::any_of(waiting.begin(), waiting.end(),
                                [entry](const Waiting& one) { return one.seq() == entry; });
  if (waits) return "That message waits: it can be pinned when it is answered.";
  if (entry != 0 && entry == session.state().refused()) {
    return "That message was refused, so no prompt holds it and it cannot be pinned; /retry asks "
           "it once more.";
  }
  return "That is no message of this conversation. Answer the one that is meant, or write its "
         "number behind the command; /search finds it.";
}

}  // namespace

std::string policy_in_use(const State& state, const Session& session) {
  if (!session.state().policy().empty()) return session.state().policy();
  const std::string& usual = state.directory.settings().policy();
  return usual.empty() ? std::string(kDefaultPolicy) : usual;
}

std::string context_text(const State& state, const Session& session, std::size_t runs_max) {
  Result<TurnStarted> turn = next_answer(state, session);
  if (!turn) return turn.error().message;
  const SessionState& talk = session.state();
  const bool fits = plan_prompt(talk, &*turn, state.history);
  std::string text = "Policy: " + turn->policy() +
                     (talk.policy().empty() ? ", as the settings say." : ", this conversation's.");
  text += room_text(*turn);
  text += "\nThe next prompt: about " + std::to_string(turn->tokens()) + " tokens" +
          (fits ? "" : ", which is too much: it would be refused") + ", and what you write next.";
  const std::vector<EntryResidency> residency = residency_of(talk, *turn);
  text += taken_text(*turn, residency) + runs_text(residency_runs(talk, residency), runs_max);
  const std::string old =
      old_list_text(turn->provider(), turn->model(), state.directory.catalogue(), state.now);
  if (!old.empty()) text += "\nThe model:" + old;
  return text + cache_text(*turn) + last_prompt_text(state, talk);
}

Decisions answer_policy(const State& state, const Session& session, const Event& message) {
  const std::string& name = message.content().arguments();
  if (!name.empty()) return choose_policy(state, session, message, name);
  const std::string current = policy_in_use(state, session);
  return {notice(session, &message,
                 "Policy: " + current +
                     "\nChoose with /policy NAME; /policy default takes what the settings say." +
                     policy_list(current),
                 "policy")};
}

Decisions choose_policy(const State& state, const Session& session, const Event& message,
                        const std::string& wanted) {
  const std::string name = lowered(wanted);
  const std::string current = policy_in_use(state, session);
  if (name != "default" && !is_policy(name)) {
    return {
        notice(session, &message,
               "There is no policy of that name; it stays " + current + "." + policy_list(current),
               "policy")};
  }
  Event changed;
  changed.set_session(session.state().id());
  changed.mutable_setting_changed()->set_key("policy");
  changed.mutable_setting_changed()->set_answers(message.seq());
  if (name != "default") changed.mutable_setting_changed()->set_value(name);
  const std::string& usual = state.directory.settings().policy();
  std::string text = "Policy: " + name + ".";
  if (name == "default") {
    text = "Policy: " + (usual.empty() ? std::string(kDefaultPolicy) : usual) +
           ", as the settings say.";
  }
  if (answering(session)) text += " The running answer keeps its prompt.";
  return {std::move(changed), notice(session, &message, std::move(text), "policy")};
}

Decisions answer_context(const State& state, const Session& session, const Event& message) {
  return {notice(session, &message, context_text(state, session, kRunsShown), "context")};
}

Decisions answer_pin(const State& state, const Session& session, const Event& message) {
  if (names_nothing(message)) return {pins_listed(state, session, message)};
  const Seq entry = entry_named(state, session, message);
  const auto reply = [&](std::string text) -> Decisions {
    return {notice(session, &message, std::move(text), "pin")};
  };
  if (!is_here(session, entry)) return reply(not_here(session, entry));
  if (is_pinned(session, entry)) return reply("It is pinned already.");
  if (pins_here(session) >= kPinsMax) {
    return reply("That many are pinned already (" + std::to_string(kPinsMax) +
                 "); take one off with /unpin first.");
  }
  Event pinned;
  pinned.set_session(session.state().id());
  pinned.mutable_entry_pinned()->set_entry(entry);
  pinned.mutable_entry_pinned()->set_answers(message.seq());
  Decisions decisions =
      reply("Pinned: no prompt of this branch leaves it out. /pin lists what is.");
  decisions.insert(decisions.begin(), std::move(pinned));
  return decisions;
}

Decisions answer_unpin(const State& state, const Session& session, const Event& message) {
  const Seq entry = entry_named(state, session, message);
  const auto reply = [&](std::string text) -> Decisions {
    return {notice(session, &message, std::move(text), "pin")};
  };
  if (names_nothing(message)) {
    return reply("Answer the pinned message with /unpin, or write its number; /pin lists them.");
  }
  if (!is_pinned(session, entry)) {
    return reply(is_here(session, entry) ? "It is not pinned." : not_here(session, entry));
  }
  Event unpinned;
  unpinned.set_session(session.state().id());
  unpinned.mutable_entry_unpinned()->set_entry(entry);
  unpinned.mutable_entry_unpinned()->set_answers(message.seq());
  Decisions decisions = reply("It may be left out again.");
  decisions.insert(decisions.begin(), std::move(unpinned));
  return decisions;
}

}  // namespace daybook
