// One look after another; the first complaint ends it.
#include "tests/storm/judge.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "journal/verify.h"

namespace daybook::storm {
namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

// The log, and a bell that its writer rings.
class Opening {
 public:
  explicit Opening(const Left& left) {
    LmdbLog::Options options;
    options.directory = left.root + "/journal";
    options.commit_interval = std::chrono::microseconds(0);
    options.encrypt = left.story.manner().encrypt;
    options.map_bytes = left.story.manner().map_bytes;
    options.at_encrypt = covered_.watcher(&left.covered);
    options.waker = [this] {
      const std::lock_guard lock(mutex_);
      rung_ = true;
      changed_.notify_all();
    };
    Result<std::unique_ptr<LmdbLog>> opened = LmdbLog::open(std::move(options));
    if (opened) {
      log_ = std::move(*opened);
    } else {
      refused_ = opened.error().message;
    }
  }

  LmdbLog* log() { return log_.get(); }
  [[nodiscard]] const std::string& refused() const { return refused_; }
  [[nodiscard]] bool reused() const { return covered_.reused(); }

  std::string append(Batch batch) {
    const Seq last = batch.records.back().seq;
    log_->append(std::move(batch));
    while (true) {
      const Log::Progress progress = log_->take_durable();
      if (progress.stopped) return "appending failed: " + progress.stopped->message;
      if (!progress.durable.empty() && progress.durable.back().records.back().seq == last) break;
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return rung_; });
      rung_ = false;
    }
    return {};
  }

 private:
  Covered covered_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
  std::string refused_;
  std::unique_ptr<LmdbLog> log_;  // last: its thread rings
};

std::string judge_end(const Left& left, Seq last) {
  const Standing& standing = left.standing;
  if (last < standing.durable) {
    return "event " + number(standing.durable) + " was reported durable, the last is " +
           number(last);
  }
  if (last > standing.issued) return "event " + number(last) + " is there before its commit began";
  if (!left.story.may_end_at(last)) return "half a batch is there, up to event " + number(last);
  return {};
}

std::string judge_event(const Story& story, const Record& found, Seq last) {
  const Record& told = story.event(found.seq);
  if (!found.erased) {
    if (story.must_be_erased(found.seq, last)) {
      return "the words of event " + number(found.seq) + " were erased and are there";
    }
    return found == told ? std::string() : "event " + number(found.seq) + " is another one";
  }
  if (!story.may_be_erased(found.seq, last)) {
    return "the words of event " + number(found.seq) + " are gone";
  }
  Record bare = told;
  bare.content.clear();
  return found == bare ? std::string() : "erased event " + number(found.seq) + " is another one";
}

std::string judge_events(const Left& left, Log& log, Seq last) {
  std::string complaint;
  Seq next = 1;
  const Result<void> read = log.scan(1, ~Seq{0}, KindSet().set(), [&](const Record& found) {
    if (found.seq != next++) complaint = "an event is missing before " + number(found.seq);
    if (complaint.empty()) complaint = judge_event(left.story, found, last);
    return complaint.empty();
  });
  if (!read) return "it cannot be read: " + read.error().message;
  if (complaint.empty() && next != last + 1) complaint = "a scan ends before the end";
  return complaint;
}

std::string judge_projections(const Left& left, Log& log, Seq last) {
  for (const ExternalId& external : left.story.externals()) {
    const std::optional<Seq> found = log.find(external.source, external.id);
    const std::optional<Seq> wanted =
        external.seq <= last ? std::optional(external.seq) : std::nullopt;
    if (found != wanted) return "the external id of event " + number(external.seq) + " is wrong";
  }
  const Result<Log::Refs> refs = log.refs();
  if (!refs) return "its refs cannot be read: " + refs.error().message;
  std::map<std::string, Ref> found;
  for (const Ref& ref : refs->refs) found[ref.name] = ref;
  if (found != left.story.refs_at(last)) return "its refs are not those of event " + number(last);
  for (const auto& [name, wanted] : left.story.snapshots_at(last)) {
    const auto snapshot = log.snapshot(wanted.projection, wanted.session);
    if (!snapshot) return "a snapshot cannot be read: " + snapshot.error().message;
    if (*snapshot != wanted) return "the snapshot " + name + " is not that of the last commit";
  }
  return {};
}

Batch more_after(Seq last) {
  Batch batch;
  for (Seq seq = last + 1; seq <= last + kMore; ++seq) {
    Record event;
    event.seq = seq;
    event.time = from_milliseconds(1'800'000'000'000);
    event.kind = 3;
    event.cause = last;
    event.clear = "after";
    event.content = "words AFTER the storm " + number(seq);  // no story has capitals
    batch.records.push_back(event);
  }
  batch.externals = {{"telegram", "after", last + 1}};
  return batch;
}

std::string judge_more(Log& log, Seq last) {
  for (const Record& event : more_after(last).records) {
    const Result<std::optional<Record>> found = log.get(event.seq);
    if (!found) return "what was appended cannot be read: " + found.error().message;
    if (*found != event) return "what was appended afterwards is not there";
  }
  return {};
}

std::string judge_going_on(Opening& opening, Seq last) {
  std::string complaint = opening.append(more_after(last));
  if (complaint.empty()) complaint = judge_more(*opening.log(), last);
  if (!complaint.empty()) return complaint;
  return opening.reused() ? "a key covers two plaintexts" : "";
}

std::string judge_chain(const Left& left, Seq last) {
  VerifyOptions options;
  options.directory = left.root + "/journal";
  const Result<Verification> verified = verify(options);
  if (!verified) return "verify: " + verified.error().message;
  if (!verified->sound()) return "verify: " + verified->what;
  return verified->events == last ? "" : "verify found " + number(verified->events) + " events";
}

}  // namespace

std::string judge(const Left& left, Seq* found) {
  Seq last = 0;
  {
    Opening opening(left);
    if (opening.log() == nullptr) return std::string(kDoesNotOpen) + opening.refused();
    last = opening.log()->last();
    std::string complaint = judge_end(left, last);
    if (complaint.empty()) complaint = judge_events(left, *opening.log(), last);
    if (complaint.empty()) complaint = judge_projections(left, *opening.log(), last);
    if (complaint.empty()) complaint = judge_going_on(opening, last);
    if (!complaint.empty()) return complaint;
  }
  if (found != nullptr) *found = last;
  return judge_chain(left, last + kMore);
}

std::string judge_again(const Left& left, Seq last) {
  {
    Opening opening(left);
    if (opening.log() == nullptr) return std::string(kDoesNotOpen) + opening.refused();
    if (opening.log()->last() != last + kMore) return "its end is not what it was";
    std::string complaint = judge_more(*opening.log(), last);
    if (!complaint.empty()) return complaint;
  }
  return judge_chain(left, last + kMore);
}

}  // namespace daybook::storm
