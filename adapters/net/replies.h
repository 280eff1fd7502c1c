// Replies on their way to the gateway's turn. libuv's callbacks put them in, take() hands them on.
//
// Law: nothing acts inside a callback; and once a call was cancelled, none of its replies leaves.
#pragma once

#include <utility>
#include <vector>

#include "adapters/net/reactor.h"
#include "core/ports.h"

namespace daybook {

class Replies {
 public:
  using Entry = std::pair<CallId, Reply>;

  explicit Replies(Reactor& reactor) : reactor_(reactor) {}

  void push(CallId call, Reply reply) {
    entries_.emplace_back(call, std::move(reply));
    reactor_.do_not_sleep();
  }
  void fail(CallId call, ReplyFailed::Reason reason, bool handed_over, std::string detail) {
    push(call, ReplyFailed{reason, handed_over, std::move(detail)});
  }
  void forget(CallId call) {
    std::erase_if(entries_, [call](const Entry& entry) { return entry.first == call; });
  }
  [[nodiscard]] std::vector<Entry> take() { return std::exchange(entries_, {}); }

 private:
  Reactor& reactor_;
  std::vector<Entry> entries_;
};

}  // namespace daybook
