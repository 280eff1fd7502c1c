#include "tools/progress.h"

#include <unistd.h>

#include <utility>

namespace daybook {
namespace {

constexpr std::chrono::milliseconds kSilence{1'000};
constexpr std::chrono::milliseconds kBetween{100};
constexpr const char* kWipe = "\r\x1b[K";

}  // namespace

Progress::Progress(std::string what, std::uint64_t total)
    : Progress(std::move(what), total, isatty(STDERR_FILENO) != 0 ? stderr : nullptr,
               Clock::now()) {}

Progress::Progress(std::string what, std::uint64_t total, std::FILE* output,
                   Clock::time_point start)
    : what_(std::move(what)), total_(total), output_(output), start_(start), shown_at_(start) {}

Progress::~Progress() {
  if (!shown_) return;
  std::fputs(kWipe, output_);
  std::fflush(output_);
}

void Progress::reached(std::uint64_t done, Clock::time_point now) {
  if (output_ == nullptr || now - start_ < kSilence) return;
  if (shown_ && now - shown_at_ < kBetween) return;
  shown_ = true;
  shown_at_ = now;
  std::fputs((kWipe + line(done, now)).c_str(), output_);
  std::fflush(output_);
}

std::string Progress::line(std::uint64_t done, Clock::time_point now) const {
  std::string text = what_ + " " + std::to_string(done);
  if (total_ == 0) return text;
  text += " of " + std::to_string(total_) + " (" + std::to_string(done * 100 / total_) + " %)";
  if (done == 0 || done >= total_) return text;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double left = seconds * static_cast<double>(total_ - done) / static_cast<double>(done);
  return text + ", " + std::to_string(static_cast<std::int64_t>(left + 1)) + " s left";
}

}  // namespace daybook
