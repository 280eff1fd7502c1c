// The spdlog sink that applies redaction to every finished line.
#include "tools/log_line.h"

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/notation.h"

namespace daybook {

class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LineSink(std::FILE* output) : output_(output) {}

  void configure(bool json, Redactor redactor) {
    const std::lock_guard<std::mutex> lock(mutex_);
    json_ = json;
    redactor_ = std::move(redactor);
  }

  std::string clean(std::string_view text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return redactor_.clean(text);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& entry) override {
    const auto time = std::chrono::time_point_cast<Duration>(entry.time);
    const std::string words = redactor_.clean({entry.payload.data(), entry.payload.size()});
    const spdlog::string_view_t level = spdlog::level::to_string_view(entry.level);
    const std::string level_name(level.data(), level.size());
    std::string line;
    if (json_) {
      const nlohmann::ordered_json object = {
          {"time", time_text(time)}, {"level", level_name}, {"message", words}};
      line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    } else {
      line = time_text(time) + " " + level_name + " " + escaped_line(words);
    }
    line += '\n';
    // A log that cannot be written has nowhere to say so.
    static_cast<void>(std::fwrite(line.data(), 1, line.size(), output_));
  }

  void flush_() override { static_cast<void>(std::fflush(output_)); }

 private:
  // Quotes are harmless in a line; what moves a cursor is not.
  static std::string escaped_line(std::string_view words) {
    std::string out;
    std::size_t from = 0;
    for (std::size_t at = 0; at <= words.size(); ++at) {
      const bool plain = at < words.size() && words[at] != '"' && words[at] != '\\';
      if (plain) continue;
      out += escaped(words.substr(from, at - from));
      if (at < words.size()) out += words[at];
      from = at + 1;
    }
    return out;
  }

  std::FILE* output_;
  bool json_ = false;
  Redactor redactor_;
};

DaemonLog::DaemonLog(std::FILE* output)
    : sink_(std::make_shared<LineSink>(output)),
      logger_(std::make_unique<spdlog::logger>("daybookd", sink_)) {
  logger_->flush_on(spdlog::level::trace);
}

void DaemonLog::configure(const std::string& level, const std::string& format, Redactor redactor) {
  sink_->configure(format == "json", std::move(redactor));
  logger_->set_level(spdlog::level::from_str(level));
}

std::string DaemonLog::clean(std::string_view text) const { return sink_->clean(text); }

}  // namespace daybook
