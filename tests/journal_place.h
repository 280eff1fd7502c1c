// A directory for one test's journal, and a log on it that can be waited for without sleeping.
#pragma once

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "journal/lmdb_log.h"

namespace daybook::journal_place {

inline mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

// Removed when it dies.
class Place {
 public:
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "daybook-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root_ = name;
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] std::string directory() const { return root_ + "/journal"; }
  [[nodiscard]] LmdbLog::Options options() const {
    LmdbLog::Options options;
    options.directory = directory();
    options.commit_interval = std::chrono::microseconds(0);
    return options;
  }

 private:
  std::string root_;
};

// Writes beyond `bytes` fail with EFBIG while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

class DiskLog {
 public:
  explicit DiskLog(LmdbLog::Options options) {
    options.waker = [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_all();
    };
    auto opened = LmdbLog::open(std::move(options));
    if (!opened) FAIL(opened.error().message);
    log_ = std::move(*opened);
    durable_ = log_->last();
  }

  LmdbLog& log() { return *log_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return log_->warnings(); }

  // Waits until all that was appended is reported.
  std::vector<Batch> settle() {
    while (true) {
      const Log::Progress progress = settle_or_wait();
      REQUIRE_FALSE(progress.stopped);
      if (!progress.waiting_for_space) return std::exchange(reported_, {});
      wait();
    }
  }

  // Returns as well when the log stops or waits for space.
  Log::Progress settle_or_wait() {
    while (true) {
      const bool idle = log_->backlog_bytes() == 0;  // asked first: then all of it is reported
      Log::Progress progress = log_->take_durable();
      for (const Batch& batch : progress.durable) {
        if (!batch.records.empty()) durable_ = batch.records.back().seq;
      }
      std::move(progress.durable.begin(), progress.durable.end(), std::back_inserter(reported_));
      const bool settled = idle && durable_ == log_->last();
      if (settled || progress.stopped || progress.waiting_for_space) return progress;
      wait();
    }
  }

 private:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_; });
    woken_ = false;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  Seq durable_ = 0;
  std::vector<Batch> reported_;
  std::unique_ptr<LmdbLog> log_;  // last: its thread calls the waker
};

}  // namespace daybook::journal_place
