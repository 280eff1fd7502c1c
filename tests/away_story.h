// A Story of a gateway that was away: messages come that were written hours ago, and time goes on.
#pragma once

#include <string>
#include <utility>

#include "core/late.h"
#include "tests/story.h"
#include "tools/replay.h"

namespace daybook::testing {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kOwner = 77;

class Away : public Story {
 public:
  explicit Away(std::uint32_t turns = 0) : turns_(turns) {
    now = from_milliseconds(1'770'091'506'000);
    gateway->record(with_limit("", 0), now);
    commit();
  }

  // The same settings, with this policy and so many tokens at most; 0: as usual.
  Fact with_limit(const std::string& policy, std::uint32_t tokens) {
    Fact fact = settings();
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_stale_after(kHour / 2);
    body->set_recovery_turns(turns_);
    body->set_telegram_owner(kOwner);
    for (std::int64_t user = 1; user < 100; ++user) body->add_telegram_allow(user);
    body->set_policy(policy);
    body->set_context_tokens_max(tokens);
    body->set_keep_last(policy.empty() ? 0 : 1);
    body->set_max_history_messages(policy.empty() ? 50 : 2);
    return fact;
  }
  void limit(const std::string& policy, std::uint32_t tokens) {
    gateway->record(with_limit(policy, tokens), now);
    commit();
  }

  // The owner's chat gets its answer.
  void answer() {
    complete(turn("telegram:" + std::to_string(kOwner)), "yes");
    commit();
  }

  // Written so long ago, first seen now. `user`: in a group; 0: whose chat it is.
  Seq write(const std::string& text, std::int64_t age, std::int64_t chat = kOwner,
            std::int64_t user = 0) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place("telegram:" + std::to_string(chat));
    body->set_source("telegram:1");
    body->set_user(user == 0 ? chat : user);
    body->set_group(user != 0);
    body->set_message_id(++message_id_);
    body->set_date((to_milliseconds(now) - age) / 1'000);
    if (text.starts_with("/")) {
      const std::size_t space = text.find(' ');
      body->set_command(text.substr(1, space - 1));
      if (space != text.npos) fact.mutable_content()->set_arguments(text.substr(space + 1));
    }
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  // The newest message gets new words.
  Seq edit(const std::string& text, std::int64_t age) {
    Fact fact;
    MessageEdited* body = fact.mutable_message_edited();
    body->set_place("telegram:" + std::to_string(kOwner));
    body->set_user(kOwner);
    body->set_message_id(message_id_);
    body->set_edit_date((to_milliseconds(now) - age) / 1'000);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  // Time goes on until nothing is held.
  void wait() {
    commit();
    Gatherer gatherer(gateway->work());
    now += kGatherPause;
    while (auto due = gatherer.due(Moment{now})) {
      gateway->record(std::get<Fact>(std::move(*due)), now);
      commit();
      gatherer.on_event(last("DeadlinePassed"));
    }
  }

  const SessionState& state(std::int64_t chat = kOwner) {
    const SessionRow* row = gateway->directory().at("telegram:" + std::to_string(chat));
    return gateway->session(row->id())->state();
  }

  void check_refold() { Story::check_refold("telegram:" + std::to_string(kOwner)); }

  // A process that starts now decides the same.
  void check_replay() {
    commit();
    const auto report = replay_check(log, 0);
    REQUIRE(report);
    CHECK(report->divergence == "");
  }

 private:
  std::int64_t message_id_ = 0;
  std::uint32_t turns_ = 0;
};

}  // namespace daybook::testing
