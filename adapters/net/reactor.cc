// uv_run(UV_RUN_ONCE) is one iteration; the timer is armed for the caller's time and stopped again,
// so that an old one never wakes a later sleep.
#include "adapters/net/reactor.h"

#include <algorithm>
#include <chrono>
#include <csignal>

#include "core/check.h"

namespace daybook {
namespace {

Time wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

}  // namespace

Reactor::Reactor() {
  std::signal(SIGPIPE, SIG_IGN);
  CHECK(uv_loop_init(&loop_) == 0, "the event loop could not be made");
  const int async = async_.open(
      this, [&](uv_async_t* handle) { return uv_async_init(&loop_, handle, [](uv_async_t*) {}); });
  CHECK(async == 0, "the event loop's wake-up could not be made");
  timer_.open(this, [&](uv_timer_t* handle) { return uv_timer_init(&loop_, handle); });
  wall_base_ = wall_clock();
  monotonic_base_ = uv_hrtime();
  now_ = wall_base_;
}

Reactor::~Reactor() {
  async_.close();
  timer_.close();
  terminate_.close();
  interrupt_.close();
  hangup_.close();
  // Runs until the last close callback; a handle left open by somebody else would show below.
  uv_run(&loop_, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop_) == 0, "something still lives on the event loop");
}

void Reactor::watch_signals() {
  const auto watch = [this](UvHandle<uv_signal_t>* handle, int number) {
    handle->open(this, [&](uv_signal_t* raw) { return uv_signal_init(&loop_, raw); });
    uv_signal_start(handle->get(), on_signal, number);
  };
  watch(&terminate_, SIGTERM);
  watch(&interrupt_, SIGINT);
  watch(&hangup_, SIGHUP);
}

void Reactor::on_signal(uv_signal_t* handle, int number) {
  auto* reactor = static_cast<Reactor*>(handle->data);
  if (reactor == nullptr) return;
  if (number == SIGHUP) {
    reactor->signals_.reload = true;
  } else {
    reactor->signals_.stop = true;
  }
}

Signals Reactor::take_signals() { return std::exchange(signals_, Signals{}); }

void Reactor::run_once(Time wake_at) {
  sample_clock();
  const bool due = awake_ || wake_at <= now_;
  awake_ = false;
  if (due) {
    uv_run(&loop_, UV_RUN_NOWAIT);
  } else {
    const Duration sleep = wake_at == kNever ? kSleepMax : std::min(wake_at - now_, kSleepMax);
    uv_update_time(&loop_);
    uv_timer_start(
        timer_.get(), [](uv_timer_t*) {}, static_cast<std::uint64_t>(sleep.count()), 0);
    uv_run(&loop_, UV_RUN_ONCE);
    uv_timer_stop(timer_.get());
  }
  sample_clock();
}

void Reactor::not_before(Time time) {
  if (time <= now_) return;
  wall_base_ = time;
  monotonic_base_ = uv_hrtime();
  now_ = time;
}

void Reactor::sample_clock() {
  const std::chrono::nanoseconds elapsed(uv_hrtime() - monotonic_base_);
  const Time steady = wall_base_ + std::chrono::duration_cast<Duration>(elapsed);
  const Time wall = wall_clock();
  if (wall > steady + kClockLeapMin) {
    wall_base_ = wall;
    monotonic_base_ = uv_hrtime();
    now_ = wall;
  } else {
    now_ = std::max(now_, steady);
  }
}

}  // namespace daybook
