// How far a long verb has come, on stderr: "searching 412000 of 1000000 (41 %), 3 s left",
// rewritten in place and wiped away at the end.
//
// Law: only a terminal sees it, and only once a second has passed; scripts and short work stay
// silent. Any one thread at a time; Phases has a thread of its own, for work that cannot say how
// far it is.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace daybook {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  // On stderr when that is a terminal. `total` 0: not known.
  Progress(std::string what, std::uint64_t total);
  // To `output`, which must outlive it; null: nowhere.
  Progress(std::string what, std::uint64_t total, std::FILE* output, Clock::time_point start);
  // Part of work that began before it: the second of silence counts from there.
  Progress(std::string what, std::uint64_t total, std::FILE* output, Clock::time_point start,
           Clock::time_point began);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap enough to call for every block of work.
  void reached(std::uint64_t done, Clock::time_point now = Clock::now());

  // Wipes what is shown, so that a line can be printed there; it comes back with reached().
  void hide();
  // The same for good.
  void silence();

 private:
  [[nodiscard]] std::string line(std::uint64_t done, Clock::time_point now) const;

  std::string what_;
  std::uint64_t total_;
  std::FILE* output_;
  Clock::time_point start_;
  Clock::time_point silent_upto_;
  Clock::time_point shown_at_;  // when it was last drawn, or the start
  bool shown_ = false;
};

// One after the other, for work that says what it is at; shown again and again until it says
// something else.
class Phases {
 public:
  Phases();
  ~Phases() { end(); }
  Phases(const Phases&) = delete;
  Phases& operator=(const Phases&) = delete;

  // `of` 0: how much there is to do is not known.
  void operator()(std::string_view what, std::uint64_t done = 0, std::uint64_t of = 0);
  // Wipes what is shown; to be called before anything else is printed.
  void end();

 private:
  void show_again(const std::stop_token& stop);

  const Progress::Clock::time_point began_ = Progress::Clock::now();
  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::string shown_;
  std::uint64_t done_ = 0;
  std::uint64_t of_ = 0;
  std::optional<Progress> progress_;
  std::jthread showing_;  // none when nobody looks
};

}  // namespace daybook
