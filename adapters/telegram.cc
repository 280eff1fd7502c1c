// The adapter's own part of the channel: whose call ended, and what that starts.
//
// Answers are gathered whole before anything is made of them: each is one JSON object (Bot API,
// "Making requests").
#include "adapters/telegram.h"

#include <algorithm>
#include <utility>

namespace daybook {
namespace {

using telegram::Outcome;

constexpr Duration kStepPauseMin{1'000};
constexpr Duration kStepPauseMax{30'000};
constexpr std::uint32_t kStepFailuresWarned = 3;

telegram::Api make_api(const Settings& settings) {
  const Result<Url> url = parse_url(settings.telegram.api_root);
  const auto id = telegram::bot_id_of(settings.telegram.token.reveal());
  telegram::Self self;
  self.id = id.value_or(0);
  return telegram::Api(url ? url->origin : Origin(), url ? url->path : std::string(),
                       settings.telegram.token, self.source());
}

std::optional<Error> trouble_with(const Settings& settings) {
  if (const Result<Url> url = parse_url(settings.telegram.api_root); !url) {
    return Error{"telegram.api_root is no URL: " + url.error().message, ExitCode::kSettings};
  }
  if (!telegram::bot_id_of(settings.telegram.token.reveal())) {
    return Error{
        "telegram.token does not look like a bot token (123456:ABC...): copy it again from "
        "@BotFather, or run daybook setup",
        ExitCode::kSettings};
  }
  return std::nullopt;
}

}  // namespace

Telegram::Telegram(const Settings& settings, const Work& work, telegram::Warn warn)
    : warn_(std::move(warn)),
      api_(make_api(settings)),
      poll_(api_, work, warn_),
      outbox_(api_, work, settings),
      fatal_(trouble_with(settings)) {
  self_.id = telegram::bot_id_of(settings.telegram.token.reveal()).value_or(0);
}

std::optional<Due> Telegram::due(const Moment& moment) {
  if (fatal_) return std::nullopt;
  if (auto step = due_step(moment)) return step;
  if (auto poll = poll_.due(moment)) {
    if (const auto* cancel = std::get_if<Cancel>(&*poll)) {
      answers_.erase(cancel->id);
      held_poll_.reset();
    }
    return poll;
  }
  return outbox_.due(moment);
}

std::optional<Due> Telegram::due_step(const Moment& moment) {
  if (step_ == Step::kDone || step_call_ != 0) return std::nullopt;
  if (!moment.taking_in || moment.now < step_not_before_) return std::nullopt;
  const auto request = [&] {
    switch (step_) {
      case Step::kGetMe:
        return api_.request("getMe", "{}");
      case Step::kGetWebhookInfo:
        return api_.request("getWebhookInfo", "{}");
      case Step::kGetMyCommands:
        return api_.request("getMyCommands", "{}");
      case Step::kSetMyCommands:
      case Step::kDone:
        break;
    }
    return api_.request("setMyCommands", telegram::set_commands_body());
  };
  HttpCall call = request();
  call.repeatable = true;
  step_call_ = api_.next_call();
  return Call{step_call_, std::move(call)};
}

std::vector<Fact> Telegram::on_reply(CallId call, Reply reply, Time now) {
  const bool ours = call == step_call_ || poll_.owns(call) || outbox_.owns(call);
  // The last word of a call that was cancelled meanwhile.
  if (!ours || call == 0) return {};
  Answer& answer = answers_[call];
  if (auto* head = std::get_if<ReplyHead>(&reply)) {
    answer.status = head->status;
    answer.headers = std::move(head->headers);
    return {};
  }
  if (auto* body = std::get_if<ReplyBody>(&reply)) {
    answer.body += body->bytes;
    return {};
  }
  if (auto* failure = std::get_if<ReplyFailed>(&reply)) answer.failure = std::move(*failure);
  auto node = answers_.extract(call);
  return ended(call, std::move(node.mapped()), now);
}

Outcome Telegram::classify(const Answer& answer, JsonValue* result) {
  Outcome outcome;
  if (answer.failure) {
    outcome = telegram::outcome_of(*answer.failure);
  } else {
    const Result<JsonValue> parsed = reader_.read(answer.body);
    const JsonValue root = parsed ? *parsed : JsonValue();
    *result = root["result"];
    outcome = telegram::outcome_of(answer.status, answer.headers, root);
  }
  outcome.detail = api_.without_token(std::move(outcome.detail));
  return outcome;
}

std::vector<Fact> Telegram::ended(CallId call, Answer answer, Time now) {
  if (poll_.owns(call)) {
    if (self_.username.empty() && !answer.failure) {
      held_poll_ = std::move(answer);
      return {};
    }
    return poll_ended(answer, now);
  }
  JsonValue result;
  const Outcome outcome = classify(answer, &result);
  if (call == step_call_) {
    step_call_ = 0;
    step_ended(outcome, result, now);
    if (self_.username.empty() || !held_poll_) return {};
    const Answer held = *std::exchange(held_poll_, std::nullopt);
    return poll_ended(held, now);
  }
  if (outcome.kind == Outcome::Kind::kUnauthorized) refuse_token(outcome);
  std::vector<Fact> facts;
  if (auto fact = outbox_.finished(call, outcome, result, now)) facts.push_back(std::move(*fact));
  return facts;
}

std::vector<Fact> Telegram::poll_ended(const Answer& answer, Time now) {
  if (answer.failure && answer.failure->reason == ReplyFailed::Reason::kTooLarge) {
    return heard(
        poll_.unreadable("they are larger than this program takes", answer.body, self_, now));
  }
  JsonValue result;
  const Outcome outcome = classify(answer, &result);
  if (outcome.kind == Outcome::Kind::kUnauthorized) refuse_token(outcome);
  const bool good = answer.status >= 200 && answer.status < 300 && !answer.failure;
  if (good && (outcome.kind != Outcome::Kind::kDone || !result.is_array())) {
    return heard(
        poll_.unreadable("the answer is not what the Bot API gives", answer.body, self_, now));
  }
  std::vector<std::string_view> raw;
  if (good) raw = json_element_texts(json_field_text(answer.body, "result"));
  return heard(poll_.finished(outcome, result, raw, self_, now));
}

std::vector<Fact> Telegram::heard(std::vector<telegram::ReadUpdate> updates) {
  std::vector<Fact> facts;
  for (auto& update : updates) {
    outbox_.answer_button(std::move(update.callback_id));
    facts.push_back(std::move(update.fact));
  }
  return facts;
}

void Telegram::step_ended(const Outcome& outcome, const JsonValue& result, Time now) {
  switch (outcome.kind) {
    case Outcome::Kind::kDone:
      step_failures_ = 0;
      step_done(result);
      return;
    case Outcome::Kind::kUnauthorized:
      refuse_token(outcome);
      return;
    case Outcome::Kind::kLimited:
      step_not_before_ = now + outcome.retry_after;
      return;
    case Outcome::Kind::kNotSent:
    case Outcome::Kind::kUnknown:
      break;
    case Outcome::Kind::kConflict:
    case Outcome::Kind::kNotModified:
    case Outcome::Kind::kTargetLost:
    case Outcome::Kind::kReplyTargetLost:
    case Outcome::Kind::kThreadLost:
    case Outcome::Kind::kEmpty:
    case Outcome::Kind::kMoved:
    case Outcome::Kind::kRefused:
      // Only our name is needed; the rest is courtesy.
      if (step_ == Step::kGetMe) break;
      warn_("Telegram refused a step of the start: " + outcome.detail);
      step_ = static_cast<Step>(static_cast<int>(step_) + 1);
      return;
  }
  ++step_failures_;
  const Duration pause = telegram::back_off(step_failures_, kStepPauseMin, kStepPauseMax);
  step_not_before_ = now + telegram::with_jitter(pause, step_failures_);
  // One trouble, one warning: the poll tells of it when it cannot get through either.
  if (step_failures_ == kStepFailuresWarned && !poll_.failing()) {
    warn_("Telegram cannot be reached, trying on: " + outcome.detail);
  }
}

void Telegram::step_done(const JsonValue& result) {
  switch (step_) {
    case Step::kGetMe:
      self_.username = result["username"].string_or("");
      // Every bot has a user name; an answer without one is from somebody else.
      if (self_.username.empty()) {
        fatal_ =
            Error{"telegram.api_root is not a Bot API: getMe names no bot", ExitCode::kUnavailable};
      }
      step_ = Step::kGetWebhookInfo;
      return;
    case Step::kGetWebhookInfo:
      if (!result["url"].string_or("").empty()) {
        warn_(
            "A webhook is set for this bot, so Telegram refuses polls: daybook setup offers to "
            "remove it");
      }
      step_ = Step::kGetMyCommands;
      return;
    case Step::kGetMyCommands:
      step_ = telegram::shows_our_commands(result) ? Step::kDone : Step::kSetMyCommands;
      return;
    case Step::kSetMyCommands:
    case Step::kDone:
      step_ = Step::kDone;
      return;
  }
}

void Telegram::refuse_token(const Outcome& outcome) {
  fatal_ = Error{"Telegram refused the token (" + std::to_string(outcome.status) + ' ' +
                     outcome.detail + "): set telegram.token or run daybook setup",
                 ExitCode::kUnavailable};
}

Time Telegram::wake_at(Time now) const {
  if (fatal_) return kNever;
  Time wake = std::min(poll_.wake_at(now), outbox_.wake_at(now));
  if (step_ != Step::kDone && step_call_ == 0 && step_not_before_ > now) {
    wake = std::min(wake, step_not_before_);
  }
  return wake;
}

}  // namespace daybook
