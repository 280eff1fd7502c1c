// Queues and conversations as the journal alone tells them: which mode is in force, what was
// written since an answer began, and in which conversation.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/directory.h"
#include "tests/sim/checkers.h"

namespace daybook::sim {
namespace {

// One session as its queue sees it.
struct Lane {
  std::string own;                   // of the present conversation
  Seq conversation = 0;              // it, by the reset that began it
  std::map<Seq, Seq> conversations;  // of each entry
  std::map<Seq, std::string> left;   // what was own in those that were left
  Seq open = 0;                      // an answer, not a summary
  std::set<Seq> written_on;          // since it began, and waiting
  std::set<Seq> late;                // came late: waits for others and cuts nothing
  bool cut_due = false;              // the next event of the session must be its end
  bool tool_at_work = false;         // nothing cuts it
};

// A conversation is found as it was left.
void go_where_it_goes(const Event& event, Lane* lane) {
  for (const Seq message : event.turn_started().answers()) {
    lane->conversations[message] = lane->conversation;
  }
  if (ends_turn(event)) lane->conversations[event.seq()] = lane->conversation;
  if (event.has_session_reset()) {
    lane->left[lane->conversation] = lane->own;
    lane->conversation = event.seq();
    if (event.session_reset().settings_too()) lane->own.clear();
  }
  // Where an edit waits, or where what is edited was answered.
  const MessageReplaced& replaced = event.message_replaced();
  const Seq to = event.has_message_replaced() ? replaced.replaced() : event.leaf_moved().to();
  const auto there = lane->conversations.find(to);
  if (there == lane->conversations.end() || there->second == lane->conversation) return;
  lane->left[lane->conversation] = lane->own;
  lane->conversation = there->second;
  lane->own = lane->left[lane->conversation];
}

void follow(const Event& event, Lane* lane) {
  go_where_it_goes(event, lane);
  if (event.has_setting_changed() && event.setting_changed().key() == "queue") {
    lane->own = event.setting_changed().value();
  }
  if (event.has_turn_started()) {
    lane->open = event.turn_started().kind() == ANSWER ? event.seq() : 0;
    lane->written_on.clear();
  }
  if (ends_turn(event)) lane->open = 0;
  if (event.has_step_completed()) lane->tool_at_work = true;
  if (event.has_step_started() || event.has_turn_started()) lane->tool_at_work = false;
  if (event.has_message_held()) lane->late.insert(event.message_held().message());
  lane->written_on.erase(event.message_held().message());
  lane->written_on.erase(event.notice_issued().answers());
  for (const Seq message : event.queue_cleared().dropped()) lane->written_on.erase(message);
  const bool words = event.has_message_received() && event.message_received().command().empty();
  if (words && lane->open != 0) lane->written_on.insert(event.seq());
  if (!event.has_message_replaced()) return;
  const MessageReplaced& replaced = event.message_replaced();
  lane->written_on.erase(replaced.replaced());
  if (lane->late.contains(replaced.replaced())) {
    lane->late.insert(replaced.by());
  } else if (lane->open != 0) {
    lane->written_on.insert(replaced.by());
  }
}

// The message that asked for another conversation; 0: it is gone to for none.
Seq asked_elsewhere(const Event& event) {
  return event.has_session_reset() ? event.session_reset().answers() : event.leaf_moved().answers();
}

}  // namespace

// What was said in one conversation is answered in no other: what waits behind a late command that
// goes to another was said there.
Complaints answered_where_said(const Evidence& evidence) {
  Complaints complaints;
  std::map<SessionId, Lane> lanes;
  std::map<Seq, Seq> said_in;
  for (const Event& event : evidence.events) {
    if (event.session() == 0) continue;
    Lane& lane = lanes[event.session()];
    go_where_it_goes(event, &lane);
    if (event.has_message_received()) said_in[event.seq()] = lane.conversation;
    if (event.has_message_replaced()) said_in[event.message_replaced().by()] = lane.conversation;
    const Seq asked = asked_elsewhere(event);
    for (auto said = said_in.upper_bound(asked); asked != 0 && said != said_in.end(); ++said) {
      if (evidence.events.at(said->first - 1).session() == event.session()) {
        said->second = lane.conversation;
      }
    }
    for (const Seq message : event.turn_started().answers()) {
      if (said_in[message] == lane.conversation) continue;
      complaints.push_back("event " + std::to_string(message) + " is answered elsewhere");
    }
  }
  return complaints;
}

Complaints queue_modes_hold(const Evidence& evidence) {
  Complaints complaints;
  std::string usual;
  std::map<SessionId, Lane> lanes;
  for (const Event& event : evidence.events) {
    if (event.has_settings_loaded()) usual = event.settings_loaded().queue_mode();
    if (event.session() == 0) continue;
    Lane& lane = lanes[event.session()];
    const std::string mode = lane.own.empty() ? usual : lane.own;
    const bool passed = event.turn_cancelled().turn() == lane.open || event.has_message_held();
    if (std::exchange(lane.cut_due, false) && !passed) {
      complaints.push_back("turn " + std::to_string(lane.open) + " was not cut, in mode " + mode);
    }
    const std::size_t before = lane.written_on.size();
    follow(event, &lane);
    const bool wrote = event.has_message_received() && lane.written_on.size() > before;
    // In the middle of asking for a tool there is nothing to be read on from.
    const bool piece = event.has_chunk_received() && event.chunk_received().kind() != TOOL_USE;
    lane.cut_due = (mode == "interrupt" && wrote && !lane.tool_at_work) ||
                   ((mode == "interrupt" || mode == "steer") && piece && !lane.written_on.empty());
    const auto& answers = event.turn_started().answers();
    const bool late =
        std::ranges::any_of(answers, [&](Seq one) { return lane.late.contains(one); });
    if (answers.size() > 1 && !late && mode == "wait") {
      complaints.push_back("turn " + std::to_string(event.seq()) + " answers several");
    }
    const bool cut =
        event.turn_cancelled().for_message() != 0 &&
        evidence.events.at(event.turn_cancelled().turn() - 1).turn_started().kind() == ANSWER;
    if (cut && (mode == "wait" || mode == "collect")) {
      complaints.push_back("event " + std::to_string(event.seq()) + " cuts, in mode " + mode);
    }
  }
  return complaints;
}

}  // namespace daybook::sim
