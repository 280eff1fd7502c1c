// Calls are told apart here; each sort is carried out by a part of its own.
#include "adapters/net/network.h"

namespace daybook {

Network::Network(Reactor& reactor, HttpOptions options, StdioDescriptors stdio)
    : reactor_(reactor),
      replies_(reactor),
      http_(reactor, replies_, std::move(options)),
      local_(reactor, replies_, stdio) {}

Network::~Network() = default;

void Network::start(Call call) {
  uv_update_time(reactor_.loop());
  if (auto* http = std::get_if<HttpCall>(&call.what)) http_.start(call.id, std::move(*http));
  if (auto* write = std::get_if<WriteCall>(&call.what)) local_.start(call.id, std::move(*write));
  if (const auto* listen = std::get_if<ListenCall>(&call.what)) local_.start(call.id, *listen);
  if (const auto* stdio = std::get_if<StdioCall>(&call.what)) local_.start(call.id, *stdio);
}

void Network::cancel(CallId call) {
  http_.cancel(call);
  local_.cancel(call);
  replies_.forget(call);
}

std::vector<std::pair<CallId, Reply>> Network::take_replies() {
  http_.sweep();
  local_.sweep();
  local_.input_taken();
  return replies_.take();
}

}  // namespace daybook
