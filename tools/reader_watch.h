// Notices who reads the journal as it was long ago, and when they do no longer.
//
// Law: a reader is told of once, and again only after it had caught up or ended. Looked at on the
// loop now and then, while there are commits; nobody wakes for it but one who has told.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/types.h"
#include "journal/latecomers.h"

namespace daybook {

class ReaderWatch {
 public:
  static constexpr Duration kEvery{5'000};

  struct News {
    Latecomer reader;
    bool late = false;  // false: it holds nothing up any more
  };
  // `latecomers` is asked at most once in kEvery.
  std::vector<News> look(const std::function<std::vector<Latecomer>()>& latecomers, Time now);
  // As of the last look: those that were told of.
  [[nodiscard]] const std::vector<Latecomer>& late() const { return late_; }
  // When look() should be asked though nothing happens.
  [[nodiscard]] Time wake_at() const { return late_.empty() ? kNever : next_; }

 private:
  Time next_{};
  std::vector<Latecomer> late_;
};

// What it does, and the remedy.
std::string latecomer_sentence(const Latecomer& reader);

}  // namespace daybook
