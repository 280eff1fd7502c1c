// Reading a journal through the same port and the same folds as the daemon.
#include "tools/journal_view.h"

#include <optional>
#include <vector>

#include "core/codec.h"
#include "core/notation.h"
#include "journal/lmdb_log.h"

namespace daybook {

Result<std::unique_ptr<JournalView>> JournalView::open(const std::string& directory) {
  auto log = LmdbReader::open(directory);
  if (!log) return log.error();
  std::unique_ptr<JournalView> view(new JournalView());
  view->directory_ = directory;
  view->log_ = std::move(log).value();
  auto gateway = Gateway::open(*view->log_);
  if (!gateway) return gateway.error();
  view->gateway_ = std::move(gateway).value();
  return view;
}

Result<SessionId> JournalView::find_session(std::string_view text) {
  const Directory& directory = gateway_->directory();
  if (const SessionRow* row = directory.session(parse_seq(text)); row != nullptr) {
    return row->id();
  }
  if (const SessionRow* row = directory.at(text); row != nullptr) return row->id();
  std::vector<const SessionRow*> found;
  for (const auto& [id, row] : directory.sessions()) {
    const bool begins =
        row.place().starts_with(text) ||
        std::string_view(row.place()).substr(channel_of(row.place()).size() + 1).starts_with(text);
    if (begins && !text.empty()) found.push_back(&row);
  }
  if (found.size() == 1) return found.front()->id();
  const std::string named = "\"" + escaped(text, 80) + "\"";
  if (found.empty()) {
    return Error{
        "there is no session " + named + " in " + directory_ + "; `daybook sessions` lists them",
        ExitCode::kUsage};
  }
  return Error{named + " is the beginning of " + std::to_string(found.size()) +
                   " places, among them " + found[0]->place() + " and " + found[1]->place() +
                   "; write more of it",
               ExitCode::kUsage};
}

Result<void> JournalView::events(Seq first, Seq last, const KindSet& kinds,
                                 const std::function<bool(const Event&)>& visit) {
  std::optional<Error> damaged;
  auto scanned = log_->scan(first, last, kinds, [&](const Record& record) {
    auto event = from_record(record);
    if (!event) {
      damaged = event.error();
      return false;
    }
    return visit(*event);
  });
  if (!scanned) return scanned.error();
  if (damaged.has_value()) return *damaged;
  return {};
}

Result<Event> JournalView::event(Seq seq) {
  auto record = log_->get(seq);
  if (!record) return record.error();
  if (!record->has_value()) {
    return Error{"there is no event " + std::to_string(seq) + "; the journal in " + directory_ +
                     " ends at " + std::to_string(log_->last()),
                 ExitCode::kUsage};
  }
  return from_record(**record);
}

Result<Session> JournalView::session(SessionId id) {
  const Session* session = gateway_->session(id);
  if (session != nullptr) return *session;
  if (gateway_->stopped().has_value()) return *gateway_->stopped();
  return Error{"there is no session " + std::to_string(id), ExitCode::kUsage};
}

Seq parse_seq(std::string_view text) {
  if (text.empty() || text.size() > 18) return 0;
  Seq seq = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    seq = seq * 10 + static_cast<Seq>(c - '0');
  }
  return seq;
}

}  // namespace daybook
