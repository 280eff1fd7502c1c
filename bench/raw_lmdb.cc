// The anchor is measured once: what is set beside it never touches a disk.
#include "bench/raw_lmdb.h"

#include <ctime>

namespace daybook::bench {

double computed_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double raw_seconds_per_event() {
  static const double seconds = [] {
    constexpr Seq kGroup = 64;
    constexpr int kWarm = 50;
    constexpr int kCommits = 500;
    const BenchPlace place;
    RawLmdb raw(place.raw());
    for (int i = 0; i < kWarm; ++i) raw.commit(kGroup);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCommits; ++i) raw.commit(kGroup);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return took.count() / (kCommits * static_cast<double>(kGroup));
  }();
  return seconds;
}

void report_against_raw(benchmark::State& state, double events, double seconds) {
  state.counters["events/s"] = events / seconds;
  state.counters["raw events/s"] = 1 / raw_seconds_per_event();
  state.counters["ratio"] = seconds / events / raw_seconds_per_event();
}

}  // namespace daybook::bench
