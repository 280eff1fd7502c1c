// The loop's frame: what ends a sleep, and a clock that never runs backwards.
#include "adapters/net/reactor.h"

#include <catch2/catch.hpp>

#include <csignal>
#include <thread>

namespace daybook::reactor_test {

TEST_CASE("a wake-up from another thread ends the sleep", "[reactor]") {
  Reactor reactor;
  const Reactor::Waker waker = reactor.waker();
  std::thread other([&] { waker.wake(); });
  reactor.run_once(kNever);
  other.join();
  SUCCEED("the sleep ended");
}

TEST_CASE("a time that is due, or replies that wait, allow no sleep", "[reactor]") {
  Reactor reactor;
  reactor.run_once(reactor.now());
  reactor.run_once(Time{});
  reactor.do_not_sleep();
  reactor.run_once(kNever);
  SUCCEED("none of them slept");
}

TEST_CASE("a sleep ends at its time, and the clock has reached it", "[reactor]") {
  Reactor reactor;
  const Time wake_at = reactor.now() + Duration(20);
  while (reactor.now() < wake_at) reactor.run_once(wake_at);
  CHECK(reactor.now() >= wake_at);
}

TEST_CASE("time never runs backwards", "[reactor]") {
  Reactor reactor;
  Time before = reactor.now();
  for (int i = 0; i < 1'000; ++i) {
    reactor.run_once(Time{});
    CHECK(reactor.now() >= before);
    before = reactor.now();
  }
}

TEST_CASE("time starts no earlier than it is told to, and goes on from there", "[reactor]") {
  Reactor reactor;
  const Time later = reactor.now() + Duration(3'600'000);
  reactor.not_before(later);
  CHECK(reactor.now() == later);
  const Time wake_at = later + Duration(20);
  while (reactor.now() < wake_at) reactor.run_once(wake_at);
  CHECK(reactor.now() < later + Duration(1'800'000));
  const Time before = reactor.now();
  reactor.not_before(before - Duration(1'000));
  CHECK(reactor.now() == before);
}

TEST_CASE("signals are noted and taken once", "[reactor]") {
  Reactor reactor;
  reactor.watch_signals();
  CHECK_FALSE(reactor.take_signals().stop);
  Signals seen;
  std::raise(SIGHUP);
  while (!seen.reload) {
    reactor.run_once(kNever);
    seen = reactor.take_signals();
  }
  CHECK_FALSE(seen.stop);
  std::raise(SIGTERM);
  while (!seen.stop) {
    reactor.run_once(kNever);
    seen = reactor.take_signals();
  }
  CHECK_FALSE(reactor.take_signals().stop);
}

}  // namespace daybook::reactor_test
