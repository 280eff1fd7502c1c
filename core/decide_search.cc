// /search in a chat: what was said in this session, newest first, as one notice.
//
// Law: the answer is a function of the session's own chain up to the message that asked, so it is
// the same on every replay. Bounded twice, by events read and by hits shown: a chat that grew for
// years must not hold up the others. Commands and notices are not searched, or every search would
// find the last one.
#include <optional>

#include "core/decide.h"
#include "core/directory.h"
#include "core/notation.h"
#include "core/search_text.h"

namespace daybook {

namespace {

constexpr int kSearchedEvents = 4'000;  // of the chain, chunks not counted
constexpr std::size_t kSearchHitsMax = 10;
constexpr std::size_t kSearchSnippetBytes = 160;

struct SearchFind {
  Seq seq = 0;
  std::string line;
};

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

struct SearchedChain {
  std::vector<SearchFind> finds;  // newest first
  bool whole = true;              // the chain was read to its beginning
};

// What this event adds to the finds; `clear` is it without its words.
std::optional<SearchFind> look_into(const Event& clear, const SearchQuery& query, History& history,
                                    std::string& scratch) {
  if (!is_searched(clear)) return std::nullopt;
  const std::optional<Event> event = history.event(clear.seq());
  if (!event || event->content().erased()) return std::nullopt;
  if (!query.matches(event->content().text(), scratch)) return std::nullopt;
  return SearchFind{clear.seq(), search_line(*event, query)};
}

SearchedChain search_chain(const SearchQuery& query, Seq newest, History& history) {
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
    if (auto find = look_into(*clear, query, history, scratch)) {
      searched.finds.push_back(*std::move(find));
    }
    seq = clear->prev();
  }
  return searched;
}

std::string search_report(const SearchedChain& searched) {
  std::string text;
  for (const SearchFind& find : searched.finds) text += find.line + "\n";
  if (searched.finds.empty()) {
    return searched.whole ? "Nothing said here holds that."
                          : "Nothing said here lately holds that. `daybook search` looks further.";
  }
  if (searched.whole) {
    text.pop_back();
    return text;
  }
  return text + "Older ones are left out; `daybook search` finds them.";
}

}  // namespace

Decisions answer_search(const State& state, const Session& session, const Event& message) {
  const auto query = SearchQuery::parse(message.content().arguments());
  if (!query) {
    return {notice(session, &message,
                   "Write what to look for: /search invoice, or /search \"the invoice\".",
                   "search")};
  }
  const SearchedChain searched = search_chain(*query, message.prev(), state.history);
  Event answer = notice(session, &message, search_report(searched), "search");
  for (const SearchFind& find : searched.finds) {
    answer.mutable_notice_issued()->add_quotes(find.seq);
  }
  return {std::move(answer)};
}

}  // namespace daybook
