#include "core/fork.h"

#include <optional>
#include <string>

#include "core/notation.h"

namespace daybook {
namespace {

constexpr std::string_view kTerminal = "terminal:";
constexpr std::size_t kNameBytesMax = 64;

Error wrong_fork(std::string sentence) { return {std::move(sentence), ExitCode::kUsage}; }

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

// The event itself, or for a chunk the one it follows from.
Seq of_the_chain(Seq at, History& history) {
  const std::optional<Event> event = history.clear_event(at);
  return event && event->has_chunk_received() ? event->cause() : at;
}

bool lies_on(Seq head, Seq wanted, History& history) {
  Seq seq = head;
  while (seq > wanted) {
    const std::optional<Event> event = history.clear_event(seq);
    if (!event || event->prev() >= seq) return false;
    seq = event->prev();
  }
  return seq == wanted;
}

}  // namespace

Result<Event> session_forked(const Directory& directory, History& history, SessionId parent, Seq at,
                             std::string_view place) {
  const SessionRow* row = directory.session(parent);
  if (row == nullptr) return wrong_fork("there is no session " + std::to_string(parent));
  if (!place.starts_with(kTerminal) || !is_name(place.substr(kTerminal.size()))) {
    return wrong_fork("\"" + escaped(place, 80) +
                      "\" is no place for a fork: write terminal: and a name of letters, digits, "
                      "dots, dashes and underscores");
  }
  if (directory.at(place) != nullptr) {
    return wrong_fork("there is a session at " + std::string(place) +
                      " already: give the fork another name");
  }
  const Seq from = at == 0 ? row->head() : of_the_chain(at, history);
  if (!lies_on(row->head(), from, history)) {
    return wrong_fork("event " + std::to_string(at) + " is none of session " +
                      std::to_string(parent) + ": `daybook log " + std::to_string(parent) +
                      "` lists them");
  }
  Event fact;
  fact.mutable_session_forked()->set_parent(parent);
  fact.mutable_session_forked()->set_at(from);
  fact.mutable_session_forked()->set_place(std::string(place));
  return fact;
}

}  // namespace daybook
