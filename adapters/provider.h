// A model provider: takes the turns that are its own, asks for one answer per attempt, and turns
// the stream into facts.
//
// Law: an attempt that was started ends in exactly one fact, TurnCompleted, StepCompleted (with a
// ToolRequested before it for each use of a tool that it asks for) or AttemptFailed, unless it was
// cancelled or superseded first; it is never started twice. The first two need the provider's own
// finish marker: the end of the bytes alone proves nothing.
//
// The loop is the same for all; what differs is a Dialect: one file per provider, request() and
// decode(). Rejected: retrying here. Whether to try again is a decision, so it is an event.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/provider_error.h"
#include "adapters/tool_use.h"
#include "adapters/wire/sse.h"
#include "core/context.h"
#include "core/ports.h"
#include "core/settings.h"
#include "core/work.h"

namespace daybook {

struct Delta {
  ChunkKind kind = TEXT;
  std::string text;       // valid UTF-8, never empty, but of a use that only has its name yet
  std::size_t use = 0;    // TOOL_USE: of answer.uses, from 1; `text` belongs to its arguments
  std::string name = {};  // the tool, where it is named

  friend bool operator==(const Delta&, const Delta&) = default;
};

// What is known of an answer besides its words.
struct Answer {
  Finish finish = FINISH_UNSPECIFIED;  // set: the provider says that it is whole
  std::string reason;                  // its own word for a finish that needs one, or a refusal
  bool stumbled = false;               // what `reason` names is nobody's will: a try may go well
  std::string odd_word;                // for a finish that we do not know and take for STOP
  bool ended = false;                  // nothing more will come, whatever the connection does
  Usage usage;
  std::string model;
  std::string request_id;
  std::vector<ToolUse> uses;  // of tools, in the order they began
  std::optional<Trouble> trouble;
};

// One answer's stream.
class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  // One event of the stream, or the whole body of an answer that is no stream. Appends to `deltas`;
  // what is wrong with it becomes answer.trouble.
  virtual void decode(std::string_view data, std::vector<Delta>& deltas, Answer& answer) = 0;
  // The answer is whole: hands over what was held back.
  virtual void finish(std::vector<Delta>& deltas) = 0;
};

// An HTTP request as far as the provider decides it; the target is relative to the base URL.
struct ProviderRequest {
  std::string target;
  std::vector<CallHeader> headers;
  std::string body;
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual Result<ProviderRequest> request(const Prompt& prompt) const = 0;
  // References this dialect.
  virtual std::unique_ptr<StreamDecoder> decoder() = 0;
};

class Provider final : public Adapter {
 public:
  static constexpr Duration kFirstByte{120'000};
  static constexpr Duration kIdle{90'000};
  // For both, where it thinks or is one's own server, which may load the model first.
  static constexpr Duration kSilenceSlow{600'000};
  static constexpr Duration kTotal{1'800'000};
  // Of a stream nothing is gathered but its words, which a chunk wraps in hundreds of bytes each.
  static constexpr std::size_t kStreamBytesMax = 256u << 20;
  // Of an answer that is no stream.
  static constexpr std::size_t kBodyBytesMax = 16u << 20;
  // All words of an answer, which one event must hold, and all that was thought before. One that
  // comes to a limit ends there, as one that came to its length.
  static constexpr std::size_t kAnswerBytesMax = 512u << 10;
  static constexpr std::size_t kReasoningBytesMax = 4u << 20;

  // References must outlive it. Settings that cannot work become failed attempts, not a crash.
  Provider(ProviderSettings settings, std::unique_ptr<Dialect> dialect, const Work& work,
           Prompts& prompts);

  [[nodiscard]] std::string_view name() const override { return settings_.name; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override;

 private:
  enum class Stage {
    kRunning,
    kAnswered,  // its fact is out; the rest of the response is only waited for
    kBroken,    // its fact is out, and the call is not worth waiting for
  };
  struct Attempt {
    Seq turn = 0;
    std::uint32_t number = 0;
    Seq cause = 0;
    SessionId session = 0;
    Stage stage = Stage::kRunning;
    int status = 0;
    HeaderList headers;
    bool streaming = false;
    bool doubtful = false;  // its type is that of no stream
    bool began = false;     // some words came
    bool tools = false;     // it may use them
    std::string body;       // of an answer that is no stream, or doubtful
    sse::Decoder events;
    std::unique_ptr<StreamDecoder> decoder;
    Answer answer;
    std::string text;
    std::size_t reasoning_bytes = 0;
    bool full = false;  // more came than is taken
  };
  using Facts = std::vector<Fact>;

  [[nodiscard]] bool busy(Seq turn) const;
  void close(Seq turn, std::uint32_t below);
  Due start(const OpenTurn& turn);
  [[nodiscard]] std::optional<Trouble> obstacle() const;
  Call call_for(ProviderRequest request, Attempt attempt, bool thinks);

  void on_head(Attempt& attempt, ReplyHead head);
  void on_body(Attempt& attempt, const std::string& bytes, Facts& facts);
  void on_end(Attempt& attempt, Time now, Facts& facts);
  void on_doubtful(Attempt& attempt, Facts& facts);
  void on_failure(Attempt& attempt, const ReplyFailed& failure, Time now, Facts& facts);
  void decode(Attempt& attempt, std::string_view data, Facts& facts);
  void add_chunks(Attempt& attempt, Facts& facts);
  static bool take_in(Attempt& attempt, Delta& delta);
  void cut_off(Attempt& attempt, Facts& facts);
  void complete(Attempt& attempt, Facts& facts);
  void complete_step(Attempt& attempt, Facts& facts);
  Fact& add_fact(const Attempt& attempt, Facts& facts) const;
  template <typename Body>
  void tell_answer(const Attempt& attempt, Body& body) const;
  void settle(Attempt& attempt, Trouble otherwise, Facts& facts);
  void fail(Attempt& attempt, Trouble trouble, Facts& facts);
  [[nodiscard]] Fact failure(const Attempt& attempt, const Trouble& trouble) const;

  ProviderSettings settings_;
  Result<Url> url_;
  std::vector<Secret> secrets_;
  std::unique_ptr<Dialect> dialect_;
  const Work& work_;
  Prompts& prompts_;

  CallId next_call_ = 1;
  bool taking_in_ = true;
  std::map<CallId, Attempt> attempts_;
  std::map<Seq, std::uint32_t> started_;  // by turn: its newest attempt, until the turn moves on
  std::deque<CallId> cancels_;
  std::vector<Delta> deltas_;  // reused
};

// Messages of one role joined, empty ones left out; an Error when nothing from the user is last.
// Those that are more than words stay as they are.
Result<std::vector<PromptMessage>> merged_messages(const Prompt& prompt);

// The number that the prompt's temperature says; none: it says none.
std::optional<double> temperature_of(const Prompt& prompt);

// The adapter for one provider row, by its kind. References must outlive it.
std::unique_ptr<Adapter> make_provider(const ProviderSettings& settings, const Work& work,
                                       Prompts& prompts);

}  // namespace daybook
