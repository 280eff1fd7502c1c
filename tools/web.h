// One HTTP exchange after the other, blocking, for setup and doctor: the daemon's own transport,
// turned until the reply is whole. The same TLS rules, limits and proxy.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/net/network.h"
#include "adapters/net/reactor.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/settings.h"

namespace daybook {

// How settings become the transport's options; the daemon's too.
HttpOptions http_options(const Settings& settings);

struct WebAnswer {
  int status = 0;
  std::string body;
};

class Web {
 public:
  static constexpr std::size_t kBodyBytesMax = 4u << 20;

  explicit Web(const Settings& settings) : network_(reactor_, http_options(settings)) {}

  // Asked ten times a second while a reply is awaited; true: the call is given up.
  void give_up_when(std::function<bool()> asked) { give_up_ = std::move(asked); }

  // `base` is an http(s) URL, `path` is appended to it; a body makes it a POST with JSON. An Error
  // (kUnavailable) says in plain words what failed, without any secret; it has no words when the
  // call was given up.
  Result<WebAnswer> fetch(const std::string& label, const std::string& base, const Secret& path,
                          std::vector<CallHeader> headers, const std::string& body,
                          Duration patience);

  // How far the clock of the peer that answered last was ahead of ours; behind: below zero. A date
  // is told in whole seconds.
  [[nodiscard]] std::optional<Duration> peer_ahead() const { return peer_ahead_; }

 private:
  Result<WebAnswer> wait_for(CallId call);

  static constexpr Duration kGiveUpLook{100};

  Reactor reactor_;
  Network network_;
  std::function<bool()> give_up_;
  CallId next_call_ = 1;
  std::optional<Duration> peer_ahead_;
};

}  // namespace daybook
