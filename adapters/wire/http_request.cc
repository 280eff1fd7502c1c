// Every part of a request passes one of two tests, token or plain text, before it is written; the
// errors name the part but never what it held, because it may have held a key.
#include "adapters/wire/http_request.h"

#include <algorithm>
#include <array>

namespace daybook::http {
namespace {

bool is_token_byte(char byte) {
  if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z')) return true;
  if (byte >= 'A' && byte <= 'Z') return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(byte) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte);
}

// Visible characters, spaces and bytes beyond ASCII: nothing that could end a line.
bool is_field_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value == '\t' || (value >= 0x20 && value != 0x7F);
  });
}

bool is_target(std::string_view text) {
  return !text.empty() && text.front() == '/' &&
         std::all_of(text.begin(), text.end(),
                     [](char byte) { return byte > 0x20 && byte < 0x7F; });
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 &&
         std::all_of(text.begin(), text.end(),
                     [](char byte) { return is_token_byte(byte) || byte == ':'; });
}

bool same_name(std::string_view left, std::string_view right) {
  const auto lower = [](char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte;
  };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 7> kOurs = {
      "host",       "user-agent",        "content-length", "connection",
      "keep-alive", "transfer-encoding", "accept-encoding"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [&](std::string_view ours) { return same_name(ours, name); });
}

Error refused(std::string_view label, std::string_view what) {
  return Error{std::string(label) + ": the request was not sent: " + std::string(what),
               ExitCode::kInternal};
}

void add_field(std::string* head, std::string_view name, std::string_view value) {
  head->append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string authority(const Origin& origin) {
  const bool literal = origin.host.find(':') != std::string::npos;
  std::string text = literal ? "[" + origin.host + "]" : origin.host;
  const std::uint16_t usual = origin.tls ? 443 : 80;
  if (origin.port != usual) text += ":" + std::to_string(origin.port);
  return text;
}

Result<std::string> write_request(const HttpCall& call, std::string_view user_agent, Form form) {
  if (!is_token(call.method)) return refused(call.label, "its method is not a word");
  if (!is_host(call.origin.host)) return refused(call.label, "its host is not a host name");
  if (!is_target(call.target.reveal())) {
    return refused(call.label, "its path must begin with / and hold only visible ASCII");
  }
  std::string text = call.method + " ";
  if (form == Form::kAbsolute) text += "http://" + authority(call.origin);
  text += call.target.reveal();
  text += " HTTP/1.1\r\n";
  add_field(&text, "Host", authority(call.origin));
  add_field(&text, "User-Agent", user_agent);
  for (const CallHeader& header : call.headers) {
    if (!is_token(header.name)) return refused(call.label, "a header's name is not a word");
    if (is_ours(header.name)) {
      return refused(call.label, "the header " + header.name + " is not the caller's to set");
    }
    if (!is_field_text(header.value.reveal())) {
      return refused(call.label, "the value of header " + header.name +
                                     " holds a control character; look for a stray line end");
    }
    add_field(&text, header.name, header.value.reveal());
  }
  const bool bodiless = call.body.empty() && (call.method == "GET" || call.method == "HEAD");
  if (!bodiless) add_field(&text, "Content-Length", std::to_string(call.body.size()));
  text += "Connection: keep-alive\r\n\r\n";
  if (text.size() > kRequestHeadBytesMax) return refused(call.label, "its head is over 32 KiB");
  text += call.body;
  return text;
}

Result<std::string> write_connect(const Origin& origin, std::string_view user_agent) {
  if (!is_host(origin.host)) return refused("proxy", "the host is not a host name");
  const bool literal = origin.host.find(':') != std::string::npos;
  const std::string target =
      (literal ? "[" + origin.host + "]" : origin.host) + ":" + std::to_string(origin.port);
  std::string text = "CONNECT " + target + " HTTP/1.1\r\n";
  add_field(&text, "Host", target);
  add_field(&text, "User-Agent", user_agent);
  text += "\r\n";
  return text;
}

}  // namespace daybook::http
