// /search in a chat: what was said in this session, newest first, as one notice.
#include <optional>

#include "core/decide.h"
#include "core/search_chain.h"

namespace daybook {

namespace {

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
