#include "tools/withholding.h"

#include "core/codec.h"
#include "core/directory.h"
#include "tools/session_events.h"

namespace daybook {
namespace {

// The turn whose attempt this event ends; 0: none.
Seq turn_left(const Event& event) {
  if (event.has_attempt_failed()) return event.attempt_failed().turn();
  if (event.has_turn_retried()) return event.turn_retried().turn();
  if (event.has_step_completed()) return event.step_completed().turn();
  return ends_turn(event) ? ended_turn(event) : 0;
}

}  // namespace

void Withholding::learn(const Event& event) {
  if (redactor_ == nullptr) return;
  if (event.has_chunk_received()) {
    const ChunkReceived& chunk = event.chunk_received();
    Said& said = open_[{chunk.turn(), chunk.attempt()}];
    (chunk.kind() == REASONING ? said.reasoning : said.text) += event.content().text();
    return;
  }
  const Seq turn = turn_left(event);
  if (turn == 0) return;
  judge(turn);
  Event copy = event;
  if (redact(&copy)) secret_turns_.insert(turn);
}

void Withholding::learnt() {
  while (!open_.empty()) judge(open_.begin()->first.first);
}

void Withholding::judge(Seq turn) {
  auto attempt = open_.lower_bound({turn, 0});
  while (attempt != open_.end() && attempt->first.first == turn) {
    const Said& said = attempt->second;
    if (holds_secret(said.text) || holds_secret(said.reasoning)) secret_turns_.insert(turn);
    attempt = open_.erase(attempt);
  }
}

bool Withholding::holds_secret(const std::string& text) const {
  return redactor_->clean(text) != text;
}

bool Withholding::redact(Event* event) const {
  if (redactor_ == nullptr) return false;
  if (!event->has_content()) return false;
  const bool locked_together = secret_turns_.contains(turn_of(*event));
  if (event->has_chunk_received() && locked_together) {
    event->mutable_content()->set_text("[secret]");
    return true;
  }
  Content cleaned = event->content();
  for (std::string* words : {cleaned.mutable_text(), cleaned.mutable_raw(), cleaned.mutable_name(),
                             cleaned.mutable_detail(), cleaned.mutable_arguments(),
                             cleaned.mutable_quoted(), cleaned.mutable_quoted_name()}) {
    *words = redactor_->clean(*words);
  }
  const bool changed = cleaned.SerializeAsString() != event->content().SerializeAsString();
  if (changed) *event->mutable_content() = std::move(cleaned);
  return changed || locked_together;
}

}  // namespace daybook
