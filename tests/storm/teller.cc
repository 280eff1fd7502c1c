// Two threads in step: ours, and the journal's writer inside its callbacks.
#include "tests/storm/teller.h"

namespace daybook::storm {

KeyWatcher Covered::watcher(const Covered* others) {
  return [this, others](const KeyUse& use, Seq seq, std::string_view words) {
    std::string place(16, '\0');
    use.cipher->apply(~Seq{0}, place.data(), place.size());
    place += std::to_string(seq);
    const std::lock_guard lock(mutex_);
    if (words_.try_emplace(place, words).first->second != words) reused_ = true;
    if (others == nullptr) return;
    const auto found = others->words_.find(place);
    if (found != others->words_.end() && found->second != words) reused_ = true;
  };
}

LmdbLog::Options Teller::options() {
  LmdbLog::Options options;
  options.directory = recorder_.root() + "/journal";
  options.commit_interval = std::chrono::microseconds(0);
  options.space_poll = std::chrono::milliseconds(1);
  options.head_interval = std::chrono::milliseconds(0);
  options.encrypt = story_.manner().encrypt;
  options.map_bytes = story_.manner().map_bytes;
  options.at_encrypt = covered_.watcher();
  options.at_commit = [this](Seq, Seq last, bool after) {
    if (after) return;
    recorder_.note_issued(last);
    hold_at_the_gate();
  };
  options.waker = [this] {
    std::unique_lock lock(mutex_);
    news_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !news_ || closing_; });
  };
  return options;
}

// On the writer's thread.
void Teller::hold_at_the_gate() {
  std::unique_lock lock(mutex_);
  at_gate_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !gate_shut_; });
  at_gate_ = false;
}

void Teller::await_the_gate() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return at_gate_ || news_; });
}

Log::Progress Teller::hear() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return news_; });
  }
  Log::Progress progress = log_->take_durable();
  for (const Batch& batch : progress.durable) durable_ = batch.records.back().seq;
  recorder_.note_durable(durable_);
  if (progress.waiting_for_space && recorder_.heal()) ++ending_.healed;
  {
    const std::lock_guard lock(mutex_);
    news_ = false;
  }
  changed_.notify_all();
  return progress;
}

bool Teller::tell_group(const std::vector<Batch>& group) {
  {
    const std::lock_guard lock(mutex_);
    gate_shut_ = group.size() > 1;
  }
  log_->append(group.front());
  if (group.size() > 1) await_the_gate();
  for (std::size_t i = 1; i < group.size(); ++i) log_->append(group[i]);
  {
    const std::lock_guard lock(mutex_);
    gate_shut_ = false;
  }
  changed_.notify_all();
  while (durable_ < group.back().records.back().seq) {
    const Log::Progress progress = hear();
    if (!progress.stopped) continue;
    ending_.stopped = progress.stopped;
    return false;
  }
  return true;
}

bool Teller::open() {
  Result<std::unique_ptr<LmdbLog>> opened = LmdbLog::open(options());
  if (!opened && recorder_.heal()) {
    ++ending_.healed;
    opened = LmdbLog::open(options());
  }
  if (!opened) {
    ending_.refused = opened.error();
    return false;
  }
  log_ = std::move(*opened);
  recorder_.note_opened();
  return true;
}

void Teller::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  log_.reset();
  closing_ = false;
  news_ = false;
}

Ending Teller::tell() {
  bool going_on = open();
  for (std::size_t group = 0; going_on && group < story_.groups().size(); ++group) {
    going_on = tell_group(story_.groups()[group]);
    if (!going_on || !story_.stops_after(group)) continue;
    close();
    going_on = open();
  }
  if (log_ != nullptr) close();
  return ending_;
}

}  // namespace daybook::storm
