// The same gateway as the daemon's, without adapters: decisions follow from the fact as always.
#include "tools/writing.h"

#include <poll.h>
#include <sys/random.h>

#include <array>

#include "core/erasure.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr int kWaitMilliseconds = 2;

class IdleTransport final : public Transport {
 public:
  void start(Call) override {}
  void cancel(CallId) override {}
  std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
};

Error disk_is_full(const Gateway& gateway) {
  if (gateway.work().erasures.empty()) {
    return {"the disk is full; make space and try again", ExitCode::kInputOutput};
  }
  return {
      "the disk is full: the erasure is ordered and its words are not shown any more, but their "
      "keys are not all destroyed; make space, then repeat it or start daybookd",
      ExitCode::kInputOutput};
}

Result<void> wait_durable(Gateway& gateway) {
  while (!gateway.durable() || !gateway.work().erasures.empty()) {
    if (gateway.stopped().has_value()) return *gateway.stopped();
    if (gateway.waiting_for_space()) return disk_is_full(gateway);
    poll(nullptr, 0, kWaitMilliseconds);
    gateway.turn(wall_clock());
  }
  return {};
}

}  // namespace

Result<Event> gateway_started(bool recovery, bool erasable) {
  std::array<char, 16> entropy;
  if (getrandom(entropy.data(), entropy.size(), 0) != static_cast<ssize_t>(entropy.size())) {
    return Error{"the system gives no random bytes", ExitCode::kInputOutput};
  }
  Event fact;
  GatewayStarted& started = *fact.mutable_gateway_started();
  started.set_version(DAYBOOK_VERSION);
  started.set_rules(kRulesVersion);
  started.set_entropy(std::string(entropy.data(), entropy.size()));
  started.set_recovery(recovery);
  started.set_erasable(erasable);
  return fact;
}

Result<std::vector<Event>> record_all_offline(
    const std::string& directory, bool create,
    const std::function<Result<std::vector<Event>>(Gateway&, LmdbLog&)>& make, bool encrypt) {
  LmdbLog::Options options;
  options.directory = directory;
  options.create_if_missing = create;
  options.encrypt = encrypt;
  auto log = LmdbLog::open(std::move(options));
  if (!log) return log.error();
  auto gateway = Gateway::open(**log);
  if (!gateway) return gateway.error();
  IdleTransport transport;
  Eraser eraser((*gateway)->work(), **gateway);
  (*gateway)->connect({&eraser}, transport);
  auto facts = make(**gateway, **log);
  // What was ordered before and is still due is carried out like what is ordered now.
  if (!facts || (facts->empty() && (*gateway)->work().erasures.empty())) return facts;
  auto started = gateway_started(false, (*log)->locked());
  if (!started) return started.error();
  (*gateway)->record(std::move(started).value(), wall_clock());
  std::vector<Event> recorded;
  for (Event& fact : *facts) {
    const Seq seq = (*gateway)->record(std::move(fact), wall_clock());
    auto event = (*gateway)->event(seq);
    if (!event) return Error{"the journal took nothing", ExitCode::kInternal};
    recorded.push_back(std::move(*event));
  }
  (*gateway)->flush();
  if (auto durable = wait_durable(**gateway); !durable) return durable.error();
  (*gateway)->stop("a tool recorded what it was asked to", wall_clock());
  // All that was asked for is durable: where the disk is full by now, it lacks the sign-off alone.
  const auto durable = wait_durable(**gateway);
  if (!durable && !(*gateway)->waiting_for_space()) return durable.error();
  return recorded;
}

Result<Event> record_offline(const std::string& directory, bool create,
                             const std::function<Result<Event>(Gateway&)>& make, bool encrypt) {
  const auto make_all = [&](Gateway& gateway, LmdbLog&) -> Result<std::vector<Event>> {
    auto fact = make(gateway);
    if (!fact) return fact.error();
    return std::vector<Event>{std::move(fact).value()};
  };
  auto recorded = record_all_offline(directory, create, make_all, encrypt);
  if (!recorded) return recorded.error();
  return std::move(recorded->front());
}

}  // namespace daybook
