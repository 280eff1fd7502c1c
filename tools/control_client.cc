// Blocking on purpose: a person or a script waits for the answer and for nothing else.
#include "tools/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/sha256.h"

namespace daybook {
namespace {

constexpr std::size_t kPathBytesMax = 107;

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Error lost() {
  return {
      "daybookd closed the connection: it is stopping, or more talk to it than it takes at once; "
      "try again",
      ExitCode::kUnavailable};
}

}  // namespace

std::string control_socket_path(const std::string& journal_directory) {
  std::string beside = journal_directory + "/control.sock";
  if (beside.size() <= kPathBytesMax) return beside;
  std::string runtime = environment_value("RUNTIME_DIRECTORY");
  if (runtime.empty()) {
    runtime = environment_value("XDG_RUNTIME_DIR");
    if (runtime.empty()) return {};
    runtime += "/daybook";
  }
  const Digest digest = sha256(journal_directory);
  const std::string path = runtime + "/" + hex(view(digest)).substr(0, 16) + ".sock";
  return path.size() <= kPathBytesMax ? path : std::string();
}

Result<std::optional<ControlClient>> ControlClient::connect(const std::string& path,
                                                            std::chrono::milliseconds patience) {
  if (path.empty() || path.size() > kPathBytesMax) return std::optional<ControlClient>();
  const int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (number < 0) {
    return Error{"cannot make a socket: " + std::string(std::strerror(errno)),
                 ExitCode::kInputOutput};
  }
  ControlClient client(number);
  const timeval limit{patience.count() / 1'000, patience.count() % 1'000 * 1'000};
  for (const int direction : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    std::ignore = setsockopt(number, SOL_SOCKET, direction, &limit, sizeof limit);
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(number, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return std::optional<ControlClient>(std::move(client));
  }
  if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
    return std::optional<ControlClient>();
  }
  if (errno == EAGAIN) return client.heed_silence().error();
  return Error{"cannot talk to daybookd at " + path + ": " + std::strerror(errno),
               ExitCode::kUnavailable};
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      buffer_(std::move(other.buffer_)),
      silence_(other.silence_) {}

ControlClient::~ControlClient() {
  if (socket_ >= 0) close(socket_);
}

std::string ControlClient::peer() const {
  ucred listener{};
  socklen_t length = sizeof listener;
  const bool known = getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &listener, &length) == 0;
  return known && listener.pid > 0 ? "daybookd (pid " + std::to_string(listener.pid) + ")"
                                   : "daybookd";
}

Result<void> ControlClient::heed_silence() {
  if (silence_ == Silence::kEndsIt) {
    return Error{peer() +
                     " runs and does not answer: it hangs, or was stopped (`kill -CONT` lets "
                     "it go on)",
                 ExitCode::kUnavailable};
  }
  if (std::exchange(silence_, Silence::kIsFine) == Silence::kIsTold) {
    std::fprintf(
        stderr,
        "daybook: %s has not answered yet: it waits for its disk, or was stopped; `daybook "
        "status` says more. Ctrl-C ends the waiting and leaves the request with it.\n",
        peer().c_str());
  }
  return {};
}

Result<void> ControlClient::ask(const Json& request) {
  const bool reads = request.value("verb", "") == "status" || request.value("action", "") == "list";
  silence_ = reads ? Silence::kEndsIt : Silence::kIsTold;
  const std::string line = request.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t count = send(socket_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      if (auto patient = heed_silence(); !patient) return patient;
      continue;
    }
    if (count <= 0) return lost();
    sent += static_cast<std::size_t>(count);
  }
  return {};
}

Result<ControlClient::Json> ControlClient::next() {
  std::size_t end = buffer_.find('\n');
  while (end == std::string::npos) {
    std::array<char, 65'536> bytes;
    const ssize_t count = recv(socket_, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      if (auto patient = heed_silence(); !patient) return patient.error();
      continue;
    }
    if (count <= 0 || buffer_.size() > kLineBytesMax) return lost();
    const std::size_t searched = buffer_.size();
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
    end = buffer_.find('\n', searched);
  }
  silence_ = Silence::kIsFine;
  Json line = Json::parse(std::string_view(buffer_).substr(0, end), nullptr, false);
  buffer_.erase(0, end + 1);
  if (!line.is_object()) {
    return Error{
        "daybookd answered with something that is not JSON; it and daybook may be of "
        "different versions: restart daybookd after an upgrade",
        ExitCode::kUnavailable};
  }
  // An event may have a field of this name, too.
  const auto error = line.contains("kind") ? line.end() : line.find("error");
  if (error != line.end() && error->is_string()) {
    const auto code = line.find("code");
    const bool known = code != line.end() && code->is_number_integer();
    return Error{error->get<std::string>(),
                 known ? static_cast<ExitCode>(code->get<int>()) : ExitCode::kUnavailable};
  }
  return line;
}

Result<ControlClient::Json> ControlClient::finish() {
  auto line = next();
  while (line && !is_last(*line)) line = next();
  return line;
}

Result<std::optional<ControlClient::Json>> ask_daemon(const std::string& journal_directory,
                                                      const ControlClient::Json& request) {
  auto client = ControlClient::connect(control_socket_path(journal_directory));
  if (!client) return client.error();
  if (!client->has_value()) return std::optional<ControlClient::Json>();
  if (auto asked = (*client)->ask(request); !asked) return asked.error();
  auto answer = (*client)->finish();
  if (!answer) return answer.error();
  return std::optional<ControlClient::Json>(std::move(answer).value());
}

}  // namespace daybook
