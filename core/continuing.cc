#include "core/continuing.h"

#include <algorithm>

#include "core/checkpoint.h"
#include "core/codec.h"
#include "core/session.h"
#include "core/tokens.h"

namespace daybook {

namespace {

// The checkpoint of a run of tools that this turn goes on with; nothing: it goes on with a part.
std::optional<RunCheckpointed> ended_run(const TurnStarted& turn, History& history) {
  if (turn.checkpoint() == 0) return std::nullopt;
  const std::optional<Event> saved = history.clear_event(turn.checkpoint());
  if (!saved || saved->run_checkpointed().reason() != RunCheckpointed::STEPS) return std::nullopt;
  return saved->run_checkpointed();
}

bool follows_run(const OpenTurn& turn, History& history) {
  const std::optional<Event> started = history.clear_event(turn.seq());
  return started && ended_run(started->turn_started(), history);
}

}  // namespace

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
  if (!said.empty() && follows_run(turn, history)) text += "\n\n";
  const std::size_t earlier = std::min(text.size(), kAnswerBytesMax);
  text += said;
  text.resize(text_prefix(text, kAnswerBytesMax).size());
  return {std::move(text), static_cast<std::uint32_t>(earlier)};
}

std::string said_last(const OpenTurn& turn, std::string said, History& history) {
  const bool nothing = said.find_first_not_of(" \t\r\n") == std::string::npos;
  if (!nothing || turn.kind() != ANSWER || turn.said() == 0) return said;
  std::string before = history.text(turn.said());
  return before == kErasedText ? said : before;
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

std::string go_on_text(const TurnStarted& turn, History& history) {
  const std::optional<RunCheckpointed> run = ended_run(turn, history);
  return run ? checkpoint_text(*run, history) : std::string(kGoOnText);
}

std::uint32_t continuation_tokens(const TurnStarted& turn, History& history) {
  if (turn.continues() == 0) return 0;
  return estimate_tokens(history.text(turn.continues()), turn.rules()) +
         estimate_tokens(go_on_text(turn, history), turn.rules()) + 2 * kMessageTokens;
}

}  // namespace daybook
