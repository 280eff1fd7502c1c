// `daybook show`, `sessions` and `prompt`: one event, one conversation, what a model saw.
#include <google/protobuf/text_format.h>

#include <nlohmann/json.hpp>

#include "adapters/event_json.h"
#include "core/notation.h"
#include "core/sha256.h"
#include "tools/command_line.h"
#include "tools/journal_view.h"
#include "tools/tool.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string model_of(const SessionState& state, const Directory& directory) {
  return state.model().empty() ? directory.settings().model() : state.model();
}

// ---- show

void show_event(const Tool& tool, const Event& event) {
  if (tool.json) {
    print_line(event_json(event));
    return;
  }
  print_line(bold(tool, notation(event, {.words_max = 60})));
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  printer.PrintToString(event, &text);
  print(terminal_text(text));
  if (!event.content().text().empty()) {
    print_line(dimmed(tool, "-- text"));
    print_line(terminal_text(event.content().text()));
  }
}

Json entry_json(const Entry& entry, const std::string& text) {
  return {{"seq", entry.seq()},
          {"role", entry.role() == Entry::USER ? "user" : "assistant"},
          {"tokens", entry.tokens()},
          {"text", text}};
}

std::string text_of(JournalView& view, Seq seq) {
  const auto event = view.gateway().event(seq);
  return event.has_value() ? event->content().text() : std::string();
}

Result<void> show_session_json(JournalView& view, const SessionState& state) {
  Json object = Json::parse(message_json(state), nullptr, false);
  Json entries = Json::array();
  for (const Entry& entry : state.entries()) {
    entries.push_back(entry_json(entry, text_of(view, entry.seq())));
  }
  object["model"] = model_of(state, view.gateway().directory());
  object["entries"] = std::move(entries);
  if (state.summary_text() != 0) object["summary_words"] = text_of(view, state.summary_text());
  print_line(dump(object));
  return {};
}

std::string session_headline(const SessionState& state, const Directory& directory) {
  std::string line = "session " + std::to_string(state.id()) + " at " + state.place() + ", model " +
                     model_of(state, directory) + ", " + std::to_string(state.turns()) + " turns";
  if (state.has_open()) line += ", turn " + std::to_string(state.open().seq()) + " runs";
  if (state.waiting_size() > 0) {
    line += ", " + std::to_string(state.waiting_size()) + " messages wait";
  }
  return line;
}

Result<void> show_session(const Tool& tool, JournalView& view, SessionId id) {
  auto session = view.session(id);
  if (!session) return session.error();
  const SessionState& state = session->state();
  if (tool.json) return show_session_json(view, state);
  print_line(bold(tool, session_headline(state, view.gateway().directory())));
  if (state.summary_text() != 0) {
    print_line(dimmed(tool, "-- summary of everything up to " +
                                std::to_string(state.summary_last()) + " (event " +
                                std::to_string(state.summary_text()) + ")"));
    print_line(terminal_text(text_of(view, state.summary_text())));
  }
  for (const Entry& entry : state.entries()) {
    const std::string who = entry.role() == Entry::USER ? "user" : "assistant";
    print_line(dimmed(tool, "-- " + std::to_string(entry.seq()) + " " + who + ", " +
                                std::to_string(entry.tokens()) + " tokens"));
    print_line(terminal_text(text_of(view, entry.seq())));
  }
  for (const Waiting& waiting : state.waiting()) {
    print_line(dimmed(tool, "-- " + std::to_string(waiting.seq()) + " user, waits"));
    print_line(terminal_text(text_of(view, waiting.seq())));
  }
  return {};
}

Result<void> run_show(const Tool& tool, const std::string& what) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto view = JournalView::open(*directory);
  if (!view) return view.error();
  const Seq seq = parse_seq(what);
  const bool is_session = (*view)->gateway().directory().session(seq) != nullptr;
  if (seq != 0 && !is_session) {
    auto event = (*view)->event(seq);
    if (!event) return event.error();
    show_event(tool, *event);
    return {};
  }
  auto id = (*view)->find_session(what);
  if (!id) return id.error();
  return show_session(tool, **view, *id);
}

// ---- sessions

Result<void> run_sessions(const Tool& tool) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto view = JournalView::open(*directory);
  if (!view) return view.error();
  const Directory& folded = (*view)->gateway().directory();
  for (const auto& [id, row] : folded.sessions()) {
    auto session = (*view)->session(id);
    if (!session) return session.error();
    const SessionState& state = session->state();
    const std::string last = time_text(from_milliseconds(row.time()));
    if (tool.json) {
      print_line(dump({{"session", id},
                       {"place", row.place()},
                       {"model", model_of(state, folded)},
                       {"turns", state.turns()},
                       {"entries", state.entries_size()},
                       {"waiting", state.waiting_size()},
                       {"open_turn", row.open_turn()},
                       {"head", row.head()},
                       {"last", last}}));
      continue;
    }
    std::string line = std::to_string(id);
    line.insert(0, line.size() < 6 ? 6 - line.size() : 0, ' ');
    line += "  " + last.substr(0, 10) + " " + last.substr(11, 8) + "  " + row.place() + "  " +
            model_of(state, folded) + "  " + std::to_string(state.turns()) + " turns";
    if (row.open_turn() != 0) line += "  turn " + std::to_string(row.open_turn()) + " runs";
    print_line(terminal_text(line));
  }
  if (folded.sessions().empty() && !tool.json) {
    print_line("Nobody has talked yet. Say something: daybook ask hello");
  }
  return {};
}

// ---- prompt

// The newest TurnStarted of the session, or the one asked for.
Result<Event> find_turn(JournalView& view, SessionId id, Seq turn) {
  if (turn != 0) {
    auto event = view.event(turn);
    if (!event) return event.error();
    if (!event->has_turn_started() || event->session() != id) {
      return Error{"event " + std::to_string(turn) + " is no turn of session " +
                       std::to_string(id) + "; `daybook log " + std::to_string(id) +
                       " --kind TurnStarted` lists them",
                   ExitCode::kUsage};
    }
    return event;
  }
  Seq head = view.gateway().directory().session(id)->head();
  while (head != 0) {
    auto event = view.event(head);
    if (!event) return event.error();
    if (event->has_turn_started()) return event;
    head = event->prev();
  }
  return Error{"session " + std::to_string(id) + " has had no turn yet, so no model saw a prompt",
               ExitCode::kUsage};
}

void print_prompt_json(const Event& turn, const Prompt& prompt, const std::string& digest,
                       bool same) {
  Json messages = Json::array();
  for (const PromptMessage& message : prompt.messages) {
    messages.push_back(
        {{"role", message.role == Entry::USER ? "user" : "assistant"}, {"text", message.text}});
  }
  print_line(dump({{"turn", turn.seq()},
                   {"session", turn.session()},
                   {"model", prompt.model},
                   {"provider", turn.turn_started().provider()},
                   {"system", prompt.system},
                   {"messages", std::move(messages)},
                   {"sha256", digest},
                   {"recorded_sha256", hex(turn.turn_started().sha256())},
                   {"same", same}}));
}

void print_prompt_text(const Tool& tool, const Event& turn, const Prompt& prompt) {
  const TurnStarted& started = turn.turn_started();
  print_line(bold(tool, "turn " + std::to_string(turn.seq()) + ", model " + prompt.model + " of " +
                            started.provider() + ", policy " + started.policy() + ", " +
                            std::to_string(started.tokens()) + " tokens"));
  print_line(dimmed(tool, "-- system"));
  print_line(terminal_text(prompt.system));
  for (const PromptMessage& message : prompt.messages) {
    print_line(dimmed(tool, message.role == Entry::USER ? "-- user" : "-- assistant"));
    print_line(terminal_text(message.text));
  }
}

Result<void> run_prompt(const Tool& tool, const std::string& what, Seq turn_seq) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto view = JournalView::open(*directory);
  if (!view) return view.error();
  auto id = (*view)->find_session(what);
  if (!id) return id.error();
  auto turn = find_turn(**view, *id, turn_seq);
  if (!turn) return turn.error();
  auto prompt = prompt_of(*turn, (*view)->gateway());
  if (!prompt) return prompt.error();
  const auto digest = canonical_sha256(*prompt);
  const std::string_view bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  const bool same = bytes == turn->turn_started().sha256();
  if (tool.json) {
    print_prompt_json(*turn, *prompt, hex(bytes), same);
  } else {
    print_prompt_text(tool, *turn, *prompt);
    print_line(dimmed(tool, "-- sha256 " + hex(bytes) + (same ? ", as recorded" : "")));
  }
  if (same) return {};
  return Error{"the prompt of turn " + std::to_string(turn->seq()) +
                   " cannot be rebuilt: its SHA-256 differs from the recorded " +
                   hex(turn->turn_started().sha256()) + "; run `daybook verify`",
               ExitCode::kDamaged};
}

}  // namespace

void add_show(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "show", "Reading", "one event with all its fields, or a session",
                            "daybook show 42; daybook show telegram:12345");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  verb->add_option("what", *what, "an event's number, or a session")->required();
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool, what] { tool.chosen = [&tool, what] { return run_show(tool, *what); }; });
}

void add_sessions(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "sessions", "Reading", "every conversation there is",
                            "daybook sessions --json");
  verb->add_flag("--json", tool.json, "one JSON object a line");
  verb->callback([&tool] { tool.chosen = [&tool] { return run_sessions(tool); }; });
}

void add_prompt(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "prompt", "Reading", "what a model was sent, rebuilt to the byte",
                            "daybook prompt telegram:12345 --turn 42");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  const auto turn = std::make_shared<Seq>(0);
  verb->add_option("session", *what, "a session's number, place, or its beginning")->required();
  verb->add_option("--turn", *turn, "the turn's number; otherwise the newest")
      ->check(whole_number());
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool, what, turn] {
    tool.chosen = [&tool, what, turn] { return run_prompt(tool, *what, *turn); };
  });
}

}  // namespace daybook
