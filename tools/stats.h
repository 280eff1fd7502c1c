// What a journal is made of: events and bytes by kind and by day, what a turn takes, how far our
// estimate of tokens is from what providers report. One pass; its memory is a row a kind, a day,
// a model, and what is open.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "core/events.pb.h"
#include "core/histogram.h"
#include "core/log.h"
#include "core/result.h"

namespace daybook {

class Stats {
 public:
  struct Size {
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;  // of records, headers included; pages and tables come on top

    void add(std::uint64_t record_bytes) {
      ++events;
      bytes += record_bytes;
    }
  };

  // Our estimates beside what was reported, over the answers of one model.
  struct Estimate {
    std::uint64_t answers = 0;
    std::uint64_t prompt_estimated = 0;
    std::uint64_t prompt_reported = 0;
    std::uint64_t output_estimated = 0;
    std::uint64_t output_reported = 0;  // reasoning left out: nobody sees it to estimate it
    Histogram prompt_error;             // percent, either way
    Histogram corrected_error;          // the same of what was believed of the model by then
  };

  // An Error when a body does not parse.
  Result<void> add(const Record& record);

  [[nodiscard]] const Size& all() const { return all_; }
  [[nodiscard]] const Size& talk() const { return talk_; }  // of sessions
  [[nodiscard]] const std::array<Size, 256>& kinds() const { return kinds_; }
  [[nodiscard]] const std::map<std::string, Size>& days() const { return days_; }  // "2026-02-03"
  [[nodiscard]] const std::map<std::string, Estimate>& estimates() const { return estimates_; }
  [[nodiscard]] std::uint64_t turns() const { return kinds_[Event::kTurnStarted].events; }

 private:
  struct Asked {
    std::string model;
    std::uint64_t tokens = 0;
    std::uint64_t corrected = 0;
  };

  void ask(Seq turn, const TurnStarted& started);
  template <typename Completed>
  void compare(const Completed& completed);

  Size all_;
  Size talk_;
  std::array<Size, 256> kinds_{};
  std::map<std::string, Size> days_;
  Size* today_ = nullptr;
  std::int64_t today_number_ = 0;
  std::map<std::string, Estimate> estimates_;
  std::map<Seq, Asked> open_;
};

}  // namespace daybook
