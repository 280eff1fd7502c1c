// A reactor and a network for tests, and what came back from them.
//
// Law: it runs the loop until the thing waited for is there, however long the machine takes.
#pragma once

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
  explicit World(HttpOptions options = {}, StdioDescriptors stdio = {})
      : network_(std::make_unique<Network>(reactor_, std::move(options), stdio)) {}

  CallId start(decltype(Call::what) what) {
    const CallId id = ++last_id_;
    network_->start(Call{id, std::move(what)});
    return id;
  }

  // One turn of the loop.
  void turn() {
    reactor_.run_once(kNever);
    for (auto& [id, reply] : network_->take_replies()) add(&stories_[id], std::move(reply));
  }
  template <typename Condition>
  void until(const Condition& condition) {
    while (!condition()) turn();
  }
  Story& finish(CallId id) {
    until([&] { return stories_[id].over(); });
    return stories_[id];
  }
  Story& run(decltype(Call::what) what) { return finish(start(std::move(what))); }

  Story& story(CallId id) { return stories_[id]; }
  Reactor& reactor() { return reactor_; }
  Network& network() { return *network_; }

 private:
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
