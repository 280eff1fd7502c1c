// A reactor and a network for tests, and what came back from them.
//
// Law: it runs the loop until the thing waited for is there, however slow the machine is, and never
// for ever: what cannot come any more fails the test with the reason, at once where the call is
// over, else when patience is at its end.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/net/network.h"
#include "adapters/net/reactor.h"

namespace daybook::network_world {

// All replies of one call so far.
struct Story {
  std::vector<ReplyHead> heads;
  std::vector<std::string> bodies;
  std::vector<CallId> accepted;
  bool ended = false;
  bool failed = false;
  ReplyFailed failure;

  [[nodiscard]] bool over() const { return ended || failed; }
  [[nodiscard]] std::string body() const {
    std::string all;
    for (const std::string& part : bodies) all += part;
    return all;
  }
  [[nodiscard]] int status() const { return heads.empty() ? 0 : heads.front().status; }
};

class World {
 public:
  static constexpr Duration kPatience{60'000};

  explicit World(HttpOptions options = {}, StdioDescriptors stdio = {})
      : network_(std::make_unique<Network>(reactor_, std::move(options), stdio)) {}

  CallId start(decltype(Call::what) what) {
    const CallId id = ++last_id_;
    network_->start(Call{id, std::move(what)});
    return id;
  }

  template <typename Condition>
  void until(const Condition& condition) {
    const Time end = reactor_.now() + kPatience;
    while (!condition()) {
      if (reactor_.now() >= end) FAIL("what was waited for did not come");
      turn(end);
    }
  }
  // Until the call's story is so far.
  template <typename Condition>
  Story& until(CallId id, const Condition& condition) {
    Story& told = stories_[id];
    until([&] { return told.over() || condition(told); });
    if (!condition(told)) FAIL("the call is over without it: " << told.failure.detail);
    return told;
  }
  Story& finish(CallId id) {
    return until(id, [](const Story& told) { return told.over(); });
  }
  Story& run(decltype(Call::what) what) { return finish(start(std::move(what))); }

  // The listener's newest connection, once it has that many.
  CallId accepted(CallId listener, std::size_t count = 1) {
    const auto arrived = [&](const Story& told) { return told.accepted.size() == count; };
    return until(listener, arrived).accepted.back();
  }

  Story& story(CallId id) { return stories_[id]; }
  Reactor& reactor() { return reactor_; }
  Network& network() { return *network_; }

 private:
  void turn(Time end) {
    reactor_.run_once(end);
    for (auto& [id, reply] : network_->take_replies()) add(&stories_[id], std::move(reply));
  }

  static void add(Story* story, Reply reply) {
    if (auto* head = std::get_if<ReplyHead>(&reply)) story->heads.push_back(std::move(*head));
    if (auto* body = std::get_if<ReplyBody>(&reply))
      story->bodies.push_back(std::move(body->bytes));
    if (auto* accepted = std::get_if<ReplyAccepted>(&reply)) {
      story->accepted.push_back(accepted->connection);
    }
    if (std::holds_alternative<ReplyEnd>(reply)) story->ended = true;
    if (auto* failure = std::get_if<ReplyFailed>(&reply)) {
      story->failed = true;
      story->failure = std::move(*failure);
    }
  }

  Reactor reactor_;
  std::unique_ptr<Network> network_;
  CallId last_id_ = 0;
  std::map<CallId, Story> stories_;
};

inline HttpCall call_to(std::uint16_t port, std::string body = "{}") {
  HttpCall call;
  call.label = "test call";
  call.origin = Origin{false, "127.0.0.1", port};
  call.target = Secret("/path");
  call.body = std::move(body);
  call.pool = "test";
  return call;
}

}  // namespace daybook::network_world
