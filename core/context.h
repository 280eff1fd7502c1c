// prompt(session, upto, policy, model): what the model sees. Pure; history is never mutated; the
// same inputs give the same bytes for ever.
//
// The canonical prompt is what the SHA-256 in TurnStarted covers. It is hashed over digests, so
// that an appended entry costs one block:
//   SHA-256( "daybook prompt 1\n" model "\n" SHA-256(system) { role (u or a) SHA-256(text) }* )
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/sha256.h"
#include "core/state.pb.h"

namespace daybook {

struct PromptMessage {
  Entry::Role role = Entry::USER;
  std::string text;

  friend bool operator==(const PromptMessage&, const PromptMessage&) = default;
};

struct Prompt {
  std::string system;
  std::vector<PromptMessage> messages;  // at least one; the last is the user's
  std::string model;                    // the provider's own name for it
  std::uint32_t output_tokens_max = 0;  // 0: the provider's default

  friend bool operator==(const Prompt&, const Prompt&) = default;
};

Digest canonical_sha256(const Prompt& prompt);

// Estimate by class of character, never below 1 for non-empty text. Rules version 1: ASCII 4 bytes
// a token, anything else 2.
std::uint32_t estimate_tokens(std::string_view text);

// The window policy's knobs, as recorded in TurnStarted.
struct Window {
  std::uint32_t window_tokens = 128'000;
  std::uint32_t window_percent = 80;
  std::uint32_t messages_max = 50;
};

// Which entries a prompt takes: a view over session entries, newest kept first. System prompt,
// summary and the latest entry always stay.
// Positions, not seqs: a message that waited is older than the answer it stands after.
struct Selection {
  int begin = 0;  // the first entry taken, by position
  std::vector<Range> taken;
  std::vector<Range> dropped;
  std::uint32_t messages_taken = 0;
  std::uint32_t messages_dropped = 0;
  std::uint32_t tokens = 0;  // estimate for the whole prompt
  std::uint32_t tokens_dropped = 0;
  std::string rule;  // which limit dropped: "messages_max", "window_percent", or empty
};
// One past the position of this entry; 0 when the session has none such.
int position_after(const SessionState& session, Seq entry);
Selection select_entries(const SessionState& session, std::uint32_t system_tokens,
                         const Window& window);

// The prompt of a turn and what it took. `state` already holds the turn's own messages as entries;
// of `turn` it reads kind, model, settings, compaction and the window.
struct BuiltPrompt {
  Prompt prompt;
  Selection selection;
};
BuiltPrompt build_prompt(const SessionState& state, const TurnStarted& turn, History& history);

// The same prompt without its words, of which each is read once for many turns.
struct DigestedPrompt {
  Digest sha256{};  // canonical_sha256() of it
  Selection selection;
};
DigestedPrompt digest_prompt(const SessionState& state, const TurnStarted& turn, History& history);

// Rebuilds the prompt of a recorded TurnStarted, bytes and all. Walks the session's chain through
// `history`.
Result<Prompt> prompt_of(const Event& turn_started, History& history);

// The same with what it took and left out, and the session as it was then, the turn begun.
struct RebuiltPrompt {
  BuiltPrompt built;
  SessionState state;
};
Result<RebuiltPrompt> rebuild_prompt(const Event& turn_started, History& history);

// Where provider adapters get prompts.
class Prompts {
 public:
  virtual ~Prompts() = default;
  virtual Result<Prompt> prompt(Seq turn) = 0;
};

}  // namespace daybook
