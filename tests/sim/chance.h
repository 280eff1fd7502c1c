// The one source of randomness of a simulated world: SplitMix64 from a printed seed, so that one
// number replays one failure exactly. Each part of the world forks its own, so that one more draw
// in one part does not change what happens in another.
#pragma once

#include <cstdint>

namespace daybook::sim {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
  }
  // 0 to bound - 1; bound at least 1.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  // Both ends included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool per_thousand(std::uint64_t share) { return below(1'000) < share; }
  Chance fork() { return Chance(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace daybook::sim
