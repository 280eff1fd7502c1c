// One step: the earliest thing that can happen happens, then the gateway has its turn.
#include "tests/sim/simulation.h"

#include <algorithm>
#include <map>
#include <set>

#include "adapters/provider.h"
#include "core/codec.h"
#include "core/model.h"
#include "core/sha256.h"
#include "core/spending.h"
#include "core/usage.h"

namespace daybook::sim {
namespace {

constexpr std::uint16_t kBotPort = 1;
constexpr std::uint16_t kModelPort = 2;
constexpr std::int64_t kStart = 1'795'219'200'000;
constexpr int kCrashesMax = 7;  // fewer than a turn survives
constexpr GatewayLimits kScarceMemory{.sessions = {.bytes_max = 0, .grown_events = 4},
                                      .snapshot_every = 32};
constexpr const char* kToken = "123456:simulated-token-of-the-bot-abcdefgh";

// What an answer becomes that a crash cuts off, who is asked first, and what becomes of what waits,
// is the seed's to say.
Settings make_settings(std::uint64_t seed) {
  static constexpr const char* kRecoveries[] = {"restart", "continue", "ask"};
  constexpr const char* kModes[] = {"wait", "collect", "steer", "interrupt"};
  const std::vector<SettingEntry> entries = {
      {"agent.fallbacks", std::vector<std::string>{"fake:second", "spare:m"}, Layer::kUser, "sim",
       10},
      {"agent.recovery", std::string(kRecoveries[seed % 3]), Layer::kUser, "sim", 11},
      {"agent.route", std::string(seed % 4 == 0 ? "learned" : "fixed"), Layer::kUser, "sim", 12},
      {"providers.spare.kind", "openai", Layer::kUser, "sim", 13},
      {"providers.spare.base_url", "http://127.0.0.1:2/v1", Layer::kUser, "sim", 14},
      {"providers.spare.api_key", "simulated-key", Layer::kUser, "sim", 15},
      {"queue.mode", kModes[seed / 2 % std::size(kModes)], Layer::kUser, "sim", 16},
      {"sessions.idle", std::int64_t{seed % 3 == 0 ? 15'000 : 0}, Layer::kUser, "sim", 17},
      {"sessions.titles", seed % 5 < 2 ? "model" : "words", Layer::kUser, "sim", 18},
      {"agent.model", "fake:m", Layer::kUser, "sim", 1},
      {"agent.system_prompt", "Be brief.", Layer::kUser, "sim", 2},
      {"agent.max_history_messages", std::int64_t{8}, Layer::kUser, "sim", 3},
      {"telegram.token", kToken, Layer::kUser, "sim", 4},
      {"telegram.api_root", "http://127.0.0.1:1", Layer::kUser, "sim", 5},
      {"telegram.allow", std::vector<std::int64_t>{101, 102, 103}, Layer::kUser, "sim", 6},
      {"providers.fake.kind", "openai", Layer::kUser, "sim", 7},
      {"providers.fake.base_url", "http://127.0.0.1:2/v1", Layer::kUser, "sim", 8},
      {"providers.fake.api_key", "simulated-key", Layer::kUser, "sim", 9},
      {"agent.tools", std::vector<std::string>{"journal_search"}, Layer::kUser, "sim", 10},
      {"agent.max_steps", std::int64_t{2}, Layer::kUser, "sim", 11},
      {"agent.stale_after", "2s", Layer::kUser, "sim", 12}};
  Result<LoadedSettings> loaded = resolve_settings(entries);
  DAYBOOK_CHECK(loaded.has_value(), "settings that are valid");
  return loaded->values;
}

Event started(Chance& chance) {
  Event event;
  GatewayStarted* body = event.mutable_gateway_started();
  body->set_version("sim");
  body->set_rules(kRulesVersion);
  std::string entropy;
  while (entropy.size() < 16) entropy += static_cast<char>(chance.below(256));
  body->set_entropy(entropy);
  body->set_recovery(true);
  body->set_erasable(true);
  return event;
}

void add_bytes(Sha256* hash, std::string_view bytes) {
  hash->update(std::to_string(bytes.size()) + ":");
  hash->update(bytes);
}

}  // namespace

Simulation::Simulation(std::uint64_t seed, Swarm swarm)
    : swarm_(swarm),
      swarm_chance_(~seed),
      chance_(seed),
      disk_chance_(chance_.fork()),
      bot_chance_(chance_.fork()),
      model_chance_(chance_.fork()),
      settings_(make_settings(seed)),
      bot_(kToken),
      models_("simulated-key"),
      network_(chance_.fork(), tally_),
      now_(from_milliseconds(kStart)),
      storm_ends_(now_ + kStorm),
      boot_at_(now_),
      people_(chance_.fork(), tally_, now_, kStorm * 3 / 4) {
  network_.add(kBotPort, bot_);
  network_.add(kModelPort, models_);
  bot_.choose_faults([this](std::string_view method, int) { return bot_fault(method); });
  models_.direct(
      [this](const world::ChatRequest& request, int) { return chat_script(request.model); });
}

Simulation::~Simulation() = default;

// ---- what goes wrong

world::BotFault Simulation::bot_fault(std::string_view method) {
  using world::BotFault;
  if (calm_) return {};
  const bool polls = method == "getUpdates";
  const std::uint64_t draw = bot_chance_.below(1'000);
  if (draw < 30 && !polls) {
    ++tally_["429 from Telegram"];
    return BotFault::too_many_requests(static_cast<int>(bot_chance_.between(1, 5)));
  }
  if (draw < 45) {
    ++tally_["502 from Telegram"];
    return BotFault::bad_gateway(bot_chance_.per_thousand(500));
  }
  if (draw < 55) {
    ++tally_["500 from Telegram"];
    return BotFault::restart(bot_chance_.per_thousand(500));
  }
  return {};
}

world::ChatScript Simulation::chat_script(const std::string& model) {
  world::ChatScript script;
  script.first = Duration(model_chance_.between(10, 800));
  script.each = Duration(model_chance_.between(1, 120));
  script.words = static_cast<std::size_t>(model_chance_.between(1, 4));
  script.comments = model_chance_.per_thousand(500);
  script.done = model_chance_.per_thousand(700);
  if (model_chance_.per_thousand(300)) {
    script.split = static_cast<std::size_t>(model_chance_.between(1, 40));
    ++tally_["odd splits"];
  }
  if (model_chance_.per_thousand(300)) {
    static constexpr const char* kWords[] = {"words", "q1", "of 101", "word3", "nothing", " "};
    script.look_for = kWords[model_chance_.below(std::size(kWords))];
    ++tally_["looks something up"];
  }
  if (calm_) return script;
  const std::uint64_t draw = model_chance_.below(1'000);
  if (draw < 60) {
    ++tally_["429 from the model"];
    return world::ChatScript::refusal(429, R"({"error":{"message":"slow down","code":429}})",
                                      {{"Retry-After", "2"}});
  }
  if (draw < 100) {
    ++tally_["503 from the model"];
    return world::ChatScript::refusal(503, "<html>overloaded</html>");
  }
  // The model that is wanted is the one that is gone now and then, for good or for long.
  if (draw < 130 && model == "m") {
    ++tally_["404 from the model"];
    return world::ChatScript::refusal(404, R"({"error":{"message":"no such model","code":404}})");
  }
  if (draw < 145 && model == "m") {
    ++tally_["a long pause from the model"];
    return world::ChatScript::refusal(429, R"({"error":{"message":"come back","code":429}})",
                                      {{"Retry-After", "400"}});
  }
  if (draw < 205) {
    ++tally_["error inside the stream"];
    script.error_after = static_cast<int>(model_chance_.between(0, 8));
  }
  return script;
}

// ---- the process

void Simulation::boot() {
  const GatewayLimits limits = swarm_.scarce_memory ? kScarceMemory : GatewayLimits();
  Result<std::unique_ptr<Gateway>> gateway = Gateway::open(log_, limits);
  if (!gateway) {
    complaints_.push_back("cannot start: " + gateway.error().message);
    return;
  }
  machine_ = std::make_unique<Machine>();
  machine_->gateway = std::move(gateway).value();
  machine_->telegram =
      std::make_unique<Telegram>(settings_, machine_->gateway->work(), [](std::string_view) {});
  machine_->eraser = std::make_unique<Eraser>(machine_->gateway->work(), *machine_->gateway);
  machine_->tools = std::make_unique<ToolRunner>(machine_->gateway->work(), *machine_->gateway,
                                                 machine_->gateway->sessions());
  machine_->gatherer = std::make_unique<Gatherer>(machine_->gateway->work());
  machine_->idle_watch = std::make_unique<IdleWatch>(machine_->gateway->directory());
  std::vector<Adapter*> adapters = {machine_->eraser.get(), machine_->tools.get(),
                                    machine_->gatherer.get(), machine_->idle_watch.get(),
                                    machine_->telegram.get()};
  for (const ProviderSettings& provider : settings_.providers) {
    machine_->providers.push_back(
        make_provider(provider, machine_->gateway->work(), *machine_->gateway));
    adapters.push_back(machine_->providers.back().get());
  }
  machine_->gateway->connect(adapters, network_);
  machine_->gateway->record(started(chance_), now_);
  machine_->gateway->record(settings_loaded(settings_), now_);
  Event catalogue;
  *catalogue.mutable_catalogue_loaded() = built_in_catalogue();
  machine_->gateway->record(std::move(catalogue), now_);
  machine_->gateway->flush();
}

void Simulation::die() {
  ++crashes_;
  network_.crash();
  count_sessions();
  machine_.reset();
  log_.crash();
  if (swarm_.scarce_memory && swarm_chance_.per_thousand(300)) {
    ++tally_["snapshots lost"];
    log_.forget_snapshots();
  }
  disk_at_ = kNever;
  boot_at_ = now_ + Duration(disk_chance_.between(10, 3'000));
}

void Simulation::count_sessions() {
  if (machine_ == nullptr) return;
  const Sessions::Counts& counts = machine_->gateway->sessions().counts();
  tally_["sessions let go"] += counts.let_go;
  tally_["sessions loaded"] += counts.loaded;
  tally_["sessions loaded from a snapshot"] += counts.from_snapshot;
}

// ---- time

Time Simulation::next_time() const {
  Time next = std::min(network_.wake_at(), disk_at_);
  if (machine_ != nullptr) {
    next = std::min(next, machine_->gateway->wake_at(now_));
  } else {
    next = std::min(next, boot_at_);
  }
  next = std::min(next, people_.wake_at());
  if (!calm_) next = std::min(next, storm_ends_);
  return std::max(now_, next);
}

// The disk takes a while for each commit, and the machine may die right before it or right after.
void Simulation::disk_turns() {
  if (disk_at_ <= now_) {
    disk_at_ = kNever;
    const bool may_die = !calm_ && crashes_ < kCrashesMax;
    if (may_die && disk_chance_.per_thousand(12)) {
      ++tally_["crash before a commit"];
      return die();
    }
    log_.commit();
    if (may_die && disk_chance_.per_thousand(12)) {
      ++tally_["crash after a commit"];
      return die();
    }
  }
  if (disk_at_ == kNever && log_.queued() > 0) {
    disk_at_ = now_ + Duration(disk_chance_.between(0, 15));
  }
}

bool Simulation::step() {
  const Time next = next_time();
  standstill_ = next == now_ ? standstill_ + 1 : 0;
  if (standstill_ == kStandstillMax) {
    complaints_.emplace_back("the loop spins: something says it is due and is not");
    return false;
  }
  now_ = next;
  if (now_ >= storm_ends_ && !calm_) {
    calm_ = true;
    network_.calm();
  }
  people_.act(bot_, now_);
  network_.run(now_);
  disk_turns();
  if (machine_ == nullptr && boot_at_ <= now_) boot();
  if (machine_ == nullptr) return complaints_.empty();
  machine_->gateway->turn(now_);
  if (const auto& stopped = machine_->gateway->stopped()) {
    complaints_.push_back("stopped: " + stopped->message);
    return false;
  }
  disk_turns();
  return !(calm_ && settled());
}

bool Simulation::settled() const {
  return machine_ != nullptr && machine_->gateway->idle() && machine_->gateway->durable() &&
         people_.wake_at() == kNever && bot_.unconfirmed() == 0;
}

// ---- the verdict

Report Simulation::run() {
  std::uint64_t steps = 0;
  while (step()) {
    if (++steps == kStepsMax || now_ > storm_ends_ + kCalmMax) {
      complaints_.push_back("not settled after " + std::to_string(steps) + " steps and " +
                            std::to_string((now_ - from_milliseconds(kStart)).count()) + " ms");
      break;
    }
  }
  Report report;
  count_sessions();
  if (machine_ != nullptr) {
    check_replay(&complaints_);
    check_spending(&complaints_);
    const Evidence evidence{journal(), *machine_->gateway, bot_, models_, people_.said()};
    const Complaints found = check_all(evidence);
    complaints_.insert(complaints_.end(), found.begin(), found.end());
    report.events = evidence.events.size();
    count_events(evidence.events);
    report.ambiguous = ambiguous_posts(evidence.events);
    report.extra = extra_messages(evidence);
    report.trace = trace();
  }
  report.complaints = complaints_;
  report.tally = tally_;
  return report;
}

void Simulation::count_events(const std::vector<Event>& events) {
  std::set<Seq> answered;
  for (const Event& event : events) {
    if (event.turn_started().answers_size() > 1) ++tally_["several answered together"];
    if (event.turn_cancelled().for_message() != 0) ++tally_["answers cut for a message"];
    if (event.has_queue_cleared()) ++tally_["queues cleared"];
    if (event.session_named().turn() != 0) ++tally_["titles made"];
    if (event.session_reset().why() == SessionReset::IDLE) ++tally_["closed when idle"];
    if (event.has_message_edited()) ++tally_["edits that ask nothing"];
    for (const Seq message : event.turn_started().answers()) answered.insert(message);
    if (!event.has_message_replaced()) continue;
    --tally_["edits that ask nothing"];
    // What an edit stops, it stops in the events right before.
    const Event& before = events.at(event.seq() - 2);
    const bool stops = before.has_turn_cancelled() || before.has_message_held();
    const bool waited = !answered.contains(event.message_replaced().replaced());
    ++tally_[waited  ? "edits of what waited"
             : stops ? "edits of what was being answered"
                     : "edits of what was answered"];
  }
}

std::vector<Event> Simulation::journal() {
  std::vector<Event> events;
  const Result<void> scanned = log_.scan(1, log_.last(), all_kinds(), [&](const Record& record) {
    Result<Event> event = from_record(record);
    if (event) events.push_back(std::move(event).value());
    return event.has_value();
  });
  if (!scanned) complaints_.push_back(scanned.error().message);
  return events;
}

// A process that starts now knows exactly what the running one knows.
void Simulation::check_replay(Complaints* complaints) {
  Result<std::unique_ptr<Gateway>> fresh = Gateway::open(log_);
  if (!fresh) {
    complaints->push_back(fresh.error().message);
    return;
  }
  const auto same = [](const auto& a, const auto& b) {
    return a.SerializeAsString() == b.SerializeAsString();
  };
  if (!same((*fresh)->directory().save(), machine_->gateway->directory().save())) {
    complaints->emplace_back("replaying the journal gives another directory");
  }
  if (!same((*fresh)->work().save(), machine_->gateway->work().save())) {
    complaints->emplace_back("replaying the journal gives other open work");
  }
  for (const auto& [id, row] : machine_->gateway->directory().sessions()) {
    const Session* live = machine_->gateway->session(id);
    const Session* loaded = (*fresh)->session(id);
    if (live != nullptr && loaded != nullptr && same(live->state(), loaded->state())) continue;
    complaints->push_back("replaying the journal gives another session " + row.place());
  }
}

// What is kept of money is what the journal gives.
void Simulation::check_spending(Complaints* complaints) {
  UsageFold fold;
  Spent all;
  std::map<SessionId, Spent> sessions;
  for (const Event& event : journal()) {
    if (event.turn_retried().prompt().has_route()) ++tally_["a fallback goes on"];
    if (event.turn_started().continues() != 0) ++tally_["an answer goes on"];
    if (event.turn_started().route().passed_size() > 0) ++tally_["a model is passed over"];
    const auto call = fold.apply(event);
    if (!call) continue;
    all.add(call->spent);
    sessions[call->session].add(call->spent);
    if (!event.has_turn_completed()) ++tally_["calls that cost and gave nothing whole"];
  }
  const Directory& directory = machine_->gateway->directory();
  if (spent_of(directory.spending().month(kEverybody, directory.time())) != all) {
    complaints->emplace_back("the account of all is not what the journal gives");
  }
  for (const auto& [id, row] : directory.sessions()) {
    if (spent_of(row.spent()) == sessions[id]) continue;
    complaints->push_back("the account of " + row.place() + " is not what the journal gives");
  }
}

std::string Simulation::trace() {
  Sha256 hash;
  const Result<void> scanned = log_.scan(1, log_.last(), all_kinds(), [&](const Record& record) {
    add_bytes(&hash, std::to_string(record.seq) + " " + std::to_string(record.kind) + " " +
                         std::to_string(to_milliseconds(record.time)) + " " +
                         std::to_string(record.session) + " " + std::to_string(record.cause) + " " +
                         std::to_string(record.prev));
    add_bytes(&hash, record.clear);
    add_bytes(&hash, record.content);
    return true;
  });
  return scanned ? hex(view(hash.finish())) : std::string("unreadable");
}

}  // namespace daybook::sim
