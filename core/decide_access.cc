// Pairing: what a stranger's first message leads to, and what an approval says. And who may ask
// for what concerns others too.
#include <algorithm>
#include <utility>

#include "core/access.h"
#include "core/decide.h"
#include "core/sha256.h"

namespace daybook {

namespace {

constexpr std::string_view kTopic = "pairing";
constexpr Duration kToldOnce{60'000};
constexpr Seq kLookedBack = 256;  // events

bool asked_lately(const State& state, std::int64_t user) {
  const PairingRow* row = state.directory.pairing(user);
  return row != nullptr && row->expires() > to_milliseconds(state.now);
}

std::size_t open_pairings(const State& state) {
  std::size_t open = 0;
  for (const auto& [user, row] : state.directory.pairings()) {
    if (row.expires() > to_milliseconds(state.now)) ++open;
  }
  return open;
}

// Somebody known sent what cannot be read, and was not told so within the last minute: an album is
// several messages.
bool told_of_text_alone(const State& state, const Event& event) {
  const MessageRefused& refused = event.message_refused();
  const std::string& place = refused.place();
  const std::string_view kind = refused.update_kind();
  if (state.directory.rules() < 3 || refused.reason() != MessageRefused::UNSUPPORTED) return false;
  if (!kind.starts_with("message.") || kind == "message.service" || place.find(":-") != place.npos)
    return false;
  if (!state.directory.may_talk(place, refused.user())) return false;
  const Seq oldest = event.seq() > kLookedBack ? event.seq() - kLookedBack : 1;
  for (Seq seq = event.seq() - 1; seq >= oldest; --seq) {
    const std::optional<Event> before = state.history.clear_event(seq);
    if (!before || before->time() + kToldOnce.count() < event.time()) break;
    const MessageRefused& other = before->message_refused();
    if (other.reason() == MessageRefused::UNSUPPORTED && other.place() == place) return false;
  }
  return true;
}

bool told_of_move(const State& state, const Event& event) {
  const Seq oldest = event.seq() > kLookedBack ? event.seq() - kLookedBack : 1;
  for (Seq seq = event.seq() - 1; seq >= oldest; --seq) {
    const std::optional<Event> before = state.history.clear_event(seq);
    if (!before) return false;
    if (before->place_moved().from() == event.place_moved().from()) return true;
  }
  return false;
}

std::string number_in(const std::string& place) { return place.substr(place.find(':') + 1); }

}  // namespace

Decisions decide_place_moved(const State& state, const Event& event) {
  const std::string from = number_in(event.place_moved().from());
  const std::string to = number_in(event.place_moved().to());
  const std::string owner = state.directory.owner_place();
  const auto& allowed = state.directory.settings().telegram_allow();
  const bool named = std::any_of(allowed.begin(), allowed.end(),
                                 [&](std::int64_t id) { return std::to_string(id) == from; });
  if (owner.empty() || !named || told_of_move(state, event)) return {};
  return {notice_at(state, owner,
                    "\u26A0 The group " + from + " is a supergroup now and has the number " + to +
                        ". telegram.allow in the settings names " + from + ": put " + to +
                        " in its place.",
                    "moved")};
}

bool owner_asks(const State& state, const Event& message) {
  const MessageReceived& asked = message.message_received();
  const std::string_view channel = channel_of(asked.place());
  const bool local = channel == "console" || channel == "terminal";
  return local || (asked.user() != 0 && asked.user() == state.directory.owner());
}

bool owner_asks_alone(const State& state, const Event& message) {
  return owner_asks(state, message) && !message.message_received().group();
}

Decisions decide_refused(const State& state, const Event& event) {
  const MessageRefused& refused = event.message_refused();
  if (told_of_text_alone(state, event)) {
    return {notice_at(state, refused.place(), "I can only read text so far.", "unsupported")};
  }
  if (refused.reason() != MessageRefused::STRANGER || refused.user() == 0) return {};
  if (asked_lately(state, refused.user()) || open_pairings(state) >= kPairingsMax) return {};
  const std::string code = pairing_code(state.directory.state().entropy(), event.seq());
  Event requested;
  PairingRequested* body = requested.mutable_pairing_requested();
  body->set_user(refused.user());
  body->set_place(refused.place());
  const Digest digest = sha256(code);
  body->set_code_digest(std::string(view(digest)));
  body->set_expires(to_milliseconds(state.now + kPairingLifetime));
  requested.mutable_content()->set_name(event.content().name());
  Decisions decisions = {std::move(requested)};
  decisions.push_back(notice_at(
      state, refused.place(),
      "I do not know you yet. Your pairing code is " + code +
          ", good for an hour. Whoever runs this gateway lets you in with: daybook pair approve " +
          code,
      kTopic));
  if (const std::string owner = state.directory.owner_place();
      !owner.empty() && owner != refused.place()) {
    decisions.push_back(
        notice_at(state, owner,
                  event.content().name() + " (user " + std::to_string(refused.user()) +
                      ") asks to talk to me. To let them in: daybook pair approve " + code,
                  kTopic));
  }
  return decisions;
}

Decisions decide_approved(const State& state, const Event& event) {
  const PairingApproved& approved = event.pairing_approved();
  if (approved.place().empty()) return {};
  std::string text = "You are in. Write to me and a model answers; /help says what else I can do.";
  if (approved.owner()) text += " You own this gateway: alarms and pairing requests come to you.";
  return {notice_at(state, approved.place(), std::move(text), kTopic)};
}

}  // namespace daybook
