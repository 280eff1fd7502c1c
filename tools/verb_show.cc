// `daybook show`: one event with what led to it and what followed from it, or one conversation as
// it is or was.
#include <google/protobuf/text_format.h>

#include "adapters/event_json.h"
#include "core/codec.h"
#include "core/notation.h"
#include "core/parts.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/subject.h"
#include "tools/tool.h"

namespace daybook {
namespace {

// ---- one event

// Effects as lines: chunks, of which there may be thousands, as one.
struct Effects {
  struct Line {
    Event event;   // the first one
    Seq last = 0;  // of a row of chunks
    std::uint64_t count = 1;
  };
  std::vector<Line> lines;

  void add(const Event& event) {
    const bool chunk = event.has_chunk_received();
    if (chunk && !lines.empty() && lines.back().event.has_chunk_received()) {
      lines.back().last = event.seq();
      ++lines.back().count;
      return;
    }
    lines.push_back({event, event.seq(), 1});
  }
};

std::string short_line(const Event& event) { return notation(event, {.words_max = 60}); }

void print_causes_and_effects(const Tool& tool, const std::vector<Event>& causes,
                              const Effects& effects) {
  if (!causes.empty()) print_line(dimmed(tool, "-- caused by"));
  for (const Event& cause : causes) print_line(terminal_text(short_line(cause)));
  if (!effects.lines.empty()) print_line(dimmed(tool, "-- led to"));
  for (const Effects::Line& line : effects.lines) {
    std::string text = short_line(line.event);
    if (line.count > 1) {
      text += " and " + count_text(line.count - 1) + " more up to " + std::to_string(line.last);
    }
    print_line(terminal_text(text));
  }
}

void print_event_json(const Event& event, const std::vector<Event>& causes,
                      const Effects& effects) {
  JsonLine object = JsonLine::parse(event_json(event), nullptr, false);
  JsonLine before = JsonLine::array();
  for (const Event& cause : causes) {
    before.push_back({{"seq", cause.seq()}, {"kind", kind_name(cause)}});
  }
  JsonLine after = JsonLine::array();
  for (const Effects::Line& line : effects.lines) {
    after.push_back({{"seq", line.event.seq()},
                     {"kind", kind_name(line.event)},
                     {"last", line.last},
                     {"count", line.count}});
  }
  object["causes"] = std::move(before);
  object["effects"] = std::move(after);
  print_json(object);
}

Result<void> show_event(const Tool& tool, JournalView& view, Seq seq) {
  auto event = view.event(seq);
  if (!event) return event.error();
  auto causes = causes_of(view, *event);
  if (!causes) return causes.error();
  Effects effects;
  auto followed = each_effect(view, *event, [&](const Event& next) { effects.add(next); });
  if (!followed) return followed;
  if (tool.json) {
    print_event_json(*event, *causes, effects);
    return {};
  }
  print_line(bold(tool, short_line(*event)));
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  printer.PrintToString(*event, &text);
  print(terminal_text(text));
  if (!event->content().text().empty()) {
    print_line(dimmed(tool, "-- text"));
    print_line(terminal_text(event->content().text()));
  }
  print_causes_and_effects(tool, *causes, effects);
  return {};
}

// ---- one session

// A session, the model it would ask, and what its open turn has said so far.
struct Shown {
  SessionState state;
  std::string model;
  std::string so_far;
};

Result<Shown> shown_at(JournalView& view, SessionId id, Seq upto) {
  auto session = view.session(id, upto);
  if (!session) return session.error();
  Shown shown{session->state(), session->state().model(), {}};
  if (shown.model.empty()) {
    auto settings = view.newest(Event::kSettingsLoaded, upto);
    if (!settings) return settings.error();
    if (settings->has_value()) shown.model = (*settings)->settings_loaded().model();
  }
  if (session->busy()) {
    shown.so_far = text_so_far(shown.state.open().last_chunk(), view.gateway());
  }
  return shown;
}

JsonLine entry_json(const Entry& entry, const std::string& text) {
  return {{"seq", entry.seq()},
          {"role", entry.role() == Entry::USER ? "user" : "assistant"},
          {"tokens", entry.tokens()},
          {"text", text}};
}

std::string text_of(JournalView& view, Seq seq) {
  const auto event = view.gateway().event(seq);
  return event.has_value() ? event->content().text() : std::string();
}

void print_session_json(JournalView& view, const Shown& shown) {
  const SessionState& state = shown.state;
  JsonLine object = JsonLine::parse(message_json(state), nullptr, false);
  JsonLine entries = JsonLine::array();
  for (const Entry& entry : state.entries()) {
    entries.push_back(entry_json(entry, text_of(view, entry.seq())));
  }
  object["model"] = shown.model;
  object["entries"] = std::move(entries);
  if (state.summary_text() != 0) object["summary_words"] = text_of(view, state.summary_text());
  if (!shown.so_far.empty()) object["said_so_far"] = shown.so_far;
  print_json(object);
}

std::string session_headline(const Shown& shown) {
  const SessionState& state = shown.state;
  std::string line = "session " + std::to_string(state.id()) + " at " + state.place() + ", model " +
                     shown.model + ", " + count_text(state.turns(), "turn") + ", after event " +
                     std::to_string(state.seq());
  if (state.has_open()) line += ", turn " + std::to_string(state.open().seq()) + " runs";
  if (state.waiting_size() > 0) {
    line +=
        ", " + count_text(static_cast<std::uint64_t>(state.waiting_size()), "message") + " waiting";
  }
  return line;
}

void print_session_text(const Tool& tool, JournalView& view, const Shown& shown) {
  const SessionState& state = shown.state;
  print_line(bold(tool, terminal_text(session_headline(shown))));
  if (state.summary_text() != 0) {
    print_line(dimmed(tool, "-- summary of everything up to " +
                                std::to_string(state.summary_last()) + " (event " +
                                std::to_string(state.summary_text()) + ")"));
    print_line(terminal_text(text_of(view, state.summary_text())));
  }
  for (const ToldPart& part : parts_of(state)) {
    if (part.completed == 0) continue;
    print_line(dimmed(tool, "-- summary of events " +
                                std::to_string(state.entries(part.begin).seq()) + " to " +
                                std::to_string(state.entries(part.end - 1).seq()) + " (event " +
                                std::to_string(part.text) + ")"));
    print_line(terminal_text(text_of(view, part.text)));
  }
  for (const Entry& entry : state.entries()) {
    const std::string who = entry.role() == Entry::USER ? "user" : "assistant";
    print_line(dimmed(tool, "-- " + std::to_string(entry.seq()) + " " + who + ", " +
                                std::to_string(entry.tokens()) + " tokens"));
    print_line(terminal_text(text_of(view, entry.seq())));
  }
  if (!shown.so_far.empty()) {
    print_line(dimmed(
        tool, "-- assistant, so far, up to chunk " + std::to_string(state.open().last_chunk())));
    print_line(terminal_text(shown.so_far));
  }
  for (const Waiting& waiting : state.waiting()) {
    print_line(dimmed(tool, "-- " + std::to_string(waiting.seq()) + " user, waits"));
    print_line(terminal_text(text_of(view, waiting.seq())));
  }
}

Result<void> show_session(const Tool& tool, JournalView& view, const SessionMoment& moment) {
  auto shown = shown_at(view, moment.session, moment.upto);
  if (!shown) return shown.error();
  if (tool.json) {
    print_session_json(view, *shown);
  } else {
    print_session_text(tool, view, *shown);
  }
  return {};
}

Result<void> run_show(const Tool& tool, const std::string& what, const std::string& at) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  const Seq seq = parse_seq(what);
  const bool is_session = (*view)->gateway().directory().session(seq) != nullptr;
  const bool is_event = seq != 0 && !is_session && seq <= (*view)->log().last();
  if (is_event && !at.empty()) {
    return Error{"an event never changes, and " + what + " is one: --at is for sessions",
                 ExitCode::kUsage};
  }
  if (seq != 0 && !is_session && at.empty()) return show_event(tool, **view, seq);
  auto moment = session_moment_of(**view, what);
  if (!moment) return moment.error();
  if (!at.empty()) {
    auto upto = moment_of(**view, at, moment->session);
    if (!upto) return upto.error();
    moment->upto = *upto;
  }
  return show_session(tool, **view, *moment);
}

}  // namespace

void add_show(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "show", Group::kRead,
               "one event with its causes and effects, or a session as it is or was",
               "daybook show 42; daybook show telegram:12345 --at 2026-02-03T04:05:06Z");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  const auto at = std::make_shared<std::string>();
  verb->add_option("what", *what, "an event's number, or a session")->required();
  verb->add_option("--at", *at, std::string("a session as it was at ") + kMomentHelp);
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool, what, at] {
    tool.chosen = [&tool, what, at] { return run_show(tool, *what, *at); };
  });
}

}  // namespace daybook
