// daybookd without its command line: names every part, wires them by constructor, and turns the
// loop until it is told to stop.
//
// Law: a signal, a reload and the end of input only change what the next iteration of the one loop
// does; nothing happens beside it. Recovery is not a mode: a start records one fact and goes on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/console.h"
#include "adapters/control.h"
#include "adapters/net/network.h"
#include "adapters/net/reactor.h"
#include "core/erasure.h"
#include "core/gateway.h"
#include "core/idle.h"
#include "core/late.h"
#include "core/result.h"
#include "core/settings.h"
#include "core/tool_runner.h"
#include "journal/lmdb_log.h"
#include "tools/descriptors.h"
#include "tools/log_line.h"
#include "tools/reader_watch.h"
#include "tools/settings_file.h"
#include "tools/slot.h"
#include "tools/space_watch.h"
#include "tools/status.h"

namespace daybook {

struct DaemonOptions {
  LoadRequest request;
  bool console = false;
};

class Daemon final : public ControlHost {
 public:
  // `log` must outlive it.
  Daemon(DaemonOptions options, DaemonLog& log) : options_(std::move(options)), log_(log) {}
  ~Daemon() override;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until a signal, the end of the console's input, or trouble that cannot be lived with.
  Result<void> run();

  // After run(): closes connections and the journal, waiting for neither peers nor resolver; the
  // loop itself is left to the end of the process.
  void close();

  // Settings and journal, without starting anything.
  Result<void> check();

  // ControlHost.
  [[nodiscard]] std::string status_json() const override;
  Result<std::vector<Event>> reload() override;
  Result<Event> fork(SessionId parent, Seq at, std::string_view place) override;
  [[nodiscard]] std::string reload_note() const override { return reload_note_; }
  Result<std::vector<Event>> erase(SessionId session, Seq event, std::int64_t before) override;
  [[nodiscard]] const Directory& directory() const override { return gateway_->directory(); }
  [[nodiscard]] bool waiting_for_space() const override { return gateway_->waiting_for_space(); }

 private:
  Result<void> load();
  Result<void> open();
  Result<void> record_start();
  // As it is recorded; the journal is there.
  [[nodiscard]] Event settings_fact() const;
  void connect();
  void connect_provider(const ProviderSettings& provider, std::vector<Adapter*>* adapters);
  void connect_telegram(std::vector<Adapter*>* adapters);
  // What is in force and not yet in the journal.
  // What is recorded, with what the settings say now.
  [[nodiscard]] CatalogueLoaded catalogue_with(const CatalogueLoaded& recorded) const;
  [[nodiscard]] std::optional<Event> catalogue_changed() const;
  [[nodiscard]] std::unique_ptr<Adapter> make_model_lists() const;
  void announce();
  void exchange_adapters(const Settings& before);
  void reload_on_signal();

  // True: go on turning.
  Result<bool> iterate();
  // When to look again whether nothing has happened, so that unused memory can go.
  Time quiet_at(Time now);
  void heed_stop_signal();
  void tell_control_trouble();
  void tell_full_disk();
  void watch_space(Time now);
  void watch_descriptors(Time now);
  void watch_readers(Time now);
  [[nodiscard]] std::string low_space_sentence() const;
  void begin_stop(const std::string& reason, Duration grace);
  [[nodiscard]] bool input_is_over() const;
  Result<void> finish();
  [[nodiscard]] std::optional<Error> trouble() const;
  [[nodiscard]] bool telegram_on() const;
  [[nodiscard]] std::vector<std::string> channels() const;

  DaemonOptions options_;
  DaemonLog& log_;
  LoadedSettings settings_;
  CatalogueLoaded own_models_;
  Time started_{};

  // In the order of their lives: what stands below refers to what stands above.
  std::optional<Reactor> reactor_;
  std::unique_ptr<LmdbLog> journal_;
  std::unique_ptr<Gateway> gateway_;
  std::optional<Network> network_;
  std::unique_ptr<IdleWatch> idle_watch_;
  std::unique_ptr<Eraser> eraser_;
  std::unique_ptr<ToolRunner> tools_;
  std::unique_ptr<Gatherer> gatherer_;
  std::map<std::string, std::unique_ptr<Slot>> providers_;  // by name
  std::unique_ptr<Slot> model_lists_;
  std::unique_ptr<Slot> telegram_;
  std::unique_ptr<Console> console_;
  std::unique_ptr<Control> control_;

  struct Stopping {
    std::string reason;
    Time deadline{};
  };
  std::optional<Stopping> stopping_;
  bool full_disk_told_ = false;
  Seq start_ = 0;  // the last event of this start
  SpaceWatch space_;
  DescriptorWatch descriptors_;
  ReaderWatch readers_;
  Time quiet_at_ = kNever;
  bool signalled_ = false;       // a stop signal came
  std::string control_trouble_;  // as last told
  std::string reload_note_;      // what the last reload could not put in force
};

}  // namespace daybook
