// An adapter that can be exchanged for a newer one of its kind while the gateway runs: a reload
// with another key or token takes effect without a restart.
//
// Law: the old adapter is never asked again once its work is done, and its calls are cancelled, so
// that no reply of the old one reaches the new one. Call ids of each generation are its own.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "core/ports.h"

namespace daybook {

class Slot final : public Adapter {
 public:
  explicit Slot(std::unique_ptr<Adapter> adapter)
      : name_(adapter->name()), current_(std::move(adapter)) {}

  // Takes the place of the present one as soon as that is idle.
  void replace(std::unique_ptr<Adapter> next) { next_ = std::move(next); }
  [[nodiscard]] const Adapter& current() const { return *current_; }

  [[nodiscard]] std::string_view name() const override { return name_; }
  void on_event(const Event& event) override { current_->on_event(event); }
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override { return current_->idle(); }

 private:
  // An adapter counts its calls from 1 and stays far below this.
  static constexpr int kGenerationShift = 36;
  static constexpr CallId kLocalMask = (CallId{1} << kGenerationShift) - 1;

  [[nodiscard]] bool exchangeable(const Moment& moment) const;

  std::string name_;
  std::unique_ptr<Adapter> current_;
  std::unique_ptr<Adapter> next_;
  CallId generation_ = 0;
  std::set<CallId> running_;    // calls of the present one, as the gateway knows them
  std::set<CallId> cancelled_;  // of former ones, to be cancelled
};

}  // namespace daybook
