// The Telegram channel (Bot API over HTTPS): hears by long poll, speaks by posts and edits, and
// introduces itself at start.
//
// Law: it holds no truth. What is owed and where to poll from are read from the committed position;
// what is kept here may be lost at any moment. The first poll starts at once, but its answer waits
// for getMe: without our name nobody can tell which commands are ours. A webhook that somebody set
// is never removed from here: that is a person's decision (`daybook setup`).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/json_document.h"
#include "adapters/telegram_api.h"
#include "adapters/telegram_outbox.h"
#include "adapters/telegram_poll.h"
#include "core/ports.h"
#include "core/settings.h"
#include "core/work.h"

namespace daybook {

class Telegram : public Adapter {
 public:
  // `work` and what `warn` refers to must outlive the adapter. `warn` takes one plain sentence for
  // the log. A token or api_root that cannot be right shows in fatal().
  Telegram(const Settings& settings, const Work& work, telegram::Warn warn);
  Telegram(const Telegram&) = delete;
  Telegram& operator=(const Telegram&) = delete;

  [[nodiscard]] std::string_view name() const override { return "telegram"; }
  void on_event(const Event& event) override { outbox_.on_event(event); }
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override { return outbox_.idle(); }
  [[nodiscard]] bool idle_by(Time until) const override { return outbox_.idle_by(until); }

  // A post, edit or deletion is on its way.
  [[nodiscard]] bool sending() const { return outbox_.sending(); }

  // Telegram refuses us for good: the daemon stops with this.
  [[nodiscard]] const std::optional<Error>& fatal() const { return fatal_; }
  // Without @; empty until Telegram has told.
  [[nodiscard]] const std::string& username() const { return self_.username; }

 private:
  // Introductions, one after the other.
  enum class Step { kGetMe, kGetWebhookInfo, kGetMyCommands, kSetMyCommands, kDone };

  struct Answer {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::optional<ReplyFailed> failure;
  };

  std::optional<Due> due_step(const Moment& moment);
  std::vector<Fact> ended(CallId call, Answer answer, Time now);
  std::vector<Fact> poll_ended(const Answer& answer, Time now);
  std::vector<Fact> heard(std::vector<telegram::ReadUpdate> updates);
  void step_ended(const telegram::Outcome& outcome, const JsonValue& result, Time now);
  void step_done(const JsonValue& result);
  telegram::Outcome classify(const Answer& answer, JsonValue* result);
  void refuse_token(const telegram::Outcome& outcome);

  telegram::Warn warn_;
  telegram::Api api_;
  telegram::Poll poll_;
  telegram::Outbox outbox_;
  JsonReader reader_;
  telegram::Self self_;
  std::optional<Error> fatal_;

  std::map<CallId, Answer> answers_;  // so far
  std::optional<Answer> held_poll_;   // until we know our name

  Step step_ = Step::kGetMe;
  CallId step_call_ = 0;
  Time step_not_before_{};
  std::uint32_t step_failures_ = 0;
};

}  // namespace daybook
