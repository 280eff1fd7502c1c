// A journal opened for reading: the log, and the folds that a gateway makes of it. Never needs the
// daemon and never disturbs it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/gateway.h"
#include "core/log.h"
#include "core/result.h"

namespace daybook {

class JournalView {
 public:
  // An Error names the directory when there is no journal in it.
  static Result<std::unique_ptr<JournalView>> open(const std::string& directory);
  JournalView(const JournalView&) = delete;
  JournalView& operator=(const JournalView&) = delete;

  [[nodiscard]] Log& log() { return *log_; }
  // Folded up to the head of the moment it was opened.
  [[nodiscard]] Gateway& gateway() { return *gateway_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }

  // A session's id, its place, or the beginning of exactly one place.
  Result<SessionId> find_session(std::string_view text);

  // Events first..last of these kinds, decoded. `visit` returns false to stop.
  Result<void> events(Seq first, Seq last, const KindSet& kinds,
                      const std::function<bool(const Event&)>& visit);
  // An Error when there is none.
  Result<Event> event(Seq seq);
  Result<Session> session(SessionId id);

 private:
  JournalView() = default;

  std::string directory_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Gateway> gateway_;
};

// "42" of "42"; 0 when it is not a positive whole number.
Seq parse_seq(std::string_view text);

}  // namespace daybook
