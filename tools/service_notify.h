// Telling systemd how far we are: sd_notify(3) without its library, one datagram a state.
// Does nothing when $NOTIFY_SOCKET is not set.
#pragma once

#include <string_view>

namespace daybook {

// "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=...". Failures are of no consequence.
void notify_service(std::string_view state);

}  // namespace daybook
