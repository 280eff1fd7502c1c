// Whole answers, not pieces: whoever types at the prompt is interrupted once an answer.
#include "tools/onlooker.h"

#include <algorithm>

#include "core/codec.h"

namespace daybook {

Result<Onlooker> Onlooker::at(const std::string& directory, const std::string& place) {
  auto view = JournalView::open(directory);
  if (!view) return view.error();
  Onlooker onlooker(std::move(view).value(), place);
  const SessionRow* row = onlooker.view_->gateway().directory().at(place);
  if (row != nullptr) onlooker.session_ = row->id();
  return onlooker;
}

bool Onlooker::is_answer_to_us(const TurnStarted& turn) const {
  return std::any_of(turn.answers().begin(), turn.answers().end(),
                     [this](Seq message) { return said_.contains(message); });
}

void Onlooker::see(const Event& event, std::vector<News>* news) {
  if ((event.has_session_opened() && event.session_opened().place() == place_) ||
      (event.has_session_forked() && event.session_forked().place() == place_) ||
      (event.has_place_moved() && event.place_moved().to() == place_)) {
    session_ = event.session();
  }
  if (session_ == 0 || event.session() != session_) return;
  if (event.has_message_received() && !said_.contains(event.seq())) {
    news->push_back({event.content().name(), event.content().text()});
  }
  if (event.has_turn_started() && is_answer_to_us(event.turn_started())) said_.insert(event.seq());
  if (said_.contains(event.compaction_started().answers()) ||
      said_.contains(event.compaction_completed().compaction()) ||
      said_.contains(event.compaction_failed().compaction())) {
    said_.insert(event.seq());
  }
  if (event.has_turn_completed() && !said_.contains(event.turn_completed().turn())) {
    news->push_back({"", event.content().text()});
  }
  if (event.has_turn_failed() && !said_.contains(event.turn_failed().turn())) {
    news->push_back({"", event.content().detail()});
  }
  if (event.has_notice_issued() && !is_known_notice(event)) {
    news->push_back({"", event.content().text()});
  }
}

// The notice about a compaction answers no message; it follows from the compaction's end.
bool Onlooker::is_known_notice(const Event& event) const {
  return event.notice_issued().topic() == "terminal" ||
         said_.contains(event.notice_issued().answers()) || said_.contains(event.cause());
}

Result<std::vector<Onlooker::News>> Onlooker::look() {
  std::vector<News> news;
  const Seq last = view_->log().last();
  if (last < next_) return news;
  auto scanned = view_->events(next_, last, all_kinds(), [&](const Event& event) {
    see(event, &news);
    return true;
  });
  if (!scanned) return scanned.error();
  next_ = last + 1;
  return news;
}

}  // namespace daybook
