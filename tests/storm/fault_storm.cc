// Every call that the journal makes to its files fails once, or from then on: with an error, with
// an error though it was carried out, for want of room, or half done.
//
// Law: an input/output error stops the journal, with the code and one sentence that names it; a
// disk without room makes it wait, and it goes on when there is room. Whatever happens, what was
// acknowledged is there afterwards.
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>

#include "tests/storm/crew.h"
#include "tests/storm/disk.h"
#include "tests/storm/judge.h"

namespace daybook::storm {
namespace {

using sim::Chance;
using Kind = Call::Kind;

struct Fault {
  const char* name = "";
  int error = EIO;
  bool carried_out = false;
  bool for_ever = false;  // until there is room, when it is for want of that
  bool half = false;      // the first one writes half of what it should, and says so
};

constexpr Fault kFaults[] = {
    {.name = "EIO once"},
    {.name = "EIO once, carried out", .carried_out = true},
    {.name = "EIO from then on", .for_ever = true},
    {.name = "ENOSPC once", .error = ENOSPC},
    {.name = "ENOSPC until there is room", .error = ENOSPC, .for_ever = true},
    {.name = "half a write", .half = true},
    {.name = "half a write, then ENOSPC until there is room",
     .error = ENOSPC,
     .for_ever = true,
     .half = true},
};

constexpr Manner kManners[] = {
    {.name = "locked", .groups = 12},
    {.name = "clear", .encrypt = false, .groups = 8},
    {.name = "growing", .groups = 8, .events_max = 40, .map_bytes = 128u << 10},
    {.name = "ahead", .groups = 16, .events_max = 300, .state_bytes_max = 0},
};

bool needs_room(Kind kind) {
  return kind == Kind::kCreate || kind == Kind::kMakeDirectory || kind == Kind::kWrite ||
         kind == Kind::kSync || kind == Kind::kRename;
}

class Breaker final : public Recorder {
 public:
  Breaker(const std::string& root, std::uint64_t seed, std::uint64_t nth, const Fault& fault)
      : Recorder(root, seed), nth_(nth), fault_(fault) {}

  Verdict judge(const Call& call) override {
    ++calls_;
    if (calls_ < nth_ || healed_) return {};
    if (calls_ == nth_ && fault_.half) {
      if (call.kind != Kind::kWrite) return {};
      hit_ = true;
      return {0, true, (call.bytes.size() + 1) / 2};
    }
    if (calls_ > nth_ && (!fault_.for_ever || !hit_)) return {};
    if (fault_.error == ENOSPC && !needs_room(call.kind)) return {};
    hit_ = true;
    return {fault_.error, fault_.carried_out};
  }
  std::optional<std::uint64_t> free_bytes() override {
    if (fault_.error != ENOSPC || !hit_ || healed_) return std::nullopt;
    return 0;
  }
  bool heal() override {
    if (fault_.error != ENOSPC || !hit_) return false;
    return !std::exchange(healed_, true);
  }

  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] bool hit() const { return hit_; }

 private:
  const std::uint64_t nth_;
  const Fault fault_;
  std::uint64_t calls_ = 0;
  bool hit_ = false;
  bool healed_ = false;
};

enum Counted : std::size_t { kNoHarm, kStopped, kRefused, kWaited };

std::string judge_error(const Error& error, const std::string& root) {
  const bool clear =
      error.code == ExitCode::kInputOutput && error.message.find(root) != std::string::npos;
  return clear ? "" : "not the sentence and code of a failing disk: " + error.message;
}

// What the journal's user was told.
std::string judge_answer(const Fault& fault, const Ending& ending, const std::string& root,
                         Crew& crew) {
  crew.count(ending.refused   ? kRefused
             : ending.stopped ? kStopped
             : ending.healed  ? kWaited
                              : kNoHarm);
  if (ending.whole()) return {};
  const Error& error = ending.refused ? *ending.refused : *ending.stopped;
  if (fault.error == ENOSPC) return "a full disk is no reason to stop: " + error.message;
  return judge_error(error, root);
}

// The power goes after the fault, too.
std::string judge_without_power(const Breaker& breaker, const Left& left, std::uint64_t seed) {
  Disk disk;
  for (const Step& step : breaker.trace()) disk.take(step.call);
  Chance chance(seed);
  std::vector<Fate> fates(disk.uncertain());
  for (Fate& fate : fates) fate = static_cast<Fate>(chance.below(3));
  if (!lay_out(disk.image(fates, chance.fork()), left.root)) return "it could not be laid out";
  const std::string complaint = judge(left);
  return complaint.empty() ? "" : "and without power: " + complaint;
}

struct Attempt {
  const Story& story;
  const Place& place;
  std::uint64_t seed = 0;
};

std::string attempt(const Attempt& with, std::uint64_t nth, const Fault& fault, Crew& crew) {
  const std::string& root = with.place.root();
  if (!lay_out({}, root)) return "it could not be laid out";
  Breaker breaker(root, with.seed, nth, fault);
  Covered covered;
  Ending ending;
  {
    const InPlace in_place(breaker);
    ending = Teller(with.story, breaker, covered).tell();
  }
  if (!breaker.hit()) return {};
  std::string complaint = judge_answer(fault, ending, root, crew);
  if (complaint.empty() && covered.reused()) complaint = "a key covered two plaintexts";
  if (complaint.empty()) complaint = judge({with.story, breaker.standing(), covered, root});
  if (!complaint.empty()) return complaint;
  const Left left{with.story, breaker.standing(), covered, with.place.other()};
  return judge_without_power(breaker, left, with.seed + nth);
}

struct Sums {
  std::uint64_t calls = 0;
  std::uint64_t ahead = 0;  // stories in which the file is written ahead of its tail
  std::uint64_t cases = 0;
  std::uint64_t bad = 0;
  std::uint64_t counted[4] = {};
};

std::uint64_t calls_of(const Attempt& with, Sums& sums) {
  Breaker breaker(with.place.root(), with.seed, ~std::uint64_t{0}, kFaults[0]);
  Covered covered;
  const InPlace in_place(breaker);
  REQUIRE(Teller(with.story, breaker, covered).tell().whole());
  sums.calls += breaker.calls();
  sums.ahead += breaker.went_ahead() ? 1 : 0;
  return breaker.calls();
}

void storm(const Manner& manner, std::uint64_t seed, std::uint64_t stride, Sums& sums) {
  const Place place;
  const Story story(manner, seed);
  const Attempt with{story, place, seed};
  const std::uint64_t calls = calls_of(with, sums);
  constexpr std::uint64_t kFaultCount = std::size(kFaults);
  for (std::uint64_t which = 0; which < kFaultCount; ++which) {
    const Fault& fault = kFaults[which];
    Crew crew(std::string(fault.name) + ", " + manner.name + ", seed " + std::to_string(seed));
    crew.run([&](std::uint64_t from) {
      for (std::uint64_t nth = 1; nth <= calls; ++nth) {
        if (nth < from || (nth + 3 * which) % stride != 0) continue;
        crew.begin(nth);
        crew.end(attempt(with, nth, fault, crew));
      }
    });
    sums.cases += crew.cases();
    sums.bad += crew.bad();
    for (std::size_t i = 0; i < 4; ++i) sums.counted[i] += crew.counted(i);
  }
}

void storms(std::uint64_t seeds, std::uint64_t stride) {
  Sums sums;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const Manner& manner : kManners) storm(manner, seed, stride, sums);
  }
  const auto print = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu calls, failed in %llu ways: %llu bad; %llu stopped the journal, %llu kept it from "
      "opening, %llu made it wait for room, %llu did no harm\n",
      print(sums.calls), print(sums.cases), print(sums.bad), print(sums.counted[kStopped]),
      print(sums.counted[kRefused]), print(sums.counted[kWaited]), print(sums.counted[kNoHarm]));
  CHECK(sums.ahead > 0);
  CHECK(sums.counted[kStopped] > 0);
  CHECK(sums.counted[kRefused] > 0);
  CHECK(sums.counted[kWaited] > 0);
  CHECK(sums.bad == 0);
}

TEST_CASE("whichever call fails, the journal says so or waits, and keeps what it acknowledged",
          "[storm]") {
  storms(1, 23);
}

TEST_CASE("every call fails in every way", "[.storm]") { storms(2, 1); }

}  // namespace
}  // namespace daybook::storm
