// Which events of an export hold a secret, so that their bytes are withheld and their hash stands
// for them.
//
// A secret may be split over the chunks of an answer, none of which shows it alone; so a turn is
// judged by what its chunks say together. When that holds one, every event with words of the turn
// is withheld: one key locks them all, and it must not be handed out.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/events.pb.h"
#include "core/types.h"
#include "tools/redactor.h"

namespace daybook {

class Withholding {
 public:
  // `redactor` must outlive it; null: nothing is withheld.
  explicit Withholding(const Redactor* redactor) : redactor_(redactor) {}

  // Before anything is written: every chunk, and every event that ends an attempt, in order.
  void learn(const Event& event);
  // After the last of them: attempts still open are judged by what there is.
  void learnt();

  // Takes secrets out of its words; true when there were any, or they are words of such a turn.
  bool redact(Event* event) const;

 private:
  using Attempt = std::pair<Seq, std::uint32_t>;
  struct Said {
    std::string text;
    std::string reasoning;
  };

  void judge(Seq turn);
  [[nodiscard]] bool holds_secret(const std::string& text) const;

  const Redactor* redactor_;
  std::map<Attempt, Said> open_;
  std::set<Seq> secret_turns_;
};

}  // namespace daybook
