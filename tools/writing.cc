// The same gateway as the daemon's, without adapters: decisions follow from the fact as always.
#include "tools/writing.h"

#include <poll.h>
#include <sys/random.h>

#include <array>

#include "journal/lmdb_log.h"
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

Result<void> wait_durable(Gateway& gateway) {
  while (!gateway.durable()) {
    if (gateway.stopped().has_value()) return *gateway.stopped();
    if (gateway.waiting_for_space()) {
      return Error{"the disk is full; make space and try again", ExitCode::kInputOutput};
    }
    poll(nullptr, 0, kWaitMilliseconds);
    gateway.turn(wall_clock());
  }
  return {};
}

}  // namespace

Result<Event> gateway_started(bool recovery) {
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
  return fact;
}

Result<Event> record_offline(const std::string& directory, bool create,
                             const std::function<Result<Event>(Gateway&)>& make, bool encrypt) {
  LmdbLog::Options options;
  options.directory = directory;
  options.create_if_missing = create;
  options.encrypt = encrypt;
  auto log = LmdbLog::open(std::move(options));
  if (!log) return log.error();
  auto gateway = Gateway::open(**log);
  if (!gateway) return gateway.error();
  IdleTransport transport;
  (*gateway)->connect({}, transport);
  auto fact = make(**gateway);
  if (!fact) return fact.error();
  auto started = gateway_started(false);
  if (!started) return started.error();
  (*gateway)->record(std::move(started).value(), wall_clock());
  const Seq seq = (*gateway)->record(std::move(fact).value(), wall_clock());
  const auto event = (*gateway)->event(seq);
  (*gateway)->stop("a tool recorded one fact", wall_clock());
  if (auto durable = wait_durable(**gateway); !durable) return durable.error();
  if (!event.has_value()) return Error{"the journal took nothing", ExitCode::kInternal};
  return *event;
}

}  // namespace daybook
