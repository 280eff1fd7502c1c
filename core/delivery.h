// What a channel still owes its reader. Wanted text grows with ChunkReceived; acknowledged text
// grows with ReplyPosted and ReplyEdited; due() is the difference, paced and split. After a crash
// the same fold gives the same answer, so there is no resend queue to persist.
//
// A turn keeps its messages over attempts: a retried answer is edited into the message the first
// attempt posted. Only a post is not idempotent. due() first asks for its PostAttempted (kAttempt);
// once that is committed it asks for the post itself (kPost). An attempt without an outcome at the
// next GatewayStarted, or one reported ambiguous, is posted again, until kAmbiguousPostsMax posts
// have ended so; then it is due to give up (kGiveUp), and the DeliveryFailed that follows ends it:
// the one policy, here. Rejected: storing outgoing calls as events; they would be stale on replay.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

inline constexpr std::uint32_t kAmbiguousPostsMax = 3;
// For so many delays in a row, two hours of an outage, a post holds back later ones of its place.
// One that can never leave must not silence a chat.
inline constexpr std::uint32_t kHoldingDelaysMax = 240;
// What the DeliveryFailed of a kGiveUp says.
inline constexpr std::string_view kGivenUpDetail =
    "given up: every post of it ended without an answer, so it may be on the screen";

// How a channel shows text.
struct ChannelRules {
  std::size_t part_characters_max = 4096;  // code points in one message
  Duration edit_interval_private{1'000};
  Duration edit_interval_group{3'000};
  std::size_t edit_characters = 100;         // fewer new ones wait up to 1.25 intervals
  bool sends_files = false;                  // false: what is a file elsewhere is messages here
  bool group(std::string_view place) const;  // chat id negative
};

// FNV-1a 64 of the text: enough to know what the screen shows. 0 is never returned.
std::uint64_t text_digest(std::string_view text);

// Splits at paragraph, line, sentence or space, never inside a code point; text that grows never
// moves an earlier cut. Joined they give the text.
std::vector<std::string_view> split_text(std::string_view text, std::size_t characters_max);

struct DeliveryAction {
  enum class Kind {
    kAttempt,  // record PostAttempted{source, part, attempt}
    kPost,     // send `text` to `place` now
    kEdit,     // make `message_id` show `text`
    kDelete,   // remove `message_id`: the text became shorter
    kGiveUp,   // record DeliveryFailed{source, part, ambiguous}, kGivenUpDetail
    // record DeliveryDelayed{source, part, post}: it was attempted, never left, and is not wanted
    // any more. One that left ends by its own outcome, before the place is asked about.
    kWithdraw,
  };
  Kind kind = Kind::kPost;
  Seq source = 0;
  std::uint32_t part = 0;
  std::uint32_t attempt = 0;
  std::string place;
  std::string text;
  std::string file_name;  // of a kPost: `text` is a file, and no message; empty: it is one
  std::uint64_t digest = 0;
  std::uint32_t characters = 0;
  std::int64_t message_id = 0;
  std::int64_t reply_to = 0;
  bool last = false;  // nothing will change after this one
};

// The fact of a kWithdraw.
Fact withdrawn(const DeliveryAction& action);

class Deliveries {
 public:
  // Rebuilds from a snapshot; texts come from `history`.
  static Deliveries restore(const WorkState& state, History& history);
  void save(WorkState* state) const;

  void apply(const Event& event);
  // See Work.
  void apply_skipped(const Event& chunk);

  // Reads anew what answers that still grow have said so far: after chunks were skipped.
  void read_growing(History& history);

  // The most urgent thing owed at places of this channel ("telegram"), among places for which
  // `busy` is false: whole answers first, then first posts, then growth. Nothing is posted to a
  // place where a post of something older that is whole is still owed. nullopt: nothing now.
  [[nodiscard]] std::optional<DeliveryAction> due(
      std::string_view channel, const ChannelRules& rules, Time now,
      const std::function<bool(std::string_view place)>& busy) const;

  // When due() may have something though no event comes.
  [[nodiscard]] Time wake_at(std::string_view channel, const ChannelRules& rules, Time now) const;

  // Places of this channel whose turn runs and shows no text yet: the ones to show "typing" in.
  [[nodiscard]] std::vector<std::string> silent_places(std::string_view channel) const;

  // Nothing is owed to this channel apart from answers that still grow.
  [[nodiscard]] bool settled(std::string_view channel) const;

  struct Delivery {
    DeliveryState state;
    std::string text;  // wanted so far
  };
  [[nodiscard]] const std::map<Seq, Delivery>& open() const { return open_; }

 private:
  void begin(const Event& event, const std::string& place, std::int64_t reply_to);
  void finish(Seq source, const Event& event);
  void finish_notice(const Event& event);
  void close_if_shown(std::map<Seq, Delivery>::iterator delivery);
  void move(const PlaceMoved& moved);
  void settle_lost_posts();
  void apply_outcome(const Event& event);
  static Time quiet_until(const Delivery& delivery, const ChannelRules& rules);

  std::map<Seq, Delivery> open_;  // by source
};

}  // namespace daybook
