// Edits as the journal alone tells them: what waits, what was answered and what is gone, and of
// every message the words that count now.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "core/directory.h"
#include "core/erasure.h"
#include "tests/sim/checkers.h"

namespace daybook::sim {
namespace {

// Where a message was written, and its number there: a chat that moves numbers anew.
using Written = std::pair<std::string, std::int64_t>;

Written written(const MessageReceived& message) { return {message.place(), message.message_id()}; }

Written written(const MessageEdited& message) { return {message.place(), message.message_id()}; }

// One session as far as its messages of words go.
struct Talk {
  std::map<Written, std::vector<Seq>> versions;  // the newest last
  std::set<Seq> waiting;
  std::set<Seq> answered;  // whatever became of the answer, and on whatever branch
  Seq open = 0;
};

Seq counts_now(const Talk& talk, const Written& message) {
  const auto versions = talk.versions.find(message);
  if (versions == talk.versions.end()) return 0;
  const auto newest = std::find_if(
      versions->second.rbegin(), versions->second.rend(),
      [&](Seq one) { return talk.waiting.contains(one) || talk.answered.contains(one); });
  return newest == versions->second.rend() ? 0 : *newest;
}

void forget(const SessionErased& erased, Talk* talk) {
  const auto gone = [&](Seq one) { return covers(erased, one); };
  std::erase_if(talk->waiting, gone);
  std::erase_if(talk->answered, gone);
}

void follow(const Event& event, Talk* talk) {
  if (event.has_turn_started()) talk->open = event.seq();
  if (ends_turn(event)) talk->open = 0;
  if (event.has_message_received() && event.message_received().command().empty()) {
    talk->versions[written(event.message_received())].push_back(event.seq());
    talk->waiting.insert(event.seq());
  }
  if (event.has_message_replaced()) {
    talk->waiting.erase(event.message_replaced().replaced());
    talk->waiting.insert(event.message_replaced().by());
  }
  for (const Seq message : event.turn_started().answers()) {
    talk->waiting.erase(message);
    talk->answered.insert(message);
  }
  talk->answered.insert(event.notice_issued().keeps().begin(), event.notice_issued().keeps().end());
  for (const Seq message : event.turn_cancelled().waits_again()) {
    talk->answered.erase(message);
    talk->waiting.insert(message);
  }
  talk->waiting.erase(event.notice_issued().answers());
  for (const Seq message : event.notice_issued().keeps()) talk->waiting.erase(message);
  for (const Seq message : event.turn_abandoned().waited()) talk->waiting.erase(message);
  for (const Seq message : event.queue_cleared().dropped()) talk->waiting.erase(message);
  if (event.has_session_reset() && !event.session_reset().waits_on()) talk->waiting.clear();
  if (event.has_session_erased()) forget(event.session_erased(), talk);
}

// What is answered already is not edited while anything runs; of several that are being answered,
// the others are answered with the new words.
bool stops_what_runs(const Event& event, Seq replaced, const Talk& talk, const Evidence& evidence) {
  if (event.has_message_replaced()) {
    return talk.open == 0 || talk.waiting.contains(replaced);
  }
  const auto& answers =
      evidence.events.at(event.turn_cancelled().turn() - 1).turn_started().answers();
  const bool among = std::ranges::find(answers, replaced) != answers.end();
  return !among || answers.size() == 1 ||
         event.turn_cancelled().waits_again_size() == answers.size();
}

// It was said in an earlier conversation, and the present one is not done: that is told alone.
bool told_alone(const Event& edit, Seq before, const Talk& talk, const Evidence& evidence) {
  const bool busy = talk.open != 0 || !talk.waiting.empty();
  const auto told = [&](const Event& event) {
    return event.notice_issued().topic() == "edited" && event.cause() == edit.seq();
  };
  return busy && !talk.waiting.contains(before) && std::ranges::any_of(evidence.events, told);
}

}  // namespace

Complaints edits_take_their_place(const Evidence& evidence) {
  std::map<Seq, const Said*> by_event;
  for (const Said& said : evidence.said) {
    if (const Event* event = received(evidence, said)) by_event[event->seq()] = &said;
  }
  std::map<Seq, Seq> replaced_by;
  for (const Event& event : evidence.events) {
    if (!event.has_message_replaced()) continue;
    replaced_by[event.message_replaced().by()] = event.message_replaced().replaced();
  }
  Complaints complaints;
  std::map<SessionId, Talk> talks;
  for (const Event& event : evidence.events) {
    if (event.session() == 0) continue;
    Talk& talk = talks[event.session()];
    const Seq by =
        event.has_message_replaced() ? event.message_replaced().by() : event.turn_cancelled().by();
    const auto edit = replaced_by.find(by);
    if (edit != replaced_by.end() && !stops_what_runs(event, edit->second, talk, evidence)) {
      complaints.push_back("edit " + std::to_string(by) + " does not stop what runs");
    }
    follow(event, &talk);
    const auto said = by_event.find(event.seq());
    if (!event.has_message_edited() || said == by_event.end()) continue;
    const std::string& text = said->second->text;
    const Seq before = counts_now(talk, written(event.message_edited()));
    if (before != 0) talk.versions[written(event.message_edited())].push_back(event.seq());
    const auto replaced = replaced_by.find(event.seq());
    const Seq place = replaced == replaced_by.end() ? 0 : replaced->second;
    const bool asks = before != 0 && !text.starts_with('/') && by_event.at(before)->text != text;
    if (place == (asks ? before : 0)) continue;
    if (place == 0 && told_alone(event, before, talk, evidence)) continue;
    complaints.push_back("edit " + std::to_string(event.seq()) + " took the place of event " +
                         std::to_string(place) + ", not of " + std::to_string(asks ? before : 0));
  }
  return complaints;
}

}  // namespace daybook::sim
