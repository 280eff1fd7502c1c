// What others do in a conversation while somebody sits in `daybook chat`: their messages and what
// they were answered, read from the journal. What the chat itself said is left out, since the
// daemon streams that.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/types.h"
#include "tools/journal_view.h"

namespace daybook {

class Onlooker {
 public:
  // From the journal's present end on. An Error when the journal cannot be read.
  static Result<Onlooker> at(const std::string& directory, const std::string& place);

  // Said by the chat itself: neither this message nor its answer is news.
  void said(Seq message) {
    if (message != 0) said_.insert(message);
  }

  struct News {
    std::string who;  // empty: an answer or a notice
    std::string text;

    friend bool operator==(const News&, const News&) = default;
  };
  // What came since the last look, in order.
  Result<std::vector<News>> look();

 private:
  Onlooker(std::unique_ptr<JournalView> view, std::string place)
      : view_(std::move(view)), place_(std::move(place)), next_(view_->log().last() + 1) {}

  void see(const Event& event, std::vector<News>* news);
  [[nodiscard]] bool is_answer_to_us(const TurnStarted& turn) const;
  [[nodiscard]] bool is_known_notice(const Event& event) const;

  std::unique_ptr<JournalView> view_;
  std::string place_;
  Seq next_;
  SessionId session_ = 0;  // 0: nobody has talked there yet
  std::set<Seq> said_;     // messages, and the turns and compactions that come of them
};

}  // namespace daybook
