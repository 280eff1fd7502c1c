// Simulated worlds: whatever breaks, the guarantees hold, and a seed gives the same run again.
#include <catch2/catch.hpp>

#include "tests/sim/chance.h"
#include "tests/sim/checkers.h"
#include "tests/sim/network.h"
#include "tests/sim/simulation.h"
#include "tools/replay.h"

namespace daybook::sim_test {

using sim::Chance;
using sim::Report;
using sim::Simulation;

TEST_CASE("a seed gives the same chances again, and its forks differ", "[sim]") {
  Chance one(7);
  Chance two(7);
  for (int i = 0; i < 100; ++i) CHECK(one.next() == two.next());
  Chance fork = one.fork();
  CHECK(fork.next() != one.next());
  for (int i = 0; i < 100; ++i) CHECK(one.between(-2, 2) >= -2);
}

TEST_CASE("whatever breaks, all that was said is answered, whole, and once", "[sim]") {
  sim::Tally tally;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Report report = Simulation(seed, {.scarce_memory = seed % 2 == 0}).run();
    INFO("daybook_sim --seed " << seed);
    CHECK(report.complaints == std::vector<std::string>{});
    CHECK(report.extra <= report.ambiguous);
    for (const auto& [name, times] : report.tally) tally[name] += times;
  }
  for (const char* fault : {"crash before a commit",
                            "crash after a commit",
                            "stream cut",
                            "429 from Telegram",
                            "answer lost, executed",
                            "sessions loaded from a snapshot",
                            "snapshots lost",
                            "404 from the model",
                            "a long pause from the model",
                            "a fallback goes on",
                            "an answer goes on",
                            "a model is passed over",
                            "several answered together",
                            "answers cut for a message",
                            "titles made",
                            "closed when idle",
                            "edits of what waited",
                            "edits of what was being answered",
                            "edits of what was answered",
                            "edits that ask nothing"}) {
    INFO(fault);
    CHECK(tally[fault] > 0);
  }
}

TEST_CASE("what people have forgotten is gone, and a replay is the same in all the rest", "[sim]") {
  Seq erased = 0;
  sim::Tally tally;
  for (std::uint64_t seed = 31; seed <= 60; ++seed) {
    Simulation simulation(seed);
    Report report = simulation.run();
    INFO("daybook_sim --seed " << seed);
    CHECK(report.complaints == std::vector<std::string>{});
    tally["asked"] += report.tally["says /erase"];
    const auto replayed = replay_check(simulation.log(), 0);
    REQUIRE(replayed);
    CHECK(replayed->divergence == "");
    erased += replayed->erased;
  }
  CHECK(tally["asked"] > 0);
  CHECK(erased > 0);
}

TEST_CASE("the same seed gives the same journal, another seed another one", "[sim]") {
  const std::string trace = Simulation(3).run().trace;
  CHECK(Simulation(3).run().trace == trace);
  CHECK(Simulation(4).run().trace != trace);
}

TEST_CASE("sessions that are let go at every turn leave the journal as it is", "[sim]") {
  for (std::uint64_t seed = 21; seed <= 26; ++seed) {
    INFO("seed " << seed);
    const Report scarce = Simulation(seed, {.scarce_memory = true}).run();
    CHECK(scarce.tally.at("sessions let go") > 0);
    CHECK(scarce.trace == Simulation(seed).run().trace);
  }
}

}  // namespace daybook::sim_test
