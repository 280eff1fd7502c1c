// A story of one chat with its conversations: what is there, what was said last, and the same again
// for a process that starts now.
#pragma once

#include <string>

#include "tests/story.h"

namespace daybook::testing {

struct Chat : Story {
  explicit Chat(bool model_titles = false, std::int64_t idle = 0) {
    Fact fact = settings();
    fact.mutable_settings_loaded()->set_model_titles(model_titles);
    fact.mutable_settings_loaded()->set_idle(idle);
    gateway->record(std::move(fact), now);
  }

  const SessionState& state(const std::string& place = "console:local") {
    return gateway->session(gateway->directory().at(place)->id())->state();
  }
  std::string told() { return last("NoticeIssued").content().text(); }
  void exchange(const std::string& text, const std::string& place = "console:local") {
    say(text, place);
    complete(turn(place), "re: " + text);
  }
  std::string way() {
    std::string text;
    for (const Entry& entry : state().entries()) {
      text += (text.empty() ? "" : " | ") + gateway->text(entry.seq());
    }
    return text;
  }
  // With a number, by which it can be edited.
  Seq write(const std::string& text, std::int64_t message_id) {
    Fact fact;
    fact.mutable_message_received()->set_place("console:local");
    fact.mutable_message_received()->set_source("console");
    fact.mutable_message_received()->set_message_id(message_id);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }
  Seq edit(const std::string& text, std::int64_t message_id) {
    Fact fact;
    fact.mutable_message_edited()->set_place("console:local");
    fact.mutable_message_edited()->set_source("console");
    fact.mutable_message_edited()->set_message_id(message_id);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }
  void pass(std::int64_t milliseconds) { now += Duration(milliseconds); }
  // Nothing was said for long enough.
  Seq fall_silent() {
    Fact fact;
    fact.set_session(state().id());
    fact.mutable_deadline_passed()->set_what("idle");
    return gateway->record(std::move(fact), now);
  }
  bool holds(std::string_view part) { return told().find(part) != std::string::npos; }

  void check_refolds() {
    commit();
    const SessionRow* row = gateway->directory().at("console:local");
    const auto again = Session::load(row->id(), row->head(), row->last_chunk(), *gateway);
    REQUIRE(again);
    CHECK(again->state().SerializeAsString() == state().SerializeAsString());
  }
};

}  // namespace daybook::testing
