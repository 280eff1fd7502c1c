// Titles that a model makes: a turn of its own kind, after an answer, when nobody waits.
//
// Law: it never stands between a message and its answer: whoever writes meanwhile cuts it, and it
// is begun again after a later answer, at most kTitlesTried times. A person's title is never
// replaced.
#include <utility>

#include "core/command.h"
#include "core/conversations.h"
#include "core/decide_conversation.h"

namespace daybook {

namespace {

constexpr std::uint32_t kTitlesTried = 3;
constexpr int kEntriesMin = 2;
// A longer one is no title.
constexpr std::size_t kMadeTitleBytesMax = 200;

// Without what models put around a title.
std::string bare(std::string_view line) {
  constexpr std::string_view kAround = " \t\r\"'*#`.";
  const std::size_t begin = line.find_first_not_of(kAround);
  if (begin == line.npos) return {};
  return std::string(line.substr(begin, line.find_last_not_of(kAround) - begin + 1));
}

// The words of the first line; empty: it is no title.
std::string title_in(const std::string& text) {
  constexpr std::string_view kLabel = "title:";
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  std::string line = bare(text.substr(begin, text.find('\n', begin) - begin));
  if (lowered(line.substr(0, kLabel.size())) == kLabel) line = bare(line.substr(kLabel.size()));
  return line.size() > kMadeTitleBytesMax ? std::string() : first_words(line);
}

}  // namespace

bool answering(const Session& session) {
  return session.busy() && session.state().open().kind() != TITLE;
}

Decisions title_when_due(const State& state, const Session& session) {
  const SessionState& talk = session.state();
  const ConversationRow* row = present_conversation(talk);
  if (!state.directory.settings().model_titles() || state.directory.rules() < 3) return {};
  if (row == nullptr || session.busy() || talk.compacting() != 0) return {};
  if (!talk.waiting().empty() || row->title() != 0) return {};
  if (row->titles_tried() >= kTitlesTried || talk.entries_size() < kEntriesMin) return {};
  return start_title(state, session);
}

Decisions end_title(const State& state, const Session& session, const Event& ended) {
  Decisions decisions;
  const ConversationRow* row = present_conversation(session.state());
  const std::string title =
      ended.has_turn_completed() ? title_in(ended.content().text()) : std::string();
  if (row != nullptr && row->title() == 0 && !title.empty()) {
    Event named;
    named.set_session(session.state().id());
    named.mutable_session_named()->set_conversation(row->id());
    named.mutable_session_named()->set_turn(ended_turn(ended));
    named.mutable_content()->set_name(title);
    decisions.push_back(std::move(named));
  }
  for (Event& one : settle_waiting_messages(state, session)) decisions.push_back(std::move(one));
  return decisions;
}

}  // namespace daybook
