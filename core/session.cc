#include "core/session.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/conversations.h"
#include "core/directory.h"
#include "core/erasure.h"
#include "core/goals.h"
#include "core/late.h"
#include "core/layout.h"
#include "core/open_turn.h"
#include "core/steps.h"
#include "core/tree.h"

namespace daybook {

namespace {

void settle_waiting(SessionState* state, Seq message) {
  auto* waiting = state->mutable_waiting();
  waiting->erase(std::remove_if(waiting->begin(), waiting->end(),
                                [&](const Waiting& one) { return one.seq() == message; }),
                 waiting->end());
  if (!has_held(*state)) state->clear_held_until();
}

void add_entry(SessionState* state, Seq seq, Entry::Role role, std::uint32_t tokens) {
  Entry* entry = state->add_entries();
  entry->set_seq(seq);
  entry->set_role(role);
  entry->set_tokens(tokens);
  entry->set_conversation(state->conversation());
}

// A message that waited becomes what was said last.
void say(SessionState* state, Seq message) {
  std::uint32_t tokens = 0;
  for (const Waiting& one : state->waiting()) {
    if (one.seq() == message) tokens = one.tokens();
  }
  // One that is answered once more is there already.
  if (message != leaf_of(*state)) add_entry(state, message, Entry::USER, tokens);
  settle_waiting(state, message);
}

// It was not asked; /retry and new words ask it all the same.
void settle_by_notice(SessionState* state, const NoticeIssued& notice, std::int64_t time) {
  const std::string& topic = notice.topic();
  const bool refuses = topic == "context" || topic == "budget" || topic == "model";
  const auto& waiting = state->waiting();
  const bool waits = std::any_of(waiting.begin(), waiting.end(), [&](const Waiting& one) {
    return one.seq() == notice.answers() && one.left() == 0;
  });
  if (refuses && waits) state->set_refused(notice.answers());
  for (const Seq message : notice.keeps()) {
    say(state, message);
    state->clear_undone();
    state->clear_idle_closed();
    state->clear_refused();
    touch_conversation(state, time);
  }
  settle_waiting(state, notice.answers());
}

void start_turn(SessionState* state, const Event& event) {
  const TurnStarted& started = event.turn_started();
  *state->mutable_open() = opened_turn(event);
  state->clear_compacting();
  if (!started.answers().empty()) state->clear_undone();
  if (started.kind() == ANSWER) {
    state->set_last_prompt(event.seq());
    state->set_anew(started.anew());
    state->clear_held_until();
    state->clear_idle_closed();
    state->clear_refused();
  }
  for (const Seq message : started.answers()) say(state, message);
  if (started.kind() == ANSWER) touch_conversation(state, event.time());
  if (started.kind() != TITLE) return;
  ConversationRow* row = present_conversation(state);
  if (row != nullptr) row->set_titles_tried(row->titles_tried() + 1);
}

void add_usage(Usage* sum, const Usage& usage) {
  sum->set_prompt_tokens(sum->prompt_tokens() + usage.prompt_tokens());
  sum->set_cached_tokens(sum->cached_tokens() + usage.cached_tokens());
  sum->set_output_tokens(sum->output_tokens() + usage.output_tokens());
  sum->set_reasoning_tokens(sum->reasoning_tokens() + usage.reasoning_tokens());
  sum->set_cost_nanodollars(sum->cost_nanodollars() + usage.cost_nanodollars());
  sum->set_reported(sum->reported() || usage.reported());
}

// What a call of the open turn's model took.
void add_call(SessionState* state, const Usage& usage) {
  add_usage(state->mutable_usage(), usage);
  ConversationRow* row = present_conversation(state);
  if (row == nullptr) return;
  add_usage(row->mutable_usage(), usage);
  const OpenTurn& open = state->open();
  const auto same = [&](const ModelUsage& one) {
    return one.provider() == open.provider() && one.model() == open.model() &&
           (one.usage().cost_nanodollars() > 0) == (usage.cost_nanodollars() > 0);
  };
  auto* rows = row->mutable_by_model();
  const auto found = std::find_if(rows->begin(), rows->end(), same);
  ModelUsage* one = found != rows->end() ? &*found : rows->Add();
  one->set_provider(open.provider());
  one->set_model(open.model());
  add_usage(one->mutable_usage(), usage);
}

// What was said before the turn ended, whole or not, stays part of the conversation.
void end_turn(SessionState* state, const Event& event, std::uint32_t tokens) {
  const bool answer = state->open().kind() == ANSWER;
  if (answer && tokens > 0) add_entry(state, event.seq(), Entry::ASSISTANT, tokens);
  ConversationRow* row = present_conversation(state);
  if (answer && row != nullptr) row->set_last(event.time());
  state->clear_open();
  state->set_turns(state->turns() + 1);
}

void retry_turn(SessionState* state, const Event& event) {
  retry_open_turn(state->mutable_open(), event);
  apply_step(state->mutable_open(), event);
  const bool anew = event.turn_retried().has_prompt() && state->open().kind() == ANSWER;
  if (anew) state->set_last_prompt(event.seq());
}

void hold(SessionState* state, const MessageHeld& held) {
  state->set_held_until(held.until());
  for (Waiting& waiting : *state->mutable_waiting()) {
    if (waiting.seq() != held.message()) continue;
    waiting.set_late(held.joins() == 0);
    waiting.set_joins(held.joins());
  }
}

void follow_step(SessionState* state, const Event& event) {
  if (!state->has_open()) return;
  apply_step(state->mutable_open(), event);
  if (event.has_step_completed()) {
    add_call(state, event.step_completed().usage());
  } else if (event.has_step_started()) {
    state->set_last_prompt(event.seq());
  }
}

void complete_compaction(SessionState* state, const Event& event) {
  const CompactionCompleted& completed = event.compaction_completed();
  SummaryRow* row = state->add_summaries();
  row->set_compaction(completed.compaction());
  row->set_completed(event.seq());
  row->set_text(summary_text(event));
  row->set_last(completed.last());
  row->set_tokens(completed.tokens_after());
  if (completed.granularity() != WHOLE) row->set_first(completed.first());
  row->set_behind(completed.behind());
  state->clear_compaction_failed();
  state->clear_compacting();
  choose_summary(state);
}

void fail_compaction(SessionState* state, const CompactionFailed& failed) {
  // Another may have been asked for meanwhile.
  if (state->compacting() == failed.compaction()) state->clear_compacting();
  if (failed.granularity() == BRANCH) return;
  state->set_compaction_failed(static_cast<std::uint32_t>(state->entries_size()));
  if (failed.first() == 0) return;
  SummaryRow* row = state->add_summaries();
  row->set_compaction(failed.compaction());
  row->set_first(failed.first());
  row->set_last(failed.last());
}

void undo_compaction(SessionState* state, const CompactionUndone& undone) {
  auto* rows = state->mutable_summaries();
  bool cleared = false;
  for (SummaryRow& row : *rows) {
    if (row.compaction() != undone.compaction() || row.first() == 0) continue;
    // It is not to be told, wherever it is, so none is made of it again.
    row.clear_completed();
    row.clear_text();
    row.clear_tokens();
    cleared = true;
  }
  if (cleared) return;
  rows->erase(std::remove_if(
                  rows->begin(), rows->end(),
                  [&](const SummaryRow& row) { return row.compaction() == undone.compaction(); }),
              rows->end());
  state->set_compaction_failed(static_cast<std::uint32_t>(state->entries_size()));
  choose_summary(state);
}

void unpin(SessionState* state, const std::function<bool(Seq)>& gone) {
  auto* pinned = state->mutable_pinned();
  pinned->erase(std::remove_if(pinned->begin(), pinned->end(), gone), pinned->end());
}

void pin(SessionState* state, Seq entry) {
  unpin(state, [entry](Seq one) { return one == entry; });
  state->add_pinned(entry);
}

template <typename Holder>
void drop_own(Holder* holder, const std::function<bool(const OwnSetting&)>& gone) {
  auto* own = holder->mutable_own();
  own->erase(std::remove_if(own->begin(), own->end(), gone), own->end());
}

// The words that were pinned are said otherwise now.
void pin_instead(SessionState* state, Seq entry, Seq by) {
  for (Seq& pinned : *state->mutable_pinned()) {
    if (pinned == entry) pinned = by;
  }
}

void change_setting(SessionState* state, const Event& event) {
  const SettingChanged& changed = event.setting_changed();
  if (changed.key() == "policy") {
    state->set_policy(changed.value());
    return;
  }
  drop_own(state, [&](const OwnSetting& one) { return one.key() == changed.key(); });
  if (changed.value().empty() && !changed.worded()) return;
  OwnSetting* own = state->add_own();
  own->set_key(changed.key());
  own->set_value(changed.value());
  own->set_event(event.seq());
  std::sort(state->mutable_own()->begin(), state->mutable_own()->end(),
            [](const OwnSetting& one, const OwnSetting& other) { return one.key() < other.key(); });
}

void reset(SessionState* state, const Event& event) {
  const SessionReset& reset = event.session_reset();
  leave_conversation(state);
  if (ConversationRow* row = present_conversation(state)) {
    row->set_closed(reset.why() == SessionReset::FORGET);
  }
  move_leaf(state, 0);
  state->set_conversation(event.seq());
  state->set_idle_closed(reset.why() == SessionReset::IDLE ? reset.silent() : 0);
  if (!reset.waits_on()) {
    state->clear_waiting();
    state->clear_held_until();
  }
  state->clear_undone();
  state->clear_refused();
  state->set_reset_at(event.seq());
  if (!reset.settings_too()) return;
  state->clear_model();
  state->clear_policy();
  state->clear_own();
}

void name_conversation(SessionState* state, const Event& event) {
  for (ConversationRow& row : *state->mutable_conversations()) {
    if (row.id() == event.session_named().conversation()) row.set_title(event.seq());
  }
}

void wait_last(SessionState* state, const Event& message) {
  Waiting* waiting = state->add_waiting();
  waiting->set_seq(message.seq());
  waiting->set_tokens(message.message_received().tokens());
}

void wait_first(SessionState* state, Waiting one) {
  *state->add_waiting() = std::move(one);
  for (int index = state->waiting_size() - 1; index > 0; --index) {
    state->mutable_waiting()->SwapElements(index, index - 1);
  }
}

void follow_leaf(SessionState* state, const LeafMoved& moved) {
  const Seq before = leaf_of(*state);
  settle_waiting(state, moved.answers());
  leave_conversation(state);
  if (!move_leaf(state, moved.to())) return;
  if (moved.to() != 0) enter_conversation(state, state->entries(0).conversation());
  state->clear_idle_closed();
  state->clear_refused();
  if (moved.why() == LeafMoved::UNDO) {
    state->add_undone(before);
  } else if (moved.why() == LeafMoved::REDO) {
    if (state->undone_size() > 0) state->mutable_undone()->RemoveLast();
  } else {
    state->clear_undone();
  }
  if (moved.why() != LeafMoved::RETRY) return;
  Waiting again;
  again.set_seq(moved.to());
  again.set_model(moved.model());
  again.set_continues(moved.continues());
  again.set_asked(moved.answers());
  again.set_left(before);
  wait_first(state, std::move(again));
}

void replace_message(SessionState* state, const MessageReplaced& replaced) {
  Waiting edited;
  edited.set_seq(replaced.by());
  edited.set_tokens(replaced.tokens());
  for (Waiting& waiting : *state->mutable_waiting()) {
    if (waiting.seq() != replaced.replaced()) continue;
    edited.set_late(waiting.late());
    edited.set_joins(waiting.joins());
    waiting = edited;
    return;
  }
  if (replaced.replaced() == state->refused()) {
    state->clear_refused();
    settle_waiting(state, replaced.answers());
    edited.set_model(replaced.model());
    edited.set_asked(replaced.answers());
    *state->add_waiting() = std::move(edited);
    return;
  }
  const Entry* entry = find_entry(*state, replaced.replaced());
  if (entry == nullptr) return;
  const Seq conversation = entry->conversation();
  pin_instead(state, replaced.replaced(), replaced.by());
  leave_conversation(state);
  move_leaf(state, parent_of(*state, replaced.replaced()));
  enter_conversation(state, conversation);
  state->clear_idle_closed();
  state->clear_undone();
  wait_first(state, std::move(edited));
}

// What was said up to here was said here, too. What was unfinished, and what it all cost, is the
// parent's.
void fork_off(SessionState* state, const Event& event) {
  state->set_id(event.session());
  state->set_place(event.session_forked().place());
  state->clear_open();
  state->clear_compacting();
  state->clear_waiting();
  state->clear_usage();
  state->clear_turns();
  state->clear_idle_closed();
  for (ConversationRow& row : *state->mutable_conversations()) {
    row.clear_usage();
    row.clear_by_model();
  }
  state->clear_held_until();
}

void save_branch(SessionState* state, const Event& event) {
  SavedRow* saved = state->add_saved();
  saved->set_entry(event.branch_saved().entry());
  saved->set_event(event.seq());
}

// What goes on with the answer finds it there.
void keep_checkpoint(SessionState* state, const Event& event) {
  const Seq ended = event.run_checkpointed().ended();
  const int position = position_after(*state, ended);
  if (position == 0) return;
  state->mutable_entries(position - 1)
      ->set_checkpoint(static_cast<std::uint32_t>(event.seq() - ended));
}

// What is forgotten is no part of the conversation any more; what a forgotten summary stood for is.
void forget(SessionState* state, const SessionErased& erased) {
  // With the summary in force goes what it was built upon.
  const bool in_force = state->summary_text() != 0 && covers(erased, state->summary_text());
  auto* rows = state->mutable_summaries();
  rows->erase(std::remove_if(rows->begin(), rows->end(),
                             [&](const SummaryRow& row) {
                               const bool below = in_force && row.first() == 0 &&
                                                  position_after(*state, row.last()) > 0;
                               return below || covers(erased, row.text());
                             }),
              rows->end());
  if (in_force) choose_summary(state);
  drop_entries(state, [&](Seq seq) { return covers(erased, seq); });
  const auto worded = [&](const OwnSetting& one) {
    return one.value().empty() && covers(erased, one.event());
  };
  for (ConversationRow& row : *state->mutable_conversations()) {
    if (covers(erased, row.title())) row.clear_title();
    drop_own(&row, worded);
  }
  drop_conversations(state);
  auto* waiting = state->mutable_waiting();
  waiting->erase(std::remove_if(waiting->begin(), waiting->end(),
                                [&](const Waiting& one) { return covers(erased, one.seq()); }),
                 waiting->end());
  unpin(state, [&](Seq one) { return covers(erased, one); });
  drop_own(state, worded);
  forget_goal(state, erased);
  settle_waiting(state, erased.answers());
}

// They stand before what waits already, in their order.
void wait_again(SessionState* state, const TurnCancelled& cancelled) {
  const auto& messages = cancelled.waits_again();
  for (int index = messages.size(); index > 0; --index) {
    const Entry* entry = find_entry(*state, messages.Get(index - 1));
    if (entry == nullptr) continue;
    Waiting again;
    again.set_seq(entry->seq());
    again.set_tokens(entry->tokens());
    wait_first(state, std::move(again));
  }
  if (messages.empty()) return;
  drop_entries(state, [&](Seq seq) {
    return std::find(messages.begin(), messages.end(), seq) != messages.end();
  });
  choose_summary(state);
}

void apply_turn_end(SessionState* state, const Event& event) {
  if (event.has_turn_completed()) {
    add_call(state, event.turn_completed().usage());
    end_turn(state, event, event.turn_completed().tokens());
  } else if (event.has_turn_failed()) {
    end_turn(state, event, event.turn_failed().tokens());
  } else if (event.has_turn_cancelled()) {
    settle_waiting(state, event.turn_cancelled().by());
    end_turn(state, event, event.turn_cancelled().tokens());
    wait_again(state, event.turn_cancelled());
  } else {
    for (const Seq message : event.turn_abandoned().waited()) settle_waiting(state, message);
    end_turn(state, event, event.turn_abandoned().tokens());
  }
}

// Of one attempt, the first one first.
std::vector<Event> chunks_of(Seq last_chunk, History& history) {
  std::vector<Event> chunks;
  for (Seq seq = last_chunk; seq != 0;) {
    std::optional<Event> event = history.event(seq);
    if (!event || !event->has_chunk_received() || event->prev() >= seq) break;
    seq = event->prev();
    chunks.push_back(*std::move(event));
  }
  std::reverse(chunks.begin(), chunks.end());
  return chunks;
}

}  // namespace

void Session::apply(const Event& event) {
  if (event.seq() <= state_.seq()) return;
  if (event.has_session_opened() && state_.id() == 0) {
    state_.set_id(event.seq());
    state_.set_place(event.session_opened().place());
  }
  if (event.has_session_forked() && event.session_forked().parent() == state_.id()) {
    fork_off(&state_, event);
  }
  if (event.session() != state_.id()) return;
  state_.set_seq(event.seq());
  apply_goal(&state_, event);
  if (event.has_chunk_received()) {
    if (state_.has_open()) state_.mutable_open()->set_last_chunk(event.seq());
  } else if (event.has_message_received()) {
    wait_last(&state_, event);
  } else if (event.has_notice_issued()) {
    settle_by_notice(&state_, event.notice_issued(), event.time());
    if (event.notice_issued().topic() == "idle") state_.clear_idle_closed();
  } else if (event.has_session_named()) {
    name_conversation(&state_, event);
  } else if (event.has_model_switched()) {
    state_.set_model(event.model_switched().model());
  } else if (event.has_setting_changed()) {
    change_setting(&state_, event);
  } else if (event.has_entry_pinned()) {
    pin(&state_, event.entry_pinned().entry());
  } else if (event.has_entry_unpinned()) {
    unpin(&state_, [&](Seq one) { return one == event.entry_unpinned().entry(); });
  } else if (event.has_session_reset()) {
    reset(&state_, event);
  } else if (event.has_queue_cleared()) {
    for (const Seq message : event.queue_cleared().dropped()) settle_waiting(&state_, message);
    if (!has_held(state_)) state_.clear_held_until();
  } else if (event.has_leaf_moved()) {
    follow_leaf(&state_, event.leaf_moved());
  } else if (event.has_message_replaced()) {
    replace_message(&state_, event.message_replaced());
  } else if (event.has_branch_saved()) {
    save_branch(&state_, event);
  } else if (event.has_turn_started()) {
    start_turn(&state_, event);
  } else if (event.has_turn_retried()) {
    retry_turn(&state_, event);
  } else if (is_step(event)) {
    follow_step(&state_, event);
  } else if (event.has_run_checkpointed()) {
    keep_checkpoint(&state_, event);
  } else if (event.has_place_moved()) {
    if (state_.place() == event.place_moved().from()) state_.set_place(event.place_moved().to());
  } else if (event.has_message_held()) {
    hold(&state_, event.message_held());
  } else if (event.deadline_passed().what() == kGathered) {
    state_.clear_held_until();
  } else if (event.has_compaction_started()) {
    settle_waiting(&state_, event.compaction_started().answers());
    state_.set_compacting(event.seq());
  } else if (event.has_compaction_completed()) {
    complete_compaction(&state_, event);
  } else if (event.has_compaction_failed()) {
    fail_compaction(&state_, event.compaction_failed());
  } else if (event.has_compaction_undone()) {
    undo_compaction(&state_, event.compaction_undone());
  } else if (event.has_session_erased()) {
    forget(&state_, event.session_erased());
  } else if (ends_turn(event)) {
    apply_turn_end(&state_, event);
  }
}

Result<Session> Session::load(SessionId id, Seq head, Seq last_chunk, History& history) {
  const Result<std::vector<Event>> chain = history.chain(head, 0);
  if (!chain) return chain.error();
  return resume(id, SessionState(), *chain, last_chunk);
}

Result<Session> Session::resume(SessionId id, SessionState state, const std::vector<Event>& chain,
                                Seq last_chunk) {
  Session session;
  session.state_ = std::move(state);
  for (auto event = chain.rbegin(); event != chain.rend(); ++event) session.apply(*event);
  if (session.state_.id() != id) {
    const Seq head = chain.empty() ? 0 : chain.front().seq();
    return Error{"the chain that ends at event " + std::to_string(head) +
                     " does not begin with session " + std::to_string(id),
                 ExitCode::kDamaged};
  }
  if (session.busy() && last_chunk != 0) {
    session.state_.mutable_open()->set_last_chunk(last_chunk);
    session.state_.set_seq(std::max(session.state_.seq(), last_chunk));
  }
  return session;
}

const OwnSetting* own_setting(const SessionState& state, std::string_view key) {
  const auto found = std::find_if(state.own().begin(), state.own().end(),
                                  [key](const OwnSetting& one) { return one.key() == key; });
  return found == state.own().end() ? nullptr : &*found;
}

std::string own_value(const SessionState& state, std::string_view key) {
  const OwnSetting* own = own_setting(state, key);
  return own == nullptr ? std::string() : own->value();
}

Seq summary_text(const Event& compaction_completed) {
  const Seq text = compaction_completed.compaction_completed().text();
  return text == 0 ? compaction_completed.seq() : text;
}

std::string_view text_prefix(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string text_so_far(Seq last_chunk, History& history) {
  std::string text;
  for (const Event& chunk : chunks_of(last_chunk, history)) {
    if (chunk.chunk_received().kind() == TEXT) text += chunk.content().text();
  }
  text.resize(text_prefix(text, kAnswerBytesMax).size());
  return text;
}

std::string unseen_so_far(Seq last_chunk, History& history) {
  std::string unseen;
  for (const Event& chunk : chunks_of(last_chunk, history)) {
    const Content& content = chunk.content();
    if (chunk.chunk_received().kind() == REASONING) unseen += content.text();
    if (chunk.chunk_received().kind() == TOOL_USE) unseen += content.name() + content.arguments();
  }
  return unseen;
}

}  // namespace daybook
