// A whole world in one thread: people, Telegram, a model server, a disk that dies between commits,
// and the production gateway with its adapters in the middle, all on a virtual clock. One seed
// decides everything; the same seed gives the same journal, byte for byte.
//
// A swarm option makes memory scarce: sessions are let go as soon as they may be, snapshots are
// taken all the time and lost in crashes. It must make no difference to the journal of a seed.
//
// First comes a stormy part, in which people talk and everything breaks (safety), then a calm one,
// in which all that is owed must be settled (liveness); then the checkers look.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/telegram.h"
#include "core/erasure.h"
#include "core/gateway.h"
#include "core/idle.h"
#include "core/late.h"
#include "core/settings.h"
#include "core/tool_runner.h"
#include "journal/memory_log.h"
#include "tests/sim/chance.h"
#include "tests/sim/checkers.h"
#include "tests/sim/network.h"
#include "tests/sim/people.h"

namespace daybook::sim {

struct Report {
  std::uint64_t seed = 0;
  Complaints complaints;
  Tally tally;
  std::uint64_t events = 0;
  std::uint64_t ambiguous = 0;
  std::uint64_t extra = 0;  // messages on screens beyond what is wanted
  std::string trace;        // digest of all clear records, in hex
};

class Simulation {
 public:
  static constexpr std::uint64_t kStepsMax = 400'000;
  static constexpr int kStandstillMax = 500;  // steps in one millisecond
  static constexpr Duration kStorm{120'000};
  static constexpr Duration kCalmMax{7'200'000};

  struct Swarm {
    bool scarce_memory = false;
  };

  explicit Simulation(std::uint64_t seed, Swarm swarm = {false});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Report run();
  // The disk, for whoever has more to ask of it after run().
  MemoryLog& log() { return log_; }
  // What is durable now.
  std::vector<Event> journal();

 private:
  // What a process holds; gone with it.
  struct Machine {
    std::unique_ptr<Gateway> gateway;
    std::unique_ptr<Eraser> eraser;
    std::unique_ptr<ToolRunner> tools;
    std::unique_ptr<Gatherer> gatherer;
    std::unique_ptr<IdleWatch> idle_watch;
    std::unique_ptr<Telegram> telegram;
    std::vector<std::unique_ptr<Adapter>> providers;
  };
  world::BotFault bot_fault(std::string_view method);
  world::ChatScript chat_script(const std::string& model);
  void boot();
  void die();
  void count_sessions();
  void count_events(const std::vector<Event>& events);
  bool step();
  [[nodiscard]] Time next_time() const;
  void disk_turns();
  [[nodiscard]] bool settled() const;
  void check_replay(Complaints* complaints);
  void check_spending(Complaints* complaints);
  std::string trace();

  const Swarm swarm_;
  Chance swarm_chance_;  // of its own: a swarm option changes no other chance
  Chance chance_;
  Chance disk_chance_;
  Chance bot_chance_;
  Chance model_chance_;
  Tally tally_;
  Complaints complaints_;
  Settings settings_;
  world::BotApi bot_;
  world::ChatServer models_;
  SimNetwork network_;
  MemoryLog log_;
  std::unique_ptr<Machine> machine_;  // null while the process is down

  Time now_;
  Time storm_ends_;
  Time disk_at_ = kNever;  // when the commit under way is done
  Time boot_at_;
  int standstill_ = 0;
  bool calm_ = false;
  int crashes_ = 0;
  People people_;
};

}  // namespace daybook::sim
