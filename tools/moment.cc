#include "tools/moment.h"

#include <algorithm>

#include "core/notation.h"

namespace daybook {
namespace {

Error no_moment(std::string_view text) {
  return {
      "\"" + escaped(text, 60) +
          "\" is no moment; write an event's number, a time (2026-02-03T04:05:06Z, 10m, 2h), or "
          "a message of a session: telegram:12345@m77",
      ExitCode::kUsage};
}

// 77 of "m77"; 0 when it names no message.
std::int64_t message_number(std::string_view text) {
  return text.starts_with('m') ? static_cast<std::int64_t>(parse_seq(text.substr(1))) : 0;
}

bool records_message(const Event& event, std::int64_t message) {
  if (event.has_message_received()) return event.message_received().message_id() == message;
  return event.has_reply_posted() && event.reply_posted().message_id() == message;
}

Result<Seq> find_message(JournalView& view, SessionId session, std::int64_t message) {
  const SessionRow* row = view.gateway().directory().session(session);
  Seq seq = row == nullptr ? 0 : row->head();
  while (seq != 0) {
    auto event = view.event(seq);
    if (!event) return event.error();
    if (records_message(*event, message)) return seq;
    seq = event->prev();
  }
  return Error{"no message " + std::to_string(message) + " was recorded in session " +
                   std::to_string(session),
               ExitCode::kUsage};
}

Result<Seq> moment_in(JournalView& view, std::string_view text, SessionId session) {
  const Seq last = view.log().last();
  if (const Seq seq = parse_seq(text); seq > last) {
    return Error{"there is no event " + std::to_string(seq) + "; the journal in " +
                     view.directory() + " ends at " + std::to_string(last),
                 ExitCode::kUsage};
  } else if (seq != 0) {
    return seq;
  }
  if (const std::int64_t message = message_number(text); message != 0) {
    if (session != 0) return find_message(view, session, message);
    return Error{"message " + std::to_string(message) + " of which session? Write telegram:12345@" +
                     std::string(text),
                 ExitCode::kUsage};
  }
  const auto time = parse_time(text, wall_clock());
  if (!time.has_value()) return no_moment(text);
  auto seq = seq_at(view.log(), *time);
  if (!seq || *seq != 0) return seq;
  auto first = view.event(1);
  if (!first) return first.error();
  return Error{"the journal in " + view.directory() + " begins at " +
                   time_text(from_milliseconds(first->time())) + ", after " + time_text(*time),
               ExitCode::kUsage};
}

}  // namespace

Result<Seq> moment_of(JournalView& view, std::string_view text, SessionId session) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return moment_in(view, text, session);
  auto named = view.find_session(text.substr(0, at));
  if (!named) return named.error();
  return moment_in(view, text.substr(at + 1), *named);
}

Result<SessionMoment> session_moment_of(JournalView& view, std::string_view text) {
  // A place may hold an @ of its own.
  auto whole = view.find_session(text);
  if (whole) return SessionMoment{*whole, view.log().last(), false};
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return whole.error();
  auto session = view.find_session(text.substr(0, at));
  if (!session) return session.error();
  const std::string_view moment = text.substr(at + 1);
  auto upto = moment_in(view, moment, *session);
  if (!upto) return upto.error();
  const bool event = parse_seq(moment) != 0 || message_number(moment) != 0;
  return SessionMoment{*session, *upto, event};
}

Result<SessionMoment> session_then(JournalView& view, std::string_view text, std::string_view at) {
  auto moment = session_moment_of(view, text);
  if (!moment) return moment;
  if (!at.empty()) {
    auto upto = moment_of(view, at, moment->session);
    if (!upto) return upto.error();
    moment->upto = *upto;
  }
  auto then = view.session(moment->session, moment->upto);
  return then ? moment : then.error();
}

Result<Seq> until_of(JournalView& view, std::string_view text, SessionId session) {
  return text.empty() ? Result<Seq>(view.log().last()) : moment_of(view, text, session);
}

Result<Seq> seq_at(Log& log, Time time) {
  Seq below = 0;
  Seq above = log.last() + 1;
  while (below + 1 < above) {
    const Seq middle = below + (above - below) / 2;
    auto record = log.get(middle);
    if (!record) return record.error();
    if (record->has_value() && (*record)->time <= time) {
      below = middle;
    } else {
      above = middle;
    }
  }
  return below;
}

}  // namespace daybook
