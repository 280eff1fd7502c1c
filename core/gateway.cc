#include "core/gateway.h"

#include <algorithm>
#include <utility>

#include "core/access.h"
#include "core/codec.h"
#include "core/continuing.h"
#include "core/open_turn.h"
#include "core/steps.h"
#include "core/tokens.h"
#include "core/told.h"

namespace daybook {

namespace {

constexpr std::string_view kDirectorySnapshot = "directory";
constexpr std::string_view kWorkSnapshot = "work";

// An adapter's calls carry its index in the top 16 bits.
constexpr int kAdapterShift = 48;
constexpr CallId kLocalMask = (CallId{1} << kAdapterShift) - 1;

// No adapter holds up the others: what is still due is asked for in the next turn.
constexpr int kDuePerTurn = 256;

// Some two and a half megabytes; beyond that they are made again.
constexpr std::size_t kDigestsMax = 32'768;
// Less than half a megabyte, but for conversations whose prompts are in many pieces.
constexpr std::size_t kMemosMax = 1'024;
// Of some hundred bytes each, and as many again until it is looked at.
constexpr std::size_t kMarksMax = 4'096;

std::string place_of(const Event& fact) {
  if (fact.has_message_received()) return fact.message_received().place();
  if (fact.has_message_edited()) return fact.message_edited().place();
  if (fact.has_button_pressed()) return fact.button_pressed().place();
  return {};
}

// A provider's fact counts only for the attempt that is current.
bool superseded(const Event& fact, const SessionState& session) {
  const auto other = [&](const auto& body) {
    return !session.has_open() || session.open().seq() != body.turn() ||
           session.open().attempt() != body.attempt() || session.open().using_tools();
  };
  if (fact.has_chunk_received()) return other(fact.chunk_received());
  if (fact.has_turn_completed()) return other(fact.turn_completed());
  if (fact.has_attempt_failed()) return other(fact.attempt_failed());
  if (is_step(fact)) return step_superseded(session.open(), fact);
  return false;
}

// An answer that goes on is whole with what was said before. One that is told again has it already.
void complete_answer(Event* fact, const OpenTurn& open, std::uint32_t rules, History& history) {
  TurnCompleted* completed = fact->mutable_turn_completed();
  const std::string asked = model_name(open.provider(), open.model());
  if (!open.wanted().empty() && open.wanted() != asked) completed->set_stood_in(asked);
  if (fact->content().erased()) return;
  if (open.continues() != 0 && completed->earlier_bytes() == 0) {
    Joined whole = joined(open, fact->content().text(), history);
    completed->set_earlier_bytes(whole.earlier_bytes);
    completed->set_said_tokens(estimate_tokens(fact->content().text(), rules));
    fact->mutable_content()->set_text(std::move(whole.text));
  }
  completed->set_tokens(estimate_tokens(fact->content().text(), rules));
}

void complete_fact(Event* fact, const SessionState& session, std::uint32_t rules,
                   History& history) {
  const Seq last_chunk = session.open().last_chunk();
  if (fact->has_turn_completed()) {
    fact->mutable_turn_completed()->set_last_chunk(last_chunk);
    complete_answer(fact, session.open(), rules, history);
  } else if (fact->has_attempt_failed()) {
    fact->mutable_attempt_failed()->set_last_chunk(last_chunk);
    if (rules < 3 || fact->content().erased()) return;
    AttemptFailed* failed = fact->mutable_attempt_failed();
    failed->set_tokens(estimate_tokens(fact->content().text(), rules));
    if (failed->usage().reported()) return;
    failed->set_unseen_tokens(estimate_tokens(unseen_so_far(last_chunk, history), rules));
  } else if (is_step(*fact)) {
    if (fact->has_step_completed()) fact->mutable_step_completed()->set_last_chunk(last_chunk);
    complete_step_fact(fact, rules);
  }
}

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::open(Log& log, const GatewayLimits& limits) {
  std::unique_ptr<Gateway> gateway(new Gateway(log, limits));
  if (Result<void> loaded = gateway->load(); !loaded) return loaded.error();
  return gateway;
}

Result<void> Gateway::load() {
  DirectoryState directory;
  WorkState work;
  for (const auto& [name, state] :
       {std::pair<std::string_view, google::protobuf::Message*>{kDirectorySnapshot, &directory},
        {kWorkSnapshot, &work}}) {
    Result<std::optional<Snapshot>> snapshot = log_.snapshot(name, 0);
    if (!snapshot) return snapshot.error();
    if (!*snapshot || (*snapshot)->version != kSnapshotVersion) continue;
    // A snapshot is a cache: one that does not parse is as good as none.
    if (!state->ParseFromString((*snapshot)->state)) state->Clear();
  }
  directory_ = Directory::restore(std::move(directory));
  work_ = Work::restore(work, *this);
  snapshot_seq_ = std::min(directory_.seq(), work_.seq);
  Result<void> folded = fold(snapshot_seq_, all_but_chunks(), [this](const Event& event) {
    directory_.apply(event);
    work_.apply(event);
  });
  if (folded) folded = fold_skipped();
  if (!folded) return folded.error();
  work_.deliveries.read_growing(*this);
  next_ = log_.last() + 1;
  last_time_ = directory_.time();
  return {};
}

Result<void> Gateway::fold(Seq after, const KindSet& kinds,
                           const std::function<void(const Event&)>& apply) {
  std::optional<Error> damaged;
  const Result<void> scanned = log_.scan(after + 1, log_.last(), kinds, [&](const Record& record) {
    const Result<Event> event = from_record(record);
    if (event) {
      apply(*event);
    } else {
      damaged = event.error();
    }
    return !damaged;
  });
  if (!scanned) return scanned.error();
  if (damaged) return *damaged;
  return {};
}

// Nine events in ten are chunks, and when an answer has ended nothing is left of them: only those
// of answers that still grow are read. One of both snapshots may know some already.
Result<void> Gateway::fold_skipped() {
  Seq after = log_.last();
  for (const auto& [seq, turn] : work_.calls.open()) {
    after = std::min(after, std::max<Seq>(turn.attempt_seq(), snapshot_seq_));
  }
  return fold(after, KindSet().set(Event::kChunkReceived), [this](const Event& event) {
    const auto& open = work_.calls.open();
    const auto turn = open.find(event.chunk_received().turn());
    if (turn == open.end() || event.seq() < turn->second.attempt_seq()) return;
    directory_.apply_skipped(event);
    work_.apply_skipped(event);
  });
}

void Gateway::connect(const std::vector<Adapter*>& adapters, Transport& transport) {
  transport_ = &transport;
  for (Adapter* adapter : adapters) adapters_.push_back({adapter, 0});
}

Seq Gateway::record(Fact fact, Time now) {
  std::optional<ExternalId> external = external_id_of(fact);
  if (external && known(external->source, external->id)) return 0;
  fact = admitted(directory_, std::move(fact));
  if (!place_in_session(&fact, now)) return 0;
  if (fact.has_message_received() && !fact.content().erased()) {
    fact.mutable_message_received()->set_tokens(
        estimate_tokens(told_text(fact), directory_.rules()));
  }
  const bool counted = directory_.state().rules() >= 3 && !fact.content().erased();
  if (fact.has_message_edited() && counted) {
    fact.mutable_message_edited()->set_tokens(estimate_tokens(told_text(fact), directory_.rules()));
  }
  const Seq seq = append(std::move(fact), now);
  if (external) {
    external->seq = seq;
    batch_.externals.push_back(*std::move(external));
  }
  const State state{directory_, [this](SessionId session_id) { return session(session_id); }, *this,
                    std::max(now, last_time_)};
  // What is decided is decided about in its turn.
  for (Seq undecided = seq; undecided < next_; ++undecided) {
    const Event& event = in_flight_.at(undecided);  // stays where it is
    for (Event& decision : decide_(state, event)) {
      decision.set_cause(event.seq());
      append(std::move(decision), now);
    }
    // Who asks for words that are gone is to be told so each time, not once.
    if (lost_words_read_) forget_memos();
  }
  if (in_flight_.at(seq).has_gateway_started()) recovered_seq_ = next_ - 1;
  return seq;
}

bool Gateway::known(const std::string& source, const std::string& id) {
  const bool queued =
      std::any_of(batch_.externals.begin(), batch_.externals.end(),
                  [&](const ExternalId& one) { return one.source == source && one.id == id; });
  return queued || log_.find(source, id).has_value();
}

bool Gateway::place_in_session(Event* fact, Time now) {
  const std::string place = place_of(*fact);
  if (fact->has_place_moved() && fact->session() == 0) {
    const SessionRow* row = directory_.at(fact->place_moved().from());
    if (row != nullptr) fact->set_session(row->id());
  }
  if (!place.empty()) {
    const SessionRow* row = directory_.at(place);
    if (row == nullptr && !fact->has_message_received()) return true;
    if (row == nullptr) {
      Event opened;
      opened.mutable_session_opened()->set_place(place);
      append(std::move(opened), now);
      row = directory_.at(place);
    }
    fact->set_session(row->id());
    return true;
  }
  const Seq subject = subject_of(*fact);
  if (subject == 0) return true;
  if (fact->session() == 0) {
    const std::optional<Event> about = event(subject);
    if (!about) return false;
    fact->set_session(about->session());
  }
  const Session* owner = session(fact->session());
  if (owner == nullptr) return fact->session() == 0;
  if (superseded(*fact, owner->state())) return false;
  complete_fact(fact, owner->state(), directory_.rules(), *this);
  return true;
}

Seq Gateway::append(Event event, Time now) {
  last_time_ = std::max(now, last_time_);
  event.set_seq(next_++);
  event.set_time(to_milliseconds(last_time_));
  const bool forked = event.has_session_forked();
  if (event.has_session_opened() || forked) event.set_session(event.seq());
  if (forked) event.set_prev(event.session_forked().at());
  // First touch before the event is folded into the directory: the chain it loads ends before it.
  if (event.session() != 0) session(event.session());
  if (const SessionRow* row = directory_.session(event.session()); row != nullptr) {
    event.set_prev(event.has_chunk_received() ? row->last_chunk() : row->head());
  }
  directory_.apply(event);
  if (event.has_session_opened()) sessions_.begin(event.seq());
  sessions_.apply(event);
  batch_.records.push_back(to_record(event));
  if (event.has_session_erased()) forget_memos();
  // Those of several that wait again may be answered behind others.
  if (event.turn_cancelled().waits_again_size() > 0) memos_.erase(event.session());
  if (event.has_keys_destroyed()) destroy_keys(event);
  const Seq seq = event.seq();
  in_flight_.emplace_hint(in_flight_.end(), seq, std::move(event));
  return seq;
}

void Gateway::destroy_keys(const Event& destroyed) {
  digests_.clear();
  const std::optional<Event> erased = event(destroyed.keys_destroyed().of());
  if (!erased) return;
  for (const Range& range : erased->session_erased().ranges()) {
    batch_.erased.push_back({erased->session(), range.first(), range.last()});
  }
}

const Session* Gateway::session(SessionId id) {
  const SessionRow* row = directory_.session(id);
  if (row == nullptr) return nullptr;
  Result<const Session*> found = sessions_.get(*row);
  if (found) return *found;
  stopped_ = found.error();
  return nullptr;
}

std::optional<Event> Gateway::event(Seq seq) {
  if (const auto found = in_flight_.find(seq); found != in_flight_.end()) return found->second;
  return decoded(log_.get(seq), from_record);
}

std::optional<Event> Gateway::clear_event(Seq seq) {
  if (const auto found = in_flight_.find(seq); found != in_flight_.end()) return found->second;
  return decoded(log_.get_clear(seq), clear_from_record);
}

// What is in flight is newer than all that is durable.
Result<std::vector<Event>> Gateway::chain(Seq head, Seq until) {
  std::vector<Event> events;
  Seq seq = head;
  while (seq > until) {
    const auto found = in_flight_.find(seq);
    if (found == in_flight_.end()) break;
    events.push_back(found->second);
    seq = found->second.prev();
  }
  std::optional<Error> damaged;
  const Result<void> walked = log_.walk(seq, until, [&](const RecordView& record) {
    Result<Event> event = clear_from_record(record);
    if (event) {
      events.push_back(*std::move(event));
    } else {
      damaged = event.error();
    }
    return !damaged;
  });
  if (!walked) damaged = walked.error();
  if (!damaged) return events;
  stopped_ = damaged;
  return *damaged;
}

std::string Gateway::text(Seq seq) {
  if (const auto found = in_flight_.find(seq); found != in_flight_.end()) {
    lost_words_read_ = lost_words_read_ || found->second.content().erased();
    return found->second.content().text();
  }
  const Result<std::optional<Record>> record = log_.get(seq);
  if (!record) stopped_ = record.error();
  if (!record || !*record) return {};
  lost_words_read_ = lost_words_read_ || (*record)->erased;
  return std::string((*record)->erased ? kErasedText : text_of(**record));
}

std::string Gateway::told(Seq seq) {
  if (const auto found = in_flight_.find(seq); found != in_flight_.end()) {
    lost_words_read_ = lost_words_read_ || found->second.content().erased();
    return told_text(found->second);
  }
  const Result<std::optional<Record>> record = log_.get(seq);
  if (!record) stopped_ = record.error();
  if (!record || !*record) return {};
  lost_words_read_ = lost_words_read_ || (*record)->erased;
  return told_text(**record);
}

Digest Gateway::told_sha256(Seq seq) {
  if (const auto known = digests_.find(seq); known != digests_.end()) return known->second;
  const std::string words = told(seq);
  const Digest digest = sha256(words);
  // Who asks for words that are gone, or cannot be read, is to be told so each time.
  if (words.empty() || words == kErasedText) return digest;
  if (digests_.size() == kDigestsMax) digests_.clear();
  digests_.emplace(seq, digest);
  return digest;
}

void Gateway::forget_memos() {
  memos_.clear();
  marks_.clear();
  lost_words_read_ = false;
}

std::unordered_map<Seq, Marks>* Gateway::marks_memo() {
  if (marks_.size() > kMarksMax) marks_.clear();
  return &marks_;
}

PromptMemo* Gateway::prompt_memo(SessionId id) {
  if (memos_.size() == kMemosMax && !memos_.contains(id)) memos_.clear();
  return &memos_[id];
}

std::optional<Event> Gateway::decoded(const Result<std::optional<Record>>& record,
                                      Result<Event> (*decode)(const Record&)) {
  if (!record) {
    stopped_ = record.error();
    return std::nullopt;
  }
  if (!*record) return std::nullopt;
  Result<Event> event = decode(**record);
  if (!event) {
    stopped_ = event.error();
    return std::nullopt;
  }
  return *std::move(event);
}

Result<Prompt> Gateway::prompt(Seq turn) {
  const auto open = work_.calls.open().find(turn);
  const bool own = open == work_.calls.open().end() || open->second.prompt() == 0;
  const std::optional<Event> recorded = event(own ? turn : open->second.prompt());
  if (!recorded) return Error{"there is no event " + std::to_string(turn), ExitCode::kDamaged};
  // No entry or summary changes while a turn is open: what is staged gives the same bytes without
  // reading the whole chain again.
  const Session* staged = sessions_.held(recorded->session());
  if (staged != nullptr && staged->busy() && staged->state().open().seq() == turn) {
    return build_prompt(staged->state(), prompt_record(*recorded), *this).prompt;
  }
  return prompt_of(*recorded, *this);
}

void Gateway::absorb() {
  Log::Progress progress = log_.take_durable();
  for (const Batch& batch : progress.durable) {
    for (const Record& record : batch.records) show(record.seq);
  }
  waiting_for_space_ = progress.waiting_for_space;
  if (progress.stopped) stopped_ = progress.stopped;
  if (stopping_ && in_flight_.empty() && batch_.empty() && !work_saved_) {
    work_saved_ = true;
    Batch last;
    last.snapshots.push_back(work_snapshot());
    log_.append(std::move(last));
  }
}

// Tells the world of an event that can no longer be lost.
void Gateway::show(Seq seq) {
  const auto found = in_flight_.find(seq);
#ifdef DAYBOOK_SABOTAGE_ACT_BEFORE_COMMIT
  if (found == in_flight_.end() || seq <= work_.seq) {
    if (found != in_flight_.end()) in_flight_.erase(found);
    return;
  }
  const Event event = found->second;
#else
  CHECK(found != in_flight_.end(), "what becomes durable was in flight");
  const Event event = std::move(found->second);
  in_flight_.erase(found);
#endif
  work_.apply(event);
  for (const Connected& connected : adapters_) connected.adapter->on_event(event);
}

void Gateway::turn(Time now) {
  more_due_ = false;
  if (stopping_) {
    // Nothing follows GatewayStopped: what a call still brings is asked for again after the start.
    absorb();
    return;
  }
  now = std::max(now, last_time_);
  take_replies(now);
  absorb();
  for (std::size_t index = 0; index < adapters_.size() && !stopped_; ++index) {
    start_due(index, now);
  }
  flush();
}

void Gateway::take_replies(Time now) {
  for (auto& [id, reply] : transport_->take_replies()) {
    const std::size_t index = id >> kAdapterShift;
    CHECK(index < adapters_.size(), "a reply belongs to a call of ours");
    Connected& connected = adapters_[index];
    if (auto* accepted = std::get_if<ReplyAccepted>(&reply)) accepted->connection &= kLocalMask;
    for (Fact& fact : connected.adapter->on_reply(id & kLocalMask, std::move(reply), now)) {
      record(std::move(fact), now);
      connected.barrier = next_ - 1;
    }
  }
}

void Gateway::start_due(std::size_t index, Time now) {
  Connected& connected = adapters_[index];
  if (!may_act(*connected.adapter)) return;
  const CallId base = CallId{index} << kAdapterShift;
  for (int asked = 0; asked < kDuePerTurn; ++asked) {
    const Moment moment{now, connected.barrier <= work_.seq, taking_in(), hurry_};
    std::optional<Due> due = connected.adapter->due(moment);
    if (!due) return;
    if (Fact* fact = std::get_if<Fact>(&*due)) {
      record(std::move(*fact), now);
      connected.barrier = next_ - 1;
    } else if (Call* call = std::get_if<Call>(&*due)) {
      call->id |= base;
      if (auto* write = std::get_if<WriteCall>(&call->what)) write->stream |= base;
      transport_->start(std::move(*call));
    } else {
      transport_->cancel(std::get<Cancel>(*due).id | base);
    }
  }
  more_due_ = true;
}

// A post or turn left open by a dead process is settled by GatewayStarted, never carried on. A
// socket that listens on this machine is no effect: nobody outside sees it, nothing of it is left
// when the process ends, and what is answered there is what is, or that it is durable.
bool Gateway::may_act(const Adapter& adapter) const {
  return work_.seq >= recovered_seq_ || adapter.is_local();
}

bool Gateway::taking_in() const {
  return taking_in_ && !directory_.space_low() && !waiting_for_space_ &&
         log_.backlog_bytes() < kBacklogBytesMax;
}

void Gateway::flush() {
  if (batch_.records.empty() || stopped_) return;
  sessions_.settle(work_.seq, &batch_.snapshots);
  if (next_ - 1 >= snapshot_seq_ + snapshot_every_) add_snapshots();
#ifdef DAYBOOK_SABOTAGE_ACT_BEFORE_COMMIT
  const std::vector<Record> early = batch_.records;
  for (const Record& record : early) {
    work_.apply(in_flight_.at(record.seq));
    for (const Connected& connected : adapters_) {
      connected.adapter->on_event(in_flight_.at(record.seq));
    }
  }
#endif
  log_.append(std::exchange(batch_, Batch()));
}

Snapshot Gateway::work_snapshot() const {
  return {std::string(kWorkSnapshot), 0, kSnapshotVersion, work_.seq,
          work_.save().SerializeAsString()};
}

void Gateway::add_snapshots() {
  batch_.snapshots.push_back({std::string(kDirectorySnapshot), 0, kSnapshotVersion,
                              directory_.seq(), directory_.save().SerializeAsString()});
  batch_.snapshots.push_back(work_snapshot());
  for (const auto& [id, row] : directory_.sessions()) {
    batch_.refs.push_back({first_place(row), id, row.head()});
  }
  batch_.refs_upto = directory_.seq();
  snapshot_seq_ = directory_.seq();
}

void Gateway::stop(std::string reason, Time now) {
  taking_in_ = false;
  Event stopped;
  stopped.mutable_gateway_stopped()->set_reason(std::move(reason));
  record(std::move(stopped), now);
  add_snapshots();
  flush();
  stopping_ = true;
}

bool Gateway::idle() const {
  if (!work_.calls.open().empty() || !in_flight_.empty()) return false;
  return std::all_of(adapters_.begin(), adapters_.end(),
                     [](const Connected& connected) { return connected.adapter->idle(); });
}

bool Gateway::idle_by(Time until) const {
  if (more_due_ || !in_flight_.empty()) return false;
  return std::all_of(adapters_.begin(), adapters_.end(), [until](const Connected& connected) {
    return connected.adapter->idle_by(until);
  });
}

bool Gateway::durable() const {
  return in_flight_.empty() && batch_.empty() && log_.backlog_bytes() == 0 &&
         (!stopping_ || work_saved_);
}

Time Gateway::wake_at(Time now) const {
  if (more_due_ || !batch_.empty()) return now;
  Time earliest = kNever;
  for (const Connected& connected : adapters_) {
    if (!may_act(*connected.adapter)) continue;
    earliest = std::min(earliest, connected.adapter->wake_at(now));
  }
  return earliest;
}

}  // namespace daybook
