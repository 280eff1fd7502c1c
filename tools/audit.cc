#include "tools/audit.h"

#include <algorithm>
#include <initializer_list>

#include "core/codec.h"
#include "core/directory.h"
#include "core/erasure.h"

namespace daybook {
namespace {

Time time_of(const Event& event) { return from_milliseconds(event.time()); }

Handled handled_of(const Event& event, const std::string& place, std::int64_t user) {
  Handled handled;
  handled.seq = event.seq();
  handled.kind = kind_name(event);
  handled.time = handled.until = time_of(event);
  handled.session = event.session();
  handled.place = place;
  handled.user = user;
  return handled;
}

template <typename Inbound>
Handled handled_of(const Event& event, const Inbound& inbound) {
  return handled_of(event, inbound.place(), inbound.user());
}

KindSet kinds_of(std::initializer_list<int> numbers) {
  KindSet kinds;
  for (const int number : numbers) kinds.set(static_cast<std::size_t>(number));
  return kinds;
}

// All that waits in its session is given up.
bool drops_all(const Event& event) {
  return event.has_session_reset() && !event.session_reset().waits_on();
}

}  // namespace

KindSet Audit::kinds() {
  return kinds_before() |
         kinds_of({Event::kUpdatesGap,       Event::kSessionErased,   Event::kJournalRestored,
                   Event::kMessageReceived,  Event::kMessageEdited,   Event::kButtonPressed,
                   Event::kMessageRefused,   Event::kSessionReset,    Event::kTurnStarted,
                   Event::kLeafMoved,        Event::kMessageReplaced, Event::kTurnCompleted,
                   Event::kAttemptFailed,    Event::kTurnFailed,      Event::kTurnRetried,
                   Event::kTurnCancelled,    Event::kTurnAbandoned,   Event::kCompactionStarted,
                   Event::kCompactionFailed, Event::kNoticeIssued,    Event::kPostAttempted,
                   Event::kReplyPosted,      Event::kReplyEdited,     Event::kDeliveryDelayed,
                   Event::kDeliveryFailed,   Event::kStepCompleted,   Event::kStepStarted,
                   Event::kMessageHeld,      Event::kQueueCleared,    Event::kPlaceMoved});
}

KindSet Audit::kinds_before() {
  return kinds_of({Event::kGatewayStarted, Event::kGatewayStopped, Event::kCatalogueLoaded});
}

KindSet Audit::worded() {
  return kinds_of({Event::kTurnCompleted, Event::kTurnFailed, Event::kTurnCancelled,
                   Event::kTurnAbandoned, Event::kNoticeIssued, Event::kAttemptFailed,
                   Event::kTurnRetried});
}

void Audit::apply(const Event& event) {
  if (const auto call = usage_.apply(event)) {
    const auto summary = summaries_.find(call->turn);
    Handled* handled = summary == summaries_.end() ? owner_of(call->turn) : nullptr;
    const auto asked = summary == summaries_.end() ? open_.end() : open_.find(summary->second);
    if (asked != open_.end()) handled = &asked->second;
    if (handled != nullptr) handled->spent.add(call->spent);
  }
  owed_.apply(event);
  settle_edit(event);
  if (event.has_gateway_started()) {
    start(event);
  } else if (event.has_gateway_stopped()) {
    running_ = false;
  } else if (event.has_updates_gap()) {
    if (!is_told_of(event)) return;
    ++sum_.gaps;
    reader_.on_gap(event);
  } else if (event.has_turn_started() || event.has_compaction_started()) {
    begin(event);
  } else if (event.has_message_held()) {
    const auto found = open_.find(event.message_held().message());
    if (found != open_.end()) found->second.held = true;
  } else if (drops_all(event) || event.has_session_erased()) {
    drop_waiting(event);
  } else if (event.has_queue_cleared()) {
    for (const Seq message : event.queue_cleared().dropped()) {
      settle(message, event);
      tell(message);
    }
  } else if (event.has_leaf_moved()) {
    if (event.leaf_moved().why() == LeafMoved::RETRY) asks_again(event);
  } else if (event.has_message_replaced()) {
    settle(event.message_replaced().replaced(), event);
    tell(event.message_replaced().replaced());
  } else if (event.has_notice_issued()) {
    issue(event);
  } else if (ends_turn(event)) {
    end_turn(event);
  } else if (subject_of(event) != 0) {
    follow_posts(event);
  } else {
    take_in(event);
  }
  close_shown(event);
  hand_over();
}

void Audit::hand_over() {
  for (const auto& [seq, handled] : std::exchange(told_, {})) reader_.on_handled(handled);
}

bool Audit::is_told_of(const Event& event) const {
  return time_of(event) >= since_ && event.seq() <= until_;
}

void Audit::take_in(const Event& event) {
  if (!is_told_of(event)) return;
  if (event.has_message_received()) {
    const MessageReceived& message = event.message_received();
    Handled& handled = open_[event.seq()] = handled_of(event, message);
    handled.message_id = message.message_id();
    handled.command = message.command();
    return;
  }
  Handled handled;
  if (event.has_message_refused()) {
    handled = handled_of(event, event.message_refused());
    handled.reason = MessageRefused::Reason_Name(event.message_refused().reason());
  } else if (event.has_message_edited()) {
    handled = handled_of(event, event.message_edited());
    handled.message_id = event.message_edited().message_id();
  } else if (event.has_button_pressed()) {
    handled = handled_of(event, event.button_pressed());
    handled.message_id = event.button_pressed().message_id();
  } else if (event.has_place_moved() && event.place_moved().update_id() != 0) {
    handled = handled_of(event, event.place_moved().from(), 0);
  } else {
    return;
  }
  const bool edited = event.has_message_edited();
  open_[event.seq()] = std::move(handled);
  if (edited) {
    edited_ = event.seq();
  } else {
    settle(event.seq(), event);  // recorded, and nothing follows from it
    tell(event.seq());
  }
}

// What follows from an edit stands right behind it: new words take the old ones' place, or nothing.
void Audit::settle_edit(const Event& next) {
  if (edited_ == 0) return;
  const bool before =
      next.has_turn_cancelled() || next.has_queue_cleared() || next.has_message_held();
  if (next.cause() == edited_ && before) return;
  const Seq edited = std::exchange(edited_, 0);
  if (next.has_message_replaced() && next.message_replaced().by() == edited) return;
  const auto found = open_.find(edited);
  if (found == open_.end()) return;
  found->second.outcome = found->second.kind;
  found->second.by = edited;
  tell(edited);
}

// A /retry becomes the turn that follows from it.
void Audit::asks_again(const Event& event) {
  const auto asked = open_.find(event.leaf_moved().answers());
  if (asked == open_.end()) return;
  again_[event.leaf_moved().to()] = asked->first;
}

void Audit::begin(const Event& event) {
  if (event.has_compaction_started()) {
    const Seq message = event.compaction_started().answers();
    if (open_.contains(message)) compactions_[event.seq()] = message;
    return;
  }
  const TurnStarted& started = event.turn_started();
  std::vector<Seq> messages(started.answers().begin(), started.answers().end());
  if (const auto asked = compactions_.find(started.compaction()); asked != compactions_.end()) {
    summaries_[event.seq()] = asked->second;
    messages.push_back(asked->second);
    compactions_.erase(asked);
  }
  for (Seq message : messages) {
    if (const auto again = again_.extract(message); again) message = again.mapped();
    const auto found = open_.find(message);
    if (found == open_.end()) continue;
    // An answer that goes on is one to all that it was begun for.
    if (auto others = together_.extract(found->second.turn)) {
      others.key() = event.seq();
      together_.insert(std::move(others));
    }
    found->second.turn = event.seq();
    found->second.model = started.model();
    found->second.provider = started.provider();
    if (started.kind() != ANSWER) continue;
    // One answer to several messages is told with the last of them.
    if (const auto one = owners_.find(event.seq()); one != owners_.end()) {
      together_[event.seq()].push_back(one->second);
    }
    own(event.seq(), message);
  }
}

void Audit::own(Seq source, Seq message) {
  owners_[source] = message;
  sources_[message].push_back(source);
}

void Audit::settle(Seq message, const Event& by) {
  const auto found = open_.find(message);
  if (found == open_.end()) return;
  found->second.outcome = kind_name(by);
  found->second.by = by.seq();
  found->second.until = time_of(by);
}

// What waits again is settled by a later turn.
void Audit::wait_again(const TurnCancelled& cancelled) {
  const auto others = together_.find(cancelled.turn());
  for (const Seq message : cancelled.waits_again()) {
    const auto found = open_.find(message);
    if (found == open_.end()) continue;
    found->second.turn = 0;
    found->second.model.clear();
    found->second.provider.clear();
    if (others != together_.end()) std::erase(others->second, message);
    const auto owner = owners_.find(cancelled.turn());
    if (owner != owners_.end() && owner->second == message) owners_.erase(owner);
  }
}

void Audit::end_turn(const Event& event) {
  const Seq turn = ended_turn(event);
  summaries_.erase(turn);
  wait_again(event.turn_cancelled());
  if (Handled* handled = owner_of(turn); handled != nullptr) {
    settle(owners_.at(turn), event);
    if (event.has_turn_failed()) handled->reason = ErrorClass_Name(event.turn_failed().error());
    ended_.insert(turn);
  }
  if (const auto others = together_.find(turn); others != together_.end()) {
    for (const Seq message : others->second) settle(message, event);
    // Whom they would be told with waits again.
    if (!owners_.contains(turn)) {
      const std::vector<Seq> alone = std::move(others->second);
      together_.erase(others);
      for (const Seq message : alone) tell(message);
    }
  }
  for (const Seq message : event.turn_abandoned().waited()) {
    settle(message, event);
    tell(message);
  }
  if (!event.has_turn_cancelled()) return;
  // A /stop says no more than that it stopped a turn; whatever else stops one has its own answer.
  const auto stop = open_.find(event.turn_cancelled().by());
  if (stop == open_.end() || stop->second.command != "stop") return;
  settle(stop->first, event);
  tell(stop->first);
}

void Audit::issue(const Event& event) {
  Seq message = event.notice_issued().answers();
  if (const auto again = again_.extract(message); again) message = again.mapped();
  Seq owner = message;
  if (const auto found = open_.find(message); found == open_.end()) {
    if (!is_told_of(event) || message != 0) return;
    // Nobody asked for it, but whoever it is for should see it.
    Handled& handled = open_[event.seq()];
    handled.seq = event.seq();
    handled.kind = kind_name(event);
    handled.time = time_of(event);
    handled.session = event.session();
    handled.place = event.notice_issued().place();
    owner = event.seq();
  }
  for (const Seq kept : event.notice_issued().keeps()) {
    if (kept == owner) continue;
    settle(kept, event);
    tell(kept);
  }
  settle(owner, event);
  own(event.seq(), owner);
  ended_.insert(event.seq());
}

// All that waits, or what of it is forgotten; whoever asked for it is answered.
void Audit::drop_waiting(const Event& event) {
  const SessionErased& erased = event.session_erased();
  const Seq asker = event.has_session_erased() ? erased.answers() : event.session_reset().answers();
  std::vector<Seq> dropped;
  for (const auto& [seq, handled] : open_) {
    const bool waits = handled.session == event.session() && handled.outcome.empty() &&
                       handled.turn == 0 &&
                       (handled.kind == "MessageReceived" || handled.kind == "MessageEdited");
    const bool goes = drops_all(event) || covers(erased, seq);
    if (waits && goes && seq != asker) dropped.push_back(seq);
  }
  for (const Seq seq : dropped) {
    settle(seq, event);
    tell(seq);
  }
}

Handled* Audit::owner_of(Seq source) {
  const auto owner = owners_.find(source);
  if (owner == owners_.end()) return nullptr;
  const auto found = open_.find(owner->second);
  return found == open_.end() ? nullptr : &found->second;
}

void Audit::follow_posts(const Event& event) {
  Handled* handled = owner_of(subject_of(event));
  if (handled != nullptr) handled->until = time_of(event);
  if (event.has_post_attempted()) {
    const PostAttempted& body = event.post_attempted();
    posts_[{body.source(), body.part()}] = event.seq();
  } else if (event.has_reply_posted()) {
    const ReplyPosted& body = event.reply_posted();
    posts_.erase({body.source(), body.part()});
    if (handled != nullptr) handled->message_ids.push_back(body.message_id());
  } else if (event.has_delivery_delayed() && event.delivery_delayed().post()) {
    const Post post(event.delivery_delayed().source(), event.delivery_delayed().part());
    const auto found = posts_.find(post);
    if (found == posts_.end()) return;
    if (event.delivery_delayed().ambiguous()) ambiguous(event, post, found->second);
    posts_.erase(found);
  } else if (event.has_delivery_failed()) {
    posts_.erase({event.delivery_failed().source(), event.delivery_failed().part()});
    if (handled != nullptr) handled->given_up = true;
  }
}

void Audit::ambiguous(const Event& found, const Post& post, Seq attempted) {
  Handled* handled = owner_of(post.first);
  if (handled != nullptr) {
    if (++handled->ambiguous >= kAmbiguousPostsMax) handled->given_up = true;
  }
  if (!is_told_of(found)) return;
  ++sum_.ambiguous;
  const auto& owed = owed_.open();
  const auto delivery = owed.find(post.first);
  std::string place = handled != nullptr ? handled->place : std::string();
  if (delivery != owed.end()) place = delivery->second.state.place();
  reader_.on_ambiguous({attempted, post.first, post.second, place, found.seq(), time_of(found)});
}

void Audit::start(const Event& event) {
  const bool crashed = std::exchange(running_, true);
  if (crashed && is_told_of(event)) {
    ++sum_.crashes;
    reader_.on_crash(event);
  }
  if (!event.gateway_started().recovery()) return;
  for (const auto& [post, attempted] : posts_) ambiguous(event, post, attempted);
  posts_.clear();
}

// Answers whose text is whole and of which nothing is owed any more. Some may be owed for ever:
// only those are looked at of which the event can have ended that.
void Audit::close_shown(const Event& event) {
  std::vector<Seq> sources = {event.seq(), ended_turn(event), subject_of(event)};
  if (event.has_gateway_started() || event.has_journal_restored() || event.has_session_erased()) {
    sources.assign(ended_.begin(), ended_.end());
  }
  for (const Seq source : sources) {
    if (owed_.open().contains(source) || ended_.erase(source) == 0) continue;
    const auto owner = owners_.find(source);
    if (owner != owners_.end()) tell(owner->second);
  }
}

void Audit::tell(Seq message) {
  const auto found = open_.find(message);
  if (found == open_.end()) return;
  const Handled handled = std::move(found->second);
  open_.erase(found);
  if (const auto sources = sources_.extract(message)) {
    for (const Seq source : sources.mapped()) {
      const auto owner = owners_.find(source);
      if (owner != owners_.end() && owner->second == message) owners_.erase(owner);
    }
  }
  const bool asked = handled.kind != "NoticeIssued";
  if (asked) {
    ++sum_.messages;
    if (!handled.outcome.empty()) ++sum_.outcomes[handled.outcome];
  }
  if (handled.given_up) ++sum_.given_up;
  sum_.spent.add(handled.spent);
  if (handled.unaccounted) {
    ++sum_.unaccounted;
  } else if (!handled.open.empty()) {
    ++sum_.open;
  }
  if (asked || !handled.open.empty() || handled.given_up) told_.emplace(handled.seq, handled);
  tell_others(handled);
}

// What became of the other messages that its turn answered.
void Audit::tell_others(const Handled& handled) {
  const auto others = together_.extract(handled.turn);
  if (!others) return;
  for (const Seq message : others.mapped()) {
    const auto found = open_.find(message);
    if (found == open_.end()) continue;
    Handled& other = found->second;
    other.message_ids = handled.message_ids;
    other.until = handled.until;
    other.given_up = handled.given_up;
    other.open = handled.open;
    other.unaccounted = handled.unaccounted;
    tell(message);
  }
}

void Audit::judge(Handled* handled, const End& end) {
  const Seq other = end.open_turn ? end.open_turn(handled->session) : 0;
  const std::string by = handled->outcome + " " + std::to_string(handled->by);
  bool expected = true;
  if (!handled->outcome.empty()) {
    handled->open = by + " is not shown whole";
  } else if (handled->turn != 0 && handled->turn == other) {
    handled->open = "turn " + std::to_string(other) + " runs";
  } else if (handled->turn != 0) {
    handled->open = "turn " + std::to_string(handled->turn) + " has ended nowhere";
    expected = false;
  } else if (other != 0) {
    handled->open = "waits behind turn " + std::to_string(other);
  } else if (handled->held) {
    handled->open = "came late and waits";
  } else {
    handled->open = "nothing followed from it";
    expected = false;
  }
  if (!end.running) handled->open += "; the gateway is down";
  // What the owner has to allow may take its time.
  const bool late = !handled->held && end.now - handled->time > end.patience;
  handled->unaccounted = !end.running || late || !expected;
}

AuditSum Audit::finish(const End& end) {
  settle_edit(Event());
  std::vector<Seq> rest;
  for (const auto& [seq, handled] : open_) rest.push_back(seq);
  for (const Seq seq : rest) {
    const auto found = open_.find(seq);
    if (found == open_.end()) continue;  // told beside another one
    judge(&found->second, end);
    tell(seq);
  }
  hand_over();
  return std::move(sum_);
}

}  // namespace daybook
