#include "tools/searching.h"

#include <optional>
#include <string>
#include <utility>

#include "core/codec.h"

namespace daybook {
namespace {

KindSet searched_kinds() {
  KindSet kinds;
  for (const int kind : {Event::kMessageReceived, Event::kMessageEdited, Event::kTurnCompleted,
                         Event::kTurnFailed, Event::kTurnCancelled, Event::kTurnAbandoned}) {
    kinds.set(static_cast<std::size_t>(kind));
  }
  return kinds;
}

// What one thread found in its piece.
struct PieceFinds {
  std::string scratch;
  std::vector<Event> events;
  std::optional<Error> failed;
};

void look_at(const Record& record, const SearchQuery& query, PieceFinds& finds) {
  if (!query.matches(text_of(record), finds.scratch)) return;
  Result<Event> event = from_record(record);
  if (!event) {
    finds.failed = event.error();
  } else if (event->message_received().command().empty()) {
    finds.events.push_back(*std::move(event));
  }
}

}  // namespace

Result<std::vector<Event>> search_journal(LmdbReader& log, const SearchQuery& query,
                                          const SearchScope& scope,
                                          const std::function<void(Seq)>& progress) {
  std::vector<PieceFinds> pieces(pieces_of(scope.first, scope.last));
  PieceVisitor visitor;
  visitor.visit = [&](std::size_t piece, const Record& record) {
    if (scope.session == 0 || record.session == scope.session) {
      look_at(record, query, pieces[piece]);
    }
  };
  if (progress) visitor.progress = [&](std::size_t done) { progress(done * kPieceEvents); };
  const Result<void> scanned =
      log.scan_in_pieces(scope.first, scope.last, searched_kinds(), scope.threads, visitor);
  if (!scanned) return scanned.error();
  std::vector<Event> found;
  for (PieceFinds& piece : pieces) {
    if (piece.failed) return *piece.failed;
    for (Event& event : piece.events) found.push_back(std::move(event));
  }
  return found;
}

}  // namespace daybook
