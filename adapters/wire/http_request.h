// Writes an HTTP/1.1 request (RFC 9112 section 3) from an HttpCall.
//
// Law: what goes out is one request, whatever the fields hold: a CR, LF, NUL or other control in a
// field is refused, never escaped. Host, User-Agent, Content-Length and Connection are ours; a call
// that brings its own is refused. There is no Accept-Encoding: nothing here can decompress.
// The bytes returned hold secrets; they go to a socket and nowhere else.
#pragma once

#include <string>
#include <string_view>

#include "core/ports.h"
#include "core/result.h"

namespace daybook::http {

inline constexpr std::size_t kRequestHeadBytesMax = 32u << 10;

// Which form the request target takes (RFC 9112 section 3.2).
enum class Form { kOrigin, kAbsolute };  // kAbsolute: plain http through a proxy

// "api.example.com", "api.example.com:8443", "[::1]:8080".
[[nodiscard]] std::string authority(const Origin& origin);

// Head and body.
[[nodiscard]] Result<std::string> write_request(const HttpCall& call, std::string_view user_agent,
                                                Form form = Form::kOrigin);

// Asks a proxy for a tunnel to `origin`.
[[nodiscard]] Result<std::string> write_connect(const Origin& origin, std::string_view user_agent);

}  // namespace daybook::http
