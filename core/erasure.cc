// The walk: back to what is asked for, then forward again, gathering echoes on the way.
#include "core/erasure.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/codec.h"
#include "core/directory.h"
#include "core/session.h"

namespace daybook {

namespace {

// The numbers that a raw update gives as somebody's message_id: its own and those it quotes.
std::vector<std::int64_t> message_ids_in(std::string_view raw) {
  constexpr std::string_view kKey = "\"message_id\"";
  std::vector<std::int64_t> ids;
  for (std::size_t at = raw.find(kKey); at != raw.npos; at = raw.find(kKey, at)) {
    at += kKey.size();
    const std::size_t digits = raw.find_first_not_of(" \t\r\n:", at);
    if (digits == raw.npos) break;
    std::int64_t id = 0;
    const char* begin = raw.data() + digits;
    if (std::from_chars(begin, raw.data() + raw.size(), id).ec == std::errc()) ids.push_back(id);
  }
  return ids;
}

Seq turn_with_start(const Event& event) {
  return event.has_turn_started() ? event.seq() : turn_of(event);
}

class Walk {
 public:
  Walk(const ErasureRequest& request, History& history) : request_(request), history_(history) {}

  void begin_with(const Event& subject) {
    const Seq turn = turn_with_start(subject);
    if (turn != 0) turns_.insert(turn);
    if (turn == 0) asked_.insert(subject.seq());
  }

  // In the order of the chain.
  void visit(const Event& event) {
    if (event.has_compaction_started()) compactions_.push_back(event);
    if (event.has_session_reset()) reset_ = event.seq();
    if (event.has_place_moved()) forget_ids(event.place_moved().from());
    // What lies before a reset may be summarised behind it again.
    if (event.has_leaf_moved() || event.has_message_replaced()) reset_ = 0;
    if (event.has_reply_posted() && gone(event.reply_posted().source())) {
      message_ids_.insert(event.reply_posted().message_id());
    }
    if (!goes(event)) {
      kept_.push_back(event.seq());
      return;
    }
    forget(event.seq(), event.has_tool_returned() ? 0 : turn_with_start(event));
    if (event.has_turn_started()) turns_.insert(event.seq());
    if (event.has_message_edited()) asked_.insert(event.seq());
    const std::int64_t message_id = event.message_received().message_id();
    if (message_id != 0 && event.seq() != request_.asker) message_ids_.insert(message_id);
    if (turn_of(event) != 0) forget_chunks(last_chunk_of(event), turn_of(event));
  }

  void forget_chunks(Seq last, Seq turn) {
    for (Seq seq = last; seq != 0;) {
      const std::optional<Event> chunk = history_.clear_event(seq);
      if (!chunk || !chunk->has_chunk_received() || chunk->prev() >= seq) break;
      forget(seq, turn);
      seq = chunk->prev();
    }
  }
  // Whoever quotes any of those below the boundary quotes what is gone: ids of a chat only grow.
  void learn_ids(Seq newest_below) {
    for (Seq seq = newest_below; seq != 0 && ids_upto_ == 0;) {
      const std::optional<Event> event = history_.clear_event(seq);
      if (!event || event->prev() >= seq || event->has_place_moved()) return;
      ids_upto_ = event->message_received().message_id();
      seq = event->prev();
    }
  }
  void forget_open(const SessionRow& row) {
    if (turns_.contains(row.open_turn()) || (row.open_turn() != 0 && below(row.open_turn()))) {
      forget_chunks(row.last_chunk(), row.open_turn());
    }
  }

  [[nodiscard]] SessionErased result() const {
    SessionErased erased;
    erased.set_of(request_.subject);
    erased.set_answers(request_.asker);
    if (request_.upto != 0) add(&erased, request_.from, request_.upto);
    Seq turn = 0;
    for (const auto& [seq, whose] : gone_) {
      if (below(seq)) continue;
      const bool same = turn != 0 && whose == turn;
      Range* newest = same ? erased.mutable_ranges(erased.ranges_size() - 1) : nullptr;
      turn = whose;
      if (newest != nullptr && !keeps(newest->last(), seq)) {
        newest->set_last(seq);
      } else {
        add(&erased, seq, seq);
      }
    }
    return erased;
  }

 private:
  static void add(SessionErased* erased, Seq first, Seq last) {
    Range* range = erased->add_ranges();
    range->set_first(first);
    range->set_last(last);
  }

  [[nodiscard]] bool below(Seq seq) const { return seq <= request_.upto; }
  [[nodiscard]] bool gone(Seq seq) const {
    return below(seq) || asked_.contains(seq) || turns_.contains(seq) || gone_.contains({seq, 0});
  }
  // Something that stays lies between.
  [[nodiscard]] bool keeps(Seq first, Seq last) const {
    const auto next = std::upper_bound(kept_.begin(), kept_.end(), first);
    return next != kept_.end() && *next < last;
  }
  // Where the place moved, messages are numbered anew. It may be told more than once.
  void forget_ids(const std::string& left) {
    if (std::exchange(left_, left) == left) return;
    message_ids_.clear();
    ids_upto_ = 0;
  }
  void forget(Seq seq, Seq turn) { gone_.insert({seq, turn}); }

  bool goes(const Event& event) {
    if (event.seq() == request_.asker || asked_.contains(event.seq())) return true;
    const Seq turn = turn_of(event);
    if (quotes_gone(event.tool_returned().quotes())) return true;
    if (turn != 0) return below(turn) || turns_.contains(turn);
    if (event.has_turn_started()) return turns_.contains(event.seq()) || turn_goes(event);
    if (event.has_notice_issued()) return notice_goes(event.notice_issued());
    if (event.has_session_named()) return true;
    if (event.has_compaction_completed() && event.compaction_completed().text() == 0) {
      return summary_goes(event.compaction_completed().compaction());
    }
    if (event.has_goal_set()) return asked_or_below(event.goal_set().answers());
    if (event.has_goal_reaffirmed()) return asked_or_below(event.goal_reaffirmed().answers());
    if (event.has_goal_cleared()) return asked_or_below(event.goal_cleared().answers());
    if (event.has_task_changed()) return asked_or_below(event.task_changed().answers());
    if (event.has_task_added()) return asked_or_below(event.task_added().answers());
    if (event.has_branch_saved()) return asked_or_below(event.branch_saved().answers());
    if (event.has_setting_changed()) return asked_or_below(event.setting_changed().answers());
    return echoes(event);
  }

  [[nodiscard]] bool asked_or_below(Seq message) const {
    return message != 0 && (below(message) || asked_.contains(message));
  }

  [[nodiscard]] bool notice_goes(const NoticeIssued& notice) const {
    return asked_or_below(notice.answers()) || quotes_gone(notice.quotes());
  }

  [[nodiscard]] bool quotes_gone(
      const google::protobuf::RepeatedField<std::uint64_t>& quotes) const {
    return std::any_of(quotes.begin(), quotes.end(), [this](Seq seq) { return gone_text(seq); });
  }

  bool turn_goes(const Event& event) {
    const TurnStarted& turn = event.turn_started();
    if (turn.kind() == SUMMARY) return summary_goes(turn.compaction());
    if (turn.kind() == TITLE) return true;
    const auto& answers = turn.answers();
    // It repeats what it goes on with.
    if (turn.continues() != 0 && gone_text(turn.continues())) return true;
    return std::any_of(answers.begin(), answers.end(),
                       [this](Seq message) { return asked_or_below(message); });
  }

  // Rather one summary too many: what it left out cannot be told from its ranges alone.
  bool summary_goes(Seq compaction) {
    const auto found =
        std::find_if(compactions_.begin(), compactions_.end(),
                     [compaction](const Event& one) { return one.seq() == compaction; });
    if (found == compactions_.end()) return false;
    const CompactionStarted& started = found->compaction_started();
    if (started.instructed() && asked_or_below(started.answers())) return true;
    if (const Seq older = started.summary(); older != 0) {
      const std::optional<Event> built_on = history_.clear_event(older);
      if (built_on && gone_text(summary_text(*built_on))) return true;
    }
    const std::optional<Event> last = history_.clear_event(started.last());
    // A message that waited is older than the answer before it in the conversation.
    const bool waited = last && (last->has_message_received() || last->has_message_edited());
    const Seq end = waited ? found->seq() : std::max(started.first(), started.last());
    if (request_.upto != 0 && started.first() <= request_.upto) return true;
    return std::any_of(gone_.begin(), gone_.end(),
                       [&](const auto& one) { return reset_ < one.first && one.first <= end; });
  }
  [[nodiscard]] bool gone_text(Seq text) const {
    const auto found = gone_.lower_bound({text, 0});
    return below(text) || (found != gone_.end() && found->first == text);
  }

  // An edit of what goes, a button under it, or an update that quotes it.
  bool echoes(const Event& event) {
    if (event.has_message_edited() && refers(event.message_edited().message_id())) return true;
    if (event.has_button_pressed() && refers(event.button_pressed().message_id())) return true;
    if (!event.has_message_received() && !event.has_message_edited()) return false;
    if (message_ids_.empty() && ids_upto_ == 0) return false;
    const std::optional<Event> worded = history_.event(event.seq());
    if (!worded) return false;
    const auto ids = message_ids_in(worded->content().raw());
    return std::any_of(ids.begin(), ids.end(), [this](std::int64_t id) { return refers(id); });
  }
  [[nodiscard]] bool refers(std::int64_t id) const {
    return id != 0 && (id <= ids_upto_ || message_ids_.contains(id));
  }

  const ErasureRequest& request_;
  History& history_;
  std::set<Seq> asked_;                 // forgotten for themselves: so are answers to them
  std::set<Seq> turns_;                 // TurnStarted of turns that go
  std::set<std::pair<Seq, Seq>> gone_;  // event, its turn
  std::set<std::int64_t> message_ids_;  // by which the channel knows what goes
  std::int64_t ids_upto_ = 0;           // and all of these
  std::string left_;                    // the place that was moved from last
  Seq reset_ = 0;
  std::vector<Event> compactions_;
  std::vector<Seq> kept_;
};

Error not_erasable(const Event& event) {
  return {"event " + std::to_string(event.seq()) + " (" + kind_name(event) +
              ") belongs to no conversation: only what was said in one can be erased",
          ExitCode::kUsage};
}

}  // namespace

bool covers(const SessionErased& erased, Seq seq) {
  const auto& ranges = erased.ranges();
  return std::any_of(ranges.begin(), ranges.end(), [seq](const Range& range) {
    return range.first() <= seq && seq <= range.last();
  });
}

Result<SessionErased> plan_erasure(const SessionRow& row, const ErasureRequest& request,
                                   History& history) {
  Walk walk(request, history);
  Seq floor = request.upto;
  if (request.subject != 0) {
    const std::optional<Event> subject = history.clear_event(request.subject);
    if (!subject) {
      return Error{"there is no event " + std::to_string(request.subject), ExitCode::kUsage};
    }
    if (subject->session() == 0) return not_erasable(*subject);
    walk.begin_with(*subject);
    const Seq turn = turn_with_start(*subject);
    floor = (turn == 0 ? subject->seq() : turn) - 1;
  }
  Result<std::vector<Event>> chain = history.chain(row.head(), floor);
  if (!chain) return chain.error();
  if (request.upto != 0 && !chain->empty()) walk.learn_ids(chain->back().prev());
  for (auto event = chain->rbegin(); event != chain->rend(); ++event) walk.visit(*event);
  walk.forget_open(row);
  SessionErased erased = walk.result();
  if (request.upto >= row.head()) erased.set_of(row.id());
  return erased;
}

Result<std::vector<Event>> erasure_facts(const Directory& directory, const SessionRow& row,
                                         const ErasureRequest& request, History& history) {
  struct Below {
    const SessionRow* row = nullptr;
    ErasureRequest request;
  };
  std::map<SessionId, Seq> family = {{row.id(), request.upto}};  // and how far it all goes
  std::vector<Below> branches = {{&row, request}};
  for (const auto& [id, other] : directory.sessions()) {
    const std::optional<Event> first = history.clear_event(id);
    if (!first || !first->has_session_forked()) continue;
    const auto parent = family.find(first->session_forked().parent());
    if (parent == family.end()) continue;
    ErasureRequest mine = request;
    // Up to the fork it is the parent's chain; what lies between there and here is not of it.
    if (request.upto != 0) mine.upto = std::min<Seq>(parent->second, first->session_forked().at());
    family[id] = mine.upto;
    branches.push_back({&other, mine});
  }
  std::vector<Event> facts;
  for (const Below& branch : branches) {
    Result<SessionErased> erased = plan_erasure(*branch.row, branch.request, history);
    if (!erased) return erased.error();
    if (erased->ranges_size() == 0) continue;
    facts.emplace_back().set_session(branch.row->id());
    *facts.back().mutable_session_erased() = *std::move(erased);
  }
  return facts;
}

std::optional<Due> Eraser::due(const Moment&) {
  const auto next = std::upper_bound(work_.erasures.begin(), work_.erasures.end(), asked_);
  if (next == work_.erasures.end()) return std::nullopt;
  asked_ = *next;
  Fact fact;
  fact.mutable_keys_destroyed()->set_of(asked_);
  if (const std::optional<Event> event = history_.clear_event(asked_); event) {
    fact.set_session(event->session());
  }
  return fact;
}

}  // namespace daybook
