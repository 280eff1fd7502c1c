// The request side of RFC 9112, as little of it as our own clients may use. Anything else is the
// client's fault and is named.
#include "tests/world/http_request_parser.h"

#include <algorithm>
#include <charconv>

namespace daybook::world {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

std::optional<HttpRequest> HttpRequestParser::next() {
  if (!wrong_.empty()) return std::nullopt;
  const std::size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (buffer_.size() > kHeadBytesMax) wrong_ = "request head over 32 KiB";
    return std::nullopt;
  }
  HttpRequest request;
  if (!parse_head(std::string_view(buffer_).substr(0, end), &request)) return std::nullopt;
  const std::optional<std::size_t> body = body_bytes(request);
  if (!body || buffer_.size() < end + 4 + *body) return std::nullopt;
  request.body = buffer_.substr(end + 4, *body);
  buffer_.erase(0, end + 4 + *body);
  return request;
}

std::string_view HttpRequestParser::pending_target() const {
  const std::string_view line = std::string_view(buffer_).substr(0, buffer_.find("\r\n"));
  if (line.size() == buffer_.size()) return {};
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  return first == last ? std::string_view{} : line.substr(first + 1, last - first - 1);
}

bool HttpRequestParser::parse_head(std::string_view head, HttpRequest* request) {
  const std::size_t line_end = std::min(head.find("\r\n"), head.size());
  const std::string_view line = head.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == last || line.substr(last + 1) != "HTTP/1.1" || line[first + 1] != '/' ||
      line.find(' ', first + 1) != last || has_control(line)) {
    wrong_ = "not an HTTP/1.1 request line";
    return false;
  }
  request->method = line.substr(0, first);
  request->target = line.substr(first + 1, last - first - 1);
  head.remove_prefix(std::min(line_end + 2, head.size()));
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    if (!parse_header(head.substr(0, end), request)) return false;
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  if (request->header("host").empty()) wrong_ = "no Host header";
  if (request->header("user-agent").empty()) wrong_ = "no User-Agent header";
  return wrong_.empty();
}

bool HttpRequestParser::parse_header(std::string_view line, HttpRequest* request) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() || name.find(' ') != name.npos ||
      has_control(line)) {
    wrong_ = "not a header line";
    return false;
  }
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  const std::string key = lower(name);
  if (!request->header(key).empty()) {
    wrong_ = "header sent twice: " + key;
    return false;
  }
  request->headers.emplace_back(key, value);
  return true;
}

std::optional<std::size_t> HttpRequestParser::body_bytes(const HttpRequest& request) {
  if (!request.header("transfer-encoding").empty()) {
    wrong_ = "Transfer-Encoding in a request";
    return std::nullopt;
  }
  const std::string_view length = request.header("content-length");
  if (length.empty()) {
    if (request.method == "POST") wrong_ = "POST without Content-Length";
    return wrong_.empty() ? std::optional<std::size_t>(0) : std::nullopt;
  }
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (error != std::errc{} || end != length.data() + length.size() || bytes > kBodyBytesMax) {
    wrong_ = "bad Content-Length";
    return std::nullopt;
  }
  return bytes;
}

}  // namespace daybook::world
