#include "tools/progress.h"

#include <unistd.h>

#include <utility>

namespace daybook {
namespace {

constexpr std::chrono::milliseconds kSilence{1'000};
constexpr std::chrono::milliseconds kBetween{100};
constexpr const char* kWipe = "\r\x1b[K";

std::FILE* terminal() { return isatty(STDERR_FILENO) != 0 ? stderr : nullptr; }

}  // namespace

Progress::Progress(std::string what, std::uint64_t total)
    : Progress(std::move(what), total, terminal(), Clock::now()) {}

Progress::Progress(std::string what, std::uint64_t total, std::FILE* output,
                   Clock::time_point start)
    : Progress(std::move(what), total, output, start, start) {}

Progress::Progress(std::string what, std::uint64_t total, std::FILE* output,
                   Clock::time_point start, Clock::time_point began)
    : what_(std::move(what)),
      total_(total),
      output_(output),
      start_(start),
      silent_upto_(began + kSilence),
      shown_at_(start) {}

Progress::~Progress() { hide(); }

void Progress::hide() {
  if (!std::exchange(shown_, false)) return;
  std::fputs(kWipe, output_);
  std::fflush(output_);
}

void Progress::silence() {
  hide();
  output_ = nullptr;
}

void Progress::reached(std::uint64_t done, Clock::time_point now) {
  if (output_ == nullptr || now < silent_upto_) return;
  if (shown_ && now - shown_at_ < kBetween) return;
  shown_ = true;
  shown_at_ = now;
  std::fputs((kWipe + line(done, now)).c_str(), output_);
  std::fflush(output_);
}

std::string Progress::line(std::uint64_t done, Clock::time_point now) const {
  if (total_ == 0 && done == 0) return what_;
  std::string text = what_ + " " + std::to_string(done);
  if (total_ == 0) return text;
  text += " of " + std::to_string(total_) + " (" + std::to_string(done * 100 / total_) + " %)";
  if (done == 0 || done >= total_) return text;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double left = seconds * static_cast<double>(total_ - done) / static_cast<double>(done);
  return text + ", " + std::to_string(static_cast<std::int64_t>(left + 1)) + " s left";
}

Phases::Phases() {
  if (terminal() == nullptr) return;
  showing_ = std::jthread([this](const std::stop_token& stop) { show_again(stop); });
}

void Phases::operator()(std::string_view what, std::uint64_t done, std::uint64_t of) {
  const std::lock_guard lock(mutex_);
  if (!progress_ || shown_ != what || of_ != of) {
    shown_ = what;
    of_ = of;
    progress_.emplace(shown_, of, terminal(), Progress::Clock::now(), began_);
  }
  done_ = done;
  progress_->reached(done);
}

void Phases::end() {
  const std::lock_guard lock(mutex_);
  progress_.reset();
}

void Phases::show_again(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    ended_.wait_for(lock, stop, kSilence, [] { return false; });
    if (progress_ && !stop.stop_requested()) progress_->reached(done_);
  }
}

}  // namespace daybook
