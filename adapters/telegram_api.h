// Where the Bot API is and how a call to it is made. The one holder of the bot token in this
// channel.
//
// Law: the token appears in a call's target, which is a Secret, and nowhere else: labels, facts and
// warnings never carry it.
#pragma once

#include <string>
#include <string_view>

#include "core/ports.h"
#include "core/secret.h"

namespace daybook::telegram {

// Doubles with every failure in a row (from 1), up to `most`.
Duration back_off(std::uint32_t failures, Duration least, Duration most);
// A quarter more at most, the same for the same input: many clients that failed together come back
// apart.
Duration with_jitter(Duration pause, std::uint64_t salt);

class Api {
 public:
  // `source` names whose updates these are, "telegram:<bot id>".
  Api(Origin origin, std::string path, Secret token, std::string source);
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // A call of ours in pool "telegram", not yet repeatable, with a number never used before.
  HttpCall request(std::string_view method, std::string body,
                   std::string content_type = "application/json") const;
  CallId next_call() { return ++last_call_; }
  [[nodiscard]] const std::string& source() const { return source_; }

  // The text without the token, should a peer have echoed it.
  [[nodiscard]] std::string without_token(std::string text) const;

 private:
  Origin origin_;
  std::string path_;  // of api_root, without a trailing slash
  Secret token_;
  std::string source_;
  CallId last_call_ = 0;
};

}  // namespace daybook::telegram
