// Threads take ranges in order and hand them over in the same order.
#include "journal/sweep.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/check.h"

namespace daybook {
namespace {

class Sweeper {
 public:
  Sweeper(store::Environment& environment, const SweepOptions& options)
      : environment_(environment), options_(options), next_from_(options.from) {
    swept_.covered = options.from.last;
  }

  Swept run() {
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < options_.jobs; ++i) helpers.emplace_back([this] { work(); });
    work();
    for (std::thread& helper : helpers) helper.join();
    return std::move(swept_);
  }

 private:
  struct Range {
    std::uint64_t index = 0;
    Reading::Seal from;
    Seq until = ChainWalk::kToTheEnd;
    std::uint64_t seals = 0;  // counted
  };

  void work() {
    ClearBlock block;
    while (std::optional<Range> range = next_range()) {
      ChainWalk walk(environment_, options_.seal_key, range->from);
      for (const ChainWalk::Checkpoint& checkpoint : options_.checkpoints) walk.expect(checkpoint);
      walk.read_pages(options_.file, options_.pages);
      block.clear();
      if (options_.judge) walk.gather(&block);
      std::optional<ChainWalk::Damage> damage;
      for (bool end = false; !end && !damage && !finished();) {
        damage = walk.step(range->until, end);
        // Whose turn it is judges on the way, while what was read is at hand.
        if (!end && !damage && has_turn(range->index)) hand_over(*range, walk, block, {});
      }
      wait_for_turn(range->index);
      if (!finished()) hand_over(*range, walk, block, std::move(damage));
      pass_turn();
    }
  }

  std::optional<Range> next_range() {
    const std::lock_guard lock(mutex_);
    if (exhausted_) return std::nullopt;
    Range range;
    range.index = issued_++;
    range.from = next_from_;
    if (options_.jobs == 1) {
      exhausted_ = true;
      return range;
    }
    Reading reading(environment_);
    const auto end = reading.seal_at(next_from_.last + options_.range_events);
    // What cannot be read here, the walk to the end finds and names.
    if (end && *end && (*end)->last > next_from_.last) {
      next_from_ = **end;
      range.until = next_from_.last;
    } else {
      exhausted_ = true;
    }
    return range;
  }

  void wait_for_turn(std::uint64_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == index; });
  }

  bool has_turn(std::uint64_t index) {
    const std::lock_guard lock(mutex_);
    return turn_ == index;
  }

  void pass_turn() {
    {
      const std::lock_guard lock(mutex_);
      ++turn_;
    }
    changed_.notify_all();
  }

  bool finished() {
    const std::lock_guard lock(mutex_);
    return swept_.damage.has_value();
  }

  // Only whoever has the turn. What is vouched for leaves the block.
  void hand_over(Range& range, const ChainWalk& walk, ClearBlock& block,
                 std::optional<ChainWalk::Damage> damage) {
    Seq covered = walk.covered();
    std::size_t count = block.size();
    while (count > 0 && block.at(count - 1).seq > covered) --count;
    std::optional<ChainWalk::Damage> complaint;
    if (count > 0) complaint = options_.judge(block, count);
    if (complaint) {
      covered = complaint->seq - 1;
      damage = std::move(complaint);
    }
    block.drop(count);
    {
      const std::lock_guard lock(mutex_);
      swept_.covered = covered;
      swept_.seals += walk.seals() - range.seals;
      swept_.damage = std::move(damage);
      exhausted_ = exhausted_ || swept_.damage.has_value();
    }
    range.seals = walk.seals();
    if (options_.progress) options_.progress(covered);
  }

  store::Environment& environment_;
  const SweepOptions& options_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Reading::Seal next_from_;
  std::uint64_t issued_ = 0;
  std::uint64_t turn_ = 0;
  bool exhausted_ = false;
  Swept swept_;
};

}  // namespace

Swept sweep(store::Environment& environment, const SweepOptions& options) {
  CHECK(options.jobs >= 1 && options.jobs <= kSweepJobsMax, "the number of threads was limited");
  return Sweeper(environment, options).run();
}

}  // namespace daybook
