// One event at a time. Nine in ten are chunks of text, told by their bytes without decoding them.
#include "core/laws.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/gateway.h"
#include "core/short_bytes.h"
#include "core/state.pb.h"

namespace daybook {

namespace {

constexpr const char* kNoBody = "its body does not parse";

template <typename Body>
std::optional<Body> parse(std::string_view bytes) {
  std::optional<Body> body(std::in_place);
  if (!body->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) body.reset();
  return body;
}

template <typename Body>
ExternalId external_of(const RecordView& event) {
  const std::optional<Body> body = parse<Body>(event.clear);
  if (!body) return {};
  return {body->source(), body->external_id(), event.seq};
}

template <typename State>
std::string judge_state(const Snapshot& snapshot) {
  const std::optional<State> state = parse<State>(snapshot.state);
  if (!state) return "its state does not parse";
  if (state->seq() == snapshot.seq) return {};
  return "it says that it is of event " + std::to_string(snapshot.seq) +
         " and holds the state of " + std::to_string(state->seq());
}

std::string text_of(Seq seq) { return std::to_string(seq); }

}  // namespace

bool Laws::judge(const RecordView& event, std::string& complaint) {
  if (continues(event)) return true;
  complaint = judge_any(event);
  return complaint.empty();
}

// A chunk of text behind the one before it, as nearly all are. False: whatever it is, nothing was
// judged.
bool Laws::continues(const RecordView& event) {
  if (event.kind != Event::kChunkReceived || event.time < time_) return false;
  Talk* const talk = recent_[event.session % recent_.size()];
  const bool next = talk != nullptr && talk->id == event.session && talk->turn != 0 &&
                    event.prev == talk->last_chunk && event.cause == talk->attempt_seq &&
                    equal_short(event.clear, talk->chunk_body);
  if (!next) return false;
  time_ = event.time;
  talk->last_chunk = event.seq;
  return true;
}

std::string Laws::judge_any(const RecordView& event) {
  if (event.time < time_) return "its time lies before that of the event before it";
  time_ = event.time;
  if (event.kind == Event::kChunkReceived) return judge_chunk(event);
  Talk* talk = nullptr;
  std::string complaint = judge_place(event, talk);
  if (!complaint.empty()) return complaint;
  return judge_body(event, talk);
}

// The session it belongs to; null: none is known. One that began before the first event is made up.
Laws::Talk* Laws::talk_of(SessionId id) {
  Talk*& recent = recent_[id % recent_.size()];
  if (recent == nullptr || recent->id != id) recent = find_talk(id);
  return recent;
}

Laws::Talk* Laws::find_talk(SessionId id) {
  auto found = talks_.find(id);
  if (found == talks_.end() && id < first_ && id != 0) {
    found = talks_.try_emplace(id).first;
    found->second.id = id;
    found->second.head_known = false;
    found->second.turn_known = false;
  }
  return found == talks_.end() ? nullptr : &found->second;
}

std::string Laws::judge_chunk(const RecordView& event) {
  Talk* talk = talk_of(event.session);
  if (talk == nullptr) return "it is a chunk of a session that was never opened";
  if (talk->turn == 0 || !equal_short(event.clear, talk->chunk_body)) {
    const auto chunk = parse<ChunkReceived>(event.clear);
    if (!chunk) return kNoBody;
    std::string complaint = belongs(talk, chunk->turn(), chunk->attempt(), event.prev);
    if (!complaint.empty()) return complaint;
    if (talk->attempt_seq == 0) talk->attempt_seq = event.cause;
  }
  if (event.prev != talk->last_chunk) {
    return "the chunk before it is " + text_of(talk->last_chunk) + ", and it points to " +
           text_of(event.prev);
  }
  if (event.cause != talk->attempt_seq) {
    return "its attempt began with event " + text_of(talk->attempt_seq) + ", and its cause is " +
           text_of(event.cause);
  }
  talk->last_chunk = event.seq;
  return {};
}

// Its session, and the event before it there.
std::string Laws::judge_place(const RecordView& event, Talk*& talk) {
  if (event.session == 0) {
    return event.prev == 0 ? ""
                           : "it belongs to no session and points to event " + text_of(event.prev);
  }
  talk = talk_of(event.session);
  if (talk == nullptr && event.session != event.seq) {
    return "its session " + text_of(event.session) + " was never opened";
  }
  if (talk == nullptr) {
    talk = &talks_[event.seq];
    talk->id = event.seq;
    // Only a fork begins behind something.
    if (event.kind == Event::kSessionOpened) talk->head = 0;
    if (event.kind != Event::kSessionOpened) talk->head = event.prev;
  }
  if (!talk->head_known && event.prev < first_) {
    talk->head = event.prev;
    talk->head_known = true;
  }
  if (event.prev != talk->head) {
    return "the event before it in its session is " + text_of(talk->head) + ", and it points to " +
           text_of(event.prev);
  }
  talk->head = event.seq;
  return {};
}

std::string Laws::judge_body(const RecordView& event, Talk* talk) {
  switch (event.kind) {
    case Event::kSessionOpened: {
      const auto opened = parse<SessionOpened>(event.clear);
      if (!opened) return kNoBody;
      if (event.session != event.seq) return "it opens a session and belongs to another";
      talk->place = opened->place();
      return {};
    }
    case Event::kSessionForked: {
      const auto forked = parse<SessionForked>(event.clear);
      if (!forked) return kNoBody;
      if (event.session != event.seq) return "it forks a session and belongs to another";
      if (forked->at() != event.prev) return "it begins elsewhere than it says";
      talk->place = forked->place();
      return {};
    }
    case Event::kSessionErased:
      return judge_erased(event);
    case Event::kKeysDestroyed:
      return judge_destroyed(event);
    case Event::kJournalRestored:
      return judge_restored(event);
    case Event::kTurnStarted:
      return judge_started(event, talk);
    case Event::kTurnRetried:
      return judge_retried(event, talk);
    case Event::kAttemptFailed:
      return judge_outcome<AttemptFailed>(event, talk, false);
    case Event::kTurnCompleted:
      return judge_outcome<TurnCompleted>(event, talk, true);
    case Event::kTurnFailed:
      return judge_outcome<TurnFailed>(event, talk, true);
    case Event::kTurnCancelled:
      return judge_outcome<TurnCancelled>(event, talk, true);
    case Event::kTurnAbandoned:
      return judge_outcome<TurnAbandoned>(event, talk, true);
    case Event::kStepCompleted:
      return judge_outcome<StepCompleted>(event, talk, false);
    case Event::kStepStarted:
      return judge_step(event, talk);
    case Event::kToolRequested:
      return judge_tool<ToolRequested>(event, talk);
    case Event::kToolAttempted:
      return judge_tool<ToolAttempted>(event, talk);
    case Event::kToolReturned:
      return judge_tool<ToolReturned>(event, talk);
    case Event::kToolRefused:
      return judge_tool<ToolRefused>(event, talk);
    case Event::kNoticeIssued:
      return judge_notice(event, talk);
    case Event::kPostAttempted:
      return judge_delivery<PostAttempted>(event, talk);
    case Event::kReplyPosted:
      return judge_delivery<ReplyPosted>(event, talk);
    case Event::kReplyEdited:
      return judge_delivery<ReplyEdited>(event, talk);
    case Event::kDeliveryDelayed:
      return judge_delivery<DeliveryDelayed>(event, talk);
    case Event::kDeliveryFailed:
      return judge_delivery<DeliveryFailed>(event, talk);
    default:
      return {};
  }
}

void Laws::begin_attempt(Talk* talk, Seq seq, std::uint32_t attempt) {
  talk->attempt = attempt;
  talk->attempt_seq = seq;
  talk->last_chunk = 0;
  ChunkReceived chunk;
  chunk.set_turn(talk->turn);
  chunk.set_attempt(attempt);
  chunk.SerializeToString(&talk->chunk_body);
}

std::string Laws::judge_started(const RecordView& event, Talk* talk) {
  const auto size = static_cast<int>(event.clear.size());
  if (!started_.ParseFromArray(event.clear.data(), size)) return kNoBody;
  if (talk == nullptr) return "it is a turn of no session";
  if (talk->turn != 0) return "it begins while turn " + text_of(talk->turn) + " is open";
  for (const Seq message : started_.answers()) {
    if (message >= event.seq) return "it answers event " + text_of(message) + ", which came later";
  }
  talk->turn_known = true;
  talk->turn = event.seq;
  begin_attempt(talk, event.seq, 1);
  add_source(event.seq, talk);
  return {};
}

std::string Laws::judge_retried(const RecordView& event, Talk* talk) {
  const auto retried = parse<TurnRetried>(event.clear);
  if (!retried) return kNoBody;
  std::string complaint =
      belongs(talk, retried->turn(), retried->attempt() - 1, retried->last_chunk());
  if (talk == nullptr || !complaint.empty()) return complaint;
  complaint = ends_with(*talk, retried->last_chunk());
  if (!complaint.empty()) return complaint;
  begin_attempt(talk, event.seq, retried->attempt());
  return {};
}

// The chunks of the answer before it are told by its StepCompleted.
std::string Laws::judge_step(const RecordView& event, Talk* talk) {
  const auto started = parse<StepStarted>(event.clear);
  if (!started) return kNoBody;
  const Seq last_chunk = talk == nullptr ? 0 : talk->last_chunk;
  std::string complaint = belongs(talk, started->turn(), started->attempt() - 1, last_chunk);
  if (talk == nullptr || !complaint.empty()) return complaint;
  begin_attempt(talk, event.seq, started->attempt());
  return {};
}

template <typename Body>
std::string Laws::judge_outcome(const RecordView& event, Talk* talk, bool ends) {
  const auto body = parse<Body>(event.clear);
  if (!body) return kNoBody;
  std::string complaint = belongs(talk, body->turn(), body->attempt(), body->last_chunk());
  if (complaint.empty()) complaint = ends_with(*talk, body->last_chunk());
  if (!complaint.empty() || !ends) return complaint;
  talk->turn = 0;
  talk->last_chunk = 0;
  talk->chunk_body.clear();
  return {};
}

template <typename Body>
std::string Laws::judge_tool(const RecordView& event, Talk* talk) {
  const auto body = parse<Body>(event.clear);
  if (!body) return kNoBody;
  if (talk != nullptr && !talk->turn_known) return {};
  if (talk != nullptr && talk->turn == body->turn() && talk->turn != 0) return {};
  return "it belongs to turn " + text_of(body->turn()) + ", which is not open";
}

std::string Laws::judge_notice(const RecordView& event, Talk* talk) {
  const auto notice = parse<NoticeIssued>(event.clear);
  if (!notice) return kNoBody;
  if (notice->answers() >= event.seq) {
    return "it answers event " + text_of(notice->answers()) + ", which came later";
  }
  add_source(event.seq, talk);
  return {};
}

std::string Laws::judge_erased(const RecordView& event) {
  const auto erased = parse<SessionErased>(event.clear);
  if (!erased) return kNoBody;
  std::vector<Erasure>& words = erasures_[event.seq];
  for (const Range& range : erased->ranges()) {
    if (range.last() >= event.seq) {
      return "it erases event " + text_of(range.last()) + ", which came later";
    }
    words.push_back({{event.session, range.first(), range.last()}, false});
  }
  return {};
}

std::string Laws::judge_destroyed(const RecordView& event) {
  const auto destroyed = parse<KeysDestroyed>(event.clear);
  if (!destroyed) return kNoBody;
  const auto asked = erasures_.find(destroyed->of());
  if (asked == erasures_.end() && (destroyed->of() == 0 || destroyed->of() >= first_)) {
    return "it destroys keys for event " + text_of(destroyed->of()) + ", which erases nothing";
  }
  if (asked == erasures_.end()) return {};
  for (Erasure& erasure : asked->second) erasure.done = true;
  return {};
}

std::string Laws::judge_restored(const RecordView& event) {
  const auto restored = parse<JournalRestored>(event.clear);
  if (!restored) return kNoBody;
  const std::uint64_t before = std::exchange(epoch_, restored->epoch());
  if (restored->epoch() > before) return {};
  return "it begins epoch " + text_of(restored->epoch()) + " after epoch " + text_of(before);
}

template <typename Body>
std::string Laws::judge_delivery(const RecordView& event, const Talk* talk) const {
  const auto body = parse<Body>(event.clear);
  if (!body) return kNoBody;
  const Seq source = body->source();
  if (talk != nullptr && source == talk->last_source && source != 0) return {};
  const bool believed = source != 0 && source < first_;
  if (believed || is_source(source, event.session)) return {};
  return "it shows event " + text_of(source) + ", which is no turn or notice of its session";
}

// Is this the open turn and its attempt? A turn that began before the first event is believed.
std::string Laws::belongs(Talk* talk, Seq turn, std::uint32_t attempt, Seq last_chunk) const {
  if (talk == nullptr) return "it belongs to a turn and to no session";
  if (!talk->turn_known && turn < first_) {
    talk->turn_known = true;
    talk->turn = turn;
    talk->attempt = attempt;
    talk->attempt_seq = 0;
    talk->last_chunk = last_chunk;
  }
  if (turn != talk->turn || turn == 0) {
    const bool over = turn != 0 && is_source(turn, talk->id);
    return "it belongs to turn " + text_of(turn) +
           (over ? ", which is over" : ", which is not open");
  }
  if (attempt == talk->attempt) return {};
  return "it belongs to attempt " + text_of(attempt) + ", and attempt " + text_of(talk->attempt) +
         " is under way";
}

std::string Laws::ends_with(const Talk& talk, Seq last_chunk) {
  if (last_chunk == talk.last_chunk) return {};
  return "the attempt's last chunk is " + text_of(talk.last_chunk) + ", and it names " +
         text_of(last_chunk);
}

void Laws::add_source(Seq seq, Talk* talk) {
  sources_.emplace_back(seq, talk == nullptr ? 0 : talk->id);
  if (talk != nullptr) talk->last_source = seq;
}

bool Laws::is_source(Seq seq, SessionId session) const {
  const auto found =
      std::lower_bound(sources_.begin(), sources_.end(), std::pair(seq, SessionId{0}));
  return found != sources_.end() && *found == std::pair(seq, session);
}

ExternalId Laws::external(const RecordView& event) const {
  switch (event.kind) {
    case Event::kMessageReceived:
      return external_of<MessageReceived>(event);
    case Event::kMessageEdited:
      return external_of<MessageEdited>(event);
    case Event::kButtonPressed:
      return external_of<ButtonPressed>(event);
    case Event::kMessageRefused:
      return external_of<MessageRefused>(event);
    case Event::kPlaceMoved:
      return external_of<PlaceMoved>(event);
    default:
      return {};
  }
}

std::vector<RecordJudge::Erasure> Laws::erasures() const {
  std::vector<Erasure> all;
  for (const auto& [asked, erasures] : erasures_) {
    all.insert(all.end(), erasures.begin(), erasures.end());
  }
  return all;
}

std::vector<Ref> Laws::refs() const {
  std::vector<Ref> refs;
  for (const auto& [id, talk] : talks_) refs.push_back({talk.place, id, talk.head});
  std::sort(refs.begin(), refs.end(),
            [](const Ref& one, const Ref& other) { return one.name < other.name; });
  return refs;
}

std::string Laws::judge(const Snapshot& snapshot) const {
  if (snapshot.version != Gateway::kSnapshotVersion) return {};
  if (snapshot.projection == "directory") return judge_state<DirectoryState>(snapshot);
  if (snapshot.projection == "work") return judge_state<WorkState>(snapshot);
  return {};
}

}  // namespace daybook
