#include "core/continuing.h"

#include <algorithm>

#include "core/codec.h"
#include "core/session.h"
#include "core/tokens.h"

namespace daybook {

bool can_go_on(const Event& ended) {
  if (ended.has_turn_completed()) {
    return ended.turn_completed().finish() == LENGTH && ended.turn_completed().tokens() > 0;
  }
  return ended.turn_failed().tokens() > 0 || ended.turn_cancelled().tokens() > 0 ||
         ended.turn_abandoned().tokens() > 0;
}

Joined joined(const OpenTurn& turn, const std::string& said, History& history) {
  if (turn.continues() == 0) return {said, 0};
  std::string text = history.text(turn.continues());
  if (text == kErasedText) return {said, 0};
  const auto earlier = static_cast<std::uint32_t>(text.size());
  text += said;
  text.resize(text_prefix(text, kAnswerBytesMax).size());
  return {std::move(text), earlier};
}

std::string_view own_text(const Event& ended) {
  std::size_t earlier = ended.turn_completed().earlier_bytes();
  if (ended.has_turn_failed()) earlier = ended.turn_failed().earlier_bytes();
  if (ended.has_turn_cancelled()) earlier = ended.turn_cancelled().earlier_bytes();
  if (ended.has_turn_abandoned()) earlier = ended.turn_abandoned().earlier_bytes();
  const std::string& text = ended.content().text();
  // Words that were destroyed are shorter than what stood there.
  return std::string_view(text).substr(std::min(earlier, text.size()));
}

std::uint32_t continuation_tokens(const TurnStarted& turn, History& history) {
  if (turn.continues() == 0) return 0;
  return estimate_tokens(history.text(turn.continues()), turn.rules()) +
         estimate_tokens(kGoOnText, turn.rules()) + 2 * kMessageTokens;
}

}  // namespace daybook
