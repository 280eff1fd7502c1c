#include "tools/subject.h"

#include <algorithm>

#include "core/codec.h"
#include "core/directory.h"
#include "core/work.h"

namespace daybook {
namespace {

bool is_subject(const Event& event) {
  return event.has_turn_started() || event.has_notice_issued();
}

Error nothing_of(const Event& event, const std::string& what) {
  return {"event " + std::to_string(event.seq()) + " (" + kind_name(event) + ") " + what +
              "; `daybook show " + std::to_string(event.seq()) + "` shows it and what followed",
          ExitCode::kUsage};
}

// The first event of these kinds after `seq` in the same session for which `wanted` holds.
Result<std::optional<Event>> first_after(JournalView& view, const Event& event,
                                         const KindSet& kinds,
                                         const std::function<bool(const Event&)>& wanted) {
  std::optional<Event> found;
  auto scanned = view.events(event.seq() + 1, view.log().last(), kinds, [&](const Event& next) {
    if (next.session() != event.session() || !wanted(next)) return true;
    found = next;
    return false;
  });
  if (!scanned) return scanned.error();
  return found;
}

Result<Event> summary_turn(JournalView& view, const Event& compaction) {
  auto turn = first_after(
      view, compaction, KindSet().set(Event::kTurnStarted),
      [&](const Event& next) { return next.turn_started().compaction() == compaction.seq(); });
  if (!turn) return turn.error();
  if (!turn->has_value()) return nothing_of(compaction, "led to no turn");
  return **turn;
}

bool settles(const Event& next, const Event& message) {
  const Seq seq = message.seq();
  const auto& answers = next.turn_started().answers();
  // A /reset stops a turn too, but is answered by the notice behind it.
  const bool stopped =
      next.turn_cancelled().by() == seq && message.message_received().command() == "stop";
  const SessionReset& reset = next.session_reset();
  const bool dropped = next.has_session_reset() && !reset.waits_on() && reset.answers() != seq;
  const auto& cleared = next.queue_cleared().dropped();
  const LeafMoved& moved = next.leaf_moved();
  const bool again = moved.why() == LeafMoved::RETRY && moved.answers() == seq;
  return stopped || dropped || again || next.notice_issued().answers() == seq ||
         std::find(cleared.begin(), cleared.end(), seq) != cleared.end() ||
         next.message_replaced().replaced() == seq || next.compaction_started().answers() == seq ||
         std::find(answers.begin(), answers.end(), seq) != answers.end();
}

// What answered a message: for a /compact its summary, for a /stop the turn that it stopped.
Result<Event> answer_of(JournalView& view, const Event& message) {
  KindSet kinds;
  for (const int kind :
       {Event::kTurnStarted, Event::kNoticeIssued, Event::kCompactionStarted, Event::kTurnCancelled,
        Event::kSessionReset, Event::kLeafMoved, Event::kMessageReplaced, Event::kQueueCleared}) {
    kinds.set(static_cast<std::size_t>(kind));
  }
  auto found =
      first_after(view, message, kinds, [&](const Event& next) { return settles(next, message); });
  if (!found) return found.error();
  if (!found->has_value()) return nothing_of(message, "is not answered yet");
  const Event& next = **found;
  if (next.has_session_reset() || next.has_queue_cleared()) {
    return nothing_of(message, "waited, and the " + kind_name(next) + " " +
                                   std::to_string(next.seq()) + " dropped it");
  }
  return is_subject(next) ? Result<Event>(next) : find_subject(view, next);
}

// The turn that answers this message, the first one behind `event`.
Result<Event> turn_answering(JournalView& view, const Event& event, Seq message) {
  auto turn = first_after(view, event, KindSet().set(Event::kTurnStarted), [&](const Event& next) {
    const auto& answers = next.turn_started().answers();
    return std::find(answers.begin(), answers.end(), message) != answers.end();
  });
  if (!turn) return turn.error();
  if (!turn->has_value()) return nothing_of(event, "led to no turn yet");
  return **turn;
}

// Chunks of one turn, the rest of its session, and the gateway's own coming and going.
bool belongs(const Record& record, const Event& subject) {
  if (record.kind == Event::kGatewayStarted || record.kind == Event::kGatewayStopped) return true;
  if (subject.session() != 0) return record.session == subject.session();
  return record.session == 0 && record.kind != Event::kChunkReceived;
}

// What the gateway decides when it records one fact stands right behind it.
Result<void> each_decision(JournalView& view, const Event& event,
                           const std::function<void(const Event&)>& visit) {
  return view.events(event.seq() + 1, view.log().last(), all_kinds(), [&](const Event& next) {
    if (next.cause() < event.seq()) return false;
    if (next.cause() == event.seq()) visit(next);
    return true;
  });
}

}  // namespace

Result<Event> find_subject(JournalView& view, const Event& event) {
  if (is_subject(event)) return event;
  if (const Seq subject = subject_of(event); subject != 0) return view.event(subject);
  if (event.has_message_received()) return answer_of(view, event);
  if (event.has_compaction_started()) return summary_turn(view, event);
  if (event.leaf_moved().why() == LeafMoved::RETRY) {
    return turn_answering(view, event, event.leaf_moved().to());
  }
  if (event.has_message_replaced()) {
    return turn_answering(view, event, event.message_replaced().by());
  }
  if (event.has_message_edited()) return turn_answering(view, event, event.seq());
  Seq elsewhere = 0;
  if (event.has_compaction_completed()) elsewhere = event.compaction_completed().compaction();
  if (event.has_compaction_failed()) elsewhere = event.compaction_failed().compaction();
  if (event.has_session_opened()) elsewhere = event.seq() + 1;
  const bool command = event.has_model_switched() || event.has_session_reset() ||
                       event.has_leaf_moved() || event.has_branch_saved() ||
                       event.has_setting_changed() || event.has_queue_cleared() ||
                       event.has_session_named() || event.has_provider_session_cleared() ||
                       event.has_compaction_undone();
  if (command) elsewhere = event.cause();
  if (elsewhere != 0) {
    auto other = view.event(elsewhere);
    return other ? find_subject(view, *other) : other;
  }
  if (event.has_context_truncated()) {
    auto turn = first_after(view, event, KindSet().set(Event::kTurnStarted),
                            [](const Event&) { return true; });
    if (!turn) return turn.error();
    if (turn->has_value()) return **turn;
  }
  std::optional<Event> notice;
  auto decided = each_decision(view, event, [&](const Event& next) {
    if (next.has_notice_issued() && !notice.has_value()) notice = next;
  });
  if (!decided) return decided.error();
  if (notice.has_value()) return *notice;
  return nothing_of(event, "belongs to no turn and no notice");
}

Result<bool> walk_subject(JournalView& view, const Event& subject, Seq from,
                          const SubjectVisit& visit) {
  Deliveries owed;
  Time before{};
  bool ended = false;
  bool erased = false;  // then nobody can tell any more what was to be shown
  std::optional<Error> damaged;
  const auto done = [&] { return ended && owed.open().empty(); };
  const auto on_record = [&](const Record& record) {
    const Time last_sign = before;
    before = record.time;
    if (!belongs(record, subject)) return true;
    auto event = from_record(record);
    if (!event) {
      damaged = event.error();
      return false;
    }
    const Seq about = record.seq == subject.seq() ? record.seq : subject_of(*event);
    if (about != subject.seq() && event->has_chunk_received()) return true;
    if (about == subject.seq() || event->has_gateway_started()) {
      // The words of chunks are nothing that is owed once the turn has ended.
      if (!event->has_chunk_received()) owed.apply(*event);
      ended |= event->has_notice_issued() || ends_turn(*event);
      erased |= ended && event->content().erased();
    }
    return visit(*event, last_sign) && !done();
  };
  auto scanned = view.log().scan(from, view.log().last(), all_kinds(), on_record);
  if (!scanned) return scanned.error();
  if (damaged.has_value()) return *damaged;
  return done() || erased;
}

Result<std::vector<Event>> causes_of(JournalView& view, const Event& event) {
  std::vector<Event> causes;
  for (Seq seq = event.cause(); seq != 0; seq = causes.back().cause()) {
    auto cause = view.event(seq);
    if (!cause) return cause.error();
    if (cause->cause() >= seq) {
      return Error{"event " + std::to_string(seq) +
                       " names itself or a later one as its cause; "
                       "run daybook verify",
                   ExitCode::kDamaged};
    }
    causes.push_back(*std::move(cause));
  }
  return causes;
}

Result<void> each_effect(JournalView& view, const Event& event,
                         const std::function<void(const Event&)>& visit) {
  if (event.has_message_received()) {
    bool answered = false;
    auto decided = each_decision(view, event, [&](const Event& next) {
      answered |= is_subject(next);
      visit(next);
    });
    if (!decided || answered) return decided;
    // It waited: its answer was begun by the end of another.
    if (auto answer = find_subject(view, event); answer) visit(*answer);
    return {};
  }
  const bool asks = is_subject(event) || event.has_turn_retried() || event.has_step_started();
  if (!asks) return each_decision(view, event, visit);
  auto subject = find_subject(view, event);
  if (!subject) return subject.error();
  auto walked = walk_subject(view, *subject, event.seq(), [&](const Event& next, Time) {
    if (next.cause() == event.seq()) visit(next);
    return true;
  });
  if (!walked) return walked.error();
  return {};
}

}  // namespace daybook
