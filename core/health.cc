#include "core/health.h"

#include <algorithm>
#include <utility>

#include "core/codec.h"
#include "core/directory.h"
#include "core/notation.h"
#include "core/open_turn.h"

namespace daybook {

namespace {

Duration doubled(Duration base, std::uint32_t times, Duration most) {
  return std::min(base * (std::int64_t{1} << std::min(times, 16U)), most);
}

// How long a provider rests after this; nothing: it need not.
Duration rest_after(const AttemptFailed& failed, std::uint32_t failures) {
  const ErrorClass error = failed.error();
  if (failed.retry_after() > 0) return std::min(Duration(failed.retry_after()), kAskedRestMax);
  if (error == FUNDS || failed.retry_after() == kNotToday) return kFundsRest;
  if (needs_somebody(error)) return kKeyRest;
  if (error == RATE) return doubled(kRateRest, failures - 1, kRateRestMax);
  if (failures < kBrokenAfter) return Duration(0);
  return doubled(kBrokenFor, failures - kBrokenAfter, kBrokenForMax);
}

bool broken(const HealthRow& row) {
  return row.failures() >= kBrokenAfter || needs_somebody(row.error());
}

std::string key_of(const std::string& provider, const std::string& model) {
  return model.empty() ? provider : model_name(provider, model);
}

std::optional<PassedModel> obstacle_by(const HealthRow& row, Time now) {
  const bool resting = to_milliseconds(now) < row.until();
  const bool tried = broken(row) && row.trial() != 0;
  if (!resting && !tried) return std::nullopt;
  PassedModel passed;
  passed.set_provider(row.provider());
  passed.set_why(row.asked_for() && resting ? PassedModel::RESTS : PassedModel::BROKEN);
  passed.set_event(row.event());
  if (resting) passed.set_until(row.until());
  return passed;
}

}  // namespace

bool is_providers_trouble(ErrorClass error) {
  return error == RATE || error == OVERLOAD || error == NETWORK || error == TRUNCATED ||
         error == STALLED || error == PEER || needs_somebody(error);
}

bool needs_somebody(ErrorClass error) { return error == AUTH || error == FUNDS || error == UNSAFE; }

bool is_quota(const AttemptFailed& failed) {
  return failed.error() == FUNDS && (failed.retry_after() > 0 || failed.retry_after() == kNotToday);
}

void Health::restore(HealthRow row) {
  std::string key = key_of(row.provider(), row.model());
  rows_[std::move(key)] = std::move(row);
}

void Health::save(DirectoryState* state) const {
  for (const auto& [key, row] : rows_) *state->add_health() = row;
}

void Health::forget(const std::string& provider) {
  std::erase_if(rows_, [&](const auto& one) { return one.second.provider() == provider; });
}

void Health::apply(const Event& event, const std::string& provider, const std::string& model,
                   std::uint32_t rules) {
  const Asked asked{provider, model};
  if (event.has_settings_loaded()) {
    // Whoever loads settings may have mended them.
    std::erase_if(rows_, [](const auto& one) { return needs_somebody(one.second.error()); });
  } else if (event.has_turn_started()) {
    try_out({event.turn_started().provider(), event.turn_started().model()}, event.seq());
  } else if (event.has_turn_retried()) {
    const TurnRetried& retried = event.turn_retried();
    const TurnStarted& anew = retried.prompt();
    const Asked next = retried.has_prompt() ? Asked{anew.provider(), anew.model()} : asked;
    if (next.provider != provider) let_go(retried.turn());
    try_out(next, retried.turn());
  } else if (event.has_attempt_failed()) {
    fail(event, asked, rules);
  } else if (event.has_step_completed()) {
    rows_.erase(provider);
    rows_.erase(key_of(provider, model));
  } else if (ends_turn(event)) {
    if (event.has_turn_completed()) answer(event, asked);
    let_go(ended_turn(event));
  }
}

std::vector<HealthRow*> Health::rows_of(const Asked& asked) {
  std::vector<HealthRow*> rows;
  for (const std::string& key : {asked.provider, key_of(asked.provider, asked.model)}) {
    const auto found = rows_.find(key);
    const bool known = found == rows_.end() || (!rows.empty() && rows.back() == &found->second);
    if (!known) rows.push_back(&found->second);
  }
  return rows;
}

// It works. A pause that it asked for holds all the same where this answer began before.
void Health::answer(const Event& event, const Asked& asked) {
  for (HealthRow* row : rows_of(asked)) {
    const bool before = turn_of(event) < row->event();
    if (row->asked_for() && event.time() < row->until() && before) {
      row->set_failures(0);
      row->set_trial(0);
    } else {
      rows_.erase(key_of(row->provider(), row->model()));
    }
  }
}

// It answered, if only to say no. A model that would not say this has read it; a request may have
// been found wrong before anybody looked at its key, or at the funds behind it.
void Health::say_no(const Event& event, const Asked& asked) {
  const ErrorClass error = event.attempt_failed().error();
  bool trouble = false;
  for (HealthRow* row : rows_of(asked)) {
    row->set_trial(0);
    trouble = trouble || needs_somebody(row->error());
  }
  const bool answered = error == REFUSED || error == REQUEST || error == OVERFLOW;
  if (answered && (error == REFUSED || !trouble)) answer(event, asked);
}

void Health::fail(const Event& event, const Asked& asked, std::uint32_t rules) {
  if (asked.provider.empty()) return;
  const AttemptFailed& failed = event.attempt_failed();
  if (!is_providers_trouble(failed.error())) {
    say_no(event, asked);
    return;
  }
  const std::string model = failed.model_alone() ? asked.model : std::string();
  HealthRow& row = rows_[key_of(asked.provider, model)];
  row.set_provider(asked.provider);
  row.set_model(model);
  // Where somebody has to mend it, another count begins: that is told.
  const bool turns = needs_somebody(failed.error()) && failed.error() != row.error();
  const bool asked_for =
      failed.retry_after() > 0 || failed.retry_after() == kNotToday || failed.error() == RATE;
  // Who asks a broken one before its time finds out nothing new.
  const bool again = !asked_for && !needs_somebody(failed.error());
  const bool early = rules >= 3 && again && broken(row) && event.time() < row.until();
  row.set_failures(turns ? 1 : row.failures() + (early ? 0 : 1));
  row.set_error(failed.error());
  row.set_event(event.seq());
  row.set_trial(0);
  if (early) return;
  row.set_asked_for(asked_for);
  const Duration rest = rest_after(failed, row.failures());
  if (rest > Duration(0)) row.set_until(event.time() + rest.count());
}

void Health::try_out(const Asked& asked, Seq turn) {
  for (HealthRow* row : rows_of(asked)) {
    if (broken(*row) && row->trial() == 0) row->set_trial(turn);
  }
}

void Health::let_go(Seq turn) {
  for (auto& [key, row] : rows_) {
    if (row.trial() == turn) row.set_trial(0);
  }
}

std::optional<PassedModel> Health::obstacle(const std::string& provider, Time now,
                                            const std::string& model) const {
  const HealthRow* general = row(provider);
  std::optional<PassedModel> passed;
  if (general != nullptr) passed = obstacle_by(*general, now);
  const HealthRow* own = model.empty() ? nullptr : row(provider, model);
  return passed || own == nullptr ? passed : obstacle_by(*own, now);
}

const HealthRow* Health::row(const std::string& provider, const std::string& model) const {
  const auto found = rows_.find(key_of(provider, model));
  return found == rows_.end() ? nullptr : &found->second;
}

std::string clock_text(Time time, Time now) {
  const std::string text = time_text(time);
  const bool today = text.substr(0, 10) == time_text(now).substr(0, 10);
  return (today ? std::string() : text.substr(0, 10) + " ") + text.substr(11, 8) + " UTC";
}

std::string obstacle_text(const PassedModel& passed) {
  std::string text = passed.why() == PassedModel::RESTS ? "rests" : "is left alone";
  if (passed.until() != 0) {
    text += " until " + time_text(from_milliseconds(passed.until())).substr(11, 8) + " UTC";
  } else {
    text += " while another answer finds out whether it works";
  }
  return text;
}

std::string obstacle_text(const PassedModel& passed, ErrorClass error) {
  return obstacle_text(passed) + " (" + ErrorClass_Name(error) + ", event " +
         std::to_string(passed.event()) + ")";
}

}  // namespace daybook
