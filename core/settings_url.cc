// Addresses of servers (RFC 3986, the part of it that an API has a use for).
//
// Law: what is refused is never quoted, since a password may stand in it.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/settings.h"

namespace daybook {
namespace {

constexpr std::size_t kUrlBytesMax = 2'048;
constexpr std::size_t kHostBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::uint16_t kHttpPort = 80;

using AddressV4 = std::array<std::uint8_t, 4>;
using AddressV6 = std::array<std::uint16_t, 8>;

Error url_error(std::string sentence) { return {std::move(sentence), ExitCode::kSettings}; }

std::string lower_case_host(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

template <typename Number>
std::optional<Number> number_in(std::string_view text, int base, std::size_t digits_max) {
  Number number = 0;
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string_view> parts_between(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<AddressV4> address_v4(std::string_view host) {
  const auto parts = parts_between(host, '.');
  AddressV4 address{};
  if (parts.size() != address.size()) return std::nullopt;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = number_in<std::uint8_t>(parts[i], 10, 3);
    if (!number) return std::nullopt;
    address[i] = *number;
  }
  return address;
}

// Groups of one side of "::"; nullopt: not hexadecimal groups.
std::optional<std::vector<std::uint16_t>> groups_v6(std::string_view side) {
  std::vector<std::uint16_t> groups;
  if (side.empty()) return groups;
  const auto parts = parts_between(side, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i + 1 == parts.size() && parts[i].find('.') != std::string_view::npos) {
      const auto tail = address_v4(parts[i]);
      if (!tail) return std::nullopt;
      groups.push_back(static_cast<std::uint16_t>((*tail)[0] << 8 | (*tail)[1]));
      groups.push_back(static_cast<std::uint16_t>((*tail)[2] << 8 | (*tail)[3]));
      continue;
    }
    const auto group = number_in<std::uint16_t>(parts[i], 16, 4);
    if (!group) return std::nullopt;
    groups.push_back(*group);
  }
  return groups;
}

std::optional<AddressV6> address_v6(std::string_view host) {
  const std::size_t gap = host.find("::");
  const auto left = groups_v6(host.substr(0, gap));
  if (!left) return std::nullopt;
  AddressV6 address{};
  if (gap == std::string_view::npos) {
    if (left->size() != address.size()) return std::nullopt;
    std::copy(left->begin(), left->end(), address.begin());
    return address;
  }
  const std::string_view before = host.substr(0, gap);
  const auto right = groups_v6(host.substr(gap + 2));
  if (!right || before.find('.') != std::string_view::npos) return std::nullopt;
  if (left->size() + right->size() >= address.size()) return std::nullopt;
  std::copy(left->begin(), left->end(), address.begin());
  std::copy_backward(right->begin(), right->end(), address.end());
  return address;
}

bool valid_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

bool valid_host_name(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax) return false;
  const auto labels = parts_between(host, '.');
  return std::all_of(labels.begin(), labels.end(), valid_label);
}

// Splits "[::1]:80" and "host:80"; an absent port is an empty one with `has_port` unset.
struct Authority {
  std::string host;
  std::string_view port;
  bool has_port = false;
  bool bracketed = false;
};

std::optional<Authority> split_authority(std::string_view text) {
  Authority authority;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    authority.bracketed = true;
    authority.host = lower_case_host(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return std::nullopt;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    authority.host = lower_case_host(text.substr(0, colon));
    text.remove_prefix(colon);
  }
  authority.has_port = !text.empty();
  if (authority.has_port) authority.port = text.substr(1);
  return authority;
}

bool has_foreign_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c <= ' ' || c > '~' || c == '\\' || c == '"'; });
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  Url url;
  if (text.size() > kUrlBytesMax) return url_error("the address is longer than 2048 bytes");
  if (has_foreign_character(text)) {
    return url_error("the address must not hold spaces, quotes or characters outside ASCII");
  }
  const std::string start = lower_case_host(text.substr(0, 8));
  url.origin.tls = start == "https://";
  if (!url.origin.tls && !start.starts_with("http://")) {
    return url_error("the address must begin with https:// or http://");
  }
  text.remove_prefix(url.origin.tls ? 8 : 7);
  if (text.find('#') != std::string_view::npos) {
    return url_error("the address must not hold a fragment (#...)");
  }
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  url.path = std::string(text.substr(end));
  if (url.path.starts_with('?')) url.path = '/' + url.path;
  const std::string_view before_path = text.substr(0, end);
  if (before_path.find('@') != std::string_view::npos) {
    return url_error("the address must not hold a user name or password");
  }
  const auto authority = split_authority(before_path);
  if (!authority) return url_error("the address has a host that cannot be read");
  const bool good_host = authority->bracketed ? address_v6(authority->host).has_value()
                                              : valid_host_name(authority->host);
  if (!good_host) {
    return url_error(
        "the address has no valid host name (letters, digits, dots, dashes; IPv6 in "
        "brackets; 253 bytes at most)");
  }
  url.origin.host = authority->host;
  url.origin.port = url.origin.tls ? kHttpsPort : kHttpPort;
  if (authority->has_port) {
    const auto port = number_in<std::uint16_t>(authority->port, 10, 5);
    if (!port || *port == 0) return url_error("the address has a port outside 1 to 65535");
    url.origin.port = *port;
  }
  return url;
}

bool is_localhost(std::string_view host) {
  const std::string name = lower_case_host(host);
  return name == "localhost" || (name.ends_with(".localhost") && valid_host_name(name));
}

bool is_loopback(std::string_view host) {
  if (is_localhost(host)) return true;
  if (const auto v4 = address_v4(host)) return (*v4)[0] == 127;
  return address_v6(host) == AddressV6{0, 0, 0, 0, 0, 0, 0, 1};
}

}  // namespace daybook
