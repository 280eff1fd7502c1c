// Posts, edits and courtesies, as they become due.
//
// How each outcome of a send is classed is the table in settle(): only a post that was handed over
// whole and not answered is ambiguous; everything else either happened, or surely did not.
#include "adapters/telegram_outbox.h"

#include <algorithm>

#include "core/check.h"
#include "core/directory.h"

namespace daybook::telegram {
namespace {

constexpr std::string_view kChannel = "telegram";
constexpr Duration kSecond{1'000};
// Something is owed that a call under way holds up: look again, for other chats' sake.
constexpr Duration kLookAgain{100};

using Kind = DeliveryAction::Kind;

Fact delayed(const DeliveryAction& action, const Outcome& outcome, Time not_before) {
  Fact fact;
  fact.set_cause(action.source);
  DeliveryDelayed& body = *fact.mutable_delivery_delayed();
  body.set_source(action.source);
  body.set_part(action.part);
  body.set_not_before(to_milliseconds(not_before));
  body.set_status(outcome.status);
  body.set_post(action.kind == Kind::kPost);
  return fact;
}

Fact failed(const DeliveryAction& action, const Outcome& outcome, bool ambiguous) {
  Fact fact;
  fact.set_cause(action.source);
  DeliveryFailed& body = *fact.mutable_delivery_failed();
  body.set_source(action.source);
  body.set_part(action.part);
  body.set_status(outcome.status);
  body.set_ambiguous(ambiguous);
  fact.mutable_content()->set_detail(outcome.detail);
  return fact;
}

Fact given_up(const DeliveryAction& action) {
  Outcome outcome;
  outcome.detail = kGivenUpDetail;
  return failed(action, outcome, true);
}

Fact shown(const DeliveryAction& action, std::int64_t message_id) {
  Fact fact;
  fact.set_cause(action.source);
  if (action.kind == Kind::kPost) {
    ReplyPosted& body = *fact.mutable_reply_posted();
    body.set_source(action.source);
    body.set_part(action.part);
    body.set_message_id(message_id);
    body.set_digest(action.digest);
    body.set_characters(action.characters);
    return fact;
  }
  ReplyEdited& body = *fact.mutable_reply_edited();
  body.set_source(action.source);
  body.set_part(action.part);
  body.set_digest(action.digest);
  body.set_characters(action.characters);
  body.set_gone(action.kind == Kind::kDelete);
  return fact;
}

Fact attempted(const DeliveryAction& action) {
  Fact fact;
  fact.set_cause(action.source);
  PostAttempted& body = *fact.mutable_post_attempted();
  body.set_source(action.source);
  body.set_part(action.part);
  body.set_attempt(action.attempt);
  return fact;
}

}  // namespace

Outbox::Outbox(Api& api, const Work& work, const Settings& settings) : api_(api), work_(work) {
  if (settings.telegram.edit_interval) {
    rules_.edit_interval_private = *settings.telegram.edit_interval;
    rules_.edit_interval_group = *settings.telegram.edit_interval;
  }
  rules_.edit_characters = settings.telegram.edit_chars;
  rules_.sends_files = true;
}

ChannelRules Outbox::rules(bool hurry) const {
  ChannelRules rules = rules_;
  if (!hurry) return rules;
  rules.edit_interval_private = rules.edit_interval_group = Duration(0);
  rules.edit_characters = 0;
  return rules;
}

bool Outbox::paced_out(Time now) const {
  return recent_.size() >= kCallsPerSecond && recent_.front() + kSecond > now;
}

bool Outbox::held(std::string_view name, Time now) const {
  if (now < global_hold_) return true;
  const auto found = places_.find(name);
  if (found == places_.end()) return false;
  const Place& place = found->second;
  return place.call != 0 || now < place.limited_until;
}

std::optional<Due> Outbox::due(const Moment& moment) {
  if (paced_out(moment.now)) return std::nullopt;
  if (moment.settled) {
    if (auto delivery = due_delivery(moment)) return delivery;
    if (auto button = due_button(moment)) return button;
  }
  return due_typing(moment);
}

std::optional<Due> Outbox::due_delivery(const Moment& moment) {
  std::set<std::string, std::less<>> passed_over;
  const auto busy = [&](std::string_view place) {
    return passed_over.contains(place) || held(place, moment.now);
  };
  const ChannelRules how = rules(moment.hurry);
  while (true) {
    auto action = work_.deliveries.due(kChannel, how, moment.now, busy);
    if (!action) return std::nullopt;
    if (action->kind == Kind::kGiveUp) return given_up(*action);
    if (action->kind == Kind::kWithdraw) return withdrawn(*action);
    if (action->kind != Kind::kAttempt) return carry_out(std::move(*action), moment.now);
    const Attempt attempt{action->source, action->part, action->attempt};
    const auto known = attempts_.find(action->place);
    const bool asked = known != attempts_.end() && known->second == attempt;
    if (!asked) {
      attempts_[action->place] = attempt;
      return attempted(*action);
    }
    if (!passed_over.insert(action->place).second) return std::nullopt;
  }
}

Due Outbox::start(HttpCall call, Sent sent, Time now) {
  // A post is the one call that may not be done twice, and courtesies have no place to be told of.
  call.repeatable =
      sent.what != Sent::What::kDelivery || sent.action.kind != DeliveryAction::Kind::kPost;
  const CallId id = api_.next_call();
  sent_.emplace(id, std::move(sent));
  recent_.push_back(now);
  if (recent_.size() > kCallsPerSecond) recent_.pop_front();
  return Call{id, std::move(call)};
}

Due Outbox::carry_out(DeliveryAction action, Time now) {
  const auto chat = parse_place(action.place);
  if (!chat) {
    Outcome nowhere;
    nowhere.detail = "\"" + action.place + "\" names no Telegram chat";
    return failed(action, nowhere, false);
  }
  forget_quiet_places(now);
  const bool no_thread = without_thread_.contains(action.source);
  HttpCall call = call_for(action, {chat->chat, no_thread ? 0 : chat->thread});
  const std::string name = action.place;
  Due due = start(std::move(call), Sent{Sent::What::kDelivery, name, std::move(action)}, now);
  places_[name].call = std::get<Call>(due).id;
  return due;
}

HttpCall Outbox::call_for(const DeliveryAction& action, const Chat& chat) const {
  if (action.kind == Kind::kEdit) {
    return api_.request("editMessageText", edit_message_body(chat, action.message_id, action.text));
  }
  if (action.kind == Kind::kDelete) {
    return api_.request("deleteMessage", delete_message_body(chat, action.message_id));
  }
  DAYBOOK_CHECK(action.kind == Kind::kPost, "an attempt is a fact, not a call");
  const std::int64_t reply_to = without_reply_.contains(action.source) ? 0 : action.reply_to;
  if (action.file_name.empty()) {
    return api_.request("sendMessage", send_message_body(chat, action.text, reply_to));
  }
  UploadBody body = send_document_body(chat, action.file_name, action.text, reply_to);
  return api_.request("sendDocument", std::move(body.bytes), std::move(body.content_type));
}

std::optional<Due> Outbox::due_button(const Moment& moment) {
  if (buttons_.empty()) return std::nullopt;
  const std::string id = std::move(buttons_.front());
  buttons_.pop_front();
  return start(api_.request("answerCallbackQuery", answer_callback_body(id)),
               Sent{Sent::What::kButton, {}, {}}, moment.now);
}

std::optional<Due> Outbox::due_typing(const Moment& moment) {
  for (const std::string& name : silent_places()) {
    const auto chat = parse_place(name);
    if (!chat || held(name, moment.now)) continue;
    Place& place = places_[name];
    if (place.typing != 0 || moment.now < place.typed_at + kTypingEvery) continue;
    place.typed_at = moment.now;
    Due due = start(api_.request("sendChatAction", typing_body(*chat)),
                    Sent{Sent::What::kTyping, name, {}}, moment.now);
    place.typing = std::get<Call>(due).id;
    return due;
  }
  return std::nullopt;
}

// Where somebody waits for an answer, be it behind a summary that nobody asked for.
std::vector<std::string> Outbox::silent_places() const {
  std::vector<std::string> places = work_.deliveries.silent_places(kChannel);
  for (const auto& [seq, turn] : work_.calls.open()) {
    const auto found = waiting_.find(turn.session());
    if (turn.kind() == SUMMARY && found != waiting_.end()) places.push_back(found->second.place);
  }
  return places;
}

void Outbox::note_message(const Event& event) {
  const auto runs = [this](SessionId session) {
    const auto& open = work_.calls.open();
    return std::any_of(open.begin(), open.end(),
                       [&](const auto& one) { return one.second.session() == session; });
  };
  std::erase_if(waiting_, [&](const auto& one) { return !runs(one.first); });
  const MessageReceived& message = event.message_received();
  const bool waits = message.command().empty() && channel_of(message.place()) == kChannel;
  if (waits && runs(event.session())) waiting_[event.session()] = {event.seq(), message.place()};
}

void Outbox::note_answered(const Event& event) {
  const auto found = waiting_.find(event.session());
  if (found == waiting_.end()) return;
  const auto& answers = event.turn_started().answers();
  const bool answered = std::any_of(answers.begin(), answers.end(),
                                    [&](Seq seq) { return seq >= found->second.message; });
  if (answered) waiting_.erase(found);
}

void Outbox::on_event(const Event& event) {
  if (event.body_case() == Event::kMessageReceived) note_message(event);
  if (event.body_case() == Event::kTurnStarted) note_answered(event);
  if (event.body_case() == Event::kQueueCleared) waiting_.erase(event.session());
  if (event.body_case() == Event::kPostAttempted) {
    const PostAttempted& body = event.post_attempted();
    const Attempt attempt{body.source(), body.part(), body.attempt()};
    std::erase_if(attempts_, [&](const auto& entry) { return entry.second == attempt; });
  }
  if (event.body_case() == Event::kReplyPosted) {
    without_reply_.erase(event.reply_posted().source());
    without_thread_.erase(event.reply_posted().source());
  }
  if (event.body_case() == Event::kDeliveryFailed) {
    without_reply_.erase(event.delivery_failed().source());
    without_thread_.erase(event.delivery_failed().source());
  }
}

void Outbox::answer_button(std::string callback_id) {
  if (!callback_id.empty() && buttons_.size() < kButtonsWaitingMax) {
    buttons_.push_back(std::move(callback_id));
  }
}

void Outbox::limit(const std::string& name, Place& place, Duration pause, Time now) {
  place.limited_until = std::max(place.limited_until, now + pause);
  const auto limited = std::count_if(places_.begin(), places_.end(), [&](const auto& entry) {
    return entry.first != name && now < entry.second.limited_until;
  });
  if (static_cast<std::size_t>(limited) + 1 >= kLimitedPlacesGlobal) {
    global_hold_ = std::max(global_hold_, now + std::min(pause, kGlobalHoldMax));
  }
}

std::optional<Fact> Outbox::finished(CallId call, Outcome outcome, const JsonValue& result,
                                     Time now) {
  const auto found = sent_.find(call);
  DAYBOOK_CHECK(found != sent_.end(), "only a call of the outbox ends here");
  const Sent sent = std::move(found->second);
  sent_.erase(found);
  if (sent.what == Sent::What::kButton) {
    if (outcome.kind == Outcome::Kind::kLimited) {
      global_hold_ = std::max(global_hold_, now + std::min(outcome.retry_after, kGlobalHoldMax));
    }
    return std::nullopt;
  }
  Place& place = places_[sent.place];
  if (outcome.kind == Outcome::Kind::kLimited) limit(sent.place, place, outcome.retry_after, now);
  if (sent.what == Sent::What::kTyping) {
    place.typing = 0;
    return std::nullopt;
  }
  place.call = 0;
  const bool failing = outcome.kind == Outcome::Kind::kNotSent ||
                       outcome.kind == Outcome::Kind::kUnknown ||
                       outcome.kind == Outcome::Kind::kUnauthorized;
  place.failures = failing ? place.failures + 1 : 0;
  const std::int64_t message_id = result["message_id"].integer_or(0);
  if (outcome.kind == Outcome::Kind::kDone && sent.action.kind == Kind::kPost) {
    // "ok" without the message's number: it is on the screen, but nobody can say where.
    if (message_id <= 0) outcome.kind = Outcome::Kind::kUnknown;
  }
  if (outcome.kind == Outcome::Kind::kDone) return shown(sent.action, message_id);
  return settle(sent.action, outcome, place, now);
}

bool Outbox::maybe_shown(const DeliveryAction& action) const {
  const auto& open = work_.deliveries.open();
  const auto found = open.find(action.source);
  if (found == open.end()) return false;
  const DeliveryState& state = found->second.state;
  const int part = static_cast<int>(action.part);
  return part < state.parts_size() && state.parts(part).ambiguous() > 0;
}

// What is owed to the group is owed to the supergroup: no outcome of the call, which did nothing.
std::optional<Fact> Outbox::moved(const DeliveryAction& action, const Outcome& outcome) const {
  const auto chat = parse_place(action.place);
  // Only a group without topics becomes one.
  if (!chat || chat->thread != 0 || chat->chat == outcome.moved_to) return std::nullopt;
  Fact fact;
  fact.mutable_place_moved()->set_from(action.place);
  fact.mutable_place_moved()->set_to(place_of({outcome.moved_to, 0}));
  const auto& open = work_.deliveries.open();
  const auto found = open.find(action.source);
  if (found != open.end()) fact.set_session(found->second.state.session());
  return fact;
}

Fact Outbox::settle(const DeliveryAction& action, const Outcome& outcome, Place& place, Time now) {
  const Time again = now + back_off(place.failures, kRetryPauseMin, kRetryPauseMax);
  switch (outcome.kind) {
    case Outcome::Kind::kDone:
      break;
    case Outcome::Kind::kNotSent:
      return delayed(action, outcome, again);
    case Outcome::Kind::kUnknown: {
      if (action.kind != Kind::kPost) return delayed(action, outcome, again);
      Fact fact = delayed(action, outcome, now + kAmbiguousPause);
      fact.mutable_delivery_delayed()->set_ambiguous(true);
      return fact;
    }
    case Outcome::Kind::kLimited:
      return delayed(action, outcome, place.limited_until);
    case Outcome::Kind::kUnauthorized:
      return delayed(action, outcome, now + kRetryPauseMax);
    case Outcome::Kind::kNotModified:
      if (action.kind == Kind::kEdit) return shown(action, 0);
      break;
    case Outcome::Kind::kTargetLost: {
      if (action.kind == Kind::kDelete) return shown(action, 0);
      if (action.kind != Kind::kEdit) break;
      Fact fact = delayed(action, outcome, now);
      fact.mutable_delivery_delayed()->set_lost(true);
      return fact;
    }
    case Outcome::Kind::kReplyTargetLost:
      if (action.kind != Kind::kPost || without_reply_.contains(action.source)) break;
      without_reply_.insert(action.source);
      return delayed(action, outcome, now);
    case Outcome::Kind::kThreadLost:
      if (action.kind != Kind::kPost || !without_thread_.insert(action.source).second) break;
      return delayed(action, outcome, now);
    case Outcome::Kind::kEmpty:
      // There is more to come of it.
      if (!action.last) return delayed(action, outcome, now + kSecond);
      break;
    case Outcome::Kind::kMoved:
      if (std::optional<Fact> fact = moved(action, outcome)) return *std::move(fact);
      break;
    case Outcome::Kind::kConflict:
    case Outcome::Kind::kRefused:
      break;
  }
  return failed(action, outcome, maybe_shown(action));
}

// A bot may speak in many chats over the years: what says nothing any more is let go.
void Outbox::forget_quiet_places(Time now) {
  if (places_.size() < kPlacesKept) return;
  std::erase_if(places_, [&](const auto& entry) {
    const Place& place = entry.second;
    return place.call == 0 && place.typing == 0 && place.failures == 0 &&
           now >= place.limited_until && now >= place.typed_at + kTypingEvery;
  });
}

// Whether a chat without a call under way may be owed something: the end of a call wakes the loop
// by itself.
bool Outbox::owed_elsewhere() const {
  const auto& open = work_.deliveries.open();
  return std::any_of(open.begin(), open.end(), [&](const auto& entry) {
    const std::string& name = entry.second.state.place();
    if (channel_of(name) != kChannel) return false;
    const auto place = places_.find(name);
    return place == places_.end() || place->second.call == 0;
  });
}

Time Outbox::wake_at(Time now) const {
  Time wake = kNever;
  const auto consider = [&](Time at) {
    if (at > now) wake = std::min(wake, at);
  };
  const Time owed = work_.deliveries.wake_at(kChannel, rules_, now);
  consider(owed);
  if (owed <= now && now >= global_hold_ && owed_elsewhere()) consider(now + kLookAgain);
  const bool waiting = owed != kNever || !buttons_.empty();
  if (waiting && paced_out(now)) consider(recent_.front() + kSecond);
  if (waiting) consider(global_hold_);
  for (const auto& [name, place] : places_) {
    if (!waiting) break;
    consider(place.limited_until);
  }
  for (const std::string& name : silent_places()) {
    const auto found = places_.find(name);
    if (found != places_.end()) consider(found->second.typed_at + kTypingEvery);
  }
  return wake;
}

bool Outbox::sending() const {
  return std::any_of(sent_.begin(), sent_.end(),
                     [](const auto& entry) { return entry.second.what == Sent::What::kDelivery; });
}

bool Outbox::idle() const { return !sending() && work_.deliveries.settled(kChannel); }

// Before it ends a stop hurries, so only what Telegram told to wait for is out of its reach.
bool Outbox::idle_by(Time until) const {
  if (sending()) return false;
  const auto out_of_reach = [&](std::string_view name) {
    const auto place = places_.find(name);
    return global_hold_ > until || (place != places_.end() && place->second.limited_until > until);
  };
  return !work_.deliveries.due(kChannel, rules(true), until, out_of_reach);
}

}  // namespace daybook::telegram
