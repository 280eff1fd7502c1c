// Compaction: the first half of the history is summarised by a model, as a turn of its own kind. It
// is a view: nothing is removed, later prompts take the summary instead of its source. Under the
// policy `incremental` it is one part after the other, for where prompts leave them out.
//
// Law: one begins because somebody asked, or because an answer has ended and the next prompt would
// be too full, or its provider found this one so, or because under the policy `reset` the next
// answer would begin anew; never because of a restart. What the summariser finds too long is tried
// by half, then by a quarter. A summary that is not good enough, or by which a prompt gains
// nothing, is not taken: then beginnings of the messages stand for them, and where that gains
// nothing either, prompts leave out what is old.
#include <algorithm>
#include <utility>

#include "core/command.h"
#include "core/context.h"
#include "core/conversations.h"
#include "core/decide.h"
#include "core/decide_conversation.h"
#include "core/layout.h"
#include "core/parts.h"
#include "core/policy.h"
#include "core/summarising.h"
#include "core/tokens.h"
#include "core/tree.h"

namespace daybook {

namespace {

// Fewer than these are not worth a model call.
constexpr std::size_t kCompactionEntriesMin = 2;
// How often what is summarised is made shorter, because it was too long for the summariser.
constexpr int kShorterMax = 2;
// After one has failed, so many more are said before the next begins by itself.
constexpr std::uint32_t kEntriesBetweenFailures = 8;
// A longer text that begins like a refusal is none.
constexpr std::size_t kRefusalBytesMax = 400;
constexpr std::size_t kTellingWordBytesMin = 5;
constexpr std::size_t kExcerptLineBytes = 200;
constexpr std::size_t kExcerptBytes = 8'000;
constexpr std::size_t kExcerptTokenBytes = 2;  // of its source's tokens: about half of them

// The entries no summary covers yet.
std::vector<Entry> live_entries(const SessionState& session) {
  const int begin = position_after(session, session.summary_last());
  std::vector<Entry> live(session.entries().begin() + begin, session.entries().end());
  return live;
}

Event compaction_failed(const Session& session, const Event& started, std::string why,
                        std::string_view fell_back_to = {}) {
  Event event;
  event.set_session(session.state().id());
  CompactionFailed* failed = event.mutable_compaction_failed();
  failed->set_compaction(started.seq());
  failed->set_granularity(started.compaction_started().granularity());
  failed->set_fell_back_to(std::string(fell_back_to));
  event.mutable_content()->set_detail(std::move(why));
  return event;
}

// A part is passed over from now on.
void give_up(const CompactionStarted& asked, CompactionFailed* failed) {
  if (asked.granularity() == WHOLE || asked.granularity() == BRANCH) return;
  failed->set_first(asked.first());
  failed->set_last(asked.last());
}

// Somebody did not want the summary, rather than something else at once.
bool was_unwanted(const TurnCancelled& cancelled, History& history) {
  const std::optional<Event> by = history.clear_event(cancelled.by());
  return by && by->message_received().command() == "stop";
}

// The provider found the last prompt too long, whatever we believe of its window. Between steps,
// too: only when no result that could be left out was left is less of the conversation tried, and
// it will be as long in the next turn, whose steps are gone.
bool overflowed(const SessionState& session, History& history) {
  const std::optional<Event> event = history.clear_event(session.last_prompt());
  return event && prompt_record(*event).overflow_keep_last() != 0;
}

// Does a /compact wait? Every message that waits is read for it: look last.
bool is_asked_for(const State& state, const SessionState& session) {
  const auto& waiting = session.waiting();
  return std::any_of(waiting.begin(), waiting.end(), [&](const Waiting& one) {
    const std::optional<Event> message = state.history.clear_event(one.seq());
    return message && message->message_received().command() == "compact";
  });
}

// What is pinned is taken beside the summary that tells of it.
std::uint64_t covered_pins(const SessionState& session) {
  const int covered = position_after(session, session.summary_last());
  std::uint64_t tokens = 0;
  for (const Seq entry : session.pinned()) {
    const int after = position_after(session, entry);
    if (after > 0 && after <= covered)
      tokens += session.entries(after - 1).tokens() + kMessageTokens;
  }
  return tokens;
}

// The older half of them, an answer with its question; nullopt: it is too little.
std::optional<std::vector<Entry>> older_half(const std::vector<Entry>& entries) {
  std::size_t half = entries.size() / 2;
  if (half > 0 && entries[half - 1].role() == Entry::USER) --half;
  if (half < kCompactionEntriesMin) return std::nullopt;
  return std::vector<Entry>(entries.begin(), entries.begin() + static_cast<long>(half));
}

std::uint32_t tokens_of(const std::vector<Entry>& entries) {
  std::uint32_t tokens = 0;
  for (const Entry& entry : entries) tokens += entry.tokens();
  return tokens;
}

void set_source(const std::vector<Entry>& source, CompactionStarted* started) {
  started->set_first(source.front().seq());
  started->set_last(source.back().seq());
  started->set_messages(static_cast<std::uint32_t>(source.size()));
}

// What a summary of so many tokens takes in a prompt.
std::uint32_t cost_of_summary(Granularity granularity, std::uint32_t tokens) {
  const std::string_view intro = granularity == WHOLE    ? kSummaryIntro
                                 : granularity == BRANCH ? kBranchIntro
                                                         : kPartIntro;
  return tokens + estimate_tokens(intro) + kMessageTokens;
}

// What would be gone from a prompt: the source, but for what is pinned, and the summary before it.
std::uint32_t cost_of(const SessionState& session, const CompactionStarted& started) {
  const std::vector<Entry> source = source_of(session, started);
  std::uint32_t tokens = 0;
  for (const Entry& entry : source) {
    const auto& pinned = session.pinned();
    if (std::find(pinned.begin(), pinned.end(), entry.seq()) != pinned.end()) continue;
    tokens += entry.tokens() + kMessageTokens;
  }
  if (started.summary() == 0) return tokens;
  const std::uint32_t words = tokens_of(source);
  return tokens + cost_of_summary(WHOLE, started.tokens() - std::min(words, started.tokens()));
}

// CompactionStarted for these, the first that no summary covers.
Event compaction_of(const SessionState& session, const std::vector<Entry>& source) {
  Event event;
  event.set_session(session.id());
  CompactionStarted* started = event.mutable_compaction_started();
  set_source(source, started);
  started->set_tokens(session.summary_tokens() + tokens_of(source));
  started->set_summary(session.summary());
  return event;
}

// One that failed would fail again at once.
bool failed_lately(const SessionState& session) {
  const auto entries = static_cast<std::uint32_t>(session.entries_size());
  const std::uint32_t failed = session.compaction_failed();
  return failed != 0 && entries >= failed && entries < failed + kEntriesBetweenFailures;
}

// Could any summary take less than what it stands for?
bool worth_it(const SessionState& session, const CompactionStarted& started) {
  return cost_of(session, started) > cost_of_summary(started.granularity(), 1);
}

// For the older half of what no summary covers; nullopt: it is too little.
std::optional<Event> compaction_of_half(const SessionState& session, std::uint32_t rules) {
  const auto half = older_half(live_entries(session));
  if (!half) return std::nullopt;
  Event event = compaction_of(session, *half);
  if (rules >= 3 && !worth_it(session, event.compaction_started())) return std::nullopt;
  return event;
}

// CompactionStarted for the oldest part that has no summary, when prompts leave something out.
std::optional<Event> compaction_of_part(const SessionState& session, const TurnStarted& next,
                                        History& history) {
  const std::optional<Event> asked = history.clear_event(session.last_prompt());
  if (!asked) return std::nullopt;
  const TurnStarted& prompt = prompt_record(*asked);
  if (prompt.dropped().empty() && prompt.parts().empty()) return std::nullopt;
  const std::optional<ToldPart> part = next_part(session, next.keep_last(), tuning_of(next));
  if (!part) return std::nullopt;
  Event event;
  event.set_session(session.id());
  CompactionStarted* started = event.mutable_compaction_started();
  const auto first = session.entries().begin();
  const std::vector<Entry> source(first + part->begin, first + part->end);
  set_source(source, started);
  started->set_tokens(tokens_of(source));
  started->set_granularity(granularity_of(*part));
  return event;
}

Event compaction_completed(const Session& session, const Event& started) {
  Event event;
  event.set_session(session.state().id());
  CompactionCompleted* completed = event.mutable_compaction_completed();
  completed->set_compaction(started.seq());
  completed->set_first(started.compaction_started().first());
  completed->set_last(started.compaction_started().last());
  completed->set_messages(started.compaction_started().messages());
  completed->set_tokens_before(started.compaction_started().tokens());
  completed->set_granularity(started.compaction_started().granularity());
  completed->set_behind(started.compaction_started().behind());
  return event;
}

// The same of half as much; nullopt: it was made shorter often enough, or is too little.
std::optional<Event> shorter_compaction(const State& state, const Session& session,
                                        const Event& started) {
  int shorter = 0;
  for (Seq before = started.compaction_started().shortens(); before != 0; ++shorter) {
    const std::optional<Event> longer = state.history.clear_event(before);
    before = longer ? longer->compaction_started().shortens() : 0;
  }
  const std::vector<Entry> source = source_of(session.state(), started.compaction_started());
  const auto half = older_half(source);
  if (shorter >= kShorterMax || !half) return std::nullopt;
  Event event;
  event.set_session(session.state().id());
  CompactionStarted* again = event.mutable_compaction_started();
  *again = started.compaction_started();
  set_source(*half, again);
  again->set_tokens(again->tokens() - tokens_of(source) + tokens_of(*half));
  const ToldPart part{0, static_cast<int>(half->size()), 0, 0, 0};
  if (again->granularity() != WHOLE) again->set_granularity(granularity_of(part));
  again->set_shortens(started.seq());
  return event;
}

// As it was before it was made shorter: what stands in for a summary stands for all of it.
Event unshortened(const State& state, const Event& started) {
  Event whole = started;
  while (const Seq longer = whole.compaction_started().shortens()) {
    const std::optional<Event> before = state.history.event(longer);
    if (!before) break;
    whole = *before;
  }
  whole.set_seq(started.seq());
  return whole;
}

// ---- the quality gate

bool sounds_like_refusal(const std::string& text) {
  if (text.size() > kRefusalBytesMax) return false;
  const std::string said = lowered(text);
  constexpr std::string_view kOpenings[] = {"i can't",   "i can\u2019t",   "i cannot",
                                            "i'm sorry", "i\u2019m sorry", "i am sorry",
                                            "sorry, ",   "as an ai"};
  return std::any_of(std::begin(kOpenings), std::end(kOpenings),
                     [&](std::string_view opening) { return said.starts_with(opening); });
}

// Whether any longer word of the text is in the summary; a text without such words is as good as
// there.
bool mentions(const std::string& summary, const std::string& text) {
  const std::string said = lowered(summary);
  const std::string wanted = lowered(text);
  bool any = false;
  for (std::size_t at = 0; at < wanted.size();) {
    std::size_t end = wanted.find_first_of(" \t\r\n.,;:!?()\"", at);
    end = std::min(end, wanted.size());
    if (end - at >= kTellingWordBytesMin) {
      any = true;
      if (said.find(wanted.substr(at, end - at)) != std::string::npos) return true;
    }
    at = end + 1;
  }
  return !any;
}

// Why the summary is not taken; empty: it is good.
std::string fault_of_summary(const Event& ended, const CompactionStarted& started,
                             const SessionState& session, History& history) {
  const std::string& text = ended.content().text();
  const std::uint32_t tokens = estimate_tokens(text);
  if (tokens == 0) return "the model gave an empty summary.";
  const Finish finish = ended.turn_completed().finish();
  if (finish == LENGTH) return "the summary was cut off.";
  if (finish == FILTERED) return "the provider filtered the summary.";
  if (cost_of_summary(started.granularity(), tokens) >= cost_of(session, started)) {
    return "the summary is longer than what it stands for.";
  }
  if (sounds_like_refusal(text)) return "the model would not summarise.";
  const std::vector<Entry> source = source_of(session, started);
  const bool open = !source.empty() && source.back().role() == Entry::USER;
  if (open && !mentions(text, history.text(source.back().seq()))) {
    return "the summary leaves out what was asked last.";
  }
  return {};
}

// ---- without a model

// The first message and as many of the newest ones as fit, each cut to its beginning.
std::string excerpt_of(const std::vector<Entry>& source, Seq older_summary, std::size_t bytes,
                       History& history) {
  std::vector<std::string> lines;
  for (const Entry& entry : source) {
    std::string text(text_prefix(history.text(entry.seq()), kExcerptLineBytes));
    std::replace(text.begin(), text.end(), '\n', ' ');
    lines.push_back((entry.role() == Entry::USER ? "\nUser: " : "\nAssistant: ") + text);
  }
  std::string text = "Beginnings of what was said, " + std::to_string(source.size()) +
                     " messages, not all of them:";
  if (older_summary != 0) {
    text += "\n" + std::string(text_prefix(history.text(older_summary), bytes / 4));
  }
  if (!lines.empty()) text += lines.front();
  std::size_t begin = lines.size();
  for (std::size_t room = bytes; begin > 1 && lines[begin - 1].size() <= room; --begin) {
    room -= lines[begin - 1].size();
  }
  for (std::size_t i = begin; i < lines.size(); ++i) text += lines[i];
  return text;
}

// `before` and `after`: the tokens that a prompt took for it and takes.
// `whole`: up to so many tokens the policy takes everything whole; 0: none does.
std::string compaction_text(const Event& ended, std::uint32_t before, std::uint32_t after,
                            std::uint32_t whole) {
  if (ended.compaction_failed().granularity() == BRANCH) {
    return "\u26A0 The model is not told of the branch you left: " + ended.content().detail();
  }
  if (ended.has_compaction_failed()) {
    return "⚠ Nothing was compacted: " + ended.content().detail();
  }
  const CompactionCompleted& completed = ended.compaction_completed();
  const std::string became =
      " (about " + std::to_string(before) + " tokens became " + std::to_string(after) + ")";
  if (completed.text() == 0) {
    return "⚠ No model made a summary, so the beginnings of " +
           std::to_string(completed.messages()) + " messages stand for them" + became +
           ". /compact undo takes them whole again.";
  }
  std::string text = "Compacted " + std::to_string(completed.messages()) +
                     " messages into a summary" + became + ". The history itself stays whole";
  if (whole != 0)
    text += ", and in prompts, too, while it fits " + std::to_string(whole) + " tokens";
  return text + ".";
}

std::uint32_t whole_upto(const State& state, const Session& session) {
  if (state.directory.rules() < 3 || policy_in_use(state, session) != "incremental") return 0;
  TurnStarted limits;
  set_policy_limits(state.directory.settings(), &limits);
  return limits.incremental_budget();
}

// The one in force, or where none is, of the newest part; but of a branch, if that is newer.
Seq newest_summary(const SessionState& session) {
  Seq newest = session.summary();
  if (newest == 0) {
    for (const ToldPart& part : parts_of(session)) newest = std::max(newest, part.completed);
  }
  for (const SummaryRow& row : session.summaries()) {
    const bool here = row.behind() != 0 && position_after(session, row.behind()) > 0;
    if (here) newest = std::max<Seq>(newest, row.completed());
  }
  return newest;
}

std::string undone_text(const CompactionCompleted& undone) {
  const std::string many = std::to_string(undone.messages());
  if (undone.granularity() == BRANCH) {
    return "The model is not told any more of the branch you left.";
  }
  if (undone.granularity() == WHOLE) {
    return "The model sees the messages themselves again in place of the summary: " + many +
           " of them.";
  }
  return "The summary of a part is not told any more; where a prompt has no room for its " + many +
         " messages, they are left out.";
}

// What stands in for a summary that no model made, if a prompt gains anything by it.
Decisions fall_back(const State& state, const Session& session, const Event& started,
                    std::string why) {
  const std::optional<Event> older = state.history.event(started.compaction_started().summary());
  const std::vector<Entry> source = source_of(session.state(), started.compaction_started());
  const std::uint32_t cost = cost_of(session.state(), started.compaction_started());
  const std::string text = excerpt_of(
      source, older && older->has_compaction_completed() ? summary_text(*older) : Seq{0},
      std::min<std::size_t>(kExcerptBytes, std::size_t{cost} * kExcerptTokenBytes), state.history);
  const std::uint32_t tokens = estimate_tokens(text);
  if (cost_of_summary(started.compaction_started().granularity(), tokens) >= cost) {
    Event failed = compaction_failed(session, started, std::move(why), "window");
    give_up(started.compaction_started(), failed.mutable_compaction_failed());
    return {std::move(failed)};
  }
  Event completed = compaction_completed(session, started);
  completed.mutable_content()->set_text(text);
  completed.mutable_compaction_completed()->set_tokens_after(tokens);
  return {compaction_failed(session, started, std::move(why), "excerpt"), std::move(completed)};
}

}  // namespace

Decisions without_summary(const State& state, const Session& session, const Event& started,
                          std::string why) {
  if (state.directory.rules() < 3 || started.compaction_started().granularity() == BRANCH) {
    return {compaction_failed(session, started, std::move(why))};
  }
  Decisions decisions = fall_back(state, session, unshortened(state, started), std::move(why));
  // Once a model can be asked, a part is not passed over.
  CompactionFailed* failed = decisions.front().mutable_compaction_failed();
  failed->clear_first();
  failed->clear_last();
  return decisions;
}

Decisions start_compaction(const State& state, const Session& session, const Event& message) {
  std::optional<Event> event = compaction_of_half(session.state(), state.directory.rules());
  if (!event) {
    return {notice(session, &message, "There is too little here to compact yet.", "compact")};
  }
  event->mutable_compaction_started()->set_answers(message.seq());
  const bool instructed =
      state.directory.state().rules() >= 3 && !message.content().arguments().empty();
  event->mutable_compaction_started()->set_instructed(instructed);
  return {*std::move(event)};
}

Decisions summarise_left(const State& state, const Session& session, Seq to, Seq asked) {
  const SessionState& talk = session.state();
  const bool wanted = state.directory.rules() >= 3 && state.directory.settings().branch_summary();
  if (!wanted || is_elsewhere(talk, to)) return {};
  const std::vector<Entry> left(talk.entries().begin() + shared_with(talk, to),
                                talk.entries().end());
  std::uint32_t tokens = 0;
  for (const Entry& entry : left) tokens += entry.tokens();
  if (tokens < whole_tuning(state.directory.settings().tuning()).part_tokens_min()) return {};
  Event event;
  event.set_session(talk.id());
  CompactionStarted* started = event.mutable_compaction_started();
  started->set_first(left.front().seq());
  started->set_last(left.back().seq());
  started->set_messages(static_cast<std::uint32_t>(left.size()));
  started->set_tokens(tokens);
  started->set_answers(asked);
  started->set_granularity(BRANCH);
  started->set_behind(to);
  const SummaryRow* known = nullptr;
  for (const SummaryRow& row : talk.summaries()) {
    const bool same = row.first() == started->first() && row.last() == started->last();
    if (!same) continue;
    if (row.behind() == to || row.completed() == 0) return {};
    known = &row;
  }
  if (known == nullptr) return {std::move(event)};
  event.set_seq(known->compaction());
  Event completed = compaction_completed(session, event);
  completed.mutable_compaction_completed()->set_text(known->text());
  completed.mutable_compaction_completed()->set_tokens_after(known->tokens());
  return {std::move(completed)};
}

Decisions compact_before(const State& state, const Session& session, const TurnStarted& turn) {
  const SessionState& talk = session.state();
  const bool begins_anew = turn.anew() != 0 && turn.anew() != talk.anew();
  const bool wanted = state.directory.settings().auto_compact() && turn.policy() == "reset";
  if (!wanted || !begins_anew || failed_lately(talk)) return {};
  // It may begin with a message that is no entry yet.
  const int after = position_after(talk, turn.anew());
  const int begin = position_after(talk, talk.summary_last());
  int end = after == 0 ? talk.entries_size() : after - 1;
  if (end > begin && talk.entries(end - 1).role() == Entry::USER) --end;  // with its answer
  if (end - begin < static_cast<int>(kCompactionEntriesMin)) return {};
  Event event = compaction_of(talk, {talk.entries().begin() + begin, talk.entries().begin() + end});
  return worth_it(talk, event.compaction_started()) ? Decisions{std::move(event)} : Decisions();
}

Decisions compact_when_due(const State& state, const Session& session, bool overflow) {
  const SessionState& talk = session.state();
  const SettingsLoaded& settings = state.directory.settings();
  if (!settings.auto_compact() || session.busy()) return {};
  const Result<TurnStarted> turn = next_answer(state, session);
  if (!turn) return {};
  // It makes room when it begins anew.
  if (turn->policy() == "reset" || failed_lately(talk)) return {};
  if (turn->policy() == "incremental") {
    std::optional<Event> part = compaction_of_part(talk, *turn, state.history);
    return part && !is_asked_for(state, talk) ? Decisions{*std::move(part)} : Decisions();
  }
  const std::uint64_t budget = estimated_budget(*turn);
  std::uint64_t tokens =
      estimate_tokens(state.history.text(system_event(*turn)), state.directory.rules());
  if (talk.summary() != 0) tokens += talk.summary_tokens() + kMessageTokens;
  const int begin = position_after(talk, talk.summary_last());
  for (int i = begin; i < talk.entries_size(); ++i)
    tokens += talk.entries(i).tokens() + kMessageTokens;
  tokens += covered_pins(talk);
  const auto live = static_cast<std::uint32_t>(talk.entries_size() - begin);
  const bool crowded = turn->policy() == "window" && live >= turn->messages_max();
  const bool full = tokens * 100 >= budget * settings.compact_percent();
  const bool too_long = overflow || overflowed(talk, state.history);
  if (!crowded && !full && !too_long) return {};
  std::optional<Event> event = compaction_of_half(talk, state.directory.rules());
  return event && !is_asked_for(state, talk) ? Decisions{*std::move(event)} : Decisions();
}

bool began_by_itself(const State& state, const OpenTurn& open) {
  const std::optional<Event> started =
      open.kind() == SUMMARY ? state.history.clear_event(open.compaction()) : std::nullopt;
  return started && started->compaction_started().answers() == 0;
}

Decisions undo_compaction(const State& state, const Session& session, const Event& message) {
  const std::optional<Event> completed = state.history.event(newest_summary(session.state()));
  if (!completed) {
    return {notice(session, &message, "There is no summary here to undo.", "compact")};
  }
  Event event;
  event.set_session(session.state().id());
  event.mutable_compaction_undone()->set_compaction(completed->compaction_completed().compaction());
  return {std::move(event),
          notice(session, &message, undone_text(completed->compaction_completed()), "compact")};
}

Decisions end_compaction(const State& state, const Session& session, const Event& turn,
                         const Event& ended) {
  const Seq compaction = turn.turn_started().compaction();
  const std::optional<Event> started = state.history.event(compaction);
  if (!started) return {};
  if (ended.has_turn_cancelled()) {
    Event failed = compaction_failed(session, *started, "it was stopped.");
    if (was_unwanted(ended.turn_cancelled(), state.history)) {
      give_up(started->compaction_started(), failed.mutable_compaction_failed());
    }
    return {std::move(failed)};
  }
  const bool gated = state.directory.state().rules() >= 3;
  std::string why;
  if (!ended.has_turn_completed()) {
    why = ended.content().detail();
  } else if (gated) {
    const CompactionStarted& asked = started->compaction_started();
    why = fault_of_summary(ended, asked, session.state(), state.history);
    if (turn.turn_started().dropped_size() > 0) why = "the model could not read all of it.";
  } else if (estimate_tokens(ended.content().text()) == 0) {
    why = "the model gave an empty summary.";
  }
  const bool branch = started->compaction_started().granularity() == BRANCH;
  if (gated && !branch && ended.turn_failed().error() == OVERFLOW) {
    if (std::optional<Event> shorter = shorter_compaction(state, session, *started)) {
      return {compaction_failed(session, *started, std::move(why), "shorter"), *std::move(shorter)};
    }
  }
  if (!why.empty() && gated && !branch) {
    return fall_back(state, session, unshortened(state, *started), std::move(why));
  }
  if (!why.empty()) return {compaction_failed(session, *started, std::move(why))};
  Event event = compaction_completed(session, *started);
  event.mutable_compaction_completed()->set_text(ended.seq());
  event.mutable_compaction_completed()->set_tokens_after(
      estimate_tokens(ended.content().text(), state.directory.rules()));
  return {std::move(event)};
}

Decisions decide_compaction_ended(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  // What it fell back to stands right behind it.
  const std::string& fell_back_to = event.compaction_failed().fell_back_to();
  const bool goes_on = fell_back_to == "excerpt" || fell_back_to == "shorter";
  if (session == nullptr || goes_on) return {};
  const Seq compaction = event.has_compaction_completed()
                             ? event.compaction_completed().compaction()
                             : event.compaction_failed().compaction();
  const std::optional<Event> started = state.history.event(compaction);
  const Seq asked = started ? started->compaction_started().answers() : 0;
  const bool quiet = event.compaction_completed().granularity() == BRANCH;
  Decisions decisions;
  if ((asked != 0 && !quiet) || state.directory.state().rules() < 3) {
    const CompactionCompleted& done = event.compaction_completed();
    std::uint32_t before = done.tokens_before();
    std::uint32_t after = done.tokens_after();
    if (started && state.directory.rules() >= 3) {
      CompactionStarted source = started->compaction_started();
      source.set_first(done.first());
      source.set_last(done.last());
      source.set_tokens(before);
      before = cost_of(session->state(), source);
      after = cost_of_summary(done.granularity(), after);
    }
    Event told =
        notice(*session, nullptr,
               compaction_text(event, before, after, whole_upto(state, *session)), "compact");
    told.mutable_notice_issued()->set_answers(asked);
    decisions.push_back(std::move(told));
  }
  for (Event& one : settle_waiting_messages(state, *session)) decisions.push_back(std::move(one));
  return decisions;
}

}  // namespace daybook
