// Calls are told apart here; each sort is carried out by a part of its own.
#include "adapters/net/network.h"

namespace daybook {

Network::Network(Reactor& reactor, HttpOptions options)
    : reactor_(reactor), replies_(reactor), http_(reactor, replies_, std::move(options)) {}

Network::~Network() = default;

void Network::start(Call call) {
  uv_update_time(reactor_.loop());
  if (auto* http = std::get_if<HttpCall>(&call.what)) http_.start(call.id, std::move(*http));
}

void Network::cancel(CallId call) {
  http_.cancel(call);
  replies_.forget(call);
}

std::vector<std::pair<CallId, Reply>> Network::take_replies() {
  http_.sweep();
  return replies_.take();
}

}  // namespace daybook
