// The loop of a program that does one thing at a time.
#include "tools/web.h"

#include <utility>

#include "adapters/retry_after.h"
#include "tools/tool.h"

namespace daybook {

HttpOptions http_options(const Settings& settings) {
  HttpOptions options;
  options.ca_file = settings.tls.ca_file;
  if (!settings.network.proxy.empty()) {
    // Validated when the settings were loaded.
    if (auto proxy = parse_url(settings.network.proxy); proxy) options.proxy = proxy->origin;
  }
  for (const ProviderSettings& provider : settings.providers) {
    if (!provider.insecure) continue;
    auto url = parse_url(provider.base_url);
    if (url) options.insecure_hosts.insert(url->origin.host);
  }
  return options;
}

Result<WebAnswer> Web::fetch(const std::string& label, const std::string& base, const Secret& path,
                             std::vector<CallHeader> headers, const std::string& body,
                             Duration patience) {
  auto url = parse_url(base);
  if (!url) return url.error();
  HttpCall call;
  call.label = label;
  call.origin = url->origin;
  call.method = body.empty() ? "GET" : "POST";
  call.target = Secret(url->path + std::string(path.reveal()));
  call.headers = std::move(headers);
  if (!body.empty()) call.headers.push_back({"Content-Type", Secret("application/json")});
  call.body = body;
  call.deadlines.first_byte = patience;
  call.deadlines.total = patience + call.deadlines.connect + call.deadlines.handshake;
  call.pool = "tool";
  call.repeatable = true;  // nothing that setup and doctor ask for changes more when asked twice
  call.body_bytes_max = kBodyBytesMax;
  const CallId id = next_call_++;
  network_.start({id, std::move(call)});
  auto answer = wait_for(id);
  if (answer || answer.error().message.empty()) return answer;
  return Error{label + ": " + answer.error().message, answer.error().code};
}

Result<WebAnswer> Web::wait_for(CallId call) {
  WebAnswer answer;
  while (true) {
    for (auto& [id, reply] : network_.take_replies()) {
      if (id != call) continue;
      if (auto* head = std::get_if<ReplyHead>(&reply)) {
        answer.status = head->status;
        const auto date = parse_http_date(header_value(head->headers, "date"));
        peer_ahead_ = date ? std::optional<Duration>(*date - wall_clock()) : std::nullopt;
      }
      if (auto* body = std::get_if<ReplyBody>(&reply)) answer.body += body->bytes;
      if (std::holds_alternative<ReplyEnd>(reply)) return answer;
      if (auto* failed = std::get_if<ReplyFailed>(&reply)) {
        return Error{failed->detail, ExitCode::kUnavailable};
      }
    }
    if (give_up_ && give_up_()) {
      network_.cancel(call);
      return Error{"", ExitCode::kUnavailable};
    }
    reactor_.run_once(give_up_ ? reactor_.now() + kGiveUpLook : kNever);
  }
}

}  // namespace daybook
