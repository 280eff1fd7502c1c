// A slot exchanges its adapter only when the old one is idle, and lets no reply cross over.
#include "tools/slot.h"

#include <catch2/catch.hpp>

namespace daybook::tool_slot_test {

constexpr Time kNow = from_milliseconds(1'000);
constexpr Moment kMoment{kNow, true, true};

struct Caller final : Adapter {
  explicit Caller(bool* idle) : idle_(idle) {}
  std::string_view name() const override { return "caller"; }
  void on_event(const Event&) override {}
  std::optional<Due> due(const Moment&) override {
    if (called_) return std::nullopt;
    called_ = true;
    return Call{1, HttpCall{}};
  }
  std::vector<Fact> on_reply(CallId call, Reply, Time) override {
    CHECK(call == 1);
    return std::vector<Fact>(1);
  }
  Time wake_at(Time) const override { return kNever; }
  bool idle() const override { return *idle_; }

  bool* idle_;
  bool called_ = false;
};

TEST_CASE("an adapter at work is not exchanged", "[slot]") {
  bool busy = false;
  bool free = true;
  Slot slot(std::make_unique<Caller>(&busy));
  const CallId first = std::get<Call>(*slot.due(kMoment)).id;
  slot.replace(std::make_unique<Caller>(&free));
  CHECK_FALSE(slot.due(kMoment).has_value());
  CHECK(slot.on_reply(first, ReplyEnd{}, kNow).size() == 1);
  busy = true;  // now idle
  CHECK(slot.wake_at(kNow) == kNow);
  CHECK(std::get<Call>(*slot.due(kMoment)).id != first);
}

TEST_CASE("facts on their way to the journal keep the old adapter", "[slot]") {
  bool idle = true;
  Slot slot(std::make_unique<Caller>(&idle));
  slot.due(kMoment);
  slot.replace(std::make_unique<Caller>(&idle));
  CHECK_FALSE(slot.due(Moment{kNow, false, true}).has_value());
  // The commit they wait for wakes the loop: until then there is nothing to wake for.
  CHECK(slot.wake_at(kNow) == kNever);
}

struct Worker final : Adapter {
  explicit Worker(Moment* seen) : seen_(seen) {}
  std::string_view name() const override { return "worker"; }
  void on_event(const Event&) override {}
  std::optional<Due> due(const Moment& moment) override {
    *seen_ = moment;
    return std::nullopt;
  }
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  Time wake_at(Time now) const override { return now; }
  bool idle() const override { return false; }

  Moment* seen_;
};

TEST_CASE("an adapter that is to be exchanged takes no new work in", "[slot]") {
  Moment seen;
  bool free = true;
  Slot slot(std::make_unique<Worker>(&seen));
  slot.due(kMoment);
  CHECK(seen.taking_in);
  slot.replace(std::make_unique<Caller>(&free));
  slot.due(kMoment);
  CHECK_FALSE(seen.taking_in);
}

TEST_CASE("an adapter that owes something is exchanged once it is at rest", "[slot]") {
  bool idle = false;
  bool resting = false;
  const auto at_rest = [&](const Adapter&) { return resting; };
  Slot slot(std::make_unique<Caller>(&idle), at_rest);
  const CallId first = std::get<Call>(*slot.due(kMoment)).id;
  Moment seen;
  slot.replace(std::make_unique<Worker>(&seen));
  CHECK_FALSE(slot.due(kMoment).has_value());
  CHECK(slot.wake_at(kNow) == kNever);
  slot.on_reply(first, ReplyEnd{}, kNow);
  resting = true;
  CHECK(slot.wake_at(kNow) == kNow);
  slot.due(kMoment);
  CHECK(seen.now == kNow);
}

TEST_CASE("a silent adapter does nothing and holds up nothing", "[slot]") {
  bool idle = true;
  Slot slot(std::make_unique<Caller>(&idle));
  const CallId first = std::get<Call>(*slot.due(kMoment)).id;
  slot.replace(std::make_unique<SilentAdapter>("caller"));
  CHECK(std::get<Cancel>(*slot.due(kMoment)).id == first);
  CHECK_FALSE(slot.due(kMoment).has_value());
  CHECK(slot.name() == "caller");
  CHECK(slot.wake_at(kNow) == kNever);
  CHECK(slot.idle());
}

TEST_CASE("calls of the old adapter are cancelled and their replies dropped", "[slot]") {
  bool idle = true;
  Slot slot(std::make_unique<Caller>(&idle));
  const CallId first = std::get<Call>(*slot.due(kMoment)).id;
  slot.replace(std::make_unique<Caller>(&idle));
  CHECK(std::get<Cancel>(*slot.due(kMoment)).id == first);
  const CallId second = std::get<Call>(*slot.due(kMoment)).id;
  CHECK(second != first);
  CHECK(slot.on_reply(first, ReplyBody{"late"}, kNow).empty());
  CHECK(slot.on_reply(second, ReplyEnd{}, kNow).size() == 1);
}

}  // namespace daybook::tool_slot_test
