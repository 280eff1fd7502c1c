// The daemon's log: one line per entry on stderr, text or JSON.
//
// Law: redaction (tools/redactor.h) happens here, at the sink, on the finished line, so that no
// caller can forget it. Control characters leave as escapes, so that words from the network cannot
// move a terminal's cursor or forge a line.
#pragma once

#include <spdlog/logger.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "tools/redactor.h"

namespace daybook {

class LineSink;

// Owns the sink and the logger; log() stays valid while it lives.
class DaemonLog {
 public:
  // `output` must outlive it. `level` and `format` as the settings spell them.
  explicit DaemonLog(std::FILE* output);

  // Settings came or changed. Takes effect with the next line.
  void configure(const std::string& level, const std::string& format, Redactor redactor);

  [[nodiscard]] spdlog::logger& log() { return *logger_; }
  // The same redaction, for sentences that do not go through the log.
  [[nodiscard]] std::string clean(std::string_view text) const;

 private:
  std::shared_ptr<LineSink> sink_;  // spdlog shares sinks between loggers
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace daybook
