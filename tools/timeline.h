// One turn or notice from the message that asked to the last edit: what happened, when, and where
// the time went. A fold over the events that walk_subject() finds.
//
// Law: the spans add up to the whole. Each moment between the message and the end of it all belongs
// to exactly one of them, so that nothing that took time can be left out.
#pragma once

#include <string>
#include <vector>

#include "core/events.pb.h"
#include "core/types.h"

namespace daybook {

// The pauses between the pieces of an answer.
struct Gaps {
  std::size_t count = 0;
  Duration median{};
  Duration longest{};
  Seq before = 0;  // the chunk that the longest one kept waiting
};

// One call of the model.
struct Attempt {
  std::uint32_t number = 1;
  std::uint32_t step = 1;  // which asking of the model in its turn it is an attempt at
  Seq seq = 0;             // its TurnStarted, TurnRetried or StepStarted
  Time from{};             // when it could begin
  Time until{};            // its end; of one that a crash ended the last sign of life
  Seq end = 0;  // AttemptFailed, the turn's end, the GatewayStarted that found it dead; 0: it runs
  std::string ended_by;  // that event's kind
  ErrorClass error = ERROR_CLASS_UNSPECIFIED;
  std::int32_t status = 0;
  std::int64_t retry_after = 0;
  std::string detail;
  Seq first_chunk = 0;
  Seq last_chunk = 0;
  Time first_chunk_at{};
  Time last_chunk_at{};
  std::uint64_t chunks = 0;
  Gaps gaps;
};

// One message on the screen.
struct Part {
  std::vector<std::int64_t> message_ids;  // more than one when it had to be posted anew
  std::uint32_t posts = 0;                // attempted
  std::uint32_t edits = 0;
  std::uint32_t ambiguous = 0;
  std::uint32_t characters = 0;
  Time first_shown{};
  Time last_shown{};
  bool pending = false;  // a post without an outcome
  bool gone = false;
  bool failed = false;
};

// A stretch of time and what it was spent on.
struct Span {
  std::string what;
  std::string why;  // may be empty
  Duration length{};
};

class Timeline {
 public:
  // `message` is the one that asked; without one all begins with the subject itself.
  Timeline(Event subject, const Event* message);

  // In order; `before` as SubjectVisit has it.
  void apply(const Event& event, Time before);
  // After the last one: is all that was owed done?
  void finish(bool settled);

  [[nodiscard]] const Event& subject() const { return subject_; }
  [[nodiscard]] bool is_turn() const { return subject_.has_turn_started(); }
  [[nodiscard]] Time began() const { return began_; }
  [[nodiscard]] Time ended() const { return ended_; }
  [[nodiscard]] bool settled() const { return settled_; }
  // Null while the turn runs.
  [[nodiscard]] const Event* end() const { return end_.seq() == 0 ? nullptr : &end_; }
  [[nodiscard]] const std::vector<Attempt>& attempts() const { return attempts_; }
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
  [[nodiscard]] const std::vector<Span>& spans() const { return spans_; }
  // What the message waited for: the events that ended other turns, and starts of the gateway.
  [[nodiscard]] const std::vector<Event>& waited_for() const { return waited_for_; }
  // DeliveryDelayed and DeliveryFailed, as they came.
  [[nodiscard]] const std::vector<Event>& troubles() const { return troubles_; }

 private:
  void apply_to_turn(const Event& event);
  void apply_to_screen(const Event& event);
  void add_chunk(const Event& event);
  void end_attempt(const Event& event, Time until);
  void begin_attempt(const Event& event);
  Part& part(std::uint32_t index);

  void span(std::string what, std::string why, Time until);
  void span_queue();
  void span_attempt(std::size_t index);
  void span_screen();
  void restart(const Event& event, Time before);

  Event subject_;
  Event end_;
  Time began_{};
  Time ended_{};
  Time reached_{};
  bool settled_ = false;
  std::vector<Attempt> attempts_;
  std::vector<Duration> pauses_;  // of the current attempt
  std::vector<Part> parts_;
  std::vector<Span> spans_;
  std::vector<Event> waited_for_;
  std::vector<Event> troubles_;
  std::vector<Event> restarts_;
};

// "HTTP 429, RATE, asked for 2.000 s" of an AttemptFailed, or why a TurnRetried.
std::string failure_text(ErrorClass error, std::int32_t status, std::int64_t retry_after);

}  // namespace daybook
