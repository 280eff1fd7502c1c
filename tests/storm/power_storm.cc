// The power goes at every moment of a journal's life: while it is made, written, erased from, shut
// and opened again, archived, backed up and restored. What was synced is there, any part of the
// rest; see tests/storm/disk.h.
//
// Every state has a number: DAYBOOK_STORM_SEED=3 DAYBOOK_STORM_CASE=812 looks at that one alone.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <utility>

#include "journal/archive.h"
#include "journal/backup.h"
#include "journal/rebuild.h"
#include "journal/restoration.h"
#include "tests/storm/crew.h"
#include "tests/storm/disk.h"
#include "tests/storm/judge.h"

namespace daybook::storm {
namespace {

using sim::Chance;

constexpr std::uint64_t kMixed = 0x9E3779B97F4A7C15u;
// Of every moment at which something is uncertain.
constexpr std::uint64_t kRandomStates = 3;

constexpr Manner kManners[] = {
    {.name = "locked"},
    {.name = "clear", .encrypt = false},
    {.name = "growing", .groups = 16, .events_max = 40, .map_bytes = 128u << 10},
    {.name = "rewriting", .groups = 40, .events_max = 2, .state_bytes_max = 9'000},
    {.name = "ahead", .groups = 16, .events_max = 300, .state_bytes_max = 0},
};

std::optional<std::uint64_t> asked_for(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

// All, none, each alone, each lost alone, and some by chance.
std::uint64_t states_of(std::uint64_t uncertain) {
  return uncertain == 0 ? 1 : 2 + (uncertain > 1 ? 2 * uncertain : 0) + kRandomStates;
}

std::vector<Fate> fates_of(std::uint64_t variant, std::uint64_t uncertain, Chance chance) {
  std::vector<Fate> fates(uncertain, variant == 0 ? Fate::kKept : Fate::kLost);
  if (variant < 2) return fates;
  variant -= 2;
  if (uncertain > 1 && variant < 2 * uncertain) {
    const bool alone = variant < uncertain;
    if (!alone) fates.assign(uncertain, Fate::kKept);
    fates[variant % uncertain] = alone ? Fate::kKept : Fate::kLost;
    return fates;
  }
  for (Fate& fate : fates) fate = static_cast<Fate>(chance.below(3));
  return fates;
}

// A recorded life, and where what is left of it is laid out.
struct Life {
  std::string name;
  const Recorder& recorder;
  std::string where;
  std::uint64_t seed = 0;
  std::size_t from = 0;  // of its steps, the first that matters
};

// Of a state.
struct Moment {
  std::uint64_t number = 0;
  std::size_t step = 0;  // how many had been done
};

// Calls `visit(moment, disk, fates, standing)` for every number that `wanted` wants. Returns how
// many there are.
template <typename Wanted, typename Visit>
std::uint64_t each_state(const Life& life, Wanted wanted, Visit visit) {
  Disk disk;
  std::uint64_t number = 0;
  const std::vector<Step>& trace = life.recorder.trace();
  for (std::size_t i = 0; i <= trace.size(); ++i) {
    const Standing& standing = i < trace.size() ? trace[i].standing : life.recorder.standing();
    const std::uint64_t uncertain = disk.uncertain();
    const std::uint64_t variants = i < life.from ? 0 : states_of(uncertain);
    for (std::uint64_t variant = 0; variant < variants; ++variant, ++number) {
      if (!wanted(number)) continue;
      const Chance chance(life.seed ^ number * kMixed);
      visit(Moment{number, i}, disk, fates_of(variant, uncertain, chance), standing);
    }
    if (i < trace.size()) disk.take(trace[i].call);
  }
  return number;
}

// A process that was killed leaves all it did; the next one goes on from there, and the power goes
// when it has: what was never synced by either is lost.
std::string judge_killed(const Left& left, Disk disk, std::uint64_t seed) {
  Recorder recorder(left.root, seed);
  Seq last = 0;
  {
    const InPlace in_place(recorder);
    std::string complaint = judge(left, &last);
    if (!complaint.empty()) return complaint;
  }
  for (const Step& step : recorder.trace()) disk.take(step.call);
  const std::vector<Fate> fates(disk.uncertain(), Fate::kLost);
  if (!lay_out(disk.image(fates, Chance(seed)), left.root)) return "it could not be laid out";
  const std::string complaint = judge_again(left, last);
  return complaint.empty() ? "" : "after a start and without power: " + complaint;
}

struct Sums {
  std::uint64_t workloads = 0;
  std::uint64_t ahead = 0;  // of those whose file was written ahead of its tail
  std::uint64_t states = 0;
  std::uint64_t bad = 0;
};

// Looks at `most` of the states it went through, evenly spread. `judge_one(moment, disk, standing,
// killed)` says what is wrong with one that is laid out.
template <typename JudgeOne>
void look_at(const Life& life, std::uint64_t most, JudgeOne judge_one, Sums& sums) {
  const std::uint64_t seed = life.seed;
  const auto none = [](std::uint64_t) { return false; };
  const auto nothing = [](auto&&...) {};
  const std::uint64_t stride = each_state(life, none, nothing) / most + 1;
  const std::optional<std::uint64_t> only = asked_for("DAYBOOK_STORM_CASE");
  Crew crew("power, " + life.name + ", seed " + std::to_string(seed));
  crew.run([&](std::uint64_t from) {
    const auto wanted = [&](std::uint64_t number) {
      if (only) return number == *only && number >= from;
      return number >= from && number % stride == seed % stride;
    };
    const auto look = [&](const Moment& moment, const Disk& disk, const std::vector<Fate>& fates,
                          const Standing& standing) {
      crew.begin(moment.number);
      const Image image = disk.image(fates, Chance(seed + moment.number * kMixed));
      const bool killed = std::ranges::all_of(fates, [](Fate fate) { return fate == Fate::kKept; });
      const bool laid_out = lay_out(image, life.where);
      crew.end(laid_out ? judge_one(moment, disk, standing, killed) : "it could not be laid out");
    };
    each_state(life, wanted, look);
  });
  ++sums.workloads;
  sums.states += crew.cases();
  sums.bad += crew.bad();
}

// Tells one story to a journal.
void tell(const Story& story, Recorder& recorder, Covered& covered) {
  const InPlace in_place(recorder);
  const Ending ending = Teller(story, recorder, covered).tell();
  REQUIRE(ending.whole());
  REQUIRE_FALSE(covered.reused());
}

void storm(const Manner& manner, std::uint64_t seed, std::uint64_t most, Sums& sums) {
  const Place place;
  const Story story(manner, seed);
  Recorder recorder(place.root(), seed);
  Covered covered;
  tell(story, recorder, covered);
  sums.ahead += recorder.went_ahead() ? 1 : 0;
  const auto judge_one = [&](const Moment& moment, const Disk& disk, const Standing& standing,
                             bool killed) {
    const Left left{story, standing, covered, place.other()};
    return killed ? judge_killed(left, disk, ~seed ^ moment.number) : judge(left);
  };
  look_at({manner.name, recorder, place.other(), seed}, most, judge_one, sums);
}

// ---- a journal that is made again from the events of another

// What the rebuilder is given.
struct Commits {
  std::vector<std::vector<StoredEvent>> events;
  std::vector<std::vector<ExternalId>> externals;
  std::vector<Ref> refs;
  Seq last = 0;
};

Commits commits_of(const Story& story, const std::string& directory) {
  Commits commits;
  auto reader = LmdbReader::open(directory);
  REQUIRE(reader);
  commits.last = (*reader)->last();
  StoredReading stored = (*reader)->stored();
  for (Seq next = 1; next <= commits.last;) {
    const auto commit = stored.commit_of(next);
    REQUIRE((commit && commit->has_value()));
    const Seq end = (*commit)->last;
    auto& events = commits.events.emplace_back();
    REQUIRE(stored.events(next, end, [&events](const StoredEvent& event) {
      events.push_back(event);
      return true;
    }));
    auto& externals = commits.externals.emplace_back();
    std::ranges::copy_if(story.externals(), std::back_inserter(externals),
                         [&](const ExternalId& one) { return next <= one.seq && one.seq <= end; });
    next = end + 1;
  }
  for (const auto& [name, ref] : story.refs_at(commits.last)) commits.refs.push_back(ref);
  return commits;
}

Result<void> make_again(const Commits& commits, Rebuilder& rebuilder) {
  for (std::size_t i = 0; i < commits.events.size(); ++i) {
    const Result<void> added = rebuilder.add(commits.events[i], commits.externals[i]);
    if (!added) return added;
  }
  return rebuilder.finish(commits.refs);
}

void storm_over_remaking(std::uint64_t seed, std::uint64_t most, Sums& sums) {
  const Manner manner{.name = "made again", .encrypt = false, .state_bytes_max = 0};
  const Story story(manner, seed);
  const Place original;
  Covered covered;
  Recorder unused(original.root(), seed);
  tell(story, unused, covered);
  const Commits commits = commits_of(story, original.root() + "/journal");

  const Place place;
  Recorder recorder(place.root(), seed);
  recorder.note_issued(commits.last);
  {
    const InPlace in_place(recorder);
    Result<Genesis> genesis = new_genesis(false);
    REQUIRE(genesis);
    REQUIRE(rebuild_journal(place.root() + "/journal", std::move(*genesis),
                            [&](Rebuilder& rebuilder) { return make_again(commits, rebuilder); }));
    recorder.note_durable(commits.last);
  }
  const auto judge_one = [&](const Moment&, const Disk&, const Standing& standing, bool) {
    Seq last = 0;
    std::string complaint = judge({story, standing, covered, place.other()}, &last);
    const bool part = last != 0 && last != commits.last;
    return complaint.empty() && part ? "a part of it is there" : complaint;
  };
  look_at({manner.name, recorder, place.other(), seed}, most, judge_one, sums);
}

// ---- a whole journal that is moved about

constexpr Manner kArchived{.name = "archived", .chunks = true};
constexpr Manner kRestored{.name = "restored", .chunks = true};

// A journal that a story was told to; what is done to it afterwards is recorded, too. The places
// that it remembers are real ones, so that is where what is left of it is laid out.
struct Told {
  Told(const Manner& manner, std::uint64_t by_seed)
      : story(manner, by_seed), recorder(place.root(), by_seed), seed(by_seed) {
    tell(story, recorder, covered);
    from = recorder.trace().size();
  }

  [[nodiscard]] std::string at(const char* name) const { return place.root() + name; }
  [[nodiscard]] Left left(const Standing& standing) const {
    return {story, standing, covered, place.root()};
  }
  [[nodiscard]] Seq last() const { return recorder.standing().durable; }

  Place place;
  Story story;
  Recorder recorder;
  Covered covered;
  std::uint64_t seed;
  std::size_t from = 0;
};

void storm_over_archiving(std::uint64_t seed, std::uint64_t most, Sums& sums) {
  Told told(kArchived, seed);
  {
    const InPlace in_place(told.recorder);
    const auto archived = archive({told.at("/journal"), told.at("/archive"), told.last(), {}});
    REQUIRE(archived);
    REQUIRE(archived->chunks > 0);
  }
  const auto judge_one = [&](const Moment&, const Disk&, const Standing& standing, bool) {
    return judge(told.left(standing));
  };
  look_at({kArchived.name, told.recorder, told.place.root(), seed, told.from}, most, judge_one,
          sums);
}

Result<std::unique_ptr<Restoration>> prepare(const std::string& backup,
                                             const std::string& journal) {
  return Restoration::prepare({backup, "", journal, 0, {}});
}

Result<void> put_back(const std::string& backup, const std::string& journal) {
  const auto restoration = prepare(backup, journal);
  return restoration ? (*restoration)->finish() : Result<void>(restoration.error());
}

// What has a copy's name is whole; a journal opens whole. Only while one is put in place of
// another, `moving`, may it not open at all, and then the copy is there to be put back.
std::string judge_restored(const Told& told, const Standing& standing, bool moving) {
  const std::string backup = told.at("/backup");
  if (std::filesystem::exists(backup)) {
    VerifyOptions options;
    options.directory = backup;
    const auto verified = verify(options);
    if (!verified) return "the backup: " + verified.error().message;
    if (!verified->sound()) return "the backup: " + verified->what;
    if (verified->events != told.last()) return "the backup is not whole";
  }
  const std::string complaint = judge(told.left(standing));
  if (!moving || !complaint.starts_with(kDoesNotOpen)) return complaint;
  const Result<void> again = put_back(backup, told.at("/journal"));
  return again ? judge(told.left(standing)) : "put back again: " + again.error().message;
}

void storm_over_restoring(std::uint64_t seed, std::uint64_t most, Sums& sums) {
  Told told(kRestored, seed);
  std::size_t begun = 0;
  std::size_t ended = 0;
  {
    const InPlace in_place(told.recorder);
    REQUIRE(back_up(told.at("/journal"), told.at("/backup"), ""));
    const auto restoration = prepare(told.at("/backup"), told.at("/journal"));
    REQUIRE(restoration);
    begun = told.recorder.trace().size();
    REQUIRE((*restoration)->finish());
    ended = told.recorder.trace().size();
  }
  const auto judge_one = [&](const Moment& moment, const Disk&, const Standing& standing, bool) {
    return judge_restored(told, standing, moment.step > begun && moment.step < ended);
  };
  look_at({kRestored.name, told.recorder, told.place.root(), seed, told.from}, most, judge_one,
          sums);
}

void storms(std::uint64_t seeds, std::uint64_t most) {
  const std::uint64_t first = asked_for("DAYBOOK_STORM_SEED").value_or(1);
  Sums sums;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    for (const Manner& manner : kManners) storm(manner, seed, most, sums);
    storm_over_remaking(seed, most, sums);
    storm_over_archiving(seed, most, sums);
    storm_over_restoring(seed, most, sums);
  }
  std::printf("power lost in %llu states of %llu workloads from seed %llu: %llu bad\n",
              static_cast<unsigned long long>(sums.states),
              static_cast<unsigned long long>(sums.workloads),
              static_cast<unsigned long long>(first), static_cast<unsigned long long>(sums.bad));
  CHECK(sums.states > 0);
  CHECK(sums.ahead > 0);
  CHECK(sums.bad == 0);
}

TEST_CASE("whenever the power goes, what was acknowledged is there, and the journal goes on",
          "[storm]") {
  storms(1, 60);
}

TEST_CASE("the power goes at every step of many workloads", "[.storm]") { storms(2, 1'000'000); }

}  // namespace
}  // namespace daybook::storm
