// The console channel: the daemon's own stdin and stdout, be they a terminal or a pipe. A line is a
// message; answers stream.
//
// Law: what is printed cannot be taken back, so an answer is "posted" only once all of it is out: a
// crash before that prints it again from the beginning. Text is only ever appended; when a retried
// attempt says something else, that is said in words. One answer prints at a time. Rejected:
// redrawing lines with escape codes; a pipe cannot.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ports.h"
#include "core/work.h"

namespace daybook {

inline constexpr std::size_t kConsoleLineBytesMax = 64u << 10;
inline constexpr std::size_t kConsolePartCharacters = 1u << 20;

class Console : public Adapter {
 public:
  // `work` must outlive the console. `interactive`: a person types, so a prompt is shown. `person`
  // names who.
  Console(const Work& work, bool interactive, const std::string& person);

  [[nodiscard]] std::string_view name() const override { return "console"; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override;
  [[nodiscard]] bool idle_by(Time until) const override;

  // Nobody will type any more: finish what is open and stop.
  [[nodiscard]] bool at_end() const { return at_end_; }

 private:
  // The delivery that prints, until the journal knows that all of it is out.
  struct Printing {
    Seq source = 0;
    std::string written;         // handed to stdout
    bool ended = false;          // the newline behind it too
    std::uint32_t reported = 0;  // parts whose fact was handed out
  };

  std::optional<Due> due_printing(const Moment& moment);
  std::optional<Due> due_next(const Moment& moment);
  std::optional<Due> due_prompt(const Moment& moment);
  std::optional<Due> print_more();
  Call write(std::string bytes);
  std::vector<Fact> take_input(std::string_view bytes, Time now);
  std::optional<Fact> take_line(Time now);

  const Work& work_;
  bool interactive_;
  std::string person_;
  ChannelRules rules_;

  CallId last_call_ = 0;
  CallId stdio_ = 0;
  CallId write_ = 0;     // on its way
  bool broken_ = false;  // nobody reads stdout any more
  bool at_end_ = false;

  std::string line_;  // not yet ended

  std::optional<Printing> printing_;
  std::optional<DeliveryAction> asked_;  // an attempt handed out and not yet heard of
  bool prompted_ = false;
};

}  // namespace daybook
