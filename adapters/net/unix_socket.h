// The rules of a unix socket that only its owner may use.
//
// Law: the socket file has mode 0600 from its first moment (umask 0177 around bind: chmod after it
// would leave a gap); a file in the way is removed only if it is a socket of ours that refuses
// connections, which is what a dead daemon leaves; a peer is ours or root's, by SO_PEERCRED.
#pragma once

#include <uv.h>

#include <string>

#include "core/result.h"

namespace daybook {

// sun_path holds 108 bytes with its NUL; libuv would cut a longer one silently.
inline constexpr std::size_t kSocketPathBytesMax = 107;

// Binds an initialised pipe to `path`.
Result<void> bind_private(uv_pipe_t* pipe, const std::string& path);

// The process at the other end belongs to this user or to root.
bool peer_may_enter(int descriptor);

}  // namespace daybook
