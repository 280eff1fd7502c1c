// The Telegram adapter driven by hand: what the gateway does for one adapter, without a journal.
//
// Facts become events, events are shown, due() is asked until it says nothing; calls are answered
// by the test in Telegram's words.
#pragma once

#include "adapters/telegram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "adapters/telegram_api.h"
#include "adapters/telegram_outbox.h"
#include "adapters/telegram_poll.h"

namespace daybook::telegram_hand {

using std::string_literals::operator""s;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using Json = nlohmann::json;

inline const std::string kToken = "123456:canary-TOKEN_never_shown";
inline constexpr Time kStart = Time(Duration(1'800'000'000'000));

inline Settings settings_for_test() {
  Settings settings;
  settings.telegram.token = Secret(kToken);
  settings.telegram.api_root = "http://127.0.0.1:8081/root/";
  return settings;
}

// What the gateway does for one adapter, by hand: facts become events, events are shown, due() is
// asked.
struct Hand {
  Work work;
  Settings settings;
  std::vector<std::string> warnings;
  Telegram telegram;
  Time now = kStart;
  Seq next = 1;
  std::vector<Event> recorded;
  std::vector<Call> calls;  // started and not yet looked at
  std::vector<CallId> cancelled;
  bool taking_in = true;
  bool hurry = false;
  std::set<std::string> seen;  // external ids

  explicit Hand(Settings given = settings_for_test())
      : settings(std::move(given)),
        telegram(settings, work, [this](std::string_view text) { warnings.emplace_back(text); }) {}

  Event commit(Fact fact) {
    fact.set_seq(next++);
    fact.set_time(to_milliseconds(now));
    if (fact.has_message_received()) {
      const std::string& id = fact.message_received().external_id();
      if (!id.empty() && !seen.insert(id).second) return {};
    }
    work.apply(fact);
    telegram.on_event(fact);
    recorded.push_back(fact);
    return fact;
  }

  void turn(bool settled = true) {
    for (int asked = 0; asked < 1'000; ++asked) {
      auto due = telegram.due(Moment{now, settled, taking_in, hurry});
      if (!due) return;
      if (auto* fact = std::get_if<Fact>(&*due)) {
        commit(std::move(*fact));
      } else if (auto* call = std::get_if<Call>(&*due)) {
        calls.push_back(std::move(*call));
      } else {
        cancelled.push_back(std::get<Cancel>(*due).id);
      }
    }
    FAIL("due() repeats itself");
  }

  void pass(Duration time) {
    now += time;
    turn();
  }

  static const HttpCall& http(const Call& call) { return std::get<HttpCall>(call.what); }

  // Takes the first started call of a method; the test fails if there is none.
  Call take(const std::string& method) {
    for (auto call = calls.begin(); call != calls.end(); ++call) {
      if (http(*call).label != "telegram " + method) continue;
      Call taken = std::move(*call);
      calls.erase(call);
      return taken;
    }
    FAIL("no call of " + method);
    return {};
  }
  [[nodiscard]] std::size_t count(const std::string& method) const {
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(),
                      [&](const Call& call) { return http(call).label == "telegram " + method; }));
  }
  static Json body(const Call& call) { return Json::parse(http(call).body); }

  std::vector<Fact> answer(const Call& call, int status, std::string text,
                           std::vector<std::pair<std::string, std::string>> headers = {}) {
    CHECK(telegram.on_reply(call.id, ReplyHead{status, std::move(headers)}, now).empty());
    CHECK(telegram.on_reply(call.id, ReplyBody{std::move(text)}, now).empty());
    return settle(telegram.on_reply(call.id, ReplyEnd{}, now));
  }
  std::vector<Fact> succeed(const Call& call, const Json& result) {
    return answer(call, 200, Json{{"ok", true}, {"result", result}}.dump());
  }
  std::vector<Fact> refuse(const Call& call, int code, const std::string& why,
                           const Json& parameters = Json::object()) {
    return answer(
        call, code,
        Json{{"ok", false}, {"error_code", code}, {"description", why}, {"parameters", parameters}}
            .dump());
  }
  std::vector<Fact> break_off(const Call& call, bool handed_over) {
    const auto reason = handed_over ? ReplyFailed::Reason::kClosed : ReplyFailed::Reason::kConnect;
    return settle(telegram.on_reply(call.id, ReplyFailed{reason, handed_over, "it broke"}, now));
  }
  std::vector<Fact> settle(std::vector<Fact> facts) {
    for (const Fact& fact : facts) commit(fact);
    turn();
    return facts;
  }

  // Past the introductions, with one poll under way.
  void introduce() {
    turn();
    succeed(take("getMe"), {{"id", 123456}, {"is_bot", true}, {"username", "day_bot"}});
    succeed(take("getWebhookInfo"), {{"url", ""}});
    succeed(take("getMyCommands"), Json::parse(telegram::set_commands_body())["commands"]);
  }

  Seq notice(const std::string& place, const std::string& text, std::int64_t reply_to = 0) {
    Fact fact;
    fact.mutable_notice_issued()->set_place(place);
    fact.mutable_notice_issued()->set_reply_to(reply_to);
    fact.mutable_content()->set_text(text);
    return commit(std::move(fact)).seq();
  }
  Seq start_turn(const std::string& place) {
    Fact fact;
    fact.mutable_turn_started()->set_place(place);
    return commit(std::move(fact)).seq();
  }
  void chunk(Seq turn_seq, const std::string& text) {
    Fact fact;
    fact.mutable_chunk_received()->set_turn(turn_seq);
    fact.mutable_chunk_received()->set_attempt(1);
    fact.mutable_content()->set_text(text);
    commit(std::move(fact));
  }
  void complete(Seq turn_seq, const std::string& text) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(turn_seq);
    fact.mutable_turn_completed()->set_attempt(1);
    fact.mutable_content()->set_text(text);
    commit(std::move(fact));
  }
};

inline Json update(std::int64_t id, const std::string& text) {
  return {{"update_id", id},
          {"message",
           {{"message_id", id % 1'000 + 1},
            {"from", {{"id", 77}, {"is_bot", false}, {"first_name", "Ann"}}},
            {"chat", {{"id", 77}, {"type", "private"}}},
            {"date", id},
            {"text", text}}}};
}

}  // namespace daybook::telegram_hand
