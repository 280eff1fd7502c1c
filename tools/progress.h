// How far a long verb has come, on stderr: "searching 412000 of 1000000 (41 %), 3 s left",
// rewritten in place and wiped away at the end.
//
// Law: only a terminal sees it, and only once a second has passed; scripts and short work stay
// silent. Any one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace daybook {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  // On stderr when that is a terminal. `total` 0: not known.
  Progress(std::string what, std::uint64_t total);
  // To `output`, which must outlive it; null: nowhere.
  Progress(std::string what, std::uint64_t total, std::FILE* output, Clock::time_point start);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap enough to call for every block of work.
  void reached(std::uint64_t done, Clock::time_point now = Clock::now());

 private:
  [[nodiscard]] std::string line(std::uint64_t done, Clock::time_point now) const;

  std::string what_;
  std::uint64_t total_;
  std::FILE* output_;
  Clock::time_point start_;
  Clock::time_point shown_at_;  // when it was last drawn, or the start
  bool shown_ = false;
};

// One after the other, for work that says what it is at.
class Phases {
 public:
  void operator()(std::string_view what, std::uint64_t done, std::uint64_t of) {
    if (shown_ != what) progress_.emplace(shown_ = what, of);
    progress_->reached(done);
  }
  // Wipes what is shown.
  void end() { progress_.reset(); }

 private:
  std::string shown_;
  std::optional<Progress> progress_;
};

}  // namespace daybook
