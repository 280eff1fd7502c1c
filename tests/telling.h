// A Story that Telegram and a provider take part in, told with the times that matter, and laid down
// as a journal on disk for the tools to read.
//
// Posts and edits are the facts that the outbox would record; what is shown is what was wanted.
#pragma once

#include <memory>
#include <string>

#include "core/delivery.h"
#include "core/model.h"
#include "tests/journal_place.h"
#include "tests/story.h"

namespace daybook::testing {

class Telling : public Story {
 public:
  static constexpr const char* kChat = "telegram:77";
  static constexpr std::int64_t kUser = 77;
  // 2026-02-03T04:05:06Z
  static constexpr std::int64_t kBegan = 1'770'091'506'000;

  Telling() {
    now = from_milliseconds(kBegan);
    Event rows;
    *rows.mutable_catalogue_loaded() = built_in_catalogue();
    gateway->record(std::move(rows), now);
    gateway->record(telegram_settings("openai:gpt-4o-mini"), now);
    commit();
  }

  static Fact telegram_settings(const std::string& model, std::uint32_t messages_max = 50) {
    Fact fact = settings();
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_model(model);
    body->set_max_history_messages(messages_max);
    body->add_telegram_allow(kUser);
    ProviderRow* row = body->add_providers();
    row->set_name("openai");
    row->set_kind("openai");
    row->set_base_url("https://api.openai.com/v1");
    row->set_usable(true);
    return fact;
  }

  // Time goes on.
  void pass(std::int64_t milliseconds) { now += Duration(milliseconds); }

  Seq write(const std::string& text, std::int64_t message_id, std::int64_t user = kUser) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(kChat);
    body->set_source("telegram:1");
    body->set_update_id(message_id);
    body->set_external_id("update " + std::to_string(message_id));
    body->set_user(user);
    body->set_message_id(message_id);
    body->set_date(to_milliseconds(now) / 1'000);
    if (text.starts_with("/")) {
      const std::size_t space = text.find(' ');
      body->set_command(text.substr(1, space - 1));
      if (space != text.npos) fact.mutable_content()->set_arguments(text.substr(space + 1));
    }
    fact.mutable_content()->set_text(text);
    return record(std::move(fact));
  }

  OpenTurn running() { return turn(kChat); }

  Seq answer(const std::string& text, std::uint64_t prompt_tokens = 0,
             std::uint64_t output_tokens = 0, const std::string& odd_word = "") {
    const OpenTurn open = running();
    Fact fact;
    TurnCompleted* body = fact.mutable_turn_completed();
    body->set_turn(open.seq());
    body->set_attempt(open.attempt());
    body->set_finish(STOP);
    body->set_model("gpt-4o-mini-2024-07-18");
    body->set_request_id("chatcmpl-1");
    if (prompt_tokens > 0) {
      body->mutable_usage()->set_reported(true);
      body->mutable_usage()->set_prompt_tokens(prompt_tokens);
      body->mutable_usage()->set_output_tokens(output_tokens);
    }
    fact.mutable_content()->set_text(text);
    if (!odd_word.empty()) fact.mutable_content()->set_detail(odd_word);
    return record(std::move(fact));
  }

  Seq fail_attempt(ErrorClass error, std::int32_t status, std::int64_t retry_after,
                   const std::string& detail) {
    const OpenTurn open = running();
    Fact fact;
    AttemptFailed* body = fact.mutable_attempt_failed();
    body->set_turn(open.seq());
    body->set_attempt(open.attempt());
    body->set_error(error);
    body->set_status(status);
    body->set_retry_after(retry_after);
    fact.mutable_content()->set_detail(detail);
    return record(std::move(fact));
  }

  Seq attempt_post(Seq source) {
    Fact fact;
    fact.set_cause(source);
    fact.mutable_post_attempted()->set_source(source);
    fact.mutable_post_attempted()->set_attempt(++attempts_[source]);
    return record(std::move(fact));
  }

  // The channel shows this now.
  Seq posted(Seq source, const std::string& text, std::int64_t message_id) {
    Fact fact;
    fact.set_cause(source);
    ReplyPosted* body = fact.mutable_reply_posted();
    body->set_source(source);
    body->set_message_id(message_id);
    body->set_digest(text_digest(text));
    body->set_characters(static_cast<std::uint32_t>(text.size()));
    return record(std::move(fact));
  }

  Seq post(Seq source, const std::string& text, std::int64_t message_id) {
    attempt_post(source);
    return posted(source, text, message_id);
  }

  Seq edited(Seq source, const std::string& text) {
    Fact fact;
    fact.set_cause(source);
    ReplyEdited* body = fact.mutable_reply_edited();
    body->set_source(source);
    body->set_digest(text_digest(text));
    body->set_characters(static_cast<std::uint32_t>(text.size()));
    return record(std::move(fact));
  }

  Seq delayed(Seq source, std::int32_t status, std::int64_t pause, bool post, bool ambiguous) {
    Fact fact;
    fact.set_cause(source);
    DeliveryDelayed* body = fact.mutable_delivery_delayed();
    body->set_source(source);
    body->set_status(status);
    body->set_not_before(to_milliseconds(now) + pause);
    body->set_post(post);
    body->set_ambiguous(ambiguous);
    return record(std::move(fact));
  }

  // The notice that answers this message, shown.
  Seq show_notice(std::int64_t message_id) {
    const Event issued = last("NoticeIssued");
    post(issued.seq(), issued.content().text(), message_id);
    return issued.seq();
  }

  Seq record(Fact fact) {
    const Seq seq = gateway->record(std::move(fact), now);
    commit();
    return seq;
  }

 private:
  std::map<Seq, std::uint32_t> attempts_;
};

// All that is durable in `from`, as a journal in the place.
inline void lay_down(Log& from, const journal_place::Place& place) {
  journal_place::DiskLog disk(place.options());
  Batch batch;
  const auto scanned = from.scan(1, from.last(), all_kinds(), [&](const Record& record) {
    batch.records.push_back(record);
    return true;
  });
  REQUIRE(scanned);
  if (!batch.records.empty()) disk.log().append(std::move(batch));
  disk.settle();
}

}  // namespace daybook::testing
