// The queue between the loop and the writer thread, and what the writer does when a commit fails.
#include "journal/lmdb_log.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "journal/extension.h"
#include "journal/layout.h"

namespace daybook {
namespace {

using store::Status;

constexpr std::size_t kKeyBytesMax = 480;  // LMDB allows 511, and a snapshot's key adds nine
constexpr std::uint64_t kResumeBytesMin = 64u << 10;

std::size_t bytes_of(const std::vector<Queued>& group) {
  std::size_t bytes = 0;
  for (const Queued& queued : group) bytes += queued.bytes;
  return bytes;
}

void check_batch(const Batch& batch, Seq last) {
  for (const Record& event : batch.records) {
    CHECK(event.seq == last + 1, "seqs follow one another");
    last = event.seq;
  }
  for (const ExternalId& external : batch.externals) {
    CHECK(!batch.records.empty() && external.seq >= batch.records.front().seq &&
              external.seq <= batch.records.back().seq,
          "an external id names an event of its own batch");
  }
  for (const Ref& ref : batch.refs) {
    CHECK(!ref.name.empty() && ref.name.size() <= kKeyBytesMax, "a ref's name fits in a key");
  }
  for (const Snapshot& snapshot : batch.snapshots) {
    CHECK(snapshot.projection.size() <= kKeyBytesMax, "a projection's name fits in a key");
  }
}

}  // namespace

Result<std::unique_ptr<LmdbLog>> LmdbLog::open(Options options) {
  Result<Opened> opened = open_for_writing(options.directory, options.map_bytes,
                                           options.create_if_missing, options.encrypt);
  if (!opened) return opened.error();
  if (opened->keys != nullptr) opened->keys->watch(options.at_encrypt);
  auto log = std::make_unique<LmdbLog>(std::move(options), std::move(*opened));
  const Result<void> started = log->start();
  if (!started) return started.error();
  return log;
}

LmdbLog::LmdbLog(Options options, Opened opened)
    : options_(std::move(options)),
      opened_(std::move(opened)),
      reading_(*opened_.environment, opened_.keys.get()),
      committer_(*opened_.environment, opened_.keys.get(), opened_.seal_key, opened_.journal_id,
                 options_.at_commit) {}

Result<void> LmdbLog::start() {
  Result<void> loaded = committer_.load();
  if (!loaded) return loaded;
  last_ = committer_.sealed().last;
  head_seq_ = last_ + 1;  // not known to be written: the first chance is taken
  write_head();
  writer_ = std::thread([this] { write_loop(); });
  return {};
}

LmdbLog::~LmdbLog() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  writer_.join();
}

void LmdbLog::append(Batch batch) {
  check_batch(batch, last_);
  if (!batch.records.empty()) last_ = batch.records.back().seq;
  Queued queued = Queued::from(std::move(batch), opened_.keys.get());
  for (std::size_t i = 0; i < queued.dedupe_keys.size(); ++i) {
    in_flight_.emplace(queued.dedupe_keys[i], queued.batch.externals[i].seq);
  }
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    backlog_bytes_ += queued.bytes;
    queue_.push_back(std::move(queued));
  }
  wake_.notify_all();
}

std::size_t LmdbLog::backlog_bytes() const {
  const std::lock_guard lock(mutex_);
  return backlog_bytes_;
}

Log::Progress LmdbLog::take_durable() {
  Progress progress;
  std::vector<Queued> durable;
  {
    const std::lock_guard lock(mutex_);
    durable.swap(durable_);
    progress.stopped = stopped_;
    progress.waiting_for_space = waiting_for_space_;
  }
  progress.durable.reserve(durable.size());
  for (Queued& queued : durable) {
    for (const std::string& key : queued.dedupe_keys) in_flight_.erase(key);
    progress.durable.push_back(std::move(queued.batch));
  }
  return progress;
}

std::optional<Seq> LmdbLog::find(std::string_view source, std::string_view id) {
  const std::string key = layout::dedupe_key(source, id);
  const auto found = in_flight_.find(key);
  if (found != in_flight_.end()) return found->second;
  const Result<std::optional<Seq>> durable = reading_.find(key);
  if (durable) return *durable;
  // Whether it was seen cannot be told: what the caller records now must not be kept.
  stop(durable.error());
  return std::nullopt;
}

Result<std::optional<Record>> LmdbLog::get(Seq seq) { return reading_.get(seq); }

Result<std::optional<Record>> LmdbLog::get_clear(Seq seq) { return reading_.get_clear(seq); }

Result<void> LmdbLog::walk(Seq head, Seq until,
                           const std::function<bool(const RecordView&)>& visit) {
  return reading_.walk(head, until, visit);
}

Result<void> LmdbLog::scan(Seq first, Seq last, const KindSet& kinds,
                           const std::function<bool(const Record&)>& visit) {
  return reading_.scan(first, last, kinds, visit);
}

Result<std::optional<Snapshot>> LmdbLog::snapshot(std::string_view projection, SessionId session) {
  return reading_.snapshot(projection, session);
}

Result<Log::Refs> LmdbLog::refs() { return reading_.refs(); }

Histogram LmdbLog::commit_latency() const {
  const std::lock_guard lock(mutex_);
  return commit_latency_;
}

// Who looks late itself may have been killed: only then is it worth asking whether it lives.
std::vector<Latecomer> LmdbLog::late_readers() const {
  const store::Visit stay(*opened_.environment);  // the writer moves no map meanwhile
  const std::vector<Latecomer> late = latecomers(*opened_.environment);
  const auto far = [](const Latecomer& one) { return one.commits > kCommitsBehindMax; };
  if (std::ranges::none_of(late, far)) return late;
  std::ignore = opened_.environment->check_readers();  // the writer meets a failure again
  return latecomers(*opened_.environment);
}

std::uint64_t LmdbLog::free_bytes() const { return files::free_bytes(options_.directory); }

void LmdbLog::write_loop() {
  Extension extension(*opened_.environment);
  std::vector<Queued> group;
  while (take(group)) {
    commit_began_ = std::chrono::steady_clock::now();
#ifdef DAYBOOK_SABOTAGE_ACK_BEFORE_COMMIT
    std::vector<Queued> told = group;
    report(told);
    if (!commit(group)) return;
    group.clear();
#else
    if (!commit(group)) return;
#endif
    report(group);
    extension.extend();
    if (opened_.keys != nullptr) draw_keys_ahead();
    if (commit_began_ - head_written_ < options_.head_interval) continue;
    write_head();
    if (!free_dead_readers()) return;
  }
  write_head();
}

// A reader that was killed keeps its slot, and every page that its view of the journal needs.
bool LmdbLog::free_dead_readers() {
  const Status status = opened_.environment->check_readers();
  if (!status.ok()) stop(status.error("cannot free the slots of readers in", options_.directory));
  return status.ok();
}

// False: closing, and nothing is left to do.
bool LmdbLog::take(std::vector<Queued>& group) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
  const auto not_before = commit_began_ + options_.commit_interval;
  wake_.wait_until(lock, not_before, [this] { return closing_; });
  group.clear();
  group.swap(queue_);
  return !group.empty();
}

// In a larger map when it does not fit into this one.
Status LmdbLog::commit_once(std::vector<Queued>& group) {
  const Status status = committer_.commit(group);
  if (!status.map_full()) return status;
  const std::size_t map = opened_.environment->map_bytes();
  const std::size_t wanted = std::max(2 * map, map + 4 * bytes_of(group));
  const Status grown = opened_.environment->grow(wanted);
  return grown.ok() ? committer_.commit(group) : grown;
}

bool LmdbLog::commit(std::vector<Queued>& group) {
  const Status status = commit_once(group);
  if (status.ok()) return true;
  if (disk_is_full(status)) return wait_for_space(group);
  stop(status.error("cannot write the journal in", options_.directory));
  return false;
}

bool LmdbLog::disk_is_full(Status status) const {
  return status.no_space() || (status.input_output() && free_bytes() < kFullBytes);
}

bool LmdbLog::wait_for_space(std::vector<Queued>& group) {
  {
    const std::lock_guard lock(mutex_);
    waiting_for_space_ = true;
  }
  wake();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, options_.space_poll, [this] { return closing_; });
      if (closing_) return false;  // what is queued was never acknowledged to anyone
    }
    const std::optional<bool> resumed = resume(group);
    if (resumed) return *resumed;
  }
}

// The outcome of the failed commit is unknown: only the file can tell. nullopt: still no space.
std::optional<bool> LmdbLog::resume(std::vector<Queued>& group) {
  if (free_bytes() < kResumeBytesMin + 4 * bytes_of(group)) return std::nullopt;
  const Result<void> reopened = opened_.environment->reopen();
  const Result<void> loaded = reopened ? committer_.load() : reopened;
  if (!loaded) {
    stop(loaded.error());
    return false;
  }
  const Status status = commit_once(group);
  if (disk_is_full(status)) return std::nullopt;
  if (!status.ok()) {
    stop(status.error("cannot write the journal in", options_.directory));
    return false;
  }
  const std::lock_guard lock(mutex_);
  waiting_for_space_ = false;
  return true;
}

void LmdbLog::report(std::vector<Queued>& group) {
  const auto took = std::chrono::steady_clock::now() - commit_began_;
  {
    const std::lock_guard lock(mutex_);
    commit_latency_.add(static_cast<std::uint64_t>(took / std::chrono::microseconds(1)));
    backlog_bytes_ -= bytes_of(group);
    std::move(group.begin(), group.end(), std::back_inserter(durable_));
  }
  group.clear();
  wake();
}

// A failure is met again, and told, before the commit that needs the keys.
void LmdbLog::draw_keys_ahead() {
  const Status drawn = opened_.keys->refill();
  static_cast<void>(drawn);
}

void LmdbLog::stop(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) stopped_ = std::move(error);
    queue_.clear();
  }
  wake();
}

void LmdbLog::wake() {
  if (options_.waker) options_.waker();
}

// A missed head costs only the moment from which a cut tail shows; the next one makes up for it.
void LmdbLog::write_head() {
  head_written_ = std::chrono::steady_clock::now();
  const Reading::Seal& sealed = committer_.sealed();
  if (sealed.last == head_seq_) return;
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  const std::string text = files::format_head({sealed.last, sealed.digest, now});
  if (files::replace(options_.directory, files::kHead, text)) head_seq_ = sealed.last;
}

Result<std::unique_ptr<LmdbReader>> LmdbReader::open(const std::string& directory) {
  Result<Opened> opened = open_for_reading(directory);
  if (!opened) return opened.error();
  const Result<void> keys = open_keys(*opened, false);
  if (!keys) return keys.error();
  return std::make_unique<LmdbReader>(std::move(*opened));
}

LmdbReader::LmdbReader(Opened opened)
    : opened_(std::move(opened)), reading_(*opened_.environment, opened_.keys.get()) {}

Seq LmdbReader::last() const {
  const Result<Seq> last = reading_.last();
  return last ? *last : 0;
}

Result<void> LmdbReader::treat_as_erased(std::vector<Erased> words) {
  if (opened_.keys == nullptr) return {};
  Result<std::vector<KeyId>> keys = reading_.keys_of(std::move(words));
  if (!keys) return keys.error();
  to_be_destroyed_ = *std::move(keys);
  opened_.keys->treat_as_destroyed(to_be_destroyed_);
  return {};
}

bool LmdbReader::replaced() const {
  const store::Environment& environment = *opened_.environment;
  return files::another_lies_at(environment.directory() + "/" + files::kData,
                                environment.descriptor());
}

std::optional<Latecomer> LmdbReader::latecomer() const {
  const std::vector<Latecomer> late = latecomers(*opened_.environment);
  const auto last = std::ranges::max_element(late, {}, &Latecomer::commits);
  return last == late.end() ? std::nullopt : std::optional(*last);
}

void LmdbReader::append(Batch) { CHECK(false, "a reader's log is never appended to"); }

std::optional<Seq> LmdbReader::find(std::string_view source, std::string_view id) {
  const Result<std::optional<Seq>> durable = reading_.find(layout::dedupe_key(source, id));
  return durable ? *durable : std::nullopt;  // a tool that cannot read will hear of it by get()
}

Result<std::optional<Record>> LmdbReader::get(Seq seq) { return reading_.get(seq); }

Result<std::optional<Record>> LmdbReader::get_clear(Seq seq) { return reading_.get_clear(seq); }

Result<void> LmdbReader::walk(Seq head, Seq until,
                              const std::function<bool(const RecordView&)>& visit) {
  return reading_.walk(head, until, visit);
}

Result<void> LmdbReader::scan(Seq first, Seq last, const KindSet& kinds,
                              const std::function<bool(const Record&)>& visit) {
  return reading_.scan(first, last, kinds, visit);
}

Result<std::optional<Snapshot>> LmdbReader::snapshot(std::string_view projection,
                                                     SessionId session) {
  return reading_.snapshot(projection, session);
}

Result<Log::Refs> LmdbReader::refs() { return reading_.refs(); }

}  // namespace daybook
