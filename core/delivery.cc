#include "core/delivery.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/codec.h"
#include "core/continuing.h"
#include "core/directory.h"
#include "core/erasure.h"
#include "core/session.h"

namespace daybook {

namespace {

// What is complete need not wait for a whole interval.
constexpr Duration kCompletePause{500};

// A place that nobody delivers to: its reader tails the journal.
bool reads_journal(std::string_view place) { return channel_of(place) == "terminal"; }

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::uint32_t count_characters(std::string_view text) {
  return static_cast<std::uint32_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !is_continuation(byte); }));
}

// Bytes of the first `characters` code points.
std::size_t prefix_of(std::string_view text, std::size_t characters) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < text.size() && count < characters; ++count) {
    ++end;
    while (end < text.size() && is_continuation(text[end])) ++end;
  }
  return end;
}

// What Telegram counts as nothing: control characters, blanks and what has no ink, as UTF-8.
constexpr std::array<std::string_view, 23> kInvisible = {
    "\u00a0", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200a", "\u200b", "\u200c", "\u200d", "\u200e",
    "\u200f", "\u202f", "\u205f", "\u2800", "\u3000", "\ufeff", "\ufffc"};

bool blank(std::string_view text) {
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) <= ' ') {
      text.remove_prefix(1);
      continue;
    }
    const auto found =
        std::find_if(kInvisible.begin(), kInvisible.end(),
                     [&](std::string_view character) { return text.starts_with(character); });
    if (found == kInvisible.end()) return false;
    text.remove_prefix(found->size());
  }
  return true;
}

// Where to cut text that has more than `characters_max` code points.
std::size_t cut_at(std::string_view text, std::size_t characters_max) {
  const std::size_t end = prefix_of(text, characters_max);
  if (end >= text.size()) return text.size();
  const std::string_view head = text.substr(0, end);
  for (const std::string_view mark : {"\n\n", "\n", ". ", " "}) {
    const std::size_t at = head.rfind(mark);
    // A cut in the first half would waste a message; one behind white space alone would make it the
    // end of the part before, which stands already.
    const bool useful = at != head.npos && at >= end / 2;
    if (useful && !blank(head.substr(0, at))) return at + mark.size();
  }
  return end;
}

PartState* part_of(DeliveryState* state, std::uint32_t part) {
  while (static_cast<std::uint32_t>(state->parts_size()) <= part) state->add_parts();
  return state->mutable_parts(static_cast<int>(part));
}

void make_ambiguous(PartState* part) {
  part->set_attempted(false);
  part->set_ambiguous(part->ambiguous() + 1);
}

bool dead(const DeliveryState& state) {
  return std::any_of(state.parts().begin(), state.parts().end(),
                     [](const PartState& part) { return part.failed(); });
}

std::string with_sentence(const std::string& text, const std::string& sentence) {
  if (blank(text)) return sentence;
  return text + "\n\n" + sentence;
}

// What the reader is to see of an answer, and whether it is all of it.
std::string answer_text(const Event& event, const std::string& text) {
  const TurnCompleted& completed = event.turn_completed();
  std::string answer = blank(text) ? "(The model gave an empty answer.)" : text;
  if (completed.finish() == LENGTH && blank(text)) {
    // Of one that said something a notice tells, which knows how it may go on.
    answer = "(The model used up its length before it said anything.)";
  } else if (completed.finish() == FILTERED) {
    const std::string& detail = event.content().detail();
    const std::string why = detail.empty() ? "." : ": " + detail + ".";
    answer = with_sentence(text, "(The provider broke it off" + why + ")");
  }
  const std::string& stood_in = completed.stood_in();
  return stood_in.empty() ? answer : with_sentence(answer, "(Answered by " + stood_in + ".)");
}

// What the reader is to see when a turn has ended, or the notice; empty for other events.
std::string final_text(const Event& event) {
  const Content& content = event.content();
  std::string text(own_text(event));
  if (event.has_turn_completed()) return answer_text(event, text);
  if (event.turn_cancelled().for_message() != 0) return text;
  if (event.has_turn_cancelled()) return with_sentence(text, "(stopped)");
  if (event.has_turn_failed() || event.has_turn_abandoned()) {
    return with_sentence(text, content.detail());
  }
  return content.text();
}

Duration interval_of(const DeliveryState& state, const ChannelRules& rules) {
  const Duration base =
      rules.group(state.place()) ? rules.edit_interval_group : rules.edit_interval_private;
  return base * (1 << std::min(state.slowdowns(), 4u));
}

struct Owed {
  Time from{};
  int rank = 0;        // lower goes first
  bool posts = false;  // some of it is not on the screen at all yet
  DeliveryAction action;
};

bool is_post(DeliveryAction::Kind kind) {
  return kind == DeliveryAction::Kind::kAttempt || kind == DeliveryAction::Kind::kPost;
}

// What a chat is told it is told in order: while some of what is whole is still to be posted,
// nothing later is. A post that is given up or refused ends its delivery.
class Order {
 public:
  // Asked of the deliveries by age. True: this must wait for an older one.
  bool holds(const DeliveryState& state, const Owed& owed) {
    const bool held = is_post(owed.action.kind) && posting_.contains(state.place());
    if (state.finished() && owed.posts) posting_.insert(state.place());
    return held;
  }

 private:
  std::set<std::string_view> posting_;  // places
};

Owed post_of(const Deliveries::Delivery& delivery, std::uint32_t index, const PartState& part) {
  Owed owed;
  owed.from = from_milliseconds(part.not_before());
  owed.rank = delivery.state.finished() ? 0 : 1;
  owed.action.attempt = part.attempts() + (part.attempted() ? 0 : 1);
  owed.action.kind =
      part.attempted() ? DeliveryAction::Kind::kPost : DeliveryAction::Kind::kAttempt;
#ifdef DAYBOOK_SABOTAGE_FORGET_POST_ATTEMPTED
  owed.action.kind = DeliveryAction::Kind::kPost;
#endif
  owed.action.reply_to = index == 0 ? delivery.state.reply_to() : 0;
  if (!part.attempted() && part.ambiguous() >= kAmbiguousPostsMax) {
    owed.action.kind = DeliveryAction::Kind::kGiveUp;
    owed.from = Time{};
  }
  return owed;
}

// When this part may be edited again; growth of few characters waits a little longer.
Time edit_from(const Deliveries::Delivery& delivery, const PartState& part, bool complete,
               std::uint32_t characters, const ChannelRules& rules) {
  const Duration interval = interval_of(delivery.state, rules);
  Duration wait = interval;
  if (complete) {
    wait = std::min(interval, kCompletePause);
  } else if (characters < part.characters() + rules.edit_characters) {
    wait = interval * 5 / 4;
  }
  return std::max(from_milliseconds(part.shown_at()) + wait, from_milliseconds(part.not_before()));
}

// Whether one of the parts from `index` on has no message yet.
bool posts_from(const DeliveryState& state, std::uint32_t index, std::size_t parts) {
  if (static_cast<std::size_t>(state.parts_size()) < parts) return true;
  return std::any_of(state.parts().begin() + static_cast<int>(index), state.parts().end(),
                     [](const PartState& part) { return part.message_id() == 0; });
}

// The first thing this delivery owes and from when; nullopt: nothing until an event comes.
std::optional<Owed> next_owed(const Deliveries::Delivery& delivery, const ChannelRules& rules) {
  const DeliveryState& state = delivery.state;
  if (dead(state)) return std::nullopt;
  const bool file = rules.sends_files && !state.file_name().empty();
  const auto texts = file ? std::vector<std::string_view>{delivery.text}
                          : split_text(delivery.text, rules.part_characters_max);
  std::optional<Owed> owed;
  for (std::uint32_t index = 0; index < texts.size() && !owed; ++index) {
    const std::string_view text = texts[index];
    const bool known = index < static_cast<std::uint32_t>(state.parts_size());
    const PartState part = known ? state.parts(static_cast<int>(index)) : PartState();
    const bool complete = state.finished() || index + 1 < texts.size();
    const std::uint64_t digest = text_digest(text);
    const std::uint32_t characters = count_characters(text);
    if (part.message_id() == 0) {
      owed = post_of(delivery, index, part);
      owed->posts = part.delays() < kHoldingDelaysMax;
    } else if (part.digest() != digest) {
      owed.emplace();
      owed->action.kind = DeliveryAction::Kind::kEdit;
      owed->rank = state.finished() ? 0 : 2;
      owed->from = edit_from(delivery, part, complete, characters, rules);
      owed->posts = posts_from(state, index, texts.size());
    } else {
      continue;
    }
    owed->action.part = index;
    owed->action.text = text;
    owed->action.digest = digest;
    owed->action.characters = characters;
    owed->action.message_id = part.message_id();
    owed->action.last = state.finished();
  }
  for (int index = static_cast<int>(texts.size());
       !owed && state.finished() && index < state.parts_size(); ++index) {
    const PartState& part = state.parts(index);
    const bool there = part.message_id() != 0;
    if (part.gone() || (!there && !part.attempted())) continue;
    owed.emplace();
    owed->action.kind = there ? DeliveryAction::Kind::kDelete : DeliveryAction::Kind::kWithdraw;
    owed->action.part = static_cast<std::uint32_t>(index);
    owed->action.message_id = part.message_id();
    owed->from = from_milliseconds(part.not_before());
  }
  if (owed) {
    owed->action.source = state.source();
    owed->action.place = state.place();
    if (file) owed->action.file_name = state.file_name();
  }
  return owed;
}

}  // namespace

bool ChannelRules::group(std::string_view place) const {
  const std::size_t colon = place.find(':');
  return colon != place.npos && colon + 1 < place.size() && place[colon + 1] == '-';
}

std::uint64_t text_digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : text) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  return hash == 0 ? 1 : hash;
}

std::vector<std::string_view> split_text(std::string_view text, std::size_t characters_max) {
  CHECK(characters_max > 0, "a message has room for at least one character");
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    at += cut_at(text.substr(at), characters_max);
    const std::string_view part = text.substr(begin, at - begin);
    // No message can be blank: white space joins its neighbour, where the channel trims it.
    if (!blank(part)) {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.back() = text.substr(begin - parts.back().size(), parts.back().size() + part.size());
    } else {
      continue;
    }
    begin = at;
  }
  return parts;
}

Fact withdrawn(const DeliveryAction& action) {
  Fact fact;
  fact.set_cause(action.source);
  fact.mutable_delivery_delayed()->set_source(action.source);
  fact.mutable_delivery_delayed()->set_part(action.part);
  fact.mutable_delivery_delayed()->set_post(true);
  return fact;
}

Deliveries Deliveries::restore(const WorkState& state, History& history) {
  Deliveries deliveries;
  for (const DeliveryState& saved : state.deliveries()) {
    Delivery& delivery = deliveries.open_[saved.source()];
    delivery.state = saved;
    if (!saved.finished()) {
      delivery.text = text_so_far(saved.last_chunk(), history);
    } else if (const auto event = history.event(saved.text()); event) {
      delivery.text = final_text(*event);
    }
  }
  return deliveries;
}

void Deliveries::read_growing(History& history) {
  for (auto& [source, delivery] : open_) {
    if (delivery.state.finished()) continue;
    delivery.text = text_so_far(delivery.state.last_chunk(), history);
  }
}

void Deliveries::save(WorkState* state) const {
  for (const auto& [source, delivery] : open_) *state->add_deliveries() = delivery.state;
}

void Deliveries::begin(const Event& event, const std::string& place, std::int64_t reply_to) {
  if (reads_journal(place)) return;
  DeliveryState& state = open_[event.seq()].state;
  state.set_source(event.seq());
  state.set_session(event.session());
  state.set_place(place);
  state.set_reply_to(reply_to);
  state.set_attempt(1);
}

void Deliveries::finish(Seq source, const Event& event) {
  const auto found = open_.find(source);
  if (found == open_.end()) return;
  found->second.text = final_text(event);
  // Known already, unless chunks were skipped.
  if (const Seq last_chunk = last_chunk_of(event); last_chunk != 0) {
    found->second.state.set_last_chunk(last_chunk);
  }
  found->second.state.set_finished(true);
  found->second.state.set_text(event.seq());
  close_if_shown(found);
}

void Deliveries::finish_notice(const Event& event) {
  const auto found = open_.find(event.seq());
  if (found == open_.end()) return;
  found->second.state.set_file_name(event.notice_issued().file_name());
  finish(event.seq(), event);
}

void Deliveries::close_if_shown(std::map<Seq, Delivery>::iterator delivery) {
  // Any channel's limit gives the same answer: what is on the screen was split by that channel.
  const DeliveryState& state = delivery->second.state;
  if (!state.finished()) return;
  if (dead(state)) {
    open_.erase(delivery);
    return;
  }
  std::string_view rest = delivery->second.text;
  for (const PartState& part : state.parts()) {
    if (part.gone()) continue;
    // A surplus part that was never posted owes nothing, once that is sure.
    if (part.message_id() == 0 && !part.attempted() && blank(rest)) continue;
    if (part.message_id() == 0 || rest.empty()) return;
    const std::size_t cut = prefix_of(rest, part.characters());
    if (text_digest(rest.substr(0, cut)) != part.digest()) return;
    rest.remove_prefix(cut);
  }
  if (blank(rest)) open_.erase(delivery);
}

void Deliveries::apply(const Event& event) {
  if (event.has_chunk_received()) {
    const ChunkReceived& chunk = event.chunk_received();
    const auto found = open_.find(chunk.turn());
    if (found == open_.end()) return;
    if (chunk.kind() == TEXT) found->second.text += event.content().text();
    found->second.state.set_last_chunk(event.seq());
  } else if (event.has_turn_started()) {
    const TurnStarted& started = event.turn_started();
    if (started.kind() == ANSWER) begin(event, started.place(), started.reply_to());
  } else if (event.has_turn_retried()) {
    const auto found = open_.find(event.turn_retried().turn());
    if (found == open_.end()) return;
    found->second.text.clear();
    found->second.state.set_attempt(event.turn_retried().attempt());
    found->second.state.clear_last_chunk();
  } else if (event.has_step_started()) {
    const auto found = open_.find(event.step_started().turn());
    if (found == open_.end()) return;
    found->second.text.clear();
    found->second.state.set_attempt(event.step_started().attempt());
    found->second.state.clear_last_chunk();
  } else if (ends_turn(event)) {
    finish(ended_turn(event), event);
  } else if (event.has_notice_issued()) {
    begin(event, event.notice_issued().place(), event.notice_issued().reply_to());
    finish_notice(event);
  } else if (event.has_place_moved()) {
    move(event.place_moved());
  } else if (event.has_journal_restored()) {
    // Whatever of it was shown after the backup was made, nobody here knows.
    open_.clear();
  } else if (event.has_session_erased()) {
    // What is on a screen by now stays there; nothing more of it leaves.
    std::erase_if(open_, [&](const auto& item) {
      const DeliveryState& state = item.second.state;
      return state.session() == event.session() && covers(event.session_erased(), state.source());
    });
  } else if (event.has_gateway_started() && event.gateway_started().recovery()) {
    settle_lost_posts();
  } else {
    apply_outcome(event);
  }
}

void Deliveries::apply_skipped(const Event& chunk) {
  const auto found = open_.find(chunk.chunk_received().turn());
  if (found == open_.end()) return;
  DeliveryState& state = found->second.state;
  state.set_last_chunk(std::max<Seq>(state.last_chunk(), chunk.seq()));
}

// Messages are numbered anew there, so nothing of it is shown.
void Deliveries::move(const PlaceMoved& moved) {
  for (auto& [source, delivery] : open_) {
    if (delivery.state.place() != moved.from()) continue;
    delivery.state.set_place(moved.to());
    delivery.state.clear_parts();
    delivery.state.clear_reply_to();
  }
}

void Deliveries::settle_lost_posts() {
  for (auto delivery = open_.begin(); delivery != open_.end();) {
    const auto current = delivery++;
    for (PartState& part : *current->second.state.mutable_parts()) {
      if (part.attempted()) make_ambiguous(&part);
    }
    close_if_shown(current);
  }
}

void Deliveries::apply_outcome(const Event& event) {
  const auto with_part = [&](Seq source, std::uint32_t index, const auto& change) {
    const auto found = open_.find(source);
    if (found == open_.end()) return;
    change(&found->second.state, part_of(&found->second.state, index));
    close_if_shown(found);
  };
  if (event.has_post_attempted()) {
    const PostAttempted& attempted = event.post_attempted();
    with_part(attempted.source(), attempted.part(), [&](DeliveryState*, PartState* part) {
      part->set_attempted(true);
      part->set_attempts(attempted.attempt());
    });
  } else if (event.has_reply_posted()) {
    const ReplyPosted& posted = event.reply_posted();
    with_part(posted.source(), posted.part(), [&](DeliveryState*, PartState* part) {
      part->set_attempted(false);
      part->set_message_id(posted.message_id());
      part->set_digest(posted.digest());
      part->set_characters(posted.characters());
      part->set_shown_at(event.time());
      part->set_delays(0);
    });
  } else if (event.has_reply_edited()) {
    const ReplyEdited& edited = event.reply_edited();
    with_part(edited.source(), edited.part(), [&](DeliveryState*, PartState* part) {
      part->set_digest(edited.digest());
      part->set_characters(edited.characters());
      part->set_gone(edited.gone());
      part->set_shown_at(event.time());
      part->set_delays(0);
    });
  } else if (event.has_delivery_delayed()) {
    const DeliveryDelayed& delayed = event.delivery_delayed();
    with_part(delayed.source(), delayed.part(), [&](DeliveryState* state, PartState* part) {
      part->set_not_before(delayed.not_before());
      part->set_delays(part->delays() + 1);
      if (delayed.post()) part->set_attempted(false);
      if (delayed.ambiguous()) make_ambiguous(part);
      if (delayed.lost()) part->set_message_id(0);
      // An edit that failed without a plain no may be on the screen all the same.
      if (!delayed.post() && delayed.status() != 429) part->clear_digest();
      if (delayed.status() == 429) state->set_slowdowns(state->slowdowns() + 1);
    });
  } else if (event.has_delivery_failed()) {
    const DeliveryFailed& failed = event.delivery_failed();
    with_part(failed.source(), failed.part(),
              [&](DeliveryState*, PartState* part) { part->set_failed(true); });
  }
}

std::optional<DeliveryAction> Deliveries::due(
    std::string_view channel, const ChannelRules& rules, Time now,
    const std::function<bool(std::string_view place)>& busy) const {
  std::optional<Owed> best;
  Order order;
  for (const auto& [source, delivery] : open_) {
    if (channel_of(delivery.state.place()) != channel || busy(delivery.state.place())) continue;
    if (quiet_until(delivery, rules) > now) continue;
    std::optional<Owed> owed = next_owed(delivery, rules);
    if (!owed || order.holds(delivery.state, *owed) || owed->from > now) continue;
    if (!best || owed->rank < best->rank) best = std::move(owed);
  }
  if (!best) return std::nullopt;
  return std::move(best->action);
}

// Spares splitting and hashing the whole text on every turn of the loop while nothing can be due.
Time Deliveries::quiet_until(const Delivery& delivery, const ChannelRules& rules) {
  const DeliveryState& state = delivery.state;
  if (state.finished() || state.parts_size() == 0) return Time::min();
  const PartState& newest = state.parts(state.parts_size() - 1);
  if (newest.message_id() == 0) return Time::min();
  const Duration interval = interval_of(state, rules);
  // Only text of several parts can have one that is complete, and due sooner.
  const bool one_part = delivery.text.size() <= rules.part_characters_max;
  return from_milliseconds(newest.shown_at()) +
         (one_part ? interval : std::min(interval, kCompletePause));
}

Time Deliveries::wake_at(std::string_view channel, const ChannelRules& rules, Time now) const {
  Time earliest = kNever;
  Order order;
  for (const auto& [source, delivery] : open_) {
    if (channel_of(delivery.state.place()) != channel) continue;
    const Time quiet = quiet_until(delivery, rules);
    if (quiet > now) {
      earliest = std::min(earliest, quiet);
    } else if (const auto owed = next_owed(delivery, rules); owed) {
      if (!order.holds(delivery.state, *owed)) earliest = std::min(earliest, owed->from);
    }
  }
  return earliest;
}

std::vector<std::string> Deliveries::silent_places(std::string_view channel) const {
  std::vector<std::string> places;
  for (const auto& [source, delivery] : open_) {
    if (channel_of(delivery.state.place()) != channel || delivery.state.finished()) continue;
    const bool shown = std::any_of(delivery.state.parts().begin(), delivery.state.parts().end(),
                                   [](const PartState& part) { return part.message_id() != 0; });
    if (!shown) places.push_back(delivery.state.place());
  }
  return places;
}

bool Deliveries::settled(std::string_view channel) const {
  return std::none_of(open_.begin(), open_.end(), [&](const auto& item) {
    const DeliveryState& state = item.second.state;
    if (channel_of(state.place()) != channel) return false;
    const bool attempted = std::any_of(state.parts().begin(), state.parts().end(),
                                       [](const PartState& part) { return part.attempted(); });
    return state.finished() || attempted;
  });
}

}  // namespace daybook
