// The tool's end of the control socket: one request at a time, answers line by line, blocking.
//
// Law: nobody waits without a word. A daemon that takes in no request and begins no answer within
// kPatience is given up by who only asks; who wants something changed is told on stderr, once, and
// waits on: the request is with the daemon and may still be done.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace daybook {

// Where a daemon on this journal listens: "control.sock" beside the journal, or, when that is too
// long for a socket's name, a file in $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR/daybook named after a
// digest of the journal's directory. Empty when there is no such place.
std::string control_socket_path(const std::string& journal_directory);

class ControlClient {
 public:
  using Json = nlohmann::ordered_json;
  static constexpr std::size_t kLineBytesMax = 64u << 20;
  static constexpr std::chrono::milliseconds kPatience{5'000};

  // nullopt: no daemon listens there.
  static Result<std::optional<ControlClient>> connect(
      const std::string& path, std::chrono::milliseconds patience = kPatience);
  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&&) = delete;
  ControlClient(const ControlClient&) = delete;
  ~ControlClient();

  Result<void> ask(const Json& request);
  // The next line of the answer; an {"error":...} line is an Error with its code.
  Result<Json> next();
  // Reads up to the last line of the answer and returns that.
  Result<Json> finish();

  [[nodiscard]] static bool is_last(const Json& line) { return line.contains("done"); }

 private:
  explicit ControlClient(int socket) : socket_(socket) {}
  Result<void> heed_silence();
  // "daybookd (pid 4711)"
  [[nodiscard]] std::string peer() const;

  int socket_;
  std::string buffer_;
  enum class Silence { kEndsIt, kIsTold, kIsFine };
  Silence silence_ = Silence::kEndsIt;
};

// Asks the daemon of this journal: the answer's last line; nullopt when none runs.
Result<std::optional<ControlClient::Json>> ask_daemon(const std::string& journal_directory,
                                                      const ControlClient::Json& request);

}  // namespace daybook
