// Short ways to write events down in tests: each returns one with its header filled in.
//
// Kept apart from the product: nothing outside tests may make events this loosely.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/events.pb.h"
#include "core/ports.h"

namespace daybook::testing {

inline Event at(Seq seq, std::int64_t time, SessionId session = 0) {
  Event event;
  event.set_seq(seq);
  event.set_time(time);
  event.set_session(session);
  return event;
}

inline Event turn_started(Event event, const std::string& place, Seq message) {
  TurnStarted* body = event.mutable_turn_started();
  body->set_place(place);
  body->set_model("m");
  body->set_provider("p");
  body->add_answers(message);
  return event;
}

inline Event chunk(Event event, Seq turn, std::uint32_t attempt, const std::string& text) {
  event.mutable_chunk_received()->set_turn(turn);
  event.mutable_chunk_received()->set_attempt(attempt);
  event.mutable_content()->set_text(text);
  return event;
}

inline Event turn_completed(Event event, Seq turn, const std::string& text) {
  event.mutable_turn_completed()->set_turn(turn);
  event.mutable_turn_completed()->set_attempt(1);
  event.mutable_turn_completed()->set_tokens(static_cast<std::uint32_t>(text.size()));
  event.mutable_content()->set_text(text);
  return event;
}

inline Event turn_retried(Event event, Seq turn, std::uint32_t attempt) {
  event.mutable_turn_retried()->set_turn(turn);
  event.mutable_turn_retried()->set_attempt(attempt);
  return event;
}

inline Event notice_issued(Event event, const std::string& place, const std::string& text) {
  event.mutable_notice_issued()->set_place(place);
  event.mutable_content()->set_text(text);
  return event;
}

inline Event post_attempted(Event event, Seq source, std::uint32_t part, std::uint32_t attempt) {
  PostAttempted* body = event.mutable_post_attempted();
  body->set_source(source);
  body->set_part(part);
  body->set_attempt(attempt);
  return event;
}

inline Event message_received(Event event, const std::string& place, const std::string& text) {
  event.mutable_message_received()->set_place(place);
  event.mutable_message_received()->set_tokens(static_cast<std::uint32_t>(text.size()));
  event.mutable_content()->set_text(text);
  return event;
}

// A history of exactly these events.
class Told : public History {
 public:
  void tell(Event event) { events_[event.seq()] = std::move(event); }
  std::optional<Event> event(Seq seq) override {
    const auto found = events_.find(seq);
    if (found == events_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::map<Seq, Event> events_;
};

}  // namespace daybook::testing
