// Threads take ranges in order. Who finishes one before its turn leaves it and takes the next; who
// has the turn hands its own over, and after it whatever was left that follows.
#include "journal/sweep.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "core/check.h"

namespace daybook {
namespace {

// Ranges that are under way or left, a thread.
constexpr std::uint64_t kRangesAhead = 3;

class Sweeper {
 public:
  Sweeper(store::Environment& environment, const SweepOptions& options)
      : environment_(environment), options_(options), next_from_(options.from) {
    swept_.reached = options.from;
    swept_.covered = options.from.last;
  }

  Swept run() {
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < options_.jobs; ++i) helpers.emplace_back([this] { work(); });
    work();
    for (std::thread& helper : helpers) helper.join();
    if (swept_.outrun) swept_.damage.reset();
    return std::move(swept_);
  }

 private:
  struct Range {
    std::uint64_t index = 0;
    Reading::Seal from;
    Seq until = ChainWalk::kToTheEnd;
  };

  // What is not yet handed over of a range.
  struct Walked {
    std::uint64_t index = 0;
    Reading::Seal sealed;
    std::uint64_t seals = 0;
    ClearBlock block;
    std::vector<page::Overflow> overflows;
    std::optional<ChainWalk::Damage> damage;
    bool outrun = false;
  };
  using WalkedPointer = std::unique_ptr<Walked>;

  void work() {
    WalkedPointer walked;
    while (std::optional<Range> range = next_range(walked)) {
      walk(*range, *walked);
      finish(std::move(walked));
    }
  }

  // And where to put it.
  std::optional<Range> next_range(WalkedPointer& walked) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return exhausted_ || issued_ - turn_ < kRangesAhead * options_.jobs; });
    if (exhausted_) return std::nullopt;
    Range range;
    range.index = issued_++;
    range.from = next_from_;
    if (spares_.empty()) spares_.push_back(std::make_unique<Walked>());
    walked = std::move(spares_.back());
    spares_.pop_back();
    walked->index = range.index;
    // What cannot be read here, the walk to the end finds and names.
    const std::optional<Reading::Seal> end =
        options_.jobs == 1 ? std::nullopt : seal_at(next_from_.last + options_.range_events);
    exhausted_ = !end || end->last <= next_from_.last;
    if (exhausted_) return range;
    next_from_ = *end;
    range.until = end->last;
    return range;
  }

  // Of the first commit that ends there or behind; nullopt: none does, or it cannot be read.
  std::optional<Reading::Seal> seal_at(Seq seq) {
    Reading reading(environment_);
    const bool through_pages = options_.pages != nullptr;
    const auto known = through_pages ? reading.seal_row_at(seq) : reading.seal_at(seq);
    if (!known || *known || !through_pages) return known ? *known : std::nullopt;
    store::Visit visit(environment_);
    if (!visit.begin().ok() || visit.transaction() != options_.pages->transaction) return {};
    PageFile::Walk events(*options_.file, *options_.pages);
    bool there = events.seek(record::key_of(seq));
    while (there && record::seal_in(events.value()).empty()) there = events.next();
    if (!there) return {};
    Reading::Seal seal{record::seq_of(record::load_u64(events.key())), {}};
    const std::string_view bytes = record::seal_in(events.value());
    std::copy(bytes.begin(), bytes.end(), seal.digest.begin());
    return seal;
  }

  void walk(const Range& range, Walked& walked) {
    ChainWalk walk(environment_, options_.seal_key, range.from);
    for (const ChainWalk::Checkpoint& checkpoint : options_.checkpoints) walk.expect(checkpoint);
    walk.read_pages(options_.file, options_.pages);
    if (options_.judge) walk.gather(&walked.block);
    std::uint64_t seals = 0;
    for (bool end = false; !end && !walked.damage && !finished();) {
      walked.damage = walk.step(range.until, end);
      walked.outrun = walk.outrun();
      walked.sealed = walk.sealed();
      walked.seals += walk.seals() - std::exchange(seals, walk.seals());
      std::ranges::copy(walk.take_overflows(), std::back_inserter(walked.overflows));
      // Whose turn it is judges on the way, while what was read is at hand.
      if (!end && !walked.damage && has_turn(range.index)) hand_over(walked);
    }
  }

  bool has_turn(std::uint64_t index) {
    const std::lock_guard lock(mutex_);
    return turn_ == index;
  }

  bool finished() {
    const std::lock_guard lock(mutex_);
    return swept_.damage.has_value();
  }

  void finish(WalkedPointer walked) {
    walked = left_for_later(std::move(walked));
    while (walked) {
      if (!finished()) hand_over(*walked);
      walked = pass_turn(std::move(walked));
    }
  }

  // Null, unless it is its turn.
  WalkedPointer left_for_later(WalkedPointer walked) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t index = walked->index;
    if (index != turn_) left_.emplace(index, std::move(walked));
    return walked;
  }

  // The next one, if it was left.
  WalkedPointer pass_turn(WalkedPointer walked) {
    walked->block.clear();
    walked->overflows.clear();
    walked->damage.reset();
    walked->seals = 0;
    WalkedPointer next;
    {
      const std::lock_guard lock(mutex_);
      spares_.push_back(std::move(walked));
      ++turn_;
      if (auto left = left_.extract(turn_)) next = std::move(left.mapped());
    }
    changed_.notify_all();
    return next;
  }

  // Only whoever has the turn. What is vouched for leaves the block.
  void hand_over(Walked& walked) {
    Seq covered = walked.sealed.last;
    std::optional<ChainWalk::Damage> damage = std::move(walked.damage);
    bool outrun = walked.outrun;
    const auto stop_at = [&](std::optional<ChainWalk::Damage> complaint) {
      if (!complaint) return;
      covered = complaint->seq - 1;
      damage = std::move(complaint);
      outrun = false;
    };
    stop_at(take_overflows(walked.overflows, covered));
    std::size_t count = walked.block.size();
    while (count > 0 && walked.block.at(count - 1).seq > covered) --count;
    if (count > 0) stop_at(options_.judge(walked.block, count));
    walked.block.drop(count);
    {
      const std::lock_guard lock(mutex_);
      swept_.reached = walked.sealed;
      swept_.covered = covered;
      swept_.seals += std::exchange(walked.seals, 0);
      swept_.outrun = outrun;
      swept_.damage = std::move(damage);
      exhausted_ = exhausted_ || swept_.damage.has_value();
    }
    if (options_.progress) options_.progress(covered);
  }

  // Those of events up to this one, out of the list.
  std::optional<ChainWalk::Damage> take_overflows(std::vector<page::Overflow>& overflows,
                                                  Seq covered) {
    std::size_t taken = 0;
    std::optional<ChainWalk::Damage> damage;
    for (; taken < overflows.size() && !damage; ++taken) {
      const Seq seq = record::seq_of(overflows[taken].key);
      if (seq > covered) break;
      const std::string problem = PageFile::take(*options_.pages, overflows[taken]);
      if (!problem.empty())
        damage = ChainWalk::Damage{seq, options_.file->describe("events", problem)};
    }
    overflows.erase(overflows.begin(), overflows.begin() + static_cast<std::ptrdiff_t>(taken));
    return damage;
  }

  store::Environment& environment_;
  const SweepOptions& options_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Reading::Seal next_from_;
  std::uint64_t issued_ = 0;
  std::uint64_t turn_ = 0;
  bool exhausted_ = false;
  std::map<std::uint64_t, WalkedPointer> left_;  // by their turn
  std::vector<WalkedPointer> spares_;
  Swept swept_;
};

}  // namespace

Swept sweep(store::Environment& environment, const SweepOptions& options) {
  CHECK(options.jobs >= 1 && options.jobs <= kSweepJobsMax, "the number of threads was limited");
  return Sweeper(environment, options).run();
}

}  // namespace daybook
