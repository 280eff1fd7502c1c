// The wiring and the loop. What an iteration does can be read in iterate().
#include "tools/daemon.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <utility>

#include "adapters/model_lists.h"
#include "adapters/provider.h"
#include "adapters/telegram.h"
#include "core/fork.h"
#include "core/model.h"
#include "core/notation.h"
#include "journal/files.h"
#include "tools/control_client.h"
#include "tools/erasing.h"
#include "tools/journal_view.h"
#include "tools/prices.h"
#include "tools/service_notify.h"
#include "tools/web.h"
#include "tools/writing.h"

namespace daybook {
namespace {

// A second signal means at once; 128 + SIGINT, as shells say it.
constexpr int kImpatientExit = 130;
// After the grace: for one last edit to reach the screen.
constexpr Duration kLastWords{1'000};
// Without work for this long, what the work took is given back to the system: the allocator itself
// keeps every hole below the last byte in use, after a burst of TLS connections more than 1 MB.
constexpr Duration kQuiet{2'000};

bool same_secret(const Secret& one, const Secret& other) { return one.reveal() == other.reveal(); }

bool same_provider(const ProviderSettings& one, const ProviderSettings& other) {
  return one.kind == other.kind && one.base_url == other.base_url && one.models == other.models &&
         one.insecure == other.insecure && one.needs_key == other.needs_key &&
         same_secret(one.api_key, other.api_key);
}

bool same_telegram(const Settings& one, const Settings& other) {
  return same_secret(one.telegram.token, other.telegram.token) &&
         one.telegram.api_root == other.telegram.api_root &&
         one.telegram.edit_interval == other.telegram.edit_interval &&
         one.telegram.edit_chars == other.telegram.edit_chars;
}

// The keys whose change the network takes up only when it is made anew.
std::vector<std::string> restart_keys(const Settings& before, const Settings& after) {
  std::vector<std::string> keys;
  if (before.network.proxy != after.network.proxy) keys.emplace_back("network.proxy");
  if (before.tls.ca_file != after.tls.ca_file) keys.emplace_back("tls.ca_file");
  if (http_options(before).insecure_hosts == http_options(after).insecure_hosts) return keys;
  for (const ProviderSettings& provider : after.providers) {
    const ProviderSettings* old = before.provider(provider.name);
    const bool same = old != nullptr
                          ? old->insecure == provider.insecure &&
                                (!provider.insecure || old->base_url == provider.base_url)
                          : !provider.insecure;
    if (!same) keys.push_back("providers." + provider.name + ".insecure");
  }
  return keys;
}

// For tests that kill the daemon between any two events: "before:42" dies when the commit that
// holds event 42 is about to be made, "after:42" when it has just been.
CommitWatcher kill_watcher() {
  const char* text = std::getenv("DAYBOOK_TEST_KILL");
  if (text == nullptr) return {};
  const std::string order = text;
  const bool after = order.starts_with("after:");
  const Seq seq = parse_seq(order.substr(order.find(':') + 1));
  return [after, seq](Seq first, Seq last, bool done) {
    if (done == after && first <= seq && seq <= last) std::raise(SIGKILL);
  };
}

// The rows of the user's own.
Result<CatalogueLoaded> models_of(const Settings& settings) {
  if (settings.catalogue.file.empty()) return CatalogueLoaded();
  auto rows = read_prices(settings.catalogue.file);
  if (rows) return rows;
  return Error{"catalogue.file: " + rows.error().message, ExitCode::kSettings};
}

// Of those that the settings name.
void warn_of_models(spdlog::logger& log, const SettingsLoaded& settings,
                    const CatalogueLoaded& catalogue) {
  for (const ModelTrouble& trouble : model_troubles(settings, catalogue)) {
    log.warn("{}", trouble.text);
  }
}

std::string why_this_model(const LoadedSettings& settings) {
  if (!settings.values.agent.model_chosen) {
    return settings.values.agent.model == "echo"
               ? "no agent.model and no key is set, so the offline echo answers"
               : "no agent.model is set, so the first key found decides";
  }
  for (const SettingRow& row : settings.rows) {
    if (row.key != "agent.model") continue;
    return "agent.model, " + std::string(layer_name(row.layer)) +
           (row.origin.empty() ? "" : ", " + row.origin);
  }
  return "agent.model";
}

}  // namespace

Daemon::~Daemon() = default;

Result<void> Daemon::load() {
  auto loaded = load_settings(options_.request);
  if (!loaded) return loaded.error();
  auto own_models = models_of(loaded->settings.values);
  if (!own_models) return own_models.error();
  own_models_ = std::move(own_models).value();
  settings_ = std::move(loaded->settings);
  const Settings& values = settings_.values;
  log_.configure(values.log.level, values.log.format, Redactor(values.secrets()));
  for (const std::string& warning : loaded->warnings) log_.log().warn("{}", warning);
  return {};
}

Result<void> Daemon::check() {
  if (auto loaded = load(); !loaded) return loaded;
  const Event facts = settings_loaded(settings_.values);
  warn_of_models(log_.log(), facts.settings_loaded(), catalogue_with(CatalogueLoaded()));
  const std::string& directory = settings_.values.journal.dir;
  if (const auto interrupted = interrupted_restore(directory)) return *interrupted;
  const bool made = files::exists(directory + "/" + files::kData) ||
                    files::exists(directory + "/" + files::kHead);
  if (!made) {
    log_.log().info("the settings are good; {} holds no journal yet", directory);
    return {};
  }
  // As a start examines it, before anything is folded; without its lock, beside a daemon too.
  auto reader = LmdbReader::open(directory);
  if (!reader) return reader.error();
  if (const auto key = files::read_seal_key(directory); !key) return key.error();
  if (auto tail = (*reader)->examine_tail(); !tail) return tail;
  for (const std::string& warning : (*reader)->warnings()) log_.log().warn("{}", warning);
  reader->reset();  // LMDB does not bear two views in one process
  auto view = JournalView::open(directory);
  if (!view) return view.error();
  log_.log().info("the settings are good; the journal in {} holds {} events", directory,
                  (*view)->log().last());
  return {};
}

Result<void> Daemon::open() {
  reactor_.emplace();
  reactor_->watch_signals();
  LmdbLog::Options options;
  options.directory = settings_.values.journal.dir;
  options.commit_interval = settings_.values.journal.commit_interval;
  options.encrypt = settings_.values.journal.encrypt;
  options.waker = [waker = reactor_->waker()] { waker.wake(); };
  options.at_commit = kill_watcher();
  auto journal = LmdbLog::open(std::move(options));
  if (!journal) return journal.error();
  journal_ = std::move(journal).value();
  for (const std::string& warning : journal_->warnings()) log_.log().warn("{}", warning);
  auto gateway = Gateway::open(*journal_);
  if (!gateway) return gateway.error();
  gateway_ = std::move(gateway).value();
  // Else time would stand still for the gateway if the clock was set back since the last event.
  reactor_->not_before(gateway_->directory().time());
  started_ = reactor_->now();
  network_.emplace(*reactor_, http_options(settings_.values));
  return {};
}

Result<void> Daemon::record_start() {
  const Time now = reactor_->now();
  auto started = gateway_started(true, journal_->locked());
  if (!started) return started.error();
  // What a restart cut off is settled by the settings it was begun under. The other way round, the
  // first facts of a new version would be decided by the rules of the old one, and whoever reads
  // when the gateway died would find a sign of life at its start.
  gateway_->record(std::move(started).value(), now);
  start_ = gateway_->record(settings_fact(), now);
  if (auto fact = catalogue_changed()) gateway_->record(*std::move(fact), now);
  return {};
}

Event Daemon::settings_fact() const {
  const Result<std::string> seal_key = files::read_seal_key(settings_.values.journal.dir);
  return settings_loaded(settings_.values, seal_key ? *seal_key : std::string());
}

CatalogueLoaded Daemon::catalogue_with(const CatalogueLoaded& recorded) const {
  const Event settings = settings_loaded(settings_.values);
  return catalogue_of(recorded, own_models_, local_providers(settings.settings_loaded()));
}

std::optional<Event> Daemon::catalogue_changed() const {
  const CatalogueLoaded& recorded = gateway_->directory().catalogue();
  CatalogueLoaded rows = catalogue_with(recorded);
  if (recorded.SerializeAsString() == rows.SerializeAsString()) return std::nullopt;
  Event fact;
  *fact.mutable_catalogue_loaded() = std::move(rows);
  return fact;
}

std::unique_ptr<Adapter> Daemon::make_model_lists() const {
  std::vector<ProviderSettings> asked;
  if (settings_.values.catalogue.refresh) asked = settings_.values.providers;
  return std::make_unique<ModelLists>(
      asked, catalogue_with(gateway_->directory().catalogue()),
      [this](std::string_view sentence) { log_.log().warn("{}", sentence); });
}

void Daemon::connect_provider(const ProviderSettings& provider, std::vector<Adapter*>* adapters) {
  auto& slot = providers_[provider.name];
  slot = std::make_unique<Slot>(make_provider(provider, gateway_->work(), *gateway_));
  adapters->push_back(slot.get());
}

void Daemon::connect_telegram(std::vector<Adapter*>* adapters) {
  if (settings_.values.telegram.token.empty()) {
    if (telegram_ != nullptr) telegram_->replace(std::make_unique<SilentAdapter>("telegram"));
    return;
  }
  const auto warn = [this](std::string_view sentence) { log_.log().warn("{}", sentence); };
  auto telegram = std::make_unique<Telegram>(settings_.values, gateway_->work(), warn);
  if (telegram_ != nullptr) {
    telegram_->replace(std::move(telegram));
    return;
  }
  // A post on its way is never cut off: whether it was made could not be told any more.
  telegram_ = std::make_unique<Slot>(std::move(telegram), [](const Adapter& adapter) {
    const auto* present = dynamic_cast<const Telegram*>(&adapter);
    return present == nullptr || !present->sending();
  });
  adapters->push_back(telegram_.get());
}

void Daemon::connect() {
  eraser_ = std::make_unique<Eraser>(gateway_->work(), *gateway_);
  tools_ = std::make_unique<ToolRunner>(gateway_->work(), *gateway_, gateway_->sessions());
  gatherer_ = std::make_unique<Gatherer>(gateway_->work());
  model_lists_ = std::make_unique<Slot>(make_model_lists());
  idle_watch_ = std::make_unique<IdleWatch>(gateway_->directory(), kIdlePatience);
  std::vector<Adapter*> adapters = {eraser_.get(), tools_.get(), gatherer_.get(), idle_watch_.get(),
                                    model_lists_.get()};
  for (const ProviderSettings& provider : settings_.values.providers) {
    connect_provider(provider, &adapters);
  }
  connect_telegram(&adapters);
  if (options_.console) {
    const bool typed = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
    const char* person = std::getenv("USER");
    console_ = std::make_unique<Console>(gateway_->work(), typed, person == nullptr ? "" : person);
    adapters.push_back(console_.get());
  }
  const std::string path = control_socket_path(settings_.values.journal.dir);
  if (path.empty()) {
    log_.log().warn(
        "the journal's path is too long for a control socket and neither "
        "RUNTIME_DIRECTORY nor XDG_RUNTIME_DIR is set: daybook cannot talk to this "
        "daemon");
  } else {
    control_ = std::make_unique<Control>(path, *this);
    adapters.push_back(control_.get());
  }
  gateway_->connect(adapters, *network_);
}

bool Daemon::telegram_on() const {
  return telegram_ != nullptr && dynamic_cast<const Telegram*>(&telegram_->current()) != nullptr;
}

std::vector<std::string> Daemon::channels() const {
  std::vector<std::string> names;
  if (telegram_on()) names.emplace_back("telegram");
  if (console_ != nullptr) names.emplace_back("console");
  if (control_ != nullptr) names.emplace_back("terminal");
  return names;
}

void Daemon::announce() {
  std::string names;
  for (const std::string& name : channels()) names += (names.empty() ? "" : ", ") + name;
  log_.log().info("daybookd {}, pid {}, journal {}, {} events", DAYBOOK_VERSION, getpid(),
                  settings_.values.journal.dir, journal_->last());
  log_.log().info("model {} ({})", settings_.values.agent.model, why_this_model(settings_));
  log_.log().info("channels: {}", names.empty() ? "none" : names);
  warn_of_models(log_.log(), gateway_->directory().settings(), gateway_->directory().catalogue());
  if (telegram_ == nullptr && console_ == nullptr) {
    log_.log().info("no Telegram token is set: talk with `daybook chat`, or run `daybook setup`");
  }
}

// ---- reload

void Daemon::exchange_adapters(const Settings& before) {
  std::vector<Adapter*> added;
  for (const ProviderSettings& provider : settings_.values.providers) {
    const ProviderSettings* old = before.provider(provider.name);
    const auto slot = providers_.find(provider.name);
    if (slot == providers_.end()) {
      connect_provider(provider, &added);
    } else if (old == nullptr || !same_provider(*old, provider)) {
      slot->second->replace(make_provider(provider, gateway_->work(), *gateway_));
    }
  }
  model_lists_->replace(make_model_lists());
  if (!same_telegram(before, settings_.values)) connect_telegram(&added);
  if (!added.empty()) gateway_->connect(added, *network_);
}

Result<std::vector<Event>> Daemon::reload() {
  auto loaded = load_settings(options_.request);
  if (!loaded) {
    log_.log().error("the settings stay as they were: {}", loaded.error().message);
    return loaded.error();
  }
  if (loaded->settings.values.journal.dir != settings_.values.journal.dir) {
    const Error error{"journal.dir cannot change while daybookd runs: restart it",
                      ExitCode::kSettings};
    log_.log().error("the settings stay as they were: {}", error.message);
    return error;
  }
  auto own_models = models_of(loaded->settings.values);
  if (!own_models) {
    log_.log().error("the settings stay as they were: {}", own_models.error().message);
    return own_models.error();
  }
  own_models_ = std::move(own_models).value();
  const Settings before = std::move(settings_.values);
  settings_ = std::move(loaded->settings);
  // Old secrets may still stand in replies on their way, so they stay hidden too.
  std::vector<Secret> secrets = settings_.values.secrets();
  for (const Secret& secret : before.secrets()) secrets.push_back(secret);
  log_.configure(settings_.values.log.level, settings_.values.log.format, Redactor(secrets));
  for (const std::string& warning : loaded->warnings) log_.log().warn("{}", warning);
  exchange_adapters(before);
  reload_note_.clear();
  const auto note = [this](const std::string& sentence) {
    log_.log().warn("{}", sentence);
    reload_note_ += (reload_note_.empty() ? "" : "; ") + sentence;
  };
  for (const std::string& key : restart_keys(before, settings_.values)) {
    note("restart daybookd for " + key + " to take effect");
  }
  log_.log().info("the settings were read anew; model {} ({})", settings_.values.agent.model,
                  why_this_model(settings_));
  std::vector<Event> facts = {settings_fact()};
  for (const ModelTrouble& trouble : model_troubles(
           facts.front().settings_loaded(), catalogue_with(gateway_->directory().catalogue()))) {
    note(trouble.text);
  }
  if (auto fact = catalogue_changed()) facts.push_back(*std::move(fact));
  return facts;
}

Result<Event> Daemon::fork(SessionId parent, Seq at, std::string_view place) {
  return session_forked(gateway_->directory(), *gateway_, parent, at, place);
}

void Daemon::reload_on_signal() {
  auto facts = reload();
  if (!facts) return;
  for (Event& fact : *facts) gateway_->record(std::move(fact), reactor_->now());
}

// ---- the loop

std::optional<Error> Daemon::trouble() const {
  if (gateway_->stopped().has_value()) return gateway_->stopped();
  if (telegram_ == nullptr) return std::nullopt;
  const auto* telegram = dynamic_cast<const Telegram*>(&telegram_->current());
  return telegram == nullptr ? std::nullopt : telegram->fatal();
}

bool Daemon::input_is_over() const {
  return console_ != nullptr && console_->at_end() && gateway_->idle() &&
         gateway_->work().deliveries.settled("console");
}

// A second signal is somebody's impatience; the end of input is nobody's.
void Daemon::heed_stop_signal() {
  if (std::exchange(signalled_, true)) std::_Exit(kImpatientExit);
  if (!stopping_.has_value()) begin_stop("SIGTERM or SIGINT", settings_.values.shutdown.grace);
}

void Daemon::begin_stop(const std::string& reason, Duration grace) {
  log_.log().info("stopping: {}", reason);
  notify_service("STOPPING=1");
  gateway_->stop_taking_in();
  stopping_ = Stopping{reason, reactor_->now() + grace};
}

void Daemon::tell_full_disk() {
  if (gateway_->waiting_for_space() == full_disk_told_) return;
  full_disk_told_ = !full_disk_told_;
  if (full_disk_told_) {
    space_.met_full_disk();
    log_.log().warn("the disk that holds {} is full: nothing new is taken in until there is space",
                    settings_.values.journal.dir);
  } else {
    log_.log().info("there is space again: going on");
  }
}

// While the disk is full, or may be, nothing is decided; a stop has no use for it.
void Daemon::watch_space(Time now) {
  const bool started = gateway_->work().seq >= start_;
  if (!started || gateway_->waiting_for_space() || stopping_.has_value()) return;
  auto fact = space_.look(
      gateway_->directory().space_low(), settings_.values.journal.dir,
      [this] { return journal_->free_bytes(); }, now);
  if (!fact) return;
  if (fact->has_space_ran_low()) {
    log_.log().warn("{}", low_space_sentence());
  } else {
    log_.log().info("there is room on the disk again: going on");
  }
  gateway_->record(std::move(*fact), now);
}

// The loop itself turns away who connects then, and says nothing.
void Daemon::watch_descriptors(Time now) {
  const auto changed = descriptors_.look(now);
  if (!changed) return;
  if (*changed) {
    log_.log().warn(
        "no further file or connection can be opened (EMFILE): who connects is turned away; raise "
        "the limit, `ulimit -n` or LimitNOFILE= of its unit");
  } else {
    log_.log().info("files and connections can be opened again");
  }
}

void Daemon::watch_readers(Time now) {
  for (const auto& [reader, late] :
       readers_.look([this] { return journal_->late_readers(); }, now)) {
    if (late) {
      log_.log().warn("{}", latecomer_sentence(reader));
    } else {
      log_.log().info("process {} no longer holds on to an old state of the journal",
                      reader.process);
    }
  }
}

std::string Daemon::low_space_sentence() const {
  return "only " + std::to_string(journal_->free_bytes() >> 20) + " MiB are free for " +
         settings_.values.journal.dir + ": nothing new is taken in until there are " +
         std::to_string(files::kEnoughSpaceBytes >> 20) + " MiB";
}

Result<bool> Daemon::iterate() {
  const Time now = reactor_->now();
  const Signals signals = reactor_->take_signals();
  if (signals.stop) heed_stop_signal();
  if (signals.reload && !stopping_.has_value()) reload_on_signal();
  if (stopping_.has_value() && now >= stopping_->deadline) gateway_->hurry();
  watch_space(now);
  const bool behind =
      gateway_->waiting_for_space() || journal_->backlog_bytes() >= Gateway::kBacklogBytesMax;
  network_->hold_answers(behind);
  network_->hold_input(behind || gateway_->directory().space_low());
  gateway_->turn(now);
  if (auto error = trouble(); error.has_value()) return *error;
  tell_control_trouble();
  tell_full_disk();
  watch_descriptors(now);
  watch_readers(now);
  if (!stopping_.has_value() && input_is_over()) begin_stop("end of input", Duration(0));
  if (stopping_.has_value()) {
    const Time end = stopping_->deadline + kLastWords;
    if (now >= end || gateway_->idle_by(end)) return false;
  }
  Time wake_at = gateway_->wake_at(now);
  if (!gateway_->waiting_for_space() && !stopping_.has_value()) {
    wake_at = std::min(wake_at, space_.wake_at(gateway_->directory().space_low()));
  }
  wake_at = std::min({wake_at, descriptors_.wake_at(), readers_.wake_at()});
  if (stopping_.has_value()) {
    const Time next = stopping_->deadline;
    wake_at = std::min(wake_at, now < next ? next : next + kLastWords);
  }
  reactor_->run_once(std::min(wake_at, quiet_at(now)));
  return true;
}

Time Daemon::quiet_at(Time now) {
  const bool quiet = now >= quiet_at_;
  if (quiet) malloc_trim(0);
  quiet_at_ = quiet ? kNever : now + kQuiet;
  return quiet_at_;
}

Result<void> Daemon::finish() {
  gateway_->stop(stopping_->reason, reactor_->now());
  const Time deadline = std::max(stopping_->deadline, reactor_->now() + kLastWords);
  while (!gateway_->durable()) {
    if (gateway_->stopped().has_value()) return *gateway_->stopped();
    if (reactor_->take_signals().stop) heed_stop_signal();
    const bool late = reactor_->now() >= deadline;
    if (late && gateway_->waiting_for_space()) {
      return Error{
          "the disk is full; what was not acknowledged is asked for again at the next start",
          ExitCode::kInputOutput};
    }
    // The journal wakes the loop when it has written, or cannot.
    reactor_->run_once(late ? kNever : deadline);
    gateway_->turn(reactor_->now());
  }
  return {};
}

void Daemon::tell_control_trouble() {
  const std::string now = control_ == nullptr ? std::string() : control_->trouble();
  if (now == control_trouble_) return;
  control_trouble_ = now;
  if (!now.empty()) {
    log_.log().warn("daybook cannot talk to this daemon: {}", now);
  } else {
    log_.log().info("daybook can talk to this daemon again");
  }
}

void Daemon::close() {
  control_.reset();
  console_.reset();
  telegram_.reset();
  providers_.clear();
  idle_watch_.reset();
  gatherer_.reset();
  tools_.reset();
  eraser_.reset();
  network_.reset();
  gateway_.reset();
  journal_.reset();
}

Result<void> Daemon::run() {
  umask(0077);
  std::signal(SIGPIPE, SIG_IGN);
  // No core dump and no debugger of the same user: the keys are in memory.
  prctl(PR_SET_DUMPABLE, 0);
  if (auto loaded = load(); !loaded) return loaded;
  if (auto opened = open(); !opened) return opened;
  if (auto recorded = record_start(); !recorded) return recorded;
  connect();
  announce();
  notify_service("READY=1");
  while (true) {
    auto going_on = iterate();
    if (!going_on) return going_on.error();
    if (!*going_on) return finish();
  }
}

Result<std::vector<Event>> Daemon::erase(SessionId session, Seq event, std::int64_t before) {
  return plan_erasures(*gateway_, *journal_, {session, event, before});
}

std::string Daemon::status_json() const {
  StatusJson status = {{"running", true},
                       {"pid", getpid()},
                       {"version", DAYBOOK_VERSION},
                       {"since", time_text(started_)},
                       {"channels", channels()}};
  const Seq durable = gateway_->work().seq;
  status.update(journal_status(settings_.values.journal.dir, durable, *gateway_));
  if (journal_->last() > durable) {
    status["waiting"] = journal_->last() - durable;
    const auto newest = journal_->get_clear(durable);
    if (newest && *newest) status["last"] = time_text((*newest)->time);
  }
  status["commits"] = status_histogram(journal_->commit_latency());
  StatusJson trouble = StatusJson::array();
  if (gateway_->waiting_for_space()) {
    trouble.push_back("the disk is full: nothing is taken in until there is space");
  }
  if (gateway_->directory().space_low()) trouble.push_back(low_space_sentence());
  if (descriptors_.exhausted()) trouble.push_back("no further file or connection can be opened");
  for (const Latecomer& reader : readers_.late()) trouble.push_back(latecomer_sentence(reader));
  if (!control_trouble_.empty()) trouble.push_back("the control socket: " + control_trouble_);
  if (stopping_.has_value()) trouble.push_back("stopping: " + stopping_->reason);
  if (!trouble.empty()) status["trouble"] = std::move(trouble);
  return status.dump(-1, ' ', false, StatusJson::error_handler_t::replace);
}

}  // namespace daybook
