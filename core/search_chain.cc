#include "core/search_chain.h"

#include <optional>
#include <utility>

#include "core/directory.h"
#include "core/notation.h"

namespace daybook {

namespace {

constexpr std::size_t kSearchSnippetBytes = 160;

// Whether the words of such an event may be what is looked for.
bool is_searched(const Event& event) {
  if (event.has_message_received()) return event.message_received().command().empty();
  return event.has_message_edited() || ends_turn(event);
}

// Who said it. In a group that is a name.
std::string speaker_of(const Event& event) {
  if (ends_turn(event)) return "answer";
  const std::string& name = event.content().name();
  return event.message_received().group() && !name.empty() ? name : "you";
}

std::string search_line(const Event& event, const SearchQuery& query) {
  const std::string when = time_text(from_milliseconds(event.time()));
  return std::to_string(event.seq()) + " " + when.substr(0, 10) + " " + when.substr(11, 5) + " " +
         speaker_of(event) + ": " +
         snippet_of(event.content().text(), query, kSearchSnippetBytes).text;
}

// What this event adds to the finds; `clear` is it without its words.
std::optional<SearchFind> look_into(const Event& clear, const SearchQuery& query, History& history,
                                    std::string& scratch) {
  if (!is_searched(clear)) return std::nullopt;
  const std::optional<Event> event = history.event(clear.seq());
  if (!event || event->content().erased()) return std::nullopt;
  if (!query.matches(event->content().text(), scratch)) return std::nullopt;
  return SearchFind{clear.seq(), search_line(*event, query)};
}

}  // namespace

SearchedChain search_chain(const SearchQuery& query, Seq newest, History& history,
                           const std::function<bool(Seq)>& hidden) {
  SearchedChain searched;
  std::string scratch;
  int read = 0;
  for (Seq seq = newest; seq != 0; ++read) {
    if (read == kSearchedEvents || searched.finds.size() == kSearchHitsMax) {
      searched.whole = false;
      break;
    }
    const std::optional<Event> clear = history.clear_event(seq);
    if (!clear || clear->prev() >= seq) break;
    auto find = look_into(*clear, query, history, scratch);
    if (find && !(hidden && hidden(seq))) searched.finds.push_back(*std::move(find));
    seq = clear->prev();
  }
  return searched;
}

}  // namespace daybook
