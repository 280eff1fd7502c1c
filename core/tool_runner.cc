#include "core/tool_runner.h"

#include <string>
#include <utility>

#include "core/conversations.h"
#include "core/directory.h"
#include "core/search_chain.h"
#include "core/tools.h"

namespace daybook {

namespace {

std::string found_text(const SearchedChain& searched) {
  std::string text;
  for (const SearchFind& find : searched.finds) text += find.line + "\n";
  if (searched.finds.empty()) text = "Nothing said here holds these words.\n";
  if (!searched.whole) text += "Older messages were not looked at.\n";
  text.pop_back();
  return text;
}

// What was said before the question that is being answered.
Seq newest_before(const TurnStarted& turn, History& history) {
  if (turn.answers().empty()) return 0;
  const std::optional<Event> asked = history.clear_event(turn.answers(0));
  return asked ? asked->prev() : 0;
}

}  // namespace

void ToolRunner::on_event(const Event& event) {
  if (event.has_tool_returned()) started_.erase(event.tool_returned().request());
  if (event.has_tool_refused()) started_.erase(event.tool_refused().request());
  if (!ends_turn(event)) return;
  // An outcome that came too late is none.
  const Seq turn = ended_turn(event);
  std::erase_if(started_, [&](Seq request) {
    const std::optional<Event> asked = history_.clear_event(request);
    return !asked || asked->tool_requested().turn() == turn;
  });
}

Seq ToolRunner::next() const {
  for (const auto& [seq, turn] : work_.calls.open()) {
    if (!turn.using_tools() || turn.steps().empty()) continue;
    for (const ToolCallRow& call : turn.steps().rbegin()->calls()) {
      const bool open = call.attempted() && call.settled() == 0;
      if (open && !started_.contains(call.request())) return call.request();
    }
  }
  return 0;
}

std::optional<Due> ToolRunner::due(const Moment&) {
  const Seq request = std::exchange(ran_, false) ? 0 : next();
  if (request == 0) return std::nullopt;
  ran_ = true;
  started_.insert(request);
  return run(request);
}

Fact ToolRunner::run(Seq request) {
  const std::optional<Event> asked = history_.event(request);
  CHECK(asked && asked->has_tool_requested(), "what was attempted was requested");
  const auto words = search_words(asked->content().arguments());
  const auto query = SearchQuery::parse(words.value_or(""));
  // While its turn is open a session is in memory, and none of its entries changes.
  const Session* session = sessions_.held(asked->session());
  // Nothing that can be read is left of a request whose words were erased meanwhile.
  if (!query || session == nullptr) return tool_outcome(*asked, "Nothing was looked for.", {});
  const std::optional<Event> turn = history_.clear_event(asked->tool_requested().turn());
  // No prompt takes anything of what a /forget closed, not by way of a tool either.
  const ClosedWords closed(session->state(), request, kSearchedEvents, history_);
  const SearchedChain searched =
      search_chain(*query, turn ? newest_before(turn->turn_started(), history_) : 0, history_,
                   [&closed](Seq seq) { return closed.holds(seq); });
  std::vector<Seq> quotes;
  for (const SearchFind& find : searched.finds) quotes.push_back(find.seq);
  return tool_outcome(*asked, found_text(searched), std::move(quotes));
}

}  // namespace daybook
