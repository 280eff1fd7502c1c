#include "core/histogram.h"

#include <algorithm>
#include <limits>

namespace daybook {

std::uint64_t Histogram::upto(std::size_t bucket) {
  if (bucket + 1 >= kBuckets) return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t decade = 1;
  for (std::size_t i = 0; i < bucket / 3; ++i) decade *= 10;
  constexpr std::array<std::uint64_t, 3> kSteps = {1, 2, 5};
  return decade * kSteps.at(bucket % 3);
}

void Histogram::add(std::uint64_t figure) {
  std::size_t bucket = 0;
  while (figure > upto(bucket)) ++bucket;
  ++buckets_.at(bucket);
  ++count_;
  largest_ = std::max(largest_, figure);
}

std::uint64_t Histogram::percentile(std::uint64_t percent) const {
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_.at(bucket);
    if (count_ > 0 && seen * 100 >= percent * count_) return std::min(upto(bucket), largest_);
  }
  return 0;
}

}  // namespace daybook
