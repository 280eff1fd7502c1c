// Reading a journal through the same port and the same folds as the daemon.
#include "tools/journal_view.h"

#include <algorithm>
#include <vector>

#include "core/codec.h"
#include "core/notation.h"

namespace daybook {
namespace {

// Events looked at in one go.
constexpr Seq kStep = 32'768;

}  // namespace

Result<std::unique_ptr<JournalView>> JournalView::open(const std::string& directory) {
  auto log = LmdbReader::open(directory);
  if (!log) return log.error();
  std::unique_ptr<JournalView> view(new JournalView());
  view->directory_ = directory;
  view->log_ = std::move(log).value();
  auto gateway = Gateway::open(*view->log_);
  if (!gateway) return gateway.error();
  view->gateway_ = std::move(gateway).value();
  if (auto found = view->find_erasures_due(); !found) return found.error();
  return view;
}

Result<void> JournalView::find_erasures_due() {
  std::vector<Erased> words;
  for (const Seq seq : gateway_->work().erasures) {
    auto erasure = event(seq);
    if (!erasure) return erasure.error();
    for (const Range& range : erasure->session_erased().ranges()) {
      words.push_back({erasure->session(), range.first(), range.last()});
    }
    erasures_due_.push_back(std::move(erasure).value());
  }
  return words.empty() ? Result<void>() : log_->treat_as_erased(std::move(words));
}

Result<std::unique_ptr<JournalView>> JournalView::open(const Tool& tool) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  return open(*directory);
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

Result<void> JournalView::fold(Seq first, Seq last, const KindSet& kinds, const KindSet& worded,
                               Progress* progress, const std::function<void(const Event&)>& visit) {
  std::optional<Error> damaged;
  auto scanned = scan_in_steps(*log_, first, last, kinds, progress, [&](const Record& record) {
    auto event = worded.test(record.kind) ? from_record(record) : clear_from_record(record);
    if (event) {
      visit(*event);
    } else {
      damaged = event.error();
    }
    return event.has_value();
  });
  if (!scanned) return scanned;
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

Result<Session> JournalView::session(SessionId id, Seq upto) {
  const SessionRow* row = gateway_->directory().session(id);
  if (row == nullptr) return session(id);
  if (upto >= std::max(row->head(), row->last_chunk())) return session(id);
  Seq head = row->head();
  while (head > upto) {
    auto later = event(head);
    if (!later) return later.error();
    head = later->prev();
  }
  if (head < id) {
    return Error{"session " + std::to_string(id) + " at " + row->place() + " begins with event " +
                     std::to_string(id) + ", after event " + std::to_string(upto),
                 ExitCode::kUsage};
  }
  auto past = Session::load(id, head, 0, *gateway_);
  if (!past || !past->busy()) return past;
  const KindSet chunks = KindSet().set(Event::kChunkReceived);
  auto scanned =
      events(past->state().open().attempt_seq() + 1, upto, chunks, [&](const Event& chunk) {
        past->apply(chunk);
        return true;
      });
  if (!scanned) return scanned.error();
  return past;
}

Result<Directory> JournalView::directory_at(Seq upto) {
  if (upto >= gateway_->directory().seq()) return gateway_->directory();
  Directory directory;
  Progress progress("folding", upto);
  auto folded = fold(1, upto, all_but_chunks(), KindSet(), &progress,
                     [&](const Event& event) { directory.apply(event); });
  if (!folded) return folded.error();
  return directory;
}

Result<std::optional<Event>> JournalView::newest(std::uint8_t kind, Seq upto) {
  std::optional<Event> found;
  for (Seq last = std::min(upto, log_->last()); last > 0 && !found.has_value();) {
    const Seq first = last > kStep ? last - kStep + 1 : 1;
    auto scanned = events(first, last, KindSet().set(kind), [&](const Event& event) {
      found = event;
      return true;
    });
    if (!scanned) return scanned.error();
    last = first - 1;
  }
  return found;
}

std::string erasures_due_text(std::size_t count) {
  const bool one = count == 1;
  return std::to_string(count) + (one ? " erasure was" : " erasures were") +
         " ordered, and the keys of " + (one ? "its" : "their") + " words are not destroyed yet";
}

Result<void> scan_in_steps(Log& log, Seq first, Seq last, const KindSet& kinds, Progress* progress,
                           const std::function<bool(const Record&)>& visit) {
  bool going_on = true;
  for (Seq from = first; going_on && from <= last; from += kStep) {
    if (progress != nullptr) progress->reached(from - first);
    auto scanned = log.scan(from, std::min(last, from + kStep - 1), kinds,
                            [&](const Record& record) { return going_on = visit(record); });
    if (!scanned) return scanned;
  }
  return {};
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
