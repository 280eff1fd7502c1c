// How long a peer asks us to wait, from the many spellings in use.
//
// Law: whatever the peer sends, the answer is absent or between 0 and one hour, of a quota one day;
// nothing here overflows, and our own clock is used only when the peer does not tell its own.
// Sources: RFC 9110 sections 5.6.7 and 10.2.3, protobuf's JSON Duration, Go's time.Duration.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/types.h"

namespace daybook {

inline constexpr Duration kRetryWaitMax{3'600'000};
inline constexpr Duration kResetWaitMax{86'400'000};

// Names in lower case, as ReplyHead has them.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

// The first header of this name; empty if there is none.
std::string_view header_value(const HeaderList& headers, std::string_view name);

// IMF-fixdate, RFC 850 or asctime; absent if it is none of them. Two-digit years are 1970 to 2069.
std::optional<Time> parse_http_date(std::string_view text);

// "34s", "34.07s", "512ms", "6m0s", "1h2m3s". Not clamped above; absurd numbers stop at a
// year.
std::optional<Duration> parse_duration(std::string_view text);

// The value of a Retry-After header: seconds or a date. `date` is the response's Date header.
std::optional<Duration> parse_retry_after(std::string_view value, std::string_view date, Time now);

// The value of an X-RateLimit-Reset header, whose unit nobody tells: a moment in milliseconds or
// seconds since the epoch, or seconds from now, whichever is near.
std::optional<Duration> parse_reset(std::string_view value, Time now);

// retry-after-ms, else retry-after.
std::optional<Duration> retry_after(const HeaderList& headers, Time now);

}  // namespace daybook
