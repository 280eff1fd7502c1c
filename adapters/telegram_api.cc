// How a call to the Bot API is spelled.
//
// Methods are called by POST with a JSON body (Bot API, "Making requests").
#include "adapters/telegram_api.h"

#include <algorithm>

namespace daybook::telegram {

Duration back_off(std::uint32_t failures, Duration least, Duration most) {
  const std::uint32_t doublings = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 16);
  return std::min(least * (std::int64_t{1} << doublings), most);
}

Duration with_jitter(Duration pause, std::uint64_t salt) {
  // SplitMix64's finisher: neighbouring salts give unrelated numbers.
  std::uint64_t mixed = salt + 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  mixed ^= mixed >> 31;
  return pause + pause * static_cast<std::int64_t>(mixed % 1'000) / 4'000;
}

Api::Api(Origin origin, std::string path, Secret token, std::string source)
    : origin_(std::move(origin)),
      path_(std::move(path)),
      token_(std::move(token)),
      source_(std::move(source)) {
  while (path_.ends_with('/')) path_.pop_back();
}

HttpCall Api::request(std::string_view method, std::string body, std::string content_type) const {
  HttpCall call;
  call.label = "telegram " + std::string(method);
  call.origin = origin_;
  std::string target = path_ + "/bot";
  target += token_.reveal();
  target += '/';
  target += method;
  call.target = Secret(std::move(target));
  call.headers.push_back({"Content-Type", Secret(std::move(content_type))});
  call.body = std::move(body);
  call.pool = "telegram";
  return call;
}

std::string Api::without_token(std::string text) const {
  const std::string_view token = token_.reveal();
  if (token.empty()) return text;
  for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at)) {
    text.replace(at, token.size(), "[token]");
  }
  return text;
}

}  // namespace daybook::telegram
