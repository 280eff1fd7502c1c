// An answer that broke off and goes on in a turn of its own.
//
// The prompt of that turn ends with what was said so far, as the model's own words, and a request
// to go on. Its end holds the whole answer, and takes the place of the part in the conversation;
// the part stays, as another branch. On the screen each turn shows what it said itself. Law: what a
// part says is copied at the end of the turn that goes on with it, so both are forgotten together
// (core/erasure.h). Where its steps had been used up it is whole, and told what they came to
// (core/checkpoint.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/state.pb.h"

namespace daybook {

inline constexpr std::string_view kGoOnText =
    "[Your last message breaks off. Go on exactly where it ends, in the middle of a sentence if "
    "need be, and repeat nothing of it.]";

// An event that ended a turn with words that more can be added to: it failed, was stopped or given
// up, or the model came to the end of what it may say at once.
bool can_go_on(const Event& ended);

struct Joined {
  std::string text;
  std::uint32_t earlier_bytes = 0;  // of it, what an earlier turn said
};
Joined joined(const OpenTurn& turn, const std::string& said, History& history);

// What its attempt under way said; where that is nothing, the words of the newest one before it
// that had any: people have read them.
std::string said_last(const OpenTurn& turn, std::string said, History& history);

// What the end of a turn says that is shown with it: without what an earlier turn said.
std::string_view own_text(const Event& ended);

// What such a turn is asked, behind the part.
std::string go_on_text(const TurnStarted& turn, History& history);

// What the prompt of a turn that goes on takes beyond its entries.
std::uint32_t continuation_tokens(const TurnStarted& turn, History& history);

}  // namespace daybook
