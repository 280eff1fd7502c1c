// Compaction: the first half of the history is summarised by the session's model, as a turn of its
// own kind. It is a view: nothing is removed, later prompts take the summary instead of its source.
#include <algorithm>
#include <utility>

#include "core/context.h"
#include "core/decide.h"

namespace daybook {

namespace {

// Fewer than these are not worth a model call.
constexpr int kCompactionEntriesMin = 2;

// The entries no summary covers yet.
std::vector<Entry> live_entries(const SessionState& session) {
  const int begin = position_after(session, session.summary_last());
  std::vector<Entry> live(session.entries().begin() + begin, session.entries().end());
  return live;
}

Event compaction_failed(const Session& session, Seq compaction, std::string why) {
  Event event;
  event.set_session(session.state().id());
  event.mutable_compaction_failed()->set_compaction(compaction);
  event.mutable_content()->set_detail(std::move(why));
  return event;
}

}  // namespace

Decisions start_compaction(const State&, const Session& session, const Event& message) {
  const std::vector<Entry> live = live_entries(session.state());
  std::size_t half = live.size() / 2;
  // An answer stays with its question.
  if (half > 0 && live[half - 1].role() == Entry::USER) --half;
  if (half < kCompactionEntriesMin) {
    return {notice(session, &message, "There is too little here to compact yet.", "compact")};
  }
  Event event;
  event.set_session(session.state().id());
  CompactionStarted* started = event.mutable_compaction_started();
  started->set_first(live.front().seq());
  started->set_last(live[half - 1].seq());
  started->set_messages(static_cast<std::uint32_t>(half));
  std::uint32_t tokens = session.state().summary_tokens();
  for (std::size_t i = 0; i < half; ++i) tokens += live[i].tokens();
  started->set_tokens(tokens);
  started->set_answers(message.seq());
  started->set_summary(session.state().summary());
  return {std::move(event)};
}

Decisions end_compaction(const State& state, const Session& session, const Event& turn,
                         const Event& ended) {
  const Seq compaction = turn.turn_started().compaction();
  const std::optional<Event> started = state.history.event(compaction);
  if (!started) return {};
  if (!ended.has_turn_completed()) {
    const bool stopped = ended.has_turn_cancelled();
    return {compaction_failed(session, compaction,
                              stopped ? "it was stopped." : ended.content().detail())};
  }
  if (estimate_tokens(ended.content().text()) == 0) {
    return {compaction_failed(session, compaction, "the model gave an empty summary.")};
  }
  Event event;
  event.set_session(session.state().id());
  CompactionCompleted* completed = event.mutable_compaction_completed();
  completed->set_compaction(compaction);
  completed->set_first(started->compaction_started().first());
  completed->set_last(started->compaction_started().last());
  completed->set_text(ended.seq());
  completed->set_messages(started->compaction_started().messages());
  completed->set_tokens_before(started->compaction_started().tokens());
  completed->set_tokens_after(estimate_tokens(ended.content().text()));
  return {std::move(event)};
}

Decisions decide_compaction_ended(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr) return {};
  const Seq compaction = event.has_compaction_completed()
                             ? event.compaction_completed().compaction()
                             : event.compaction_failed().compaction();
  const std::optional<Event> started = state.history.event(compaction);
  std::string text;
  if (event.has_compaction_completed()) {
    const CompactionCompleted& completed = event.compaction_completed();
    text = "Compacted " + std::to_string(completed.messages()) +
           " messages into a summary (about " + std::to_string(completed.tokens_before()) +
           " tokens became " + std::to_string(completed.tokens_after()) +
           "). The history itself stays whole.";
  } else {
    text = "⚠ Nothing was compacted: " + event.content().detail();
  }
  Event told = notice(*session, nullptr, std::move(text), "compact");
  if (started) {
    told.mutable_notice_issued()->set_answers(started->compaction_started().answers());
  }
  Decisions decisions = {std::move(told)};
  for (Event& one : settle_waiting_messages(state, *session)) decisions.push_back(std::move(one));
  return decisions;
}

}  // namespace daybook
