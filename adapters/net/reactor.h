// The event loop's frame: it waits, samples the clock once per iteration, and notes signals.
//
// Law: time never runs backwards. It follows the monotonic clock from the wall time at the start,
// and is moved forward when the wall clock has gone more than 5 s ahead (a suspended machine, a
// clock set late). Signals and wake-ups only set flags; whoever runs the loop acts on them.
// An idle loop sleeps: there is no periodic timer, only a look at the clock once a minute.
#pragma once

#include <uv.h>

#include <memory>

#include "adapters/net/uv_handle.h"
#include "core/types.h"

namespace daybook {

struct Signals {
  bool stop = false;    // SIGTERM or SIGINT
  bool reload = false;  // SIGHUP
};

class Reactor {
 public:
  static constexpr Duration kClockLeapMin{5'000};
  static constexpr Duration kSleepMax{60'000};

  // Ends a sleep of the reactor from any thread; must not outlive it.
  class Waker {
   public:
    void wake() const { uv_async_send(async_); }

   private:
    friend class Reactor;
    explicit Waker(uv_async_t* async) : async_(async) {}
    uv_async_t* async_;
  };

  // Ignores SIGPIPE for the process: a closed peer is an error code, not a signal.
  Reactor();
  // Everything that lives on loop() must be gone by now.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // From here on SIGTERM, SIGINT and SIGHUP are ours.
  void watch_signals();
  // What arrived since the last call.
  Signals take_signals();

  // Sleeps until something happened, somebody woke it, or `wake_at`; handles what happened. May
  // return early for no reason.
  void run_once(Time wake_at);

  // Sampled when run_once() last returned.
  [[nodiscard]] Time now() const { return now_; }

  // From here on time is at `time` at least: a journal's last event may lie ahead of a wall clock
  // that was set back.
  void not_before(Time time);

  [[nodiscard]] Waker waker() { return Waker(async_.get()); }

  // Replies wait already: the next run_once() does not sleep.
  void do_not_sleep() { awake_ = true; }

  [[nodiscard]] uv_loop_t* loop() { return &loop_; }

 private:
  static void on_signal(uv_signal_t* handle, int number);
  void sample_clock();

  uv_loop_t loop_{};
  UvHandle<uv_async_t> async_;
  UvHandle<uv_timer_t> timer_;
  UvHandle<uv_signal_t> terminate_;
  UvHandle<uv_signal_t> interrupt_;
  UvHandle<uv_signal_t> hangup_;
  Signals signals_;
  bool awake_ = false;
  Time now_{};
  Time wall_base_{};
  std::uint64_t monotonic_base_ = 0;  // nanoseconds
};

}  // namespace daybook
