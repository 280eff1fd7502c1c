// Live decides, replay decides again and compares. The order of one transaction is the gateway's
// own, so it is not written down a second time here.
#include "tools/replay.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "core/codec.h"
#include "core/notation.h"

namespace daybook {
namespace {

class NoTransport final : public Transport {
 public:
  void start(Call) override {}
  void cancel(CallId) override {}
  std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
};

// Only what lies at or before `last` exists, and no snapshot. `watched` may hear what is read.
class PastLog final : public Log {
 public:
  PastLog(Log& journal, Seq last, std::function<void(Seq)> watched)
      : journal_(journal), last_(last), watched_(std::move(watched)) {}

  [[nodiscard]] Seq last() const override { return last_; }
  void append(Batch) override { CHECK(false, "the past is not written to"); }
  [[nodiscard]] std::size_t backlog_bytes() const override { return 0; }
  Progress take_durable() override { return {}; }
  std::optional<Seq> find(std::string_view source, std::string_view id) override {
    const auto found = journal_.find(source, id);
    return found.has_value() && *found <= last_ ? found : std::nullopt;
  }
  Result<std::optional<Record>> get(Seq seq) override {
    if (seq > last_) return std::optional<Record>();
    return journal_.get(seq);
  }
  Result<std::optional<Record>> get_clear(Seq seq) override {
    if (seq > last_) return std::optional<Record>();
    return journal_.get_clear(seq);
  }
  Result<void> walk(Seq head, Seq until,
                    const std::function<bool(const RecordView&)>& visit) override {
    CHECK(head <= last_, "what is known of the past names nothing after it");
    return journal_.walk(head, until, visit);
  }
  Result<void> scan(Seq first, Seq last, const KindSet& kinds,
                    const std::function<bool(const Record&)>& visit) override {
    if (!watched_) return journal_.scan(first, std::min(last, last_), kinds, visit);
    return journal_.scan(first, std::min(last, last_), kinds, [&](const Record& record) {
      watched_(record.seq);
      return visit(record);
    });
  }
  Result<std::optional<Snapshot>> snapshot(std::string_view, SessionId) override {
    return std::optional<Snapshot>();
  }
  Result<Refs> refs() override { return Refs(); }

 private:
  Log& journal_;
  Seq last_;
  std::function<void(Seq)> watched_;
};

Result<std::optional<Event>> event_at(ReplayLog& log, Seq seq) {
  const Result<const Record*> record = log.recorded(seq);
  if (!record) return record.error();
  if (*record == nullptr) return std::optional<Event>();
  auto event = from_record(**record);
  if (!event) return event.error();
  return std::optional<Event>(std::move(event).value());
}

// The fact that begins the next transaction. A place spoken in for the first time has its
// SessionOpened before the message that opened it.
Result<std::optional<Event>> next_fact(ReplayLog& log) {
  const Seq seq = log.last() + 1;
  auto event = event_at(log, seq);
  if (!event || !event->has_value()) return event;
  const bool opening = (*event)->has_session_opened() && (*event)->cause() == 0;
  return opening ? event_at(log, seq + 1) : event;
}

std::string line_of(const Record& record) {
  auto event = from_record(record);
  return event ? notation(*event) : "an event that does not parse";
}

std::string divergence_text(const ReplayLog::Divergence& divergence) {
  const std::string seq = std::to_string(divergence.replayed.seq);
  if (!divergence.recorded.has_value()) {
    return "the journal ends before event " + seq + ", which follows from its last fact:\n  now  " +
           line_of(divergence.replayed);
  }
  return "event " + seq + " would be another one today:\n  then " + line_of(*divergence.recorded) +
         "\n  now  " + line_of(divergence.replayed);
}

constexpr Seq kProgressFacts = 1'000;

struct KnownSnapshots {
  std::optional<Snapshot> directory;
  std::optional<Snapshot> work;
};

// Those that can be compared. Of another version: made by other folds, and a start ignores them,
// too. Work before an erasure: what was owed then is told by words that are gone.
Result<KnownSnapshots> read_snapshots(Log& journal) {
  KnownSnapshots known;
  for (const auto& [name, into] :
       {std::pair{"directory", &known.directory}, {"work", &known.work}}) {
    auto snapshot = journal.snapshot(name, 0);
    if (!snapshot) return snapshot.error();
    if (!snapshot->has_value() || (*snapshot)->version != Gateway::kSnapshotVersion) continue;
    *into = std::move(*snapshot);
  }
  bool erased_since = false;
  if (known.work) {
    const auto see = [&erased_since](const Record&) {
      erased_since = true;
      return false;
    };
    const auto scanned = journal.scan(known.work->seq + 1, journal.last(),
                                      KindSet().set(Event::kSessionErased), see);
    if (!scanned) return scanned.error();
  }
  if (erased_since) known.work.reset();
  return known;
}

// Compares at the moment when the fold has reached the snapshot's seq.
void compare_snapshots(const Gateway& gateway, const KnownSnapshots& known, ReplayReport* report) {
  const auto compare = [&](const std::optional<Snapshot>& snapshot, Seq seq, const auto& save) {
    if (!snapshot.has_value() || snapshot->seq != seq || !report->divergence.empty()) return;
    ++report->snapshots;
    if (save().SerializeAsString() == snapshot->state) return;
    report->divergence = "the snapshot \"" + snapshot->projection + "\" at event " +
                         std::to_string(snapshot->seq) + " differs from a fold from nothing";
  };
  compare(known.directory, gateway.directory().seq(), [&] { return gateway.directory().save(); });
  compare(known.work, gateway.work().seq, [&] { return gateway.work().save(); });
}

// Kinds that name a cause and were heard from outside all the same.
bool is_fact(std::uint8_t kind) {
  return kind == Event::kChunkReceived || kind == Event::kTurnCompleted ||
         kind == Event::kAttemptFailed || kind == Event::kPostAttempted ||
         kind == Event::kReplyPosted || kind == Event::kReplyEdited ||
         kind == Event::kDeliveryDelayed || kind == Event::kDeliveryFailed;
}

// What `event` was answered with then: the events of its transaction that name it as their cause.
Result<Decisions> recorded_decisions(ReplayLog& log, const Event& event) {
  Decisions decisions;
  for (Seq seq = event.seq() + 1;; ++seq) {
    auto record = log.recorded(seq);
    if (!record) return record.error();
    // The next fact: nothing of this transaction follows.
    if (*record == nullptr || (*record)->cause == 0) return decisions;
    if ((*record)->cause > event.seq() || is_fact((*record)->kind)) return decisions;
    if ((*record)->cause < event.seq()) continue;
    auto decision = from_record(**record);
    if (!decision) return decision.error();
    decisions.push_back(std::move(decision).value());
  }
}

// decide(), unless it would have to read words that are no more, or goes on from what was decided
// with them in the same transaction: then what it said at the time.
class Redecider {
 public:
  explicit Redecider(ReplayLog& log) : log_(log) {}

  Decisions operator()(const State& state, const Event& event) {
    const std::size_t before = log_.erased_read();
    Decisions decisions = decide(state, event);
    const bool read_all = !event.content().erased() && log_.erased_read() == before;
    // Its own words, and those of others of its transaction, are read without the log.
    if (read_all && !passed_over_.contains(event.seq())) return decisions;
    auto recorded = recorded_decisions(log_, event);
    if (!recorded) {
      failure_ = recorded.error();
      return decisions;
    }
    skipped_ += recorded->size();
    for (const Event& decision : *recorded) passed_over_.insert(decision.seq());
    return std::move(recorded).value();
  }

  [[nodiscard]] Seq skipped() const { return skipped_; }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  ReplayLog& log_;
  Seq skipped_ = 0;
  std::set<Seq> passed_over_;
  std::optional<Error> failure_;
};

Result<std::unique_ptr<Gateway>> open_gateway(ReplayLog& log, Transport& transport,
                                              Redecider& redecider) {
  // Nothing is let go: what a replay appends keeps no snapshots to come back from.
  GatewayLimits limits;
  limits.sessions.bytes_max = std::numeric_limits<std::size_t>::max();
  auto gateway = Gateway::open(log, limits);
  if (!gateway) return gateway;
  (*gateway)->connect({}, transport);
  (*gateway)->decide_by(
      [&redecider](const State& state, const Event& event) { return redecider(state, event); });
  return gateway;
}

}  // namespace

Result<ReplayReport> replay_check(Log& journal, Seq until,
                                  const std::function<void(Seq)>& progress) {
  const Seq last = until == 0 ? journal.last() : std::min(until, journal.last());
  auto known = read_snapshots(journal);
  if (!known) return known.error();
  ReplayLog log(journal);
  NoTransport transport;
  Redecider redecider(log);
  auto gateway = open_gateway(log, transport, redecider);
  if (!gateway) return gateway.error();
  ReplayReport report;
  while (log.last() < last && report.divergence.empty()) {
    auto fact = next_fact(log);
    if (!fact) return fact.error();
    if (!fact->has_value()) break;  // opened, and the message that opened it lies beyond
    if ((*fact)->body_case() == Event::BODY_NOT_SET) {
      // Nothing here can decide about it: a gateway that has folded it goes on behind it.
      report.skipped += (*fact)->seq() - log.last();
      log.skip((*fact)->seq());
      gateway = open_gateway(log, transport, redecider);
      if (!gateway) return gateway.error();
      continue;
    }
    const Time now = from_milliseconds((*fact)->time());
    const Seq before = log.last();
    const Seq recorded = (*gateway)->record(std::move(**fact), now);
    (*gateway)->flush();
    (*gateway)->turn(now);
    if ((*gateway)->stopped().has_value()) return *(*gateway)->stopped();
    if (log.failure().has_value()) return *log.failure();
    if (redecider.failure().has_value()) return *redecider.failure();
    if (recorded == 0) {
      report.divergence = "event " + std::to_string(before + 1) +
                          " would not be recorded today: it changes nothing";
      break;
    }
    ++report.facts;
    if (progress && report.facts % kProgressFacts == 0) progress(log.last());
    if (log.divergence().has_value() && log.divergence()->replayed.seq <= last) {
      report.divergence = divergence_text(*log.divergence());
    }
    compare_snapshots(**gateway, *known, &report);
  }
  report.events = std::min(log.last(), last);
  report.erased = redecider.skipped();
  report.decisions = report.events - std::min(report.events, report.facts + report.skipped);
  return report;
}

Result<std::string> snapshot_drift(Log& journal, const std::function<void(Seq)>& progress) {
  auto known = read_snapshots(journal);
  if (!known) return known.error();
  for (const std::optional<Snapshot>* stored : {&known->directory, &known->work}) {
    if (!stored->has_value()) continue;
    PastLog past(journal, (*stored)->seq, progress);
    auto gateway = Gateway::open(past);
    if (!gateway) return gateway.error();
    ReplayReport report;
    compare_snapshots(**gateway, *known, &report);
    if (!report.divergence.empty()) return report.divergence;
  }
  return std::string();
}

Result<PastState> state_at(Log& journal, Seq until, const std::function<void(Seq)>& progress) {
  const Seq last = until == 0 ? journal.last() : std::min(until, journal.last());
  PastState past;
  past.log = std::make_unique<PastLog>(journal, last, progress);
  auto gateway = Gateway::open(*past.log);
  if (!gateway) return gateway.error();
  past.gateway = std::move(gateway).value();
  return past;
}

}  // namespace daybook
