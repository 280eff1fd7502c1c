// How often a figure was how large: fixed buckets up to 1, 2, 5, 10, 20, 50 and so on, so that it
// costs a few words and an addition, whatever it counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace daybook {

class Histogram {
 public:
  // Up to 10^9; the last bucket takes all that is larger.
  static constexpr std::size_t kBuckets = 29;
  // The largest figure that falls into a bucket; of the last one the largest there is.
  static std::uint64_t upto(std::size_t bucket);

  void add(std::uint64_t figure);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t largest() const { return largest_; }
  [[nodiscard]] std::uint64_t in(std::size_t bucket) const { return buckets_.at(bucket); }
  // No fewer than `percent` of all figures are at most this; 0 of none.
  [[nodiscard]] std::uint64_t percentile(std::uint64_t percent) const;

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace daybook
