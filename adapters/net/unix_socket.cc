// Plain system calls: libuv has no words for credentials, modes or stale files.
#include "adapters/net/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace daybook {
namespace {

Error cannot_listen(const std::string& path, const std::string& why) {
  return Error{"cannot listen at " + path + ": " + why, ExitCode::kUnavailable};
}

// Nobody answers there: connect() is refused. Any other outcome may be a live daemon.
bool refuses_connections(const std::string& path) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int code = ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address);
  const bool refused = code != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

Result<void> clear_stale(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) return cannot_listen(path, "something that is no socket is there");
  if (found.st_uid != ::geteuid()) return cannot_listen(path, "another user's socket is there");
  if (!refuses_connections(path)) return cannot_listen(path, "another daemon listens there");
  if (::unlink(path.c_str()) != 0) return cannot_listen(path, std::strerror(errno));
  return {};
}

}  // namespace

Result<void> bind_private(uv_pipe_t* pipe, const std::string& path) {
  if (path.empty() || path.size() > kSocketPathBytesMax) {
    return cannot_listen(path, "a socket's path has 1 to 107 bytes; choose a shorter directory");
  }
  if (auto cleared = clear_stale(path); !cleared) return cleared;
  const mode_t before = ::umask(0177);
  const int code = uv_pipe_bind(pipe, path.c_str());
  ::umask(before);
  if (code != 0) return cannot_listen(path, uv_strerror(code));
  return {};
}

bool peer_may_enter(int descriptor) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace daybook
