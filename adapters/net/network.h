// The Transport of the real world: HTTP calls, this process's own stdin and stdout, unix sockets.
//
// Law: start() and cancel() only begin things; what comes of them is queued while the reactor runs
// and handed over by take_replies(). After cancel(id) no reply for that id is handed over.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "adapters/net/http_client.h"
#include "adapters/net/local_streams.h"
#include "adapters/net/reactor.h"
#include "adapters/net/replies.h"
#include "core/ports.h"

namespace daybook {

class Network : public Transport {
 public:
  // The reactor must outlive it.
  explicit Network(Reactor& reactor, HttpOptions options = {}, StdioDescriptors stdio = {});
  ~Network() override;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  void start(Call call) override;
  void cancel(CallId call) override;
  std::vector<std::pair<CallId, Reply>> take_replies() override;

  // While true stdin is not read.
  void hold_input(bool hold) { local_.hold_input(hold); }
  // While true no answer of an HTTP call is read, and no deadline of one passes.
  void hold_answers(bool hold) { http_.hold(hold); }

  [[nodiscard]] std::size_t idle_connections() const { return http_.idle_connections(); }
  // TLS handshakes that were abbreviated, since the start.
  [[nodiscard]] std::size_t resumed_connections() const { return http_.resumed_connections(); }

 private:
  Reactor& reactor_;
  Replies replies_;
  HttpClient http_;
  LocalStreams local_;
};

}  // namespace daybook
