// Coming back: late messages are held and answered together; beyond a number of conversations the
// owner is asked first; and a gap in which the source may have dropped messages is told.
//
// Law: a late message waits until no other follows, never longer than a fact takes that says so. In
// a chat whose reader writes anew, everything that waits is answered at once, with what is new, as
// far as the first command that waits; that is carried out next.
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "core/command.h"
#include "core/decide_conversation.h"
#include "core/late.h"

namespace daybook {

namespace {

constexpr std::size_t kToldOfGapMax = 100;
// Who spoke so long before the gap, or later, is told of it.
constexpr Duration kActive{7 * 24 * 3'600'000};
constexpr std::int64_t kUpdatesKeptHours = 24;

// `more`: others came, too, and wait.
std::string late_sentence(const Preface& late, bool more) {
  const std::string age = age_text(Duration(late.late_milliseconds()));
  if (more) {
    return "More came while I was away than one answer can be given to. What was written from " +
           age + " ago on is answered first; the rest waits for that.";
  }
  if (late.late_messages() == 1) {
    return "This was written " + age + " ago, while I was away. The answer follows.";
  }
  return std::to_string(late.late_messages()) + " messages came while I was away, the first " +
         age + " ago. One answer to all of them follows.";
}

// Whatever is not named here changes what comes behind it.
bool acts_out_of_order(const Event& message) {
  constexpr std::string_view kAlways[] = {
      "start",  "help",    "status", "models",  "whoami", "search", "session",      "branches",
      "export", "context", "usage",  "recover", "erase",  "stop",   kUnknownCommand};
  constexpr std::string_view kAlone[] = {"model",  "provider", "thinking", "temperature",
                                         "system", "set",      "queue",    "sessions",
                                         "title",  "policy",   "goal",     "task"};
  const std::string& command = message.message_received().command();
  const auto named = [&](const auto& list) {
    return std::find(std::begin(list), std::end(list), command) != std::end(list);
  };
  return named(kAlways) || (named(kAlone) && message.content().arguments().empty());
}

// What runs, or what waits, is what it is about.
bool stops_or_drops(const Event& message) {
  constexpr std::string_view kNames[] = {"stop", "reset", "forget", "undo", "queue"};
  return std::find(std::begin(kNames), std::end(kNames), message.message_received().command()) !=
         std::end(kNames);
}

// All that is to be answered by one turn.
std::vector<Event> gathered(const State& state, const Session& session) {
  std::vector<Event> messages;
  for (const Waiting& waiting : session.state().waiting()) {
    if (waits_once_more(session, waiting)) continue;
    std::optional<Event> message = state.history.event(waiting.seq());
    if (message && is_command(*message)) break;
    if (message && is_plain(*message)) messages.push_back(*std::move(message));
  }
  return messages;
}

bool waits_late(const Session& session, Seq message) {
  const auto& waiting = session.state().waiting();
  return std::any_of(waiting.begin(), waiting.end(),
                     [message](const Waiting& one) { return one.seq() == message && one.late(); });
}

Preface lateness_of(const State& state, const Session& session,
                    const std::vector<Event>& messages) {
  Preface late;
  Duration oldest{};
  for (const Event& message : messages) {
    // New words of a late message need not be late.
    const auto age = lateness(message, Duration(state.directory.settings().stale_after()));
    if (!age || !waits_late(session, message.seq())) continue;
    late.set_late_messages(late.late_messages() + 1);
    oldest = std::max(oldest, *age);
  }
  late.set_late_milliseconds(oldest.count());
  return late;
}

// The owner said so after it had come.
bool released(const State& state, const Session& session) {
  const Seq allowed = state.directory.state().recovery_allowed();
  const auto& waiting = session.state().waiting();
  return std::any_of(waiting.begin(), waiting.end(),
                     [allowed](const Waiting& one) { return one.late() && one.seq() < allowed; });
}

struct Answered {
  Decisions decisions;
  std::size_t messages = 0;  // how many of them that settles
  bool starts = false;
};

// One answer to the first of them: to all, or to half as many while they do not fit one prompt or
// one of their writers has spent a budget.
Answered answer_some(const State& state, const Session& session, std::vector<Event> messages) {
  bool crowded = false;  // one prompt has no room for all
  while (true) {
    const Preface late = lateness_of(state, session, messages);
    Answered answered{start_answers(state, session, messages, late), messages.size()};
    const Decisions& made = answered.decisions;
    answered.starts = std::any_of(made.begin(), made.end(),
                                  [](const Event& one) { return one.has_turn_started(); });
    if (answered.starts && late.late_messages() > 0) {
      const std::string told = late_sentence(late, crowded);
      answered.decisions.insert(answered.decisions.begin(), notice(session, nullptr, told, "late"));
    }
    const std::string topic = made.empty() ? "" : made.front().notice_issued().topic();
    const bool too_much = !answered.starts && (topic == "context" || topic == "budget");
    if (!too_much || messages.size() == 1) return answered;
    crowded = crowded || topic == "context";
    messages.resize(messages.size() / 2);
  }
}

// Places of the channel but the owner's, the one spoken in last first: as many as are told.
std::vector<const SessionRow*> active_rows(const State& state, std::string_view channel,
                                           std::int64_t last_asked) {
  const std::string owner = state.directory.owner_place();
  std::vector<const SessionRow*> rows;
  for (const auto& [id, row] : state.directory.sessions()) {
    const bool active = row.time() + kActive.count() >= last_asked;
    if (channel_of(row.place()) != channel || !active || row.place() == owner) continue;
    rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const SessionRow* one, const SessionRow* other) {
    return one->time() > other->time();
  });
  if (rows.size() > kToldOfGapMax) rows.resize(kToldOfGapMax);
  return rows;
}

std::string hour_text(std::int64_t milliseconds) {
  return std::to_string(milliseconds / 3'600'000) + " hours";
}

}  // namespace

bool is_command(const Event& message) { return !message.message_received().command().empty(); }

bool is_plain(const Event& message) {
  return !is_command(message) &&
         message.content().text().find_first_not_of(" \t\r\n") != std::string::npos;
}

bool wrote_anew(const State& state, const Session& session) {
  const auto& waiting = session.state().waiting();
  return std::any_of(waiting.begin(), waiting.end(), [&](const Waiting& one) {
    if (one.late()) return false;
    const std::optional<Event> message = state.history.event(one.seq());
    return message && (is_plain(*message) || is_command(*message));
  });
}

bool words_came_late(const State& state, const Session& session) {
  if (!has_late(session.state())) return false;
  const std::vector<Event> messages = gathered(state, session);
  return std::any_of(messages.begin(), messages.end(),
                     [&](const Event& one) { return waits_late(session, one.seq()); });
}

bool comes_late(const State& state, const Session& session, const Event& message) {
  if (state.directory.rules() < 3 || !message.has_message_received()) return false;
  const SessionState& talk = session.state();
  const bool follows = answering(session) || talk.compacting() != 0 || has_late(talk);
  const bool waits = is_command(message) && follows && !acts_out_of_order(message);
  if (!is_plain(message) && !waits) return false;
  return lateness(message, Duration(state.directory.settings().stale_after())).has_value();
}

bool waits_in_line(const State& state, const Session& session, const Event& message) {
  if (!is_command(message) || acts_out_of_order(message) || stops_or_drops(message)) return false;
  const auto& waiting = session.state().waiting();
  return std::any_of(waiting.begin(), waiting.end(), [&](const Waiting& one) {
    const std::optional<Event> waits =
        one.late() ? state.history.clear_event(one.seq()) : std::nullopt;
    return waits && is_command(*waits);
  });
}

Decisions hold_message(const State& state, const Session& session, Seq message) {
  Event held;
  held.set_session(session.state().id());
  held.mutable_message_held()->set_message(message);
  held.mutable_message_held()->set_until(to_milliseconds(state.now + kGatherPause));
  return {std::move(held)};
}

Decisions answer_late(const State& state, const Session& session) {
  const std::vector<Event> all = gathered(state, session);
  Decisions decisions;
  for (std::size_t first = 0; first < all.size();) {
    Answered answered =
        answer_some(state, session, {all.begin() + static_cast<long>(first), all.end()});
    for (Event& one : answered.decisions) decisions.push_back(std::move(one));
    if (answered.starts) break;
    first += answered.messages;
  }
  return decisions;
}

Decisions settle_late(const State& state, const Session& session) {
  const DirectoryState& known = state.directory.state();
  const std::uint32_t most = state.directory.settings().recovery_turns();
  const std::string owner = state.directory.owner_place();
  const bool asks =
      most != 0 && known.late_turns() >= most && !owner.empty() && !released(state, session);
  if (!asks || wrote_anew(state, session)) return answer_late(state, session);
  if (known.recovery_asked()) return {};
  Event asked;
  asked.mutable_recovery_asked()->set_answered(known.late_turns());
  const std::string answered =
      known.late_turns() == 1 ? "One conversation was answered"
                              : std::to_string(known.late_turns()) + " conversations were answered";
  return {std::move(asked),
          notice_at(state, owner,
                    "\u26A0 Messages came while I was away. " + answered +
                        "; more are waiting, and I ask before I answer them all "
                        "(recovery.max_turns). /recover answers them. Who writes anew is answered "
                        "without it.",
                    "recovery")};
}

Decisions drop_held(const State& state) {
  Decisions decisions;
  for (const auto& [id, row] : state.directory.sessions()) {
    if (!row.held()) continue;
    const Session* session = state.session(id);
    if (session == nullptr || session->busy()) continue;
    for (const Waiting& waiting : session->state().waiting()) {
      if (!waiting.late() && waiting.joins() == 0) continue;
      const std::optional<Event> message = state.history.clear_event(waiting.seq());
      if (!message) continue;
      decisions.push_back(notice(*session, &*message,
                                 "This was waiting for its answer when the backup was made that "
                                 "the journal was restored from. If it was not answered, please "
                                 "write it again.",
                                 "late"));
    }
  }
  return decisions;
}

Decisions decide_gathered(const State& state, const Event& event) {
  if (event.deadline_passed().what() != kGathered) return {};
  const Session* session = state.session(event.session());
  return session == nullptr ? Decisions() : settle_waiting_messages(state, *session);
}

Decisions answer_recover(const State& state, const Session& session, const Event& message) {
  const std::int64_t user = message.message_received().user();
  const std::int64_t owner = state.directory.owner();
  const bool here = user == 0;  // at this machine
  if (!here && (owner == 0 || user != owner)) {
    return {notice(session, &message, "Only the owner of this gateway can do that.", "recovery")};
  }
  Event allowed;
  allowed.mutable_recovery_allowed()->set_answers(message.seq());
  Decisions decisions;
  std::uint32_t count = 0;
  for (const auto& [id, row] : state.directory.sessions()) {
    if (!row.held()) continue;
    const Session* held = state.session(id);
    if (held == nullptr || !has_late(held->state())) continue;
    ++count;
    if (held->busy()) continue;  // when what runs has ended
    for (Event& one : answer_late(state, *held)) decisions.push_back(std::move(one));
  }
  decisions.insert(
      decisions.begin(),
      notice(session, &message,
             count == 0
                 ? "Nothing waits to be answered."
                 : "The late messages of " + std::to_string(count) +
                       (count == 1 ? " conversation are" : " conversations are") + " answered now.",
             "recovery"));
  decisions.insert(decisions.begin(), std::move(allowed));
  return decisions;
}

Decisions decide_gap(const State& state, const Event& event) {
  if (state.directory.rules() < 3) return {};
  const UpdatesGap& gap = event.updates_gap();
  const std::string channel(channel_of(gap.source()));
  const std::int64_t away = event.time() - gap.last_asked();
  const std::int64_t lost = away - kUpdatesKeptHours * 3'600'000;
  const std::string owner = state.directory.owner_place();
  const std::string text =
      "\u26A0 I was away for " + hour_text(away) +
      ". Messages are kept for me for 24 hours: what was written in the first " +
      age_text(Duration(lost)) + " of it may be lost. Please write it again.";
  const std::vector<const SessionRow*> told = active_rows(state, channel, gap.last_asked());
  Decisions decisions;
  if (!owner.empty()) {
    const std::string others =
        told.size() < kToldOfGapMax
            ? " Every active chat is told the same."
            : " The " + std::to_string(kToldOfGapMax) + " chats active last are told the same.";
    decisions.push_back(notice_at(state, owner, text + others, "gap"));
  }
  for (const SessionRow* row : told) {
    decisions.push_back(notice_at(state, row->place(), text, "gap"));
  }
  return decisions;
}

}  // namespace daybook
