// An adapter that can be exchanged for a newer one of its kind while the gateway runs: a reload
// with another key or token takes effect without a restart.
//
// Law: the old adapter is never asked again once its work is done, and its calls are cancelled, so
// that no reply of the old one reaches the new one. Call ids of each generation are its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "core/ports.h"

namespace daybook {

class Slot final : public Adapter {
 public:
  // Whether an adapter may be exchanged though it is not idle.
  using AtRest = std::function<bool(const Adapter&)>;

  // While a newer adapter waits, the present one takes no new work in; it is exchanged when idle.
  // With `at_rest` it is asked for nothing more and exchanged when that says so: what it still owes
  // stands in the journal, and the newer one goes on with it.
  explicit Slot(std::unique_ptr<Adapter> adapter, AtRest at_rest = {})
      : name_(adapter->name()), at_rest_(std::move(at_rest)), current_(std::move(adapter)) {}

  void replace(std::unique_ptr<Adapter> next) { next_ = std::move(next); }
  [[nodiscard]] const Adapter& current() const { return *current_; }

  [[nodiscard]] std::string_view name() const override { return name_; }
  void on_event(const Event& event) override { current_->on_event(event); }
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override { return current_->idle(); }
  [[nodiscard]] bool idle_by(Time until) const override { return current_->idle_by(until); }

 private:
  // An adapter counts its calls from 1 and stays far below this.
  static constexpr int kGenerationShift = 36;
  static constexpr CallId kLocalMask = (CallId{1} << kGenerationShift) - 1;

  [[nodiscard]] bool exchangeable() const;
  std::optional<Due> ask_current(Moment moment);

  std::string name_;
  AtRest at_rest_;
  std::unique_ptr<Adapter> current_;
  std::unique_ptr<Adapter> next_;
  CallId generation_ = 0;
  bool settled_ = true;         // as of the last due()
  std::set<CallId> running_;    // calls of the present one, as the gateway knows them
  std::set<CallId> cancelled_;  // of former ones, to be cancelled
};

// Stands where a channel was that the settings no longer name.
class SilentAdapter final : public Adapter {
 public:
  explicit SilentAdapter(std::string_view name) : name_(name) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  void on_event(const Event& /*event*/) override {}
  std::optional<Due> due(const Moment& /*moment*/) override { return std::nullopt; }
  std::vector<Fact> on_reply(CallId /*call*/, Reply /*reply*/, Time /*now*/) override { return {}; }
  [[nodiscard]] Time wake_at(Time /*now*/) const override { return kNever; }
  [[nodiscard]] bool idle() const override { return true; }

 private:
  std::string name_;
};

}  // namespace daybook
