// prompt(session, upto, policy, model): what the model sees. Pure; history is never mutated; the
// same inputs give the same bytes for ever. What a prompt takes is chosen once (core/policy.h) and
// recorded with its turn, and the words are put together from that record. Turns of rules before
// version 3, and summaries, record limits instead, by which the choice is made again.
//
// The canonical prompt is what the SHA-256 in TurnStarted covers. It is hashed over digests, so
// that an appended entry costs one block:
//   SHA-256( "daybook prompt 2\n" model "\n" policy "\n" SHA-256(system)
//            { role (u or a) SHA-256(text) }* )
// Of rules before version 3 it begins with "daybook prompt 1\n" model "\n" SHA-256(system).
// Where tools are offered, SHA-256( SHA-256(system) { SHA-256 of each tool }* ) stands for
// SHA-256(system); a message with requests has the role c, the result of one the role r
// (digest_of()).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/layout.h"
#include "core/parts.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/sha256.h"
#include "core/state.pb.h"
#include "core/tools.h"

namespace daybook {

// One use of a tool that the model asked for, as it is told again.
struct ToolRequest {
  std::string id;
  std::string tool;
  std::string arguments;  // as they came: need not be JSON
  std::string token;      // what the provider wants to hear again beside it

  friend bool operator==(const ToolRequest&, const ToolRequest&) = default;
};

struct PromptMessage {
  Entry::Role role = Entry::USER;
  std::string text;
  std::vector<ToolRequest> requests = {};  // of an answer that asked for tools
  std::string result_of = {};              // the id of the request whose result the text is
  std::string tool = {};                   // and its tool
  bool cache_mark = false;                 // the prompt up to its end is worth keeping

  // Words and nothing else.
  [[nodiscard]] bool plain() const { return requests.empty() && result_of.empty(); }

  friend bool operator==(const PromptMessage&, const PromptMessage&) = default;
};

struct Prompt {
  std::string system;
  std::vector<PromptMessage> messages;  // at least one; the last is the user's
  std::string model;                    // the provider's own name for it
  std::string policy;                   // by which it was made; empty by rules before version 3
  std::uint32_t output_tokens_max = 0;  // 0: the provider's default
  std::vector<ToolDefinition> tools = {};
  bool tools_closed = false;  // told of, because the messages use them, and not to be used
  std::string thinking;       // off, low, medium, high; empty: as it does by itself
  std::string temperature;    // "0.7"; empty: the same
  // For so long a provider is asked to keep what stands up to each cache mark, of which the first
  // is behind the system's words: at most four. 0: there are none.
  std::uint32_t cache_minutes = 0;

  friend bool operator==(const Prompt&, const Prompt&) = default;
};

Digest canonical_sha256(const Prompt& prompt);
// Of a message that is more than words.
Digest digest_of(const PromptMessage& message);

// The window policy's knobs, as turns record them that record no choice.
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
  std::string rule;  // what dropped them: "messages_max", "keep_last_8", ..., or empty
  // Of the messages told, those from the first on that the next turn's prompt tells again.
  std::size_t lasting = 0;
};
Selection select_entries(const SessionState& session, std::uint32_t system_tokens,
                         const Window& window);

// Chooses what the turn's prompt takes, by the limits that it names, and records it there. False:
// it takes more than its budget; turn->tokens() says how much.
bool plan_prompt(const SessionState& state, TurnStarted* turn, History& history);

// How many tokens of a planned prompt are, from its beginning on, those of the prompt before it.
std::uint32_t reused_tokens(const SessionState& state, const TurnStarted& turn,
                            const TurnStarted& before, History& history);

// The prompt of a turn and what it took. `state` already holds the turn's own messages as entries;
// of `turn` it reads kind, model, settings, compaction and the window.
struct BuiltPrompt {
  Prompt prompt;
  Selection selection;
};
BuiltPrompt build_prompt(const SessionState& state, const TurnStarted& turn, History& history);

// How far the digest of a session's last prompt had come: the next one, which begins like it, costs
// what is new. A cache; what it says holds until something of the session is erased or waits again.
struct PromptMemo {
  std::string model;
  std::string policy;
  Digest system{};
  Seq summary = 0;
  std::vector<Seq> parts;
  std::vector<Range> taken;
  int last_position = 0;     // of the last entry taken
  std::size_t messages = 0;  // hashed
  Sha256 hash;
};

// The same prompt without its words, of which each is read once for many turns.
struct DigestedPrompt {
  Digest sha256{};  // canonical_sha256() of it
  Selection selection;
};
DigestedPrompt digest_prompt(const SessionState& state, const TurnStarted& turn, History& history);

// The event whose content.text is the system prompt of an answer.
Seq system_event(const TurnStarted& turn);

// What a TITLE turn is asked: how the conversation began.
std::string title_request(const SessionState& state, History& history);

// What a TurnStarted, a StepStarted, or a TurnRetried with a prompt of its own, says of its prompt.
const TurnStarted& prompt_record(const Event& event);

// The parts that such a record tells by their summaries, in the conversation's order.
std::vector<ToldPart> told_parts(const SessionState& state, const TurnStarted& turn);
// And the branches that were left.
std::vector<ToldBranch> told_branches(const SessionState& state, const TurnStarted& turn);

// Rebuilds the prompt of such an event, bytes and all. Walks the session's chain through `history`.
Result<Prompt> prompt_of(const Event& event, History& history);

// The same with what it took and left out, and the session as it was then, the turn begun.
struct RebuiltPrompt {
  BuiltPrompt built;
  SessionState state;
};
Result<RebuiltPrompt> rebuild_prompt(const Event& event, History& history);

// Where provider adapters get prompts.
class Prompts {
 public:
  virtual ~Prompts() = default;
  virtual Result<Prompt> prompt(Seq turn) = 0;
};

}  // namespace daybook
